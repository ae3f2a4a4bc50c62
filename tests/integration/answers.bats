#!/usr/bin/env bats
# What a client gets when something is wrong: one test for each line of the table in the design, by UDP and by TCP.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

serve() {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  dotward_start "$@"
}

# gets HOW MESSAGE PATTERN: the one answer to the message has the pattern.
gets() {
  run -0 raw "$1" "$2"
  assert_has "$output" "$3"
  assert_count "$output" '^answer' 1
}

both() {
  gets udp "$@"
  gets tcp "$@"
}

# silence HOW MESSAGE: nothing comes for it, but the next question is answered.
silence() {
  run -1 raw "$1" --count 2 --wait-ms 300 "$2" "after.test,id=0x7777"
  assert_count "$output" '^answer' 1
  assert_has "$output" 'id=0x7777 rcode=0 .*right=yes'
}

# The counter of that name in the line that a stopped dotward leaves.
counted() {
  dotward_log | grep -E '(^| )stopped ' | sed -nE "s/.* $1=([0-9]+).*/\1/p"
}

@test "answers: silence for what is no DNS message" {
  serve
  silence udp hex:00
  silence udp hex:0001020304050607080900
  silence udp "hex:000102030405060708090a"
  dotward_stop
  assert_equal "$(counted dropped_malformed)" 3 "messages counted as malformed"
}

@test "answers: silence for an empty datagram" {
  serve
  silence udp hex:
}

@test "answers: silence for a response, whatever it says" {
  serve
  silence udp "a.test,flags=0x8180"
  silence udp "a.test,flags=0x8183,qd=2"
  silence udp "a.test,flags=0xa000"
  silence tcp "a.test,flags=0x8180"
  dotward_stop
  assert_equal "$(counted dropped_malformed)" 4 "messages counted as malformed"
}

@test "answers: FORMERR when a header is followed by nothing right" {
  serve
  both "a.test,cut=1" 'rcode=1 '
  both "a.test,cut=5" 'rcode=1 '
  both "hex:abcd01000001000000000000" 'id=0xabcd rcode=1 '
  both "hex:abcd01000001000000000000ff41414141" 'id=0xabcd rcode=1 '
  both "hex:abcd01000001000000000000c00c00010001" 'id=0xabcd rcode=1 '
  both "hex:abcd010000010000000000004161" 'id=0xabcd rcode=1 '
}

@test "answers: FORMERR when records are announced that are not there, or are there unannounced" {
  serve
  both "a.test,an=1" 'rcode=1 '
  both "a.test,tail=00" 'rcode=1 '
  both "a.test,edns=0,tail=0000" 'rcode=1 '
  both "a.test,edns=0,cut=1" 'rcode=1 '
}

@test "answers: FORMERR for a question with an answer in it" {
  serve
  both "a.test,an=1,tail=c00c0001000100000001000401020304" 'rcode=1 '
}

@test "answers: FORMERR for two OPT records" {
  serve
  both "a.test,opts=2" 'rcode=1 '
}

@test "answers: FORMERR for an option longer than its record" {
  serve
  both "hex:00010100000100000000000101610000010001""000029100000000000000400030064" 'id=0x0001 rcode=1 '
}

@test "answers: FORMERR for no question and for two" {
  serve
  both "a.test,qd=0" 'rcode=1 .*qd=0'
  both "a.test,qd=2" 'rcode=1 '
}

@test "answers: a malformed question never reaches the upstream" {
  serve
  raw udp --wait-ms 300 "a.test,cut=1" "a.test,qd=2" "a.test,opts=2" "a.test,an=1" "a.test,opcode=4" "a.test,edns=1"
  assert_equal "$(faultup_stat up queries)" 0
}

@test "answers: NOTIMP for every opcode but QUERY, with that opcode" {
  serve
  local opcode
  for opcode in 1 2 3 4 5 6 15; do
    both "a.test,opcode=$opcode" "rcode=4 opcode=$opcode flags=qr"
  done
}

@test "answers: NOTIMP for an update with records of its own" {
  serve
  # zone section, one prerequisite, one update
  both "hex:00022800000100010001000001610000060001c00c00ff00ff000000000000c00c00010001000000000004010203""04" 'rcode=4 opcode=5'
}

@test "answers: BADVERS for EDNS above 0, with our version" {
  serve
  both "a.test,edns=1" 'rcode=0 .*an=0 .*opt=yes .*version=0 .*xrcode=16'
  both "a.test,edns=255" 'version=0 .*xrcode=16'
  run -0 q a.test +edns=1 +noednsneg
  assert_has "$output" 'status: BADVERS'
}

