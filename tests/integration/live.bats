#!/usr/bin/env bats
# check-live: every upstream asked for real, the right verdict on each, and keys that work when they are pasted.
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

# live [OPTION]... [NAME [TYPE]]: check-live with dotward.conf.
live() {
  dotward check-live -c "$CONFIG" "${SANDBOX_OPTION[@]}" "$@"
}

# live_json STATUS [WORD]...: the object in $output, after its exit status was right.
live_json() {
  local status=$1
  shift
  run --separate-stderr "-$status" live --json "$@"
  jq -e . >/dev/null <<<"$output" || fail "no JSON: $output"
  assert_equal "$(jq -r .status <<<"$output")" "$status"
}

# of UPSTREAM FILTER: what it says of the (first) address of the upstream.
of() {
  jq -r --arg name "$1" "[.addresses[] | select(.upstream == \$name)][0] | $2" <<<"$output"
}

servers_config() {
  dotward_config "$(upstream unbound "$unbound_port")" "$(upstream named "$named_port")" "$(upstream nsd "$nsd_port")" \
    "$(upstream dnsdist "$dnsdist_port")"
}

pin() {
  cat "$CERTS/$1.pin"
}

@test "live: unbound, BIND, NSD, and Knot behind dnsdist are good" {
  needs_speed
  local name
  servers_config
  live_json 0 www.example.test
  for name in unbound named nsd dnsdist; do
    assert_equal "$(of "$name" '"\(.state) \(.rcode) \(.tls) \(.certificate.names) \(.certificate.for_us)"')" \
      'good NOERROR TLS1.3 upstream.test true' "$name"
    assert_equal "$(of "$name" '.certificate.chain[0].pin')" "$(pin good)" "$name"
    # NSD 4.6 and, when it is slow, dnsdist 1.7 read one question of a TLS record that has several, and the next when more arrives
    [[ $name == nsd || $name == dnsdist ]] || assert_equal "$(of "$name" '.answered_at_once')" 5 "$name"
    assert_equal "$(of "$name" '.connect_us > 0 and .handshake_us > 0 and .answer_us > 0')" true "$name"
    assert_equal "$(of "$name" .later_connections_failed)" 0 "$name"
    # dnsdist gives a client two seconds, which a slow machine may take
    [[ $name == dnsdist ]] || assert_equal "$(of "$name" .closes_early)" false "$name"
  done
}

# What each of them does, in the versions that Debian 12 has; kdig and gnutls-cli agree.
@test "live: what the servers support is found out" {
  servers_config
  live_json 0 www.example.test
  assert_equal "$(of unbound .resumes)" true
  assert_equal "$(of dnsdist .resumes)" true
  assert_equal "$(of dnsdist .alpn)" true
  assert_equal "$(of named .keepalive_ms)" 30000
}

@test "live: the table has a row for each address, and the keys to paste" {
  servers_config
  run --separate-stderr -0 live www.example.test
  assert_count "$output" "^(unbound|named|nsd|dnsdist) +127\.0\.0\.1@[0-9]+ +good +TLS1\.3 " 4
  assert_count "$output" "^    pins = \[ \"$(pin good | sed 's/[+]/[+]/g')\" \];$" 4
  assert_has "$output" '^4 of 4 addresses are good; asked for www\.example\.test\. A;'
  assert_lacks "$output" '^problem:'
}

@test "live: the keys that it prints resolve when they are pasted" {
  local line lines=()
  servers_config
  run --separate-stderr -0 live www.example.test
  mapfile -t lines < <(grep -E '^    pins = ' <<<"$output")
  assert_equal "${#lines[@]}" 4
  for line in "${lines[@]}"; do
    [[ $line == "${lines[0]}" ]] || fail "another key: $line"
  done
  dotward_config "$(upstream nsd "$nsd_port" "${lines[0]}")"
  run --separate-stderr -0 live www.example.test
  assert_has "$output" '^nsd 127\.0\.0\.1@[0-9]+: as configured$'
  dotward_start
  run -0 q www.example.test A +short
  assert_has "$output" '^192\.0\.2\.80$'
}

@test "live: the key of a certificate that nobody signed resolves when it is pasted, once it was refused" {
  faultup_start up --with self
  dotward_config "$(upstream up "$up_port")"
  live_json 3
  dotward_config "$(upstream up "$up_port" "pins = [ \"$(of up '.certificate.chain[0].pin')\" ];")"
  live_json 0
  assert_equal "$(of up .pin_matches)" true
  dotward_start
  assert_resolves pasted.test
}

