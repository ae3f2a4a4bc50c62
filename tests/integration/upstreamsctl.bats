#!/usr/bin/env bats
# dotwardctl upstreams: how each upstream address does and what is wrong with it, as the workers know it and as a probe finds it.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
  : "${DOTWARDCTL:?set DOTWARDCTL to the built dotwardctl}"
  command -v jq >/dev/null || skip "no jq"
  SOCKET=$BATS_TEST_TMPDIR/dotward.control
  unset DOTWARD_SOCKET
}

teardown() {
  lib_teardown
}

ctl() {
  "$DOTWARDCTL" --socket "$SOCKET" --timeout "$((5 * PATIENCE))" "$@"
}

# of UPSTREAM FILTER [WORD]...: what it says of the (first) address of the upstream.
of() {
  local name=$1 filter=$2
  shift 2
  ctl --json upstreams "$@" | jq -r --arg name "$name" "[.addresses[] | select(.upstream == \$name)][0] | $filter"
}

is() {
  [[ $(of "$1" "$2") == "$3" ]]
}

@test "upstreams: one that is up" {
  faultup_start up --keepalive 200
  WORKERS=1 dotward_config "$(upstream up "$up_port")"
  dotward_start
  assert_resolves one.test
  assert_resolves two.test
  assert_equal "$(of up '"\(.state) \(.answers) \(.handshakes_full + .handshakes_resumed >= 1) \(.tls) \(.keepalive_ms)"')" \
    'up 2 true TLS1.3 20000'
  assert_equal "$(of up '.seen.keepalive')" true
  assert_equal "$(of up '.latency_us > 0 and .p95_us > 0 and .handshake_us > 0')" true
  assert_equal "$(of up '"\(.connections) \(.in_flight) \(.last_failure)"')" '1 0 null'
  run -0 ctl upstreams
  assert_has "$output" "^up +127\.0\.0\.1@$up_port +up +[0-9.]+ms +[0-9.]+ms +[0-9.]+ms +0 +1 +[0-9]+\+[0-9]+ +0 .*keepalive"
  assert_lacks "$output" '^problem'
}

@test "upstreams: what is wrong with each, in words" {
  faultup_start old --with expired
  faultup_start up
  dotward_config "$(upstream old "$old_port")" "$(upstream gone "$(free_port)")" "$(upstream up "$up_port")"
  dotward_start
  assert_resolves one.test
  assert_equal "$(of old '"\(.state) \(.failures.verify >= 1) \(.last_failure_ago_ms != null)"')" 'down true true'
  assert_equal "$(of gone '"\(.state) \(.failures.connect >= 1) \(.last_failure)"')" 'down true Connection refused'
  assert_equal "$(of up .state)" up
  run -0 ctl upstreams
  assert_has "$output" '^problem: old 127\.0\.0\.1@[0-9]+: .*certificate expired on .*ago; asked again (in [0-9]+s|with the next question) \(verify [0-9]+\)$'
  assert_has "$output" '^problem: gone 127\.0\.0\.1@[0-9]+: Connection refused, [0-9]+s ago; asked again (in [0-9]+s|with the next question) \(connect [0-9]+\)$'
}

@test "upstreams: questions in flight are counted, and connections of a dead worker are not" {
  local worker
  faultup_start up --delay-ms 1500
  FORWARD="hedge = false; timeout_ms = $(patient 8000); attempt_timeout_ms = $(patient 4000);" WORKERS=1 \
    dotward_config "$(upstream up "$up_port")"
  dotward_start
  raw udp --wait-ms 10 slow.test || true
  wait_for 5 is up .in_flight 1
  assert_equal "$(of up .connections)" 1
  wait_for 5 is up .in_flight 0
  # it dies without having noticed that its connection is gone, and its successor cannot have one
  KILLS=yes
  read -r worker _ < <(workers)
  kill -STOP "$worker"
  end "$up_pid" || true
  assert_equal "$(of up .connections)" 1
  kill -KILL "$worker"
  wait_for 5 logged 'worker died'
  wait_for 5 is up .connections 0
}

@test "upstreams: a probe finds out what is wrong, and takes nothing from the workers" {
  faultup_start up
  faultup_start old --with expired
  dotward_config "$(upstream up "$up_port")" "$(upstream old "$old_port")"
  dotward_start
  assert_equal "$(of up '"\(.state) \(.certificate.names) \(.resumes)"' --probe)" 'good upstream.test true'
  assert_equal "$(of old .state --probe)" unverified
  assert_equal "$(of old '.certificate.chain[0].pin' --probe)" "$(cat "$CERTS/expired.pin")"
  run -0 ctl upstreams --probe www.test AAAA
  assert_has "$output" '^1 of 2 addresses are good; asked for www\.test\. AAAA;'
  assert_resolves one.test
  assert_lacks "$(dotward_log)" 'could not be answered|signal='
}

@test "upstreams: a probe that takes long does not keep the master, and gives signs of life" {
  local begun
  faultup_start mute --mute-accept 1
  faultup_start up
  dotward_config "$(upstream mute "$mute_port")" "$(upstream up "$up_port")"
  dotward_start -o forward.handshake_timeout_ms=3000
  "$DOTWARDCTL" --socket "$SOCKET" --timeout 2 --json upstreams --probe >"$BATS_TEST_TMPDIR/answer" 3>&- &
  begun=$(now_ms)
  ctl status >/dev/null
  (($(now_ms) - begun < 1500 * PATIENCE)) || fail "status took $(($(now_ms) - begun)) ms"
  wait $!
  assert_equal "$(jq -r '.status' "$BATS_TEST_TMPDIR/answer")" 1
}

@test "upstreams: as it comes from root, sealed" {
  is_root || skip "needs root"
  needs_sandbox
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  sed -i 's/^user = .*/user = "nobody";/' "$CONFIG"
  dotward_start
  assert_resolves one.test
  assert_equal "$(of up .state)" up
  assert_equal "$(of up .state --probe)" good
  assert_lacks "$(dotward_log)" 'signal='
}

@test "upstreams: words that are none" {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  dotward_start
  run -2 ctl upstreams --probe no..name
  assert_has "$output" 'the name or the type is not one'
  run -2 ctl upstreams --probe www.test NOTYPE
  run -2 ctl upstreams all
  assert_has "$output" 'upstreams --probe \[NAME\] \[TYPE\]'
}