@test "answers: every refusal keeps the client's id, question and RD" {
  serve
  both "Some.Name.test,AAAA,id=0x4242,opcode=2,flags=0x0100" 'id=0x4242 rcode=4 .*flags=qr,rd,.*'
  both "Some.Name.test,AAAA,id=0x4243,edns=3,flags=0x0000" 'id=0x4243 .*flags=qr,ra, qd=1.*name=Some.Name.test. type=28'
}

@test "answers: REFUSED with EDE 18 for a client that is not allowed" {
  serve -o 'access.allow=["127.0.0.1/32"]'
  run -0 raw udp --from 127.0.0.2 "a.test,edns=0"
  assert_has "$output" 'rcode=5 .*ede=18'
  run -0 raw tcp --from 127.0.0.2 "a.test,edns=0"
  assert_has "$output" 'rcode=5 .*ede=18'
  run -0 raw udp --from 127.0.0.2 "a.test"
  assert_has "$output" 'rcode=5 .*ar=0'
  assert_resolves a.test
  assert_equal "$(faultup_stat up queries)" 1
}

@test "answers: deny wins over allow" {
  serve -o 'access.deny=["127.0.0.2/32"]'
  run -0 raw udp --from 127.0.0.2 "a.test,edns=0"
  assert_has "$output" 'rcode=5 .*ede=18'
  run -0 raw udp --from 127.0.0.3 "a.test,edns=0"
  assert_has "$output" 'right=yes'
}

@test "answers: silence for a client that is not allowed, if so configured" {
  serve -o 'access.allow=["127.0.0.1/32"]' -o 'access.denied="drop"'
  run -1 raw udp --from 127.0.0.2 --wait-ms 300 "a.test,edns=0"
  assert_lacks "$output" '^answer'
  run raw tcp --from 127.0.0.2 --wait-ms 300 "a.test,edns=0"
  assert_lacks "$output" '^answer'
  assert_resolves a.test
  dotward_stop
  (($(counted dropped_denied) >= 1))
}

@test "answers: SERVFAIL with EDE and reason when nobody listens upstream" {
  dotward_config "$(upstream up "$(free_port)")"
  dotward_start
  gets udp "a.test,edns=0" 'rcode=2 .*ede=2[23] ede_text=".*refused'
  gets tcp "a.test,edns=0" 'rcode=2 .*ede=2[23] ede_text=".*refused'
  gets udp "a.test" 'rcode=2 .*ar=0'
  assert_has "$(dotward_log)" 'upstream down upstream=up .*refused'
}

@test "answers: SERVFAIL within the timeout when the upstream never answers" {
  serve -o forward.timeout_ms=$((900 * PATIENCE)) -o forward.attempt_timeout_ms=$((300 * PATIENCE))
  run -0 raw udp --wait-ms 4000 "stall.test,edns=0"
  assert_has "$output" 'rcode=2 .*ede=2[23] ede_text="[^"]'
  [[ $output =~ ms=([0-9]+) ]]
  ((BASH_REMATCH[1] < 1400 * PATIENCE)) || fail "answered after ${BASH_REMATCH[1]} ms"
}

@test "answers: SERVFAIL of one upstream is not the last word" {
  faultup_start bad --mode servfail
  faultup_start up
  dotward_config "$(upstream bad "$bad_port")" "$(upstream up "$up_port")"
  dotward_start
  assert_resolves a.test
  assert_equal "$(faultup_stat bad queries)" 1
  faultup_say bad set mode refused >/dev/null
  assert_resolves b.test
  assert_equal "$(faultup_stat up queries)" 2
}

@test "answers: SERVFAIL of all upstreams is the answer" {
  faultup_start bad --mode servfail
  faultup_start worse --mode servfail
  dotward_config "$(upstream bad "$bad_port")" "$(upstream worse "$worse_port")"
  dotward_start
  gets udp "a.test,edns=0" 'rcode=2 '
  (($(faultup_stat bad queries) > 0))
  (($(faultup_stat worse queries) > 0))
}

@test "answers: REFUSED of all upstreams is the answer" {
  faultup_start bad --mode refused
  faultup_start worse --mode refused
  dotward_config "$(upstream bad "$bad_port")" "$(upstream worse "$worse_port")"
  dotward_start
  gets udp "a.test,edns=0" 'rcode=5 '
}