# bad CERTIFICATE WHY REMEDY [TEXT]
bad() {
  faultup_start up --with "$1"
  dotward_config "$(upstream up "$up_port" "${4:-}")"
  live_json 3
  assert_equal "$(of up .state)" unverified
  assert_has "$(of up .why)" "$2"
  assert_has "$(of up .remedy)" "$3"
  assert_equal "$(of up '.certificate.chain[0].pin')" "$(pin "$1")"
  assert_equal "$(faultup_stat up queries)" 0 "questions that an unverified server was asked"
}

@test "live: expired" {
  bad expired '^certificate expired on .*local clock' "^this machine's clock says .* renew the certificate"
}

@test "live: not yet valid, and the clock is what is doubted" {
  bad future '^certificate becomes valid only on .*local clock' "^this machine's clock says .* set it \(NTP\)"
}

@test "live: for another name" {
  bad wrong '^certificate is not for "upstream.test", but for other.test' 'set auth_name .*\(other\.test\)'
  assert_equal "$(of up .certificate.for_us)" false
}

@test "live: for a name, where the address is wanted" {
  bad good '^certificate is not for .*127\.0\.0\.1' 'set auth_name .*\(upstream\.test\)' "ca_file = \"$CERTS/ca.pem\";"
}

@test "live: of an authority that nobody trusts" {
  bad untrusted 'not signed by a trusted authority' 'name its certificate in ca_file'
}

@test "live: self-signed" {
  bad self 'is self-signed' 'pins = \[ "sha256//'
  assert_equal "$(of up .certificate.self_signed)" true
}

@test "live: a wrong pin, and the right one is named" {
  bad good '^no pin matches' "operator whether its key was changed; if so, pins = \[ \"$(pin good | sed 's/[+]/[+]/g')\"" \
    "pins = [ \"$(pin wrong)\" ];"
  assert_equal "$(of up .pin_matches)" false
}

# A key of 1024 bits, made for this test alone.
@test "live: a weak key" {
  local certs=$CERTS
  CERTS=$(lib_dir)
  cp "$certs/ca.pem" "$certs/ca.key" "$CERTS/"
  certtool --generate-privkey --key-type=rsa --bits=1024 --outfile "$CERTS/weak.key" 2>/dev/null
  printf '%s\n' 'cn = weak' signing_key tls_www_server 'dns_name = "upstream.test"' 'expiration_days = 30' \
    "activation_date = \"$(date -u -d '1 hour ago' '+%F %T')\"" >"$CERTS/weak.tmpl"
  certtool --generate-certificate --load-privkey "$CERTS/weak.key" --template "$CERTS/weak.tmpl" \
    --load-ca-certificate "$CERTS/ca.pem" --load-ca-privkey "$CERTS/ca.key" --outfile "$CERTS/weak.pem" 2>/dev/null
  # shellcheck source=tests/integration/certs.bash
  source "$BATS_TEST_DIRNAME/certs.bash"
  certs_pin weak
  bad weak 'insecure' 'at least 2048 bits'
}

@test "live: good ones and bad ones together are status 1, and each has its remedy" {
  faultup_start old --with expired
  faultup_start plain
  dotward_config "$(upstream good "$nsd_port")" "$(upstream old "$old_port")" "$(upstream gone "$(free_port)")"
  run --separate-stderr -1 live www.example.test
  assert_has "$output" '^problem: old 127\.0\.0\.1@[0-9]+: certificate expired'
  assert_has "$output" '^problem: gone 127\.0\.0\.1@[0-9]+: Connection refused'
  assert_has "$output" 'whether a firewall lets TCP port [0-9]+ out'
  assert_has "$output" '^1 of 3 addresses are good'
}

@test "live: one that takes connections and says nothing costs the limit and no more" {
  local begun
  faultup_start up --mute-accept 1
  dotward_config "$(upstream up "$up_port")"
  begun=$(now_ms)
  live_json 3
  (($(now_ms) - begun < 5000 * PATIENCE)) || fail "took $(($(now_ms) - begun)) ms"
  assert_equal "$(of up .state)" no-tls
  assert_has "$(of up .why)" 'no TLS handshake within'
}

@test "live: one that shakes hands and answers nothing is silent" {
  faultup_start up --mute 1
  dotward_config "$(upstream up "$up_port")"
  live_json 3
  assert_equal "$(of up '"\(.state) \(.tls) \(.answer_us)"')" 'silent TLS1.3 null'
  assert_equal "$(of up .certificate.for_us)" true
}

