#!/usr/bin/env bats
# A single upstream that behaves badly, as some do: no client sees it. The questions are few here; tests/bench/rough asks ten thousand.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load rough

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

# rough WHICH [DPACE OPTION]...: 200 questions a second (or QPS) for three seconds, each answered rightly and in time.
rough() {
  local settings
  mapfile -t settings < <(rough_settings "$1")
  shift
  faultup_start up "${settings[@]}"
  HEDGE=true dotward_config "$(upstream up "$up_port")"
  dotward_start
  QPS=${QPS:-200} pace_begin --slow-ms 0 --seconds 3 "$@"
  pace_end
  assert_nothing_lost
}

@test "rough: an upstream that closes after every answer" {
  # each takes a handshake, of both sides
  QPS=100 rough closes-each
  (($(faultup_stat up connections) > $(seen asked) / 3)) || fail "it did not close"
}

@test "rough: an upstream that closes in the middle of a length" {
  needs_speed
  rough cuts-length
  (($(faultup_stat up connections) > 4)) || fail "it did not close"
}

@test "rough: an upstream that resets connections" {
  needs_speed
  rough resets
  (($(faultup_stat up connections) > 4)) || fail "it did not reset"
}

@test "rough: an upstream that answers out of order, with up to 200 ms" {
  rough jitter
  (($(faultup_stat up max_outstanding) > 5)) || fail "nothing was outstanding"
}

@test "rough: an upstream that stops reading" {
  rough deaf
  # A connection hears a hundred questions.
  (($(faultup_stat up connections) > $(seen asked) / 150)) || fail "nobody noticed"
}

@test "rough: an upstream that joins all answers in one record" {
  rough joins
}

@test "rough: an upstream with TLS 1.2 and without tickets" {
  rough no-tickets
  assert_equal "$(faultup_stat up tls13)" 0
  assert_equal "$(faultup_stat up resumed)" 0
}

# Questions between which it closes: none of them waits for a handshake.
@test "rough: an upstream that closes after 1.5 s idle" {
  local i
  mapfile -t settings < <(rough_settings closes-idle)
  faultup_start up "${settings[@]}"
  WORKERS=1 HEDGE=true dotward_config "$(upstream up "$up_port")"
  dotward_start -o log.level=debug
  for i in 1 2 3; do
    assert_resolves "pause-$i.test"
    sleep 2
  done
  assert_resolves last.test
  (($(faultup_stat up connections) >= 3)) || fail "it did not close"
  (($(dotward_log | grep -c 'asks upstream=.* tls=TLS1.3') >= 3)) || fail "questions waited for handshakes"
  assert_lacks "$(dotward_log | without_sandbox_warning)" ' (warn|error) '
}

# Must not cost anybody anything: nobody had asked yet.
@test "rough: a connection is there before the first question" {
  faultup_start up
  WORKERS=2 dotward_config "$(upstream up "$up_port")"
  dotward_start
  wait_for 3 shaken 2
  assert_resolves first.test
  assert_equal "$(faultup_stat up connections)" 2
}

shaken() {
  [[ $(faultup_stat up handshakes) == "$1" ]]
}

# busier: sets BUSY to the upstream with more questions.
busier() {
  BUSY=one
  (($(faultup_stat two queries) <= $(faultup_stat one queries))) || BUSY=two
}

# goes SIGNAL: two upstreams, and the busier one goes: nobody waits for long.
goes() {
  local pid
  needs_speed
  faultup_start one
  faultup_start two
  FORWARD='policy = "fastest";' dotward_config "$(upstream one "$one_port")" "$(upstream two "$two_port")"
  dotward_start
  QPS=1000 pace_begin --slow-ms 0 --seconds 4
  wait_for 5 enough
  busier
  pid=${BUSY}_pid
  kill -"$1" "${!pid}"
  pace_end
  kill -CONT "${!pid}" || true
  assert_nothing_lost
  local most
  most=$(seen max_ms)
  ((${most%.*} < 600 * PATIENCE)) || fail "somebody waited for $most ms"
}

enough() {
  (($(faultup_stat one queries) + $(faultup_stat two queries) > 1000))
}

@test "rough: the busier of two upstreams is killed" {
  goes KILL
}

@test "rough: the busier of two upstreams is stopped" {
  goes STOP
}
