#!/usr/bin/env bats
# A family of addresses that leads nowhere (packets are dropped, nothing says so), and all that can be wrong with upstreams beside
# it: nobody who asks waits for any time limit, from the first question on. They are not hedged here: nothing else helps.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
  # Where there is only one family, an address of it that leads nowhere.
  NOWHERE=::1
  has_ipv6 || NOWHERE=127.0.0.2
}

teardown() {
  lib_teardown
}

ATTEMPT_MS=$((1500 * PATIENCE))

# The time limits are those of every day; what a question cost that met one would be ATTEMPT_MS and more.
every_day() {
  echo "policy = \"$1\"; hedge = false; timeout_ms = $(patient 5000); attempt_timeout_ms = $ATTEMPT_MS;"
  echo "connect_timeout_ms = $(patient 2000); connect_patience_ms = $((150 * PATIENCE)); handshake_timeout_ms = $(patient 3000);"
}

# mixed NAME: an upstream by the addresses of both families, of which one is dead.
mixed() {
  faultup_start "nowhere_$1" --address "$NOWHERE" --hole 1
  faultup_start "alive_$1"
  local nowhere=nowhere_$1_port alive=alive_$1_port
  echo "{ name = \"$1\"; addresses = [ \"$NOWHERE@${!nowhere}\", \"127.0.0.1@${!alive}\" ];" \
    "auth_name = \"upstream.test\"; ca_file = \"$CERTS/ca.pem\"; }" >"$(lib_dir)/$1.upstream"
}

serve() {
  FORWARD=$(every_day "$1") MORE='cache: { size = "0"; };'
  shift
  dotward_config "$@"
  dotward_start
}

# From the first moment on: the slowest of 300 waits for half of the first time limit at most.
assert_nobody_waits() {
  needs_speed
  QPS=200 pace_begin --seconds 2 --slow-ms 0 --prefix "${1:-first}"
  pace_end
  assert_nothing_lost
  (($(seen asked) >= 300 / PATIENCE)) || fail "too few: $output"
  (($(seen max_ms | cut -d. -f1) < ATTEMPT_MS / 2)) || fail "a question felt it: $output"
}

# dead_family POLICY: one upstream with addresses of both families.
dead_family() {
  mixed both
  serve "$1" "$(<"$(lib_dir)/both.upstream")"
  assert_nobody_waits
}

@test "family: a dead family of one upstream is not felt: fastest" {
  dead_family fastest
}

@test "family: a dead family of one upstream is not felt: sequential" {
  dead_family sequential
}

@test "family: a dead family of one upstream is not felt: round-robin" {
  dead_family round-robin
}

# all_that_is_wrong POLICY: whoever is first in the list is dead, and the last one is half alive.
all_that_is_wrong() {
  faultup_start dead --address "$NOWHERE" --hole 1
  faultup_start failing --mode servfail
  faultup_start expired --with expired
  gone_port=$(free_port)
  mixed both
  serve "$1" "{ name = \"dead\"; addresses = [ \"$NOWHERE@$dead_port\" ]; auth_name = \"upstream.test\"; ca_file = \"$CERTS/ca.pem\"; }" \
    "$(upstream failing "$failing_port")" "$(upstream expired "$expired_port")" "$(upstream gone "$gone_port")" \
    "$(<"$(lib_dir)/both.upstream")"
  assert_nobody_waits
}

@test "family: all that can be wrong is not felt: fastest" {
  all_that_is_wrong fastest
}

@test "family: all that can be wrong is not felt: sequential" {
  all_that_is_wrong sequential
}

@test "family: all that can be wrong is not felt: round-robin, and told in words" {
  : "${DOTWARDCTL:?set DOTWARDCTL to the built dotwardctl}"
  local name
  all_that_is_wrong round-robin
  for name in dead failing expired gone both; do
    wait_for 5 logged "upstream down upstream=$name "
  done
  # Not even when all are tried again.
  assert_nobody_waits later
  output=$("$DOTWARDCTL" --socket "$(lib_dir)/dotward.control" upstreams)
  assert_has "$output" "^problem: dead .*: no connection within $(patient 2000) ms, "
  assert_has "$output" '^problem: failing .*: answers SERVFAIL or REFUSED to what other upstreams answer, '
  assert_has "$output" '^problem: expired .*: .*certificate expired on '
  assert_has "$output" '^problem: gone .*: Connection refused, '
  assert_has "$output" "^problem: both .*@$nowhere_both_port: no connection within $(patient 2000) ms, "
  assert_count "$output" '^problem: ' 5
}
