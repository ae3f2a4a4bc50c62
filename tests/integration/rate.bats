#!/usr/bin/env bats
# Clients that ask too much: how much passes, what the others get, and that nobody else is the worse for it.
#
# A bucket is filled at one a second, the least there is, so that what passes is its burst and hardly more: that for the
# seconds that the test took is counted in.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2034,SC2317

load lib
load ctl

setup() {
  lib_check
  ctl_setup
  RATE='queries_per_second = 1; burst = 20; slip = 0;'
}

teardown() {
  lib_teardown
}

# limited [RATE [RESPONSE_RATE]]: a dotward with these limits.
limited() {
  MORE="${MORE:-} limits: { rate: { ${1-$RATE} }; response_rate: { ${2-} }; };"
  serve
  BEGUN_MS=$(now_ms)
}

asked() {
  [[ $(json .queries stats) == "$1" ]]
}

# ask COUNT [OPTION]...: so many questions from 127.0.0.1 at once, unless an option says otherwise; waits for those that get an answer.
ask() {
  local count=$1
  shift
  raw udp --repeat "$count" --wait-ms $((250 * PATIENCE)) "$@" one.test || true
}

counter() {
  json ".$1" stats
}

# assert_burst COUNTED BURST: that, or as much more as was filled in since.
assert_burst() {
  local filled=$((($(now_ms) - BEGUN_MS) / 1000 + 1))
  (($1 >= $2 && $1 <= $2 + filled)) || fail "$1 instead of $2 to $(($2 + filled))"
}

@test "rate: a network has its burst, whichever worker counts, and the excess is silence" {
  WORKERS=4
  limited
  run -0 ask 60
  assert_burst "$(grep -c 'right=yes' <<<"$output")" 20
  asked 60
  assert_equal "$(counter answered)" "$(grep -c 'right=yes' <<<"$output")"
  assert_equal "$(($(counter answered) + $(counter rate_dropped)))" 60
  assert_equal "$(counter rate_slipped)$(counter rate_refused)" 00
  logged 'questions in excess of limits.rate networks=1 ' || fail "nothing is said"
  assert_lacks "$(dotward_log)" 'latest='
  # the next network has one of its own, and one of another family as well
  run -0 ask 30 --from 127.0.1.1
  assert_burst "$(grep -c 'right=yes' <<<"$output")" 20
  has_ipv6 || return 0
  RAW_ADDRESS=::1 run -0 ask 30
  assert_burst "$(grep -c 'right=yes' <<<"$output")" 20
}

@test "rate: networks are as large as the configuration says, and log.queries names them" {
  MORE='log: { queries = true; };'
  limited "$RATE ipv4_prefix = 31;"
  run -0 ask 30 --from 127.0.0.4
  run -0 ask 30 --from 127.0.0.5
  assert_burst "$(counter answered)" 20
  run -0 ask 30 --from 127.0.0.6
  assert_burst "$(counter answered)" 40
  logged 'questions in excess of limits.rate .* latest=127\.0\.0\.4/31' || fail "the network is not named"
}

@test "rate: who is told to come by TCP does, and has an allowance there" {
  limited 'queries_per_second = 1; burst = 5; slip = 1;'
  run -0 ask 20
  assert_burst "$(grep -c 'right=yes' <<<"$output")" 5
  assert_equal "$(grep -c ' flags=[a-z,]*tc' <<<"$output")" "$(counter rate_slipped)"
  run -0 q one.test
  assert_has "$output" 'Truncated, retrying in TCP mode'
  assert_has "$output" 'status: NOERROR'
  assert_has "$output" 'ANSWER: 1'
  # there the excess is refused, with the reason
  for _ in {1..9}; do
    q +tcp one.test >/dev/null
  done
  run -0 q +tcp one.test
  assert_has "$output" 'status: REFUSED'
  assert_has "$output" 'EDE: 0 .*too many questions'
  assert_equal "$(counter rate_dropped)" 0
}

@test "rate: the exempt, and no others; loopback is not, unless it is listed" {
  limited "$RATE exempt = [ \"127.0.9.0/24\", \"::1\" ];"
  run -0 ask 60 --from 127.0.9.7
  assert_count "$output" 'right=yes' 60
  if has_ipv6; then
    RAW_ADDRESS=::1 run -0 ask 60
    assert_count "$output" 'right=yes' 60
  fi
  run -0 ask 60
  assert_burst "$(grep -c 'right=yes' <<<"$output")" 20
}

@test "rate: a reload keeps what is used up, and takes up other limits" {
  limited
  run -0 ask 60
  ctl reload
  run -0 ask 30
  assert_burst "$(counter answered)" 20
  sed -i 's/burst = 20/burst = 10/' "$CONFIG"
  ctl reload
  BEGUN_MS=$(now_ms)
  run -0 ask 30
  assert_burst "$(grep -c 'right=yes' <<<"$output")" 10
  sed -i 's/queries_per_second = 1;/queries_per_second = 0;/' "$CONFIG"
  ctl reload
  run -0 ask 60
  assert_count "$output" 'right=yes' 60
  # a mistake changes nothing
  sed -i 's/queries_per_second = 0;/queries_per_second = 1000001;/' "$CONFIG"
  run -1 ctl reload
  assert_has "$output" 'limits.rate.queries_per_second = 1000001: at most 1000000'
  run -0 ask 60
  assert_count "$output" 'right=yes' 60
}

@test "rate: a worker that dies leaves the buckets as they were" {
  KILLS=yes
  WORKERS=1
  limited
  run -0 ask 60
  kill -KILL "$(workers)"
  wait_for 10 another_worker
  run -0 ask 30
  assert_burst "$(counter answered)" 20
}

another_worker() {
  (($(dotward_log | grep -c 'worker born') > 1))
}

@test "response rate: what is the same, by UDP; TCP has it all" {
  limited 'queries_per_second = 0;' 'per_second = 10; slip = 1;'
  run -0 ask 200
  local whole
  whole=$(grep -c 'right=yes' <<<"$output")
  (($(counter rrl_slipped) == 200 - whole && whole < 200)) || fail "whole=$whole slipped=$(counter rrl_slipped)"
  assert_equal "$(counter truncated)" "$(counter rrl_slipped)"
  # another name is another answer
  run -0 raw udp other.test
  assert_has "$output" 'right=yes'
  run -0 q one.test
  assert_has "$output" 'status: NOERROR'
  assert_has "$output" 'ANSWER: 1'
  run -0 raw tcp --repeat 100 one.test
  assert_count "$output" 'right=yes' 100
}

@test "fair: one who fills a worker does not keep the others out" {
  WORKERS=1
  MORE='limits: { queries_in_flight = 90; };'
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  sed -i 's/name = "up";/name = "up"; max_outstanding = 200;/' "$CONFIG"
  dotward_start
  faultup_say up set delay-ms $((1000 * PATIENCE))
  "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 200 --window 200 --timeout-ms 300 --prefix greedy >/dev/null 3>&- &
  local greedy=$!
  wait_for 5 greedy_is_refused
  run -0 raw udp --from 127.0.1.1 --wait-ms 5000 modest.test
  assert_has "$output" 'rcode=0 .*right=yes'
  assert_equal "$(counter fair_refused)" 120
  assert_equal "$(counter refused_overload)" 0
  wait "$greedy" || true
}

greedy_is_refused() {
  (($(counter fair_refused) >= 120))
}
