#!/usr/bin/env bats
# The log: at debug a question can be followed there and back; nobody's name or address is written down unless log.queries says so.
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

@test "log: at debug a question can be followed from client to upstream and back" {
  serve --log-level debug -o log.queries=true
  assert_resolves follow-me.test
  local number lines
  number=$(dotward_log | grep 'follow-me' | sed -nE 's/.* q=([0-9]+).*/\1/p' | head -n 1)
  [[ -n $number ]] || fail "no line with q=N names it: $(dotward_log)"
  lines=$(dotward_log | grep -E " q=$number( |\$)")
  (($(wc -l <<<"$lines") >= 3)) || fail "too few lines for q=$number: $lines"
  assert_has "$lines" '127\.0\.0\.1'
  assert_has "$lines" 'upstream=up'
  assert_has "$lines" 'TLS1\.[23]'
  assert_has "$lines" 'bytes=[0-9]+'
  assert_has "$lines" 'NOERROR'
}

@test "log: two questions to one worker have two numbers" {
  WORKERS=1
  serve --log-level debug -o log.queries=true
  assert_resolves one.test
  assert_resolves two.test
  local first second
  first=$(dotward_log | grep 'one\.test' | sed -nE 's/.* q=([0-9]+).*/\1/p' | head -n 1)
  second=$(dotward_log | grep 'two\.test' | sed -nE 's/.* q=([0-9]+).*/\1/p' | head -n 1)
  [[ -n $first && -n $second && $first != "$second" ]] || fail "q=$first and q=$second"
}

@test "log: neither a name nor a client is written, whatever happens" {
  local level
  for level in debug info notice; do
    DOTWARD_NAME=dotward-$level
    PORT=
    faultup_start up
    dotward_config "$(upstream up "$up_port")"
    dotward_start --log-level "$level" -o 'access.deny=["127.0.0.3/32"]'
    raw udp --from 127.0.0.2 --wait-ms 500 private.test nxdomain.private.test servfail.private.test wrong-question.private.test >/dev/null || true
    raw tcp --from 127.0.0.2 --wait-ms 500 garbage.private.test private.test,cut=1 >/dev/null || true
    raw udp --from 127.0.0.3 --wait-ms 500 private.test >/dev/null || true
    dotward_stop
    assert_lacks "$(dotward_log)" 'private'
    assert_lacks "$(dotward_log)" '127\.0\.0\.[23]'
  done
}

@test "log: log.queries brings names and clients to the log" {
  serve -o log.queries=true --log-level info
  raw udp --from 127.0.0.2 wanted.test >/dev/null
  wait_for 2 logged 'wanted\.test'
  assert_has "$(dotward_log)" '127\.0\.0\.2'
}

@test "log: a name cannot write into the log" {
  serve --log-level debug -o log.queries=true
  # a label with a line feed, a quote and an escape
  raw udp hex:000301000001000000000000080a22411b5b6d5c2200010001 hex:0004010000010000000000000a0a77617277617277617200010001 --wait-ms 500 >/dev/null || true
  assert_lacks "$(dotward_log)" $'\x1b'
  assert_lacks "$(dotward_log)" '^warwarwar'
  assert_lacks "$(dotward_log)" '^"A'
}

@test "log: at notice a quiet day has few lines" {
  serve
  local i
  for i in 1 2 3 4 5 6 7 8 9; do
    assert_resolves "q$i.test"
  done
  dotward_stop
  (($(dotward_log | wc -l) <= 12)) || fail "$(dotward_log)"
}

@test "log: an upstream going down and up is one line each, and the line says why" {
  faultup_start up --reset
  WORKERS=1
  dotward_config "$(upstream up "$up_port")"
  dotward_start
  local i
  for i in 1 2 3 4 5 6; do
    raw udp --wait-ms 4000 "q$i.test" >/dev/null || true
  done
  assert_count "$(dotward_log)" 'upstream down upstream=up address=127\.0\.0\.1@[0-9]+ why="[^"]+"' 1
  faultup_say up set reset 0 >/dev/null
  wait_for 8 resolves again.test
  assert_count "$(dotward_log)" 'upstream up upstream=up' 1
}

@test "log: what strangers can cause is rate limited" {
  serve --log-level info
  raw udp --wait-ms 300 --repeat 2000 hex:00 >/dev/null || true
  assert_resolves after.test
  (($(dotward_log | wc -l) < 40)) || fail "$(dotward_log | wc -l) lines"
}

@test "log: to a file, opened anew on SIGUSR1" {
  DOTWARD_NAME=here
  serve -o "log.target=file:$BATS_TEST_TMPDIR/here.log" --log-level debug -o log.queries=true
  assert_resolves before.test
  assert_has "$(cat "$BATS_TEST_TMPDIR/here.log")" 'before\.test'
  mv "$BATS_TEST_TMPDIR/here.log" "$BATS_TEST_TMPDIR/rotated"
  kill -USR1 "$DOTWARD_PID"
  reopened() {
    [[ -e $BATS_TEST_TMPDIR/here.log ]]
  }
  wait_for 3 reopened
  new_line() {
    resolves "after$RANDOM.test" && grep -q 'after.*test' "$BATS_TEST_TMPDIR/here.log"
  }
  wait_for 3 new_line
  # every worker writes to the new one: nothing is added to the old any more
  local size i
  size=$(stat -c %s "$BATS_TEST_TMPDIR/rotated")
  for i in 1 2 3 4 5 6 7 8 9 10; do
    assert_resolves "later$i.test"
  done
  assert_equal "$(stat -c %s "$BATS_TEST_TMPDIR/rotated")" "$size" "size of the rotated file"
}

@test "log: a file that cannot be opened stops it from starting" {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  run -1 dotward -f -c "$CONFIG" -o log.target=file:/nowhere/at/all.log
  assert_has "$output" '/nowhere/at/all\.log'
}

@test "log: workers that gave up root still write to the file" {
  is_root || skip "not root"
  DOTWARD_NAME=here
  serve -o 'user="nobody"' -o "log.target=file:$BATS_TEST_TMPDIR/here.log" --log-level debug -o log.queries=true
  assert_resolves as-nobody.test
  assert_has "$(cat "$BATS_TEST_TMPDIR/here.log")" 'as-nobody\.test'
}
