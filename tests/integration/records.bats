#!/usr/bin/env bats
# What real servers say is what the client gets, record for record: every type, over UDP and TCP, IPv4 and IPv6.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load servers

setup_file() {
  servers_start
}

teardown_file() {
  end_all
}

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

# One dig command line asks them all. "+dnssec" and the like hold for the question before them.
QUESTIONS=(
  www.example.test A
  www.example.test AAAA
  example.test MX
  txt.example.test TXT
  long.example.test TXT
  example.test SOA
  example.test NS
  _sip._udp.example.test SRV
  example.test CAA
  www.example.test HTTPS
  _dns.example.test SVCB
  example.test DNSKEY +dnssec
  www.example.test A +dnssec
  naptr.example.test NAPTR
  odd.example.test TYPE65280
  _853._tcp.ns.example.test TLSA
  host.example.test SSHFP
  host.example.test HINFO
  far.example.test A
  alias.example.test CNAME
  any.thing.wild.example.test A
  'a\.dot.example.test' A
  uppercase.example.test A
  absent.example.test A
  absent.example.test A +dnssec
  nothing.example.test A
  nothing.example.test A +dnssec
  version.bind CH TXT
  id.server CH TXT
  big.example.test TXT
)

# What an answer says: rcode, and its records sorted, section by section. TTLs are left out: a cache may count them down.
digest() {
  awk '
    /->>HEADER<<-/ { block++; section = "header"; match($0, /status: [A-Z0-9]+/); print block, "0", substr($0, RSTART, RLENGTH); next }
    /^;; [A-Z]+ SECTION:/ { section = $2; next }
    /^;; / { if (section != "header") section = "header"; next }
    section == "QUESTION" && /^;/ { print block, "1", tolower($0); next }
    /^;/ || NF == 0 { next }
    { $2 = "-"; print block, "2", section, $0 }
  ' | tr -s '\t ' ' ' | LC_ALL=C sort -k1,1n -k2
}

# The upstream itself, over TLS.
direct() {
  dig @127.0.0.1 -p "$1" +tls +tls-ca="$CERTS/ca.pem" +tls-hostname=upstream.test +tries=1 +nocookie "${QUESTIONS[@]}"
}

# compare NAME PORT: dotward in front of that upstream against the upstream.
compare() {
  local how at
  direct "$2" | digest >"$BATS_TEST_TMPDIR/direct"
  assert_equal "$(grep -c ' 0 status: ' "$BATS_TEST_TMPDIR/direct")" 30
  assert_equal "$(grep -c ' 2 ANSWER big.example.test' "$BATS_TEST_TMPDIR/direct")" 98
  dotward_config "$(upstream "$1" "$2")"
  dotward_start
  for at in 127.0.0.1 ::1; do
    [[ $at != ::1 ]] || has_ipv6 || continue
    for how in +notcp +tcp; do
      dig "@$at" -p "$PORT" "$how" +tries=1 +nocookie "${QUESTIONS[@]}" | digest >"$BATS_TEST_TMPDIR/ours"
      diff -U 2 "$BATS_TEST_TMPDIR/direct" "$BATS_TEST_TMPDIR/ours" | cut -c 1-300 >"$BATS_TEST_TMPDIR/diff" || true
      [[ ! -s $BATS_TEST_TMPDIR/diff ]] || fail "through dotward from $at $how: $(cat "$BATS_TEST_TMPDIR/diff")"
    done
  done
}

@test "records: unbound as upstream" {
  compare unbound "$unbound_port"
}

@test "records: BIND as upstream" {
  compare named "$named_port"
}

@test "records: NSD as upstream" {
  compare nsd "$nsd_port"
}

@test "records: Knot DNS behind dnsdist as upstream" {
  compare dnsdist "$dnsdist_port"
}

@test "records: 60 KB of TXT come truncated over UDP, and whole over TCP" {
  dotward_config "$(upstream named "$named_port")"
  dotward_start
  run -0 q big.example.test TXT +ignore
  assert_has "$output" 'flags: qr.* tc'
  assert_has "$output" 'ANSWER: 0'
  run -0 q big.example.test TXT
  assert_has "$output" 'Truncated, retrying in TCP mode'
  assert_has "$output" 'ANSWER: 98'
  [[ $output =~ 'MSG SIZE  rcvd: '([0-9]+) ]]
  ((BASH_REMATCH[1] > 60000))
}

@test "records: signatures come only to a client that asked for them" {
  dotward_config "$(upstream named "$named_port")"
  dotward_start
  run -0 q www.example.test A +dnssec
  assert_has "$output" 'RRSIG.*A 13 3'
  assert_has "$output" 'EDNS: version: 0, flags: do'
  run -0 q www.example.test A
  assert_lacks "$output" RRSIG
  run -0 q example.test DNSKEY +dnssec
  assert_has "$output" 'DNSKEY.*257 3 13'
  assert_has "$output" 'RRSIG.*DNSKEY 13'
}

@test "records: kdig agrees, by UDP and TCP" {
  dotward_config "$(upstream unbound "$unbound_port")"
  dotward_start
  run -0 kdig @127.0.0.1 -p "$PORT" +short www.example.test HTTPS
  assert_equal "$output" '1 . alpn=h2,h3 ipv4hint=192.0.2.80 ipv6hint=2001:db8::80'
  run -0 kdig @127.0.0.1 -p "$PORT" +tcp +short odd.example.test TYPE65280
  assert_equal "$output" '\# 12 000102030405060708090AFF'
}

@test "records: many questions on one TCP connection of kdig" {
  dotward_config "$(upstream nsd "$nsd_port")"
  dotward_start
  run -0 kdig @127.0.0.1 -p "$PORT" +tcp +keepopen +noall +answer www.example.test A mail.example.test A ns.example.test A
  assert_count "$output" 'IN[[:space:]]A[[:space:]]192\.0\.2\.' 4
}
