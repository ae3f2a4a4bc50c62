#!/usr/bin/env bats
# Clients behind proxies (PROXY protocol, version 2): who they are, who may say so, and what becomes of those who do not say it.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load ctl

setup() {
  lib_check
  ctl_setup
}

teardown() {
  lib_teardown
}

# The proxies themselves may not ask.
ACCESS='access: { allow = [ "192.0.2.0/24", "2001:db8::/32" ]; deny = [ "192.0.2.66" ]; };'

# proxied_start [FROM] [MORE]...: behind proxies of 127.0.0.0/8, unless told otherwise.
proxied_start() {
  PORT=$(free_port)
  LISTEN="{ address = \"127.0.0.1\"; port = $PORT; proxy_protocol = true; proxy_from = [ \"${1:-127.0.0.0/8}\" ]; }"
  MORE="$ACCESS log: { queries = true; }; ${2:-}"
  serve
}

SIGNATURE=0d0a0d0a000d0a515549540a

# The header for a client, to 198.51.100.53 port 53, with extensions in hexadecimal.
header4() {
  local octets
  IFS=. read -ra octets <<<"$1"
  printf '%s21%s%04x%02x%02x%02x%02xc63364351234%04x%s' "$SIGNATURE" "${2:-11}" $((12 + ${#3} / 2)) "${octets[@]}" 53 "${3:-}"
}

# header6 32_HEXADECIMAL_DIGITS
header6() {
  printf '%s21220024%s20010db8000000000000000000000053123400%02x' "$SIGNATURE" "$1" 53
}

LOCAL=${SIGNATURE}20000000

# asks HOW HEADER [OPTION]... MESSAGE...: what comes back, in $output.
asks() {
  local how=$1 header=$2
  shift 2
  run raw "$how" --before "$header" "$@"
}

has_counted() {
  [[ $(json ".$1" stats) == "$2" ]]
}

# counts COUNTER NUMBER: what was not answered may not have been taken in yet.
counts() {
  wait_for 3 has_counted "$@" || fail "$1 is $(json ".$1" stats), not $2"
}

@test "proxy: the client is who the header says, for access, for the log, and by UDP and TCP alike" {
  proxied_start
  local how
  for how in udp tcp; do
    asks $how "$(header4 192.0.2.7)" a.test b.test
    assert_count "$output" 'rcode=0 .*right=yes' 2
    asks $how "$(header4 192.0.2.66 12)" c.test
    assert_has "$output" 'rcode=5 '
    asks $how "$(header4 198.51.100.1)" d.test
    assert_has "$output" 'rcode=5 '
    asks $how "$(header6 20010db8000000000000000000000007)" e.test
    assert_has "$output" 'rcode=0 .*right=yes'
    # an IPv4 client in the clothes of IPv6
    asks $how "$(header6 00000000000000000000ffffc0000242)" f.test
    assert_has "$output" 'rcode=5 '
    # the proxy for itself
    asks $how "$LOCAL" g.test
    assert_has "$output" 'rcode=5 '
    wait_for 5 logged "answered client=192\.0\.2\.7@4660 protocol=$how name=a\.test"
    wait_for 5 logged "answered client=2001:db8::7@4660 protocol=$how name=e\.test"
    wait_for 5 logged "answered client=192\.0\.2\.66@4660 protocol=$how name=f\.test"
    wait_for 5 logged "answered client=127\.0\.0\.1@[0-9]+ protocol=$how name=g\.test"
  done
  counts proxy_malformed 0
  counts proxy_refused 0
}

@test "proxy: extensions are passed over, and a checksum is checked" {
  proxied_start
  local how
  for how in udp tcp; do
    # NOOP, and a unique id
    asks $how "$(header4 192.0.2.7 11 0400020000050004cafecafe)" a.test
    assert_has "$output" 'right=yes'
  done
  for how in udp tcp; do
    # this checksum is right
    asks $how "$(header4 192.0.2.7 11 0300045dbd6bac)" b.test
    assert_has "$output" 'right=yes'
    asks $how "$(header4 192.0.2.7 11 03000411223344)" --wait-ms 1 c.test
    # longer than the header that holds it
    asks $how "$(header4 192.0.2.7 11 0500ffcafe)" --wait-ms 1 d.test
  done
  counts proxy_malformed 4
  assert_equal "$(faultup_stat up queries)" 2 "questions that came through"
}

@test "proxy: nothing is taken without a header, or for a client that it does not name" {
  proxied_start
  run raw tcp a.test
  assert_has "$output" '^(closed|reset)'
  asks tcp "${SIGNATURE}21310000" b.test
  assert_has "$output" '^(closed|reset)'
  asks tcp "${SIGNATURE}21000000" c.test
  assert_has "$output" '^(closed|reset)'
  # version 1, which is text: "PROXY UNKNOWN\r\n"
  asks tcp 50524f585920554e4b4e4f574e0d0a d.test
  assert_has "$output" '^(closed|reset)'
  counts proxy_malformed 4
  raw udp --wait-ms 1 a.test || :
  asks udp "${SIGNATURE}21000000" --wait-ms 1 c.test
  asks udp "$SIGNATURE" --wait-ms 1 hex:
  asks udp "$(header4 192.0.2.7)" e.test
  assert_has "$output" 'right=yes'
  counts proxy_malformed 7
  assert_equal "$(faultup_stat up queries)" 1 "questions that came through"
}

@test "proxy: nobody but the proxies is heard" {
  proxied_start 127.0.0.2/32
  asks tcp "$(header4 192.0.2.7)" a.test
  assert_has "$output" '^(closed|reset)'
  asks udp "$(header4 192.0.2.7)" --wait-ms 1 a.test
  asks udp "$(header4 192.0.2.7)" --from 127.0.0.2 b.test
  assert_has "$output" 'right=yes'
  asks tcp "$(header4 192.0.2.7)" --from 127.0.0.2 c.test
  assert_has "$output" 'right=yes'
  counts proxy_refused 2
  counts proxy_malformed 0
}

@test "proxy: the header may come byte by byte, but it must come" {
  proxied_start 127.0.0.0/8 "limits: { tcp_idle_timeout_ms = $(patient 400); };"
  asks tcp "$(header4 192.0.2.7)" --chop 1 --pause-ms 1 a.test
  assert_has "$output" 'right=yes'
  asks tcp "${SIGNATURE}2111" --until-close
  assert_has "$output" '^closed'
  counts proxy_malformed 1
  # who only looks whether somebody is here has done nothing wrong
  raw tcp --half-close --until-close
  counts proxy_malformed 1
}

@test "proxy: a client's question outlives the worker, and its answer finds the proxy" {
  KILLS=yes
  WORKERS=1
  proxied_start
  raw udp --before "$(header4 192.0.2.7)" --wait-ms $((4000 * PATIENCE)) slow-400.a.test >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local client=$!
  upstream_asked() {
    (($(faultup_stat up queries) >= 1))
  }
  wait_for 5 upstream_asked
  kill -KILL "$(workers | cut -d' ' -f1)"
  wait "$client"
  assert_has "$(cat "$BATS_TEST_TMPDIR/answer")" 'right=yes'
  wait_for 5 logged 'answered client=192\.0\.2\.7@4660 '
}

@test "proxy: a reload begins to expect it, and ends it" {
  serve
  assert_resolves a.test
  cp "$CONFIG" "$CONFIG.before"
  sed -i 's/{ address = "127.0.0.1";/& proxy_protocol = true; proxy_from = [ "127.0.0.1" ];/' "$CONFIG"
  echo "$ACCESS" >>"$CONFIG"
  ctl reload
  wait_for 5 has_workers 2
  asks tcp "$(header4 192.0.2.7)" b.test
  assert_has "$output" 'right=yes'
  run raw tcp c.test
  assert_has "$output" '^(closed|reset)'
  cp "$CONFIG.before" "$CONFIG"
  ctl reload
  wait_for 5 has_workers 2
  assert_resolves d.test
}

@test "proxy: dnsdist in front, by UDP and TCP" {
  command -v dnsdist >/dev/null || skip "no dnsdist"
  proxied_start
  sed -i 's/"192.0.2.0\/24"/"127.0.0.7"/' "$CONFIG"
  ctl reload
  wait_for 5 has_workers 2
  local front
  front=$(free_port)
  cat >"$BATS_TEST_TMPDIR/dnsdist.conf" <<CONF
setSecurityPollSuffix("")
setLocal("127.0.0.1:$front")
newServer({address="127.0.0.1:$PORT", name="dotward", useProxyProtocol=true, healthCheckMode="up", tcpFastOpen=false})
getServer(0):setUp()
CONF
  spawn dnsdist dnsdist --supervised --disable-syslog -C "$BATS_TEST_TMPDIR/dnsdist.conf"
  through() {
    [[ $(dig @127.0.0.1 -p "$front" -b 127.0.0.7 +tries=1 +timeout=1 +nocookie +short a.test A) == 10.* ]]
  }
  wait_for 10 through
  run -0 dig @127.0.0.1 -p "$front" -b 127.0.0.7 +tcp +tries=1 +timeout=4 +nocookie +short b.test A
  assert_has "$output" '^10\.'
  # another client of the same proxy
  run -0 dig @127.0.0.1 -p "$front" -b 127.0.0.8 +tries=1 +timeout=4 +nocookie c.test A
  assert_has "$output" 'status: REFUSED'
  wait_for 5 logged 'answered client=127\.0\.0\.7@[0-9]+ protocol=udp name=a\.test'
  wait_for 5 logged 'answered client=127\.0\.0\.7@[0-9]+ protocol=tcp name=b\.test'
  counts proxy_malformed 0
}

@test "proxy: who may send the header has to be said" {
  dotward_config "$(upstream up 853)"
  sed -i 's/{ address = "127.0.0.1";/& proxy_protocol = true;/; s/{ address = "::1";/& proxy_from = [ "::1" ];/' "$CONFIG"
  run -1 dotward -t -c "$CONFIG"
  assert_has "$output" 'dotward\.conf:1: listen\.\[0\]\.proxy_protocol: who may send the header\?'
  assert_has "$output" 'dotward\.conf:1: listen\.\[1\]\.proxy_from: goes with proxy_protocol = true'
  sed -i 's/proxy_protocol = true;/& proxy_from = [ "no network" ];/; s/proxy_from = \[ "::1" \];//' "$CONFIG"
  run -1 dotward -t -c "$CONFIG"
  assert_has "$output" 'listen\.\[0\]\.proxy_from\.\[0\] = "no network": no network; write'
  assert_equal "${#lines[@]}" 1 "complaints about one mistake: $output"
}
