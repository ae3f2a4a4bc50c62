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
  [[ $(counter queries) == "$1" ]]
}

# ask COUNT WANTED [OPTION]...: so many questions at once, from 127.0.0.1 unless an option says otherwise, of which that many or
# hardly more are to be answered. Their answers are in $output.
TOTAL=0
ask() {
  local count=$1 wanted=$2
  shift 2
  output=$(raw udp --repeat "$count" --count "$wanted" --wait-ms 5000 "$@" one.test)
  TOTAL=$((TOTAL + count))
  wait_for 5 asked "$TOTAL"
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
  ask 60 20
  assert_has "$output" 'right=yes'
  assert_burst "$(counter answered)" 20
  assert_equal "$(($(counter answered) + $(counter rate_dropped)))" 60
  assert_equal "$(counter rate_slipped)$(counter rate_refused)" 00
  logged 'questions in excess of limits.rate networks=1 ' || fail "nothing is said"
  assert_lacks "$(dotward_log)" 'latest='
  # the next network has one of its own, and one of another family as well
  ask 30 20 --from 127.0.1.1
  assert_burst "$(counter answered)" 40
  has_ipv6 || return 0
  RAW_ADDRESS=::1 ask 30 20
  assert_burst "$(counter answered)" 60
}

@test "rate: networks are as large as the configuration says, and log.queries names them" {
  MORE='log: { queries = true; };'
  limited "$RATE ipv4_prefix = 31;"
  ask 30 20 --from 127.0.0.4
  ask 30 0 --from 127.0.0.5
  assert_burst "$(counter answered)" 20
  ask 30 20 --from 127.0.0.6
  assert_burst "$(counter answered)" 40
  logged 'questions in excess of limits.rate .* latest=127\.0\.0\.4/31' || fail "the network is not named"
}

@test "rate: who is told to come by TCP does, and has an allowance there" {
  needs_speed
  limited 'queries_per_second = 1; burst = 5; slip = 1;'
  ask 20 20
  assert_burst "$(grep -c 'right=yes' <<<"$output")" 5
  assert_equal "$(grep -c ' flags=[a-z,]*tc' <<<"$output")" "$(counter rate_slipped)"
  run -0 q one.test
  assert_has "$output" 'Truncated, retrying in TCP mode'
  assert_has "$output" 'status: NOERROR'
  assert_has "$output" 'ANSWER: 1'
  # there the excess is refused, with the reason
  run -0 raw tcp --repeat 30 one.test,TYPE1,edns=0
  assert_burst "$(grep -c 'right=yes' <<<"$output")" 4
  assert_has "$output" 'rcode=5 .*ede=0 ede_text="?too many questions'
  assert_equal "$(counter rate_dropped)" 0
  assert_equal "$(counter rate_refused)" "$(grep -c 'rcode=5' <<<"$output")"
}

@test "rate: who knows cookies is given one, and has an allowance with it" {
  needs_speed
  limited 'queries_per_second = 1; burst = 5; slip = 1;'
  ask 20 20
  run -0 q +cookie one.test
  assert_has "$output" 'BADCOOKIE, retrying'
  assert_has "$output" 'COOKIE: [0-9a-f]+ \(good\)'
  assert_has "$output" 'status: NOERROR'
  assert_has "$output" 'flags: qr rd ra; QUERY: 1, ANSWER: 1'
  assert_equal "$(counter queries_tcp)" 0
}

@test "rate: the exempt, and no others; loopback is not, unless it is listed" {
  limited "$RATE exempt = [ \"127.0.9.0/24\", \"::1\" ];"
  ask 60 60 --from 127.0.9.7
  assert_count "$output" 'right=yes' 60
  if has_ipv6; then
    RAW_ADDRESS=::1 ask 60 60
    assert_count "$output" 'right=yes' 60
  fi
  assert_equal "$(counter rate_dropped)" 0
  ask 60 20
  assert_burst "$((60 - $(counter rate_dropped)))" 20
}

@test "rate: a reload keeps what is used up, and takes up other limits" {
  needs_speed
  limited
  ask 60 20
  ctl reload
  ask 30 0
  assert_burst "$(counter answered)" 20
  sed -i 's/burst = 20/burst = 10/' "$CONFIG"
  ctl reload
  local before
  before=$(counter answered)
  ask 30 10
  assert_burst "$(($(counter answered) - before))" 10
  sed -i 's/queries_per_second = 1;/queries_per_second = 0;/' "$CONFIG"
  ctl reload
  ask 60 60
  assert_count "$output" 'right=yes' 60
  # a mistake changes nothing
  sed -i 's/queries_per_second = 0;/queries_per_second = 1000001;/' "$CONFIG"
  run -1 ctl reload
  assert_has "$output" 'limits.rate.queries_per_second = 1000001: at most 1000000'
  ask 60 60
  assert_count "$output" 'right=yes' 60
}

@test "rate: a worker that dies leaves the buckets as they were" {
  KILLS=yes
  WORKERS=1
  limited
  ask 60 20
  kill -KILL "$(workers)"
  wait_for 10 another_worker
  ask 30 0
  assert_burst "$(counter answered)" 20
}

another_worker() {
  (($(dotward_log | grep -c 'worker born') > 1))
}

@test "response rate: what is the same, by UDP; TCP has it all" {
  limited 'queries_per_second = 0;' 'per_second = 10; slip = 1;'
  ask 200 200
  local whole
  whole=$(grep -c 'right=yes' <<<"$output")
  ((whole >= 10 && whole < 200)) || fail "$whole whole answers"
  assert_equal "$(counter rrl_slipped)" "$((200 - whole))"
  assert_equal "$(counter truncated)" "$((200 - whole))"
  # another name is another answer
  run -0 raw udp other.test
  assert_has "$output" 'right=yes'
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
