#!/usr/bin/env bats
# Upstreams that do what no real server does. With a second upstream the client gets the right answer all the same; with the bad one
# alone it gets SERVFAIL and a reason within the timeout, or its answer if the fault can be lived with. And dotward goes on.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

# Two upstreams, asked in this order.
two() {
  faultup_start bad "$@"
  faultup_start good
  dotward_config "$(upstream bad "$bad_port")" "$(upstream good "$good_port")"
  dotward_start
}

one() {
  faultup_start bad "$@"
  dotward_config "$(upstream bad "$bad_port")"
  dotward_start
}

# Whatever went before, the next questions are answered, by UDP and TCP.
healthy() {
  faultup_say bad set mode >/dev/null
  wait_for 8 resolves "healthy-again-$RANDOM.test"
  run -0 raw tcp "healthy.test"
  assert_has "$output" 'right=yes'
}

# fails NAME: SERVFAIL with a reason, within the client's time (2000 ms) and a little.
fails() {
  run -0 raw udp --wait-ms 5000 "$1,edns=0"
  assert_has "$output" 'rcode=2 .*ede=2[23] ede_text="[^"]+"'
  [[ $output =~ ms=([0-9]+) ]]
  ((BASH_REMATCH[1] <= 2500 * PATIENCE)) || fail "the client waited ${BASH_REMATCH[1]} ms"
}

# mend MODE: every answer of the first upstream is bad, the second one's is what the client gets.
mend() {
  two --mode "$1"
  assert_resolves "one.test"
  assert_resolves "two.test"
  run -0 raw tcp --wait-ms 5000 "three.test" "four.test"
  assert_count "$output" 'right=yes' 2
  (($(faultup_stat bad queries) > 0)) || fail "the bad upstream was not asked"
  (($(faultup_stat good queries) > 0)) || fail "the good upstream was not asked"
  healthy
}

# suffer MODE: the bad upstream is alone.
suffer() {
  one --mode "$1"
  fails one.test
  healthy
}

# --- answers ----------------------------------------------------------------------------------------------

@test "faults: wrong id, second upstream" {
  mend wrong-id
}

@test "faults: wrong id, alone" {
  suffer wrong-id
}

@test "faults: another name in the question, second upstream" {
  mend wrong-question
}

@test "faults: another name in the question, alone" {
  suffer wrong-question
}

@test "faults: another type in the question" {
  mend wrong-type
}

@test "faults: another class in the question" {
  mend wrong-class
}

@test "faults: no question in the answer" {
  mend noquestion
}

@test "faults: two questions in the answer" {
  mend twoquestions
}

@test "faults: a query for an answer" {
  mend noresponse
}

@test "faults: garbage, second upstream" {
  mend garbage
}

@test "faults: garbage, alone" {
  suffer garbage
}

@test "faults: an answer shorter than a header" {
  mend short
}

@test "faults: an answer of no bytes" {
  mend empty
}

@test "faults: bytes behind the last record" {
  mend trailing
}

@test "faults: a record longer than its message, second upstream" {
  mend liar
}

@test "faults: a record longer than its message, alone" {
  suffer liar
}

@test "faults: a compression pointer into nowhere" {
  mend loop
}

@test "faults: an option longer than its OPT" {
  mend badopt
}

@test "faults: two OPT records" {
  mend twoopts
}

@test "faults: no answer at all, second upstream" {
  mend stall
}

@test "faults: no answer at all, alone" {
  suffer stall
}

@test "faults: SERVFAIL, second upstream" {
  mend servfail
}

@test "faults: REFUSED, second upstream" {
  mend refused
}

@test "faults: the connection is closed instead of an answer, second upstream" {
  mend close
}

@test "faults: the connection is closed instead of an answer, alone" {
  suffer close
}

@test "faults: closed in the middle of the length, second upstream" {
  mend close-length
}

@test "faults: closed in the middle of the length, alone" {
  suffer close-length
}

@test "faults: closed in the middle of an answer, second upstream" {
  mend close-answer
}

@test "faults: closed in the middle of an answer, alone" {
  suffer close-answer
}

@test "faults: reset instead of an answer, second upstream" {
  mend reset
}

@test "faults: reset instead of an answer, alone" {
  suffer reset
}

