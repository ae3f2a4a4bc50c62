#!/usr/bin/env bats
# Which workers are given questions: one when there are few, so that its connection upstream stays open, and all when there are
# many.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

serve() {
  WORKERS=${WORKERS:-8}
  STEERING=${STEERING:-auto}
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  dotward_start -o log.level=info "$@"
}

connections() {
  faultup_stat up connections
}

@test "steering: few questions are for one worker of eight, and one connection does for them" {
  needs_speed
  serve
  QPS=$((20 * PATIENCE)) pace_begin --seconds $((4 * PATIENCE))
  pace_end
  assert_nothing_lost
  assert_equal "$(connections)" 1 "connections upstream"
  # by TCP as well, each from a client of its own
  local n
  for ((n = 0; n < 16; n++)); do
    raw tcp "tcp$n.test" | grep -q 'right=yes'
  done
  assert_equal "$(connections)" 1 "connections upstream"
}

@test "steering: steering = \"all\" gives every worker its part" {
  STEERING=all serve
  QPS=$((40 * PATIENCE)) pace_begin --seconds $((2 * PATIENCE))
  pace_end
  assert_nothing_lost
  (($(connections) >= 6)) || fail "only $(connections) connections"
}

@test "steering: when there is suddenly much to do all get their part, within half a second, and nothing is lost" {
  needs_speed
  WORKERS=4 serve
  assert_resolves
  local begun line
  begun=$(now_ms)
  QPS=4000 pace_begin --seconds $((3 * PATIENCE))
  wait_for 3 logged 'workers that are given questions: 4, before 1'
  local took=$(($(now_ms) - begun))
  pace_end
  assert_nothing_lost
  ((took < 700 * PATIENCE)) || fail "it took $took ms"
  (($(connections) >= 4)) || fail "only $(connections) connections"
  # a new generation begins as wide as this one was needed
  QPS=3000 pace_begin --seconds $((3 * PATIENCE))
  sleep 1.5
  kill -HUP "$DOTWARD_PID"
  wait_for 5 logged ' reloaded '
  pace_end
  assert_nothing_lost
  line=$(dotward_log | sed -n '/ reloaded /,$p')
  assert_lacks "$line" 'before 1 '
}

@test "steering: the one that is given all is killed again and again, and nothing is lost" {
  needs_speed
  KILLS=yes
  WORKERS=3 serve
  QPS=$((100 * PATIENCE)) pace_begin --seconds $((4 * PATIENCE)) --kill "$DOTWARD_PID" --every-ms $((200 * PATIENCE))
  pace_end
  assert_nothing_lost
  (($(seen kills) >= 10)) || fail "only $(seen kills) kills"
}

@test "steering: a worker that is out for a while is not waited for" {
  needs_speed
  KILLS=yes
  WORKERS=3 serve
  local n
  for ((n = 0; n < 3; n++)); do
    kill -ABRT "$(slot_pid 0)"
    wait_for 5 died $((n + 1))
    ((n == 2)) || wait_for 5 served_by_0
  done
  # two seconds until the next birth
  for ((n = 0; n < 20; n++)); do
    raw udp --wait-ms 400 "out$n.test" | grep -q 'right=yes' || fail "question $n was not answered"
  done
}

# slot_pid SLOT: the worker born there last.
slot_pid() {
  dotward_log | sed -nE "s/.*worker born slot=$1 pid=([0-9]+).*/\1/p" | tail -n 1
}

died() {
  (($(dotward_log | grep -c 'worker died slot=0') >= $1))
}

served_by_0() {
  (($(dotward_log | grep -c 'worker born slot=0') > $(dotward_log | grep -c 'worker died slot=0'))) && sleep 0.2
}
