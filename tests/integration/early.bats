#!/usr/bin/env bats
# TLS 1.3 early data: questions that go with the handshake, on request, to an upstream that was verified before. faultup counts
# them where it finds them: in the early data, and before the handshake is done.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

UP=(--early-data)

# serve [TEXT]: with TEXT added to the upstream's entry. Connections that idle for so short a time are not kept warm, so a question
# that follows a pause opens its own, with a ticket of the one before.
serve() {
  faultup_start up --tls 1.3 "${UP[@]}"
  WORKERS=${WORKERS:-1} dotward_config "$(upstream up "$up_port" "auth_name = \"upstream.test\"; ca_file = \"$CERTS/ca.pem\"; idle_timeout_ms = 900; ${1-early_data = true;}")"
  dotward_start -o cache.size=\"0\"
  assert_resolves first.test
  rested
}

is_closed() {
  assert_equal "$(faultup_stat up open)" 0 2>/dev/null
}

# All connections are closed, by the upstream.
rested() {
  faultup_say up close
  wait_for 5 is_closed
}

stats() {
  run -0 "$DOTWARDCTL" -s "$BATS_TEST_TMPDIR/dotward.control" --json stats
}

@test "early: the question goes with the handshake, time and again, each asked once" {
  serve
  for round in 1 2 3 4 5; do
    assert_resolves "again$round.test"
    assert_equal "$(faultup_stat up early)" "$round"
    rested
  done
  assert_equal "$(faultup_stat up queries)" 6
  assert_equal "$(faultup_stat up handshakes)" 6
  assert_equal "$(faultup_stat up resumed)" 5
  assert_equal "$(faultup_stat up offered_again)" 0 "tickets offered twice"
  stats
  assert_has "$output" '"upstream_early": *5[,}]'
  assert_has "$output" '"upstream_early_refused": *0[,}]'
  run -0 "$DOTWARDCTL" -s "$BATS_TEST_TMPDIR/dotward.control" upstreams
  assert_has "$output" 'early'
}

@test "early: what comes behind the first flight follows it, and is asked once, too" {
  serve
  QPS=200 pace_begin --seconds $((2 * PATIENCE))
  for _ in 1 2 3 4 5 6; do
    wait_for 5 resolves more.test
    faultup_say up close
  done
  pace_end
  assert_nothing_lost
  (($(faultup_stat up early) > 0)) || fail "nothing went early"
}

@test "early: refused, it follows behind the handshake, asked once as the upstream counts" {
  UP=(--early-refuse)
  serve
  for round in 1 2 3; do
    assert_resolves "again$round.test"
    assert_equal "$(faultup_stat up early_offered)" "$round"
    rested
  done
  assert_equal "$(faultup_stat up early)" 0
  assert_equal "$(faultup_stat up queries)" 4
  assert_equal "$(faultup_stat up handshakes)" 4
  stats
  assert_has "$output" '"upstream_early": *0[,}]'
  assert_has "$output" '"upstream_early_refused": *3[,}]'
}

@test "early: an upstream that forgot its tickets: a full handshake, and the question behind it" {
  serve
  faultup_say up forget
  assert_resolves again.test
  assert_equal "$(faultup_stat up early_offered)" 1
  assert_equal "$(faultup_stat up early)" 0
  assert_equal "$(faultup_stat up resumed)" 0
  assert_equal "$(faultup_stat up queries)" 2
}

@test "early: who breaks off over it is asked without, at once, and is not down for that" {
  UP=(--early-data --early-break)
  serve
  assert_resolves again.test
  assert_equal "$(faultup_stat up early_offered)" 1
  rested
  for round in 1 2 3; do
    assert_resolves "more$round.test"
    rested
  done
  assert_equal "$(faultup_stat up early_offered)" 1
  assert_lacks "$(dotward_log)" 'upstream down'
}

@test "early: not to a server whose tickets do not allow it" {
  UP=()
  serve
  assert_resolves again.test
  assert_equal "$(faultup_stat up resumed)" 1
  assert_equal "$(faultup_stat up early_offered)" 0
}

@test "early: not in TLS 1.2" {
  UP=(--early-data --tls 1.2)
  serve
  assert_resolves again.test
  assert_equal "$(faultup_stat up resumed)" 1
  assert_equal "$(faultup_stat up early_offered)" 0
  stats
  assert_has "$output" '"upstream_early": *0[,}]'
  assert_has "$output" '"upstream_early_refused": *0[,}]'
}

@test "early: off by default" {
  serve ''
  assert_resolves again.test
  assert_equal "$(faultup_stat up resumed)" 1
  assert_equal "$(faultup_stat up early_offered)" 0
  assert_equal "$(faultup_stat up queries)" 2
}

@test "early: not to another server with a certificate that is not trusted" {
  serve
  end "$up_pid"
  faultup_start up --with untrusted --tls 1.3 --early-data --port "$up_port"
  resolves again.test && fail "an answer of a stranger"
  assert_equal "$(faultup_stat up early_offered)" 1
  assert_equal "$(faultup_stat up early)" 0
  assert_equal "$(faultup_stat up queries)" 0
}
