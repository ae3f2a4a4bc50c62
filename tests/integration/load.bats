#!/usr/bin/env bats
# A hundred thousand questions, a thousand in flight: each answered once, with its own answer, over at most two connections of each worker.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

# QUESTIONS may be set lower where every instruction costs (sanitizers, valgrind).
QUESTIONS=${QUESTIONS:-100000}

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

serve() {
  faultup_start up "$@"
  WORKERS=2
  # No time limit may help or hurt here: what is lost must stay lost.
  FORWARD="timeout_ms = 20000; attempt_timeout_ms = 20000; hedge = false;"
  dotward_config "$(upstream up "$up_port")"
  dotward_start
}

# load udp|tcp ADDRESS [DLOAD OPTION]...
load_it() {
  local how=$1 at=$2
  shift 2
  run "$HELPERS/dload" "$how" "$at" "$PORT" --questions "$QUESTIONS" --window 1000 --timeout-ms $((10000 * PATIENCE)) --prefix "$how" "$@"
  echo "# $how: $output" >&3
  assert_has "$output" "\"right\":$QUESTIONS,\"wrong\":0,.*\"lost\":0,\"duplicate\":0,\"stranger\":0,\"errors\":0"
  assert_equal "$status" 0
  (($(faultup_stat up max_open) <= 4)) || fail "$(faultup_stat up max_open) upstream connections at once, with 2 workers"
  assert_equal "$(faultup_stat up queries)" "$QUESTIONS" "questions asked upstream"
  assert_equal "$(faultup_stat up unpadded)" 0
}

@test "load: UDP, one client, 1000 in flight" {
  serve
  load_it udp 127.0.0.1
}

@test "load: UDP, 50 clients with EDNS over IPv6, 1000 in flight" {
  has_ipv6 || skip "no IPv6"
  serve
  load_it udp ::1 --sockets 50 --opt
}

@test "load: TCP, 50 connections, 1000 in flight" {
  serve
  load_it tcp 127.0.0.1 --sockets 50
}

@test "load: UDP and TCP at once, answers out of order" {
  serve --jitter-ms 5
  local half=$((QUESTIONS / 10)) tcp=0
  "$HELPERS/dload" tcp 127.0.0.1 "$PORT" --questions "$half" --window 200 --sockets 20 --prefix both-tcp >"$BATS_TEST_TMPDIR/tcp" 3>&- &
  local other=$!
  run "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions "$half" --window 200 --prefix both-udp
  wait "$other" || tcp=$?
  assert_equal "$status $tcp" "0 0" "$output $(cat "$BATS_TEST_TMPDIR/tcp")"
}

@test "load: questions share records on their way up" {
  serve
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 10000 --window 500
  (($(faultup_stat up records) < 9000)) || fail "$(faultup_stat up records) records for 10000 questions"
}

@test "load: both workers share the work" {
  serve
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 2000 --window 100
  run -0 "$HELPERS/dload" tcp 127.0.0.1 "$PORT" --questions 2000 --window 100 --sockets 20
  (($(faultup_stat up max_open) >= 2)) || fail "only $(faultup_stat up max_open) connection upstream for two workers"
}