@test "faults: a fault in one answer does not cost its neighbours on the connection theirs" {
  one
  run -0 raw tcp --wait-ms 5000 a.test b.test wrong-question.c.test d.test stall.e.test f.test
  assert_count "$output" 'right=yes' 4
  assert_count "$output" 'rcode=2 ' 2
  healthy
}

# --- answers that are odd, and right ----------------------------------------------------------------------

@test "faults: an answer that comes twice is given once" {
  one --mode twice
  run -1 raw udp --count 2 --wait-ms 1000 a.test
  assert_count "$output" 'right=yes' 1
  run -1 raw tcp --count 3 --wait-ms 1000 a.test b.test
  assert_count "$output" 'right=yes' 2
}

@test "faults: a question spelled otherwise is the question" {
  one --mode upper
  run -0 raw udp MiXeD.tEsT
  assert_has "$output" 'name=MiXeD.tEsT. .*right=yes'
}

@test "faults: an upstream without EDNS" {
  one --mode noopt
  run -0 raw udp a.test,edns=0
  assert_has "$output" 'right=yes .*opt=yes'
  run -0 raw udp a.test
  assert_has "$output" 'right=yes whole=yes'
}

@test "faults: an OPT that is not the last record" {
  one --mode optfirst
  run -0 raw udp a.test,edns=0
  assert_has "$output" 'an=1 ns=0 ar=2 .*right=yes .*whole=yes'
  run -0 raw udp a.test
  assert_has "$output" 'an=1 ns=0 ar=1 .*right=yes .*whole=yes'
}

@test "faults: a truncated answer over TLS reaches the client as truncated" {
  one --mode tc
  run -0 raw udp a.test
  assert_has "$output" 'flags=qr,tc,'
}

@test "faults: an upper half of an rcode reaches those who have EDNS" {
  one --mode xrcode-23
  run -0 raw udp a.test,edns=0
  assert_has "$output" 'xrcode=23'
  run -0 raw udp a.test
  assert_has "$output" 'rcode=2 .*ar=0'
}

# --- connections ------------------------------------------------------------------------------------------

# connection_mend [--SETTING VALUE]...: the first upstream's connections are bad.
connection_mend() {
  two "$@"
  assert_resolves one.test
  assert_resolves two.test
  run -0 raw tcp --wait-ms 5000 three.test four.test
  assert_count "$output" 'right=yes' 2
  (($(faultup_stat bad connections) > 0)) || fail "the bad upstream was not tried"
}

# connection_suffer [--SETTING VALUE]...: they are bad, and all there is.
connection_suffer() {
  # One worker, so that it meets all the silences that make an upstream count as down.
  WORKERS=1
  one "$@"
  fails one.test
  run -0 raw tcp --wait-ms 5000 two.test,edns=0
  assert_has "$output" 'rcode=2 .*ede=2[23]'
  assert_has "$(dotward_log)" 'upstream down upstream=bad .*why="[^"]+"'
}

@test "faults: accepted and never heard of again, second upstream" {
  connection_mend --mute-accept
}

@test "faults: accepted and never heard of again, alone" {
  connection_suffer --mute-accept
}

@test "faults: silent after the handshake, second upstream" {
  connection_mend --mute
}

@test "faults: silent after the handshake, alone" {
  connection_suffer --mute
}

@test "faults: reset at once, second upstream" {
  connection_mend --reset
}

@test "faults: reset at once, alone" {
  connection_suffer --reset
}

@test "faults: reset after the handshake, second upstream" {
  connection_mend --reset-after-handshake
}

@test "faults: reset after the handshake, alone" {
  connection_suffer --reset-after-handshake
}

@test "faults: a TLS alert in the handshake, second upstream" {
  connection_mend --alert
}

@test "faults: a TLS alert in the handshake, alone" {
  connection_suffer --alert
}

@test "faults: a handshake slower than its limit, second upstream" {
  connection_mend --handshake-delay-ms $((1500 * PATIENCE))
}

@test "faults: a handshake slower than one attempt, but in time, is waited for" {
  FORWARD="timeout_ms = $(patient 4000); attempt_timeout_ms = $(patient 300); handshake_timeout_ms = $(patient 3000);"
  one --handshake-delay-ms $((900 * PATIENCE))
  assert_resolves patient.test
}