@test "answers: NXDOMAIN and NODATA are answers, with their SOA" {
  serve
  both "nxdomain.test" 'rcode=3 .*an=0 ns=1'
  both "nodata.test" 'rcode=0 .*an=0 ns=1'
  assert_equal "$(faultup_stat up queries)" 2 "questions asked upstream"
}

@test "answers: TC and nothing else when it does not fit the client's UDP size" {
  serve
  gets udp "txt-600.test,TXT" 'rcode=0 .*flags=qr,tc,.*an=0 ns=0 ar=0'
  gets udp "txt-600.test,TXT,size=700" 'flags=qr,rd,ra, .*an=1'
  gets udp "txt-600.test,TXT,size=600" 'flags=qr,tc,.*an=0 ns=0 ar=1'
  gets tcp "txt-600.test,TXT" 'flags=qr,rd,ra, .*an=1'
}

@test "answers: limits.udp_answer_size bounds what a client may ask for, and 512 is always given" {
  serve -o limits.udp_answer_size=800
  gets udp "txt-900.test,TXT,size=4096" 'flags=qr,tc,'
  gets udp "txt-700.test,TXT,size=4096" 'flags=qr,rd,ra, .*an=1'
  gets udp "txt-400.test,TXT,size=0" 'flags=qr,rd,ra, .*an=1'
  gets udp "txt-400.test,TXT,size=100" 'flags=qr,rd,ra, .*an=1'
}

@test "answers: 60 KB come whole by TCP" {
  serve
  gets tcp "big-60000.test,TXT" 'bytes=6[0-9]{4} .*flags=qr,rd,ra, .*whole=yes'
  gets tcp "big-65000.test,TXT" 'bytes=65[0-9]{3} .*flags=qr,rd,ra, .*whole=yes'
}

@test "answers: REFUSED at once when overloaded, and service afterwards" {
  needs_speed
  WORKERS=1
  serve -o limits.queries_in_flight=4
  run raw udp --wait-ms 500 --count 10 --repeat 10 "stall.test,edns=0"
  assert_count "$output" 'rcode=5 .*ede=23 ede_text=".*overloaded' 6
  [[ $output =~ ms=([0-9]+) ]]
  ((BASH_REMATCH[1] < 250 * PATIENCE)) || fail "refused only after ${BASH_REMATCH[1]} ms"
  wait_for 5 resolves later.test
  dotward_stop
  (($(counted refused_overload) >= 6))
}

@test "answers: zone transfers are refused" {
  serve
  gets tcp "a.test,AXFR" 'rcode=[45] '
  gets udp "a.test,IXFR" 'rcode=[45] '
  assert_equal "$(faultup_stat up queries)" 0
}

@test "answers: a query without RD, with AD or CD, is a question too" {
  serve
  both "a.test,flags=0x0000" 'rcode=0 .*flags=qr,ra, .*right=yes'
  both "a.test,flags=0x0110" 'rcode=0 .*flags=qr,rd,ra,cd, .*right=yes'
  both "a.test,flags=0x0120" 'rcode=0 .*right=yes'
}

@test "answers: the root, the longest name and odd bytes are names" {
  serve
  both "." 'rcode=0 .*right=yes'
  local label=abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi
  both "$label.$label.$label.$label.xx.yz" 'rcode=0 .*right=yes'
  both "hex:00030100000100000000000003ff00800000010001" 'rcode=0 .*an=1'
}

@test "answers: come from the address that was asked, on a wildcard socket" {
  LISTEN='{ address = "0.0.0.0"; port = PORT; }'
  PORT=$(free_port)
  LISTEN=${LISTEN/PORT/$PORT}
  serve
  # rawdns hears only the address it asked
  RAW_ADDRESS=127.0.0.2 gets udp a.test 'right=yes'
  RAW_ADDRESS=127.9.8.7 gets udp b.test 'right=yes'
  RAW_ADDRESS=127.0.0.1 gets udp c.test 'right=yes'
  RAW_ADDRESS=127.0.0.2 gets tcp d.test 'right=yes'
}

@test "answers: come from the address that was asked, on the IPv6 wildcard" {
  has_ipv6 || skip "no IPv6"
  PORT=$(free_port)
  LISTEN="{ address = \"::\"; port = $PORT; }"
  serve
  RAW_ADDRESS=::1 gets udp a.test 'right=yes'
  RAW_ADDRESS=::1 gets tcp b.test 'right=yes'
}