@test "live: answers in another order, the keepalive, TLS 1.2" {
  faultup_start up --reverse 1 --keepalive 123 --tls 1.2
  dotward_config "$(upstream up "$up_port")"
  live_json 0
  assert_equal "$(of up '"\(.out_of_order) \(.keepalive_ms) \(.tls) \(.answered_at_once)"')" 'true 12300 TLS1.2 5'
  assert_equal "$(faultup_stat up unpadded)" 0 "questions without padding"
}

@test "live: one that closes after each answer is good, with a note" {
  faultup_start up --close-after 1
  dotward_config "$(upstream up "$up_port")"
  run --separate-stderr -0 live
  assert_has "$output" '^note: up 127\.0\.0\.1@[0-9]+: it closed the connection after 1 answer,'
}

@test "live: of questions in one record some stay unanswered: good, with a note" {
  faultup_start up --silent-after 5
  dotward_config "$(upstream up "$up_port")"
  run --separate-stderr -0 live
  assert_has "$output" '^note: up 127\.0\.0\.1@[0-9]+: of 5 questions in one TLS record it answered 2 within [0-9]+ ms: max_outstanding = 1'
}

@test "live: a server that speaks no TLS" {
  # a DNS server's plain port
  local port
  port=$(sed -nE 's/.*listen: 127\.0\.0\.1@([0-9]+)/\1/p' "$BATS_FILE_TMPDIR/knot/knot.conf")
  dotward_config "$(upstream up "$port")"
  live_json 3
  assert_equal "$(of up .state)" no-tls
  assert_has "$(of up .remedy)" 'whether DNS over TLS is what speaks on port'
}

@test "live: one that refuses the question says which rcode, and what may be asked instead" {
  dotward_config "$(upstream nsd "$nsd_port")"
  live_json 3 www.elsewhere.test
  assert_equal "$(of nsd '"\(.state) \(.why)"')" 'refusing it answers REFUSED'
  assert_has "$(of nsd .remedy)" 'check-live NAME TYPE'
}

@test "live: without a route to one family an upstream is good by the other" {
  is_root || skip "needs a network namespace"
  dotward_config "{ name = \"both\"; addresses = [ \"2001:db8::1\" ]; }" \
    "$(upstream nsd "$nsd_port")"
  local command
  read -ra command <<<"$DOTWARD"
  run --separate-stderr -3 unshare -n "${command[@]}" check-live -c "$CONFIG" "${SANDBOX_OPTION[@]}" --json
  assert_equal "$(of both .state)" no-route
  assert_has "$(of both .remedy)" 'no route to that IPv6 address'
}

@test "live: by the command line and the environment alone" {
  run --separate-stderr -0 dotward check-live "${SANDBOX_OPTION[@]}" -o 'user=' --upstream "127.0.0.1@$nsd_port#upstream.test" \
    --ca-file "$CERTS/ca.pem" www.example.test
  assert_has "$output" '^1 of 1 addresses are good'
  DOTWARD_UPSTREAM="127.0.0.1@$nsd_port#upstream.test" DOTWARD_CA_FILE=$CERTS/ca.pem \
    run --separate-stderr -0 dotward check-live "${SANDBOX_OPTION[@]}" -o 'user=' www.example.test MX
  assert_has "$output" 'asked for www\.example\.test\. MX;'
}

@test "live: what is not understood is status 2" {
  servers_config
  run -2 live two words too-many
  run -2 live 'no..name'
  assert_has "$output" 'the name or the type is not one'
  run -2 live www.example.test NOTYPE
  run -2 dotward check-live -t -c "$CONFIG"
  run -2 dotward --json -c "$CONFIG"
  run -2 live -o forward.timeout_ms=0
  assert_has "$output" 'forward.timeout_ms'
  run -2 live -o nothing.such=1
}

@test "live: root gives up its rights before it asks" {
  is_root && needs_sandbox
  under_valgrind && skip "it makes calls of its own"
  faultup_start up --delay-ms 400
  dotward_config "$(upstream up "$up_port")"
  spawn live "$DOTWARD" check-live -c "$CONFIG" -o user=nobody
  wait_for 5 grep -Eq '^Seccomp:[[:space:]]2' "/proc/$SPAWNED/status"
  assert_has "$(cat "/proc/$SPAWNED/status")" "^Uid:[[:space:]]$(id -u nobody)[[:space:]]"
  assert_has "$(cat "/proc/$SPAWNED/status")" '^CapEff:[[:space:]]0000000000000000$'
  wait_for 10 dead "$SPAWNED"
  assert_has "$(cat "$(lib_dir)/live.log")" '^1 of 1 addresses are good'
}