@test "faults: an upstream that comes back is used again" {
  # One worker: what another has not seen go down does not come up there either.
  WORKERS=1
  one --reset
  fails one.test
  faultup_say bad set reset 0 >/dev/null
  wait_for 8 resolves two.test
  assert_has "$(dotward_log)" 'upstream up upstream=bad'
}

@test "faults: an upstream that is restarted is used again" {
  one
  assert_resolves one.test
  local port=$bad_port
  end "$bad_pid"
  fails two.test
  faultup_start bad --port "$port"
  wait_for 8 resolves three.test
}

@test "faults: a connection closed after each answer costs no answer" {
  one --close-after 1
  local i
  for i in 1 2 3 4 5; do
    assert_resolves "q$i.test"
  done
  run -0 raw tcp --wait-ms 5000 a.test b.test c.test
  assert_count "$output" 'right=yes' 3
  assert_lacks "$(dotward_log)" 'upstream down'
}

@test "faults: connections closed after some answers cost none of a load" {
  one --close-after 50
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 2000 --window 20 --prefix closing
  assert_has "$output" '"right":2000,"wrong":0'
}

@test "faults: connections closed without a word cost none of a load" {
  one --close-after 50 --abrupt
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 2000 --window 20 --prefix abrupt
  assert_has "$output" '"right":2000,"wrong":0'
}

@test "faults: an idle connection that the upstream closes is no failure" {
  one --idle-close-ms 100
  assert_resolves one.test
  closed() {
    [[ $(faultup_stat bad open) == 0 ]]
  }
  wait_for 5 closed
  assert_resolves two.test
  assert_lacks "$(dotward_log)" 'upstream down'
  assert_lacks "$(dotward_log)" '^(error|warn)'
}

@test "faults: questions on a connection that dies are asked elsewhere at once" {
  two --mode stall
  # three questions wait on the bad upstream; then their connection goes
  raw udp --wait-ms 3000 a.test b.test c.test >"$BATS_TEST_TMPDIR/answers" 3>&- &
  local client=$!
  waiting() {
    [[ $(faultup_stat bad queries) == 3 ]]
  }
  wait_for 5 waiting
  faultup_say bad close >/dev/null
  wait "$client"
  assert_count "$(cat "$BATS_TEST_TMPDIR/answers")" 'right=yes' 3
}

@test "faults: a connection that falls silent is not asked for ever" {
  two --silent-after 3
  local i
  for i in 1 2 3 4 5 6 7 8; do
    assert_resolves "q$i.test"
  done
}

@test "faults: answers in reverse order find their questions" {
  one --reverse
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 2000 --window 100 --prefix reverse
  run -0 "$HELPERS/dload" tcp 127.0.0.1 "$PORT" --questions 2000 --window 100 --sockets 5 --prefix reverse-tcp
}

@test "faults: answers at random times find their questions" {
  one --jitter-ms 30
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 3000 --window 200 --prefix jitter
  run -0 "$HELPERS/dload" tcp 127.0.0.1 "$PORT" --questions 3000 --window 200 --sockets 10 --prefix jitter-tcp
}

@test "faults: many answers in one record are all taken" {
  one --join --reverse
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 5000 --window 500 --prefix join
}

@test "faults: answers that trickle, a record for each byte, are taken" {
  one --trickle
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 100 --window 10 --prefix trickle
  run -0 raw tcp "big-20000.test,TXT"
  assert_has "$output" 'rcode=0 .*whole=yes'
}

@test "faults: TLS 1.2, answers in reverse and connections closed, all at once" {
  one --tls 1.2 --reverse --close-after 100
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 2000 --window 50 --prefix twelve
}

@test "faults: several addresses of one upstream are tried in turn" {
  faultup_start bad --mode stall
  faultup_start good --address 127.0.0.2 --port "$bad_port"
  dotward_config "{ name = \"two\"; addresses = [ \"127.0.0.1\", \"127.0.0.2\" ]; port = $bad_port;
    auth_name = \"upstream.test\"; ca_file = \"$CERTS/ca.pem\"; }"
  dotward_start
  assert_resolves one.test
  end "$bad_pid"
  assert_resolves two.test
}

# A cold name may take longer than an attempt; where there is nobody else to ask, the answer that comes late is the answer.
@test "faults: a lone upstream that is slower than an attempt is waited for" {
  WORKERS=1
  one
  assert_resolves slow-900.cold.test
  assert_equal "$(faultup_stat bad connections)" 1
}
