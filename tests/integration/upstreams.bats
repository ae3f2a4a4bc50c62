#!/usr/bin/env bats
# Upstreams that are of no use beside one that is: who asks notices nothing, the log says once what is wrong with each, and all
# workers know, those to come as well.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

# In turns, so that every upstream is met.
in_turns() {
  FORWARD="$(forward_default) policy = \"round-robin\";"
  FORWARD=${FORWARD/'policy = "sequential";'/}
}

# One family dead, one SERVFAIL to all, one expired, one gone, and one that is well.
serve_among_the_bad() {
  faultup_start dead --address ::1 --mute-accept
  faultup_start alive
  faultup_start failing --mode servfail
  faultup_start expired --with expired
  faultup_start good
  gone_port=$(free_port)
  local named="auth_name = \"upstream.test\"; ca_file = \"$CERTS/ca.pem\";"
  in_turns
  MORE='cache: { size = "0"; };'
  dotward_config \
    "{ name = \"family\"; addresses = [ \"::1@$dead_port\", \"127.0.0.1@$alive_port\" ]; $named }" \
    "$(upstream failing "$failing_port")" "$(upstream expired "$expired_port")" "$(upstream gone "$gone_port")" \
    "$(upstream good "$good_port")"
  dotward_start
}

# is_down NAME WHY: the log says so, once.
is_down() {
  assert_count "$(dotward_log)" "upstream down upstream=$1 .*why=\".*$2" 1
}

has_said() {
  logged "upstream down upstream=$1 "
}

# Until all that is wrong has been found out.
find_out() {
  local name
  QPS=200 pace_begin --seconds 2 --slow-ms 0 --prefix found
  pace_end
  # Not even now a question goes without its answer.
  assert_nothing_lost
  for name in family failing expired gone; do
    wait_for 5 has_said "$name"
  done
}

@test "upstreams: the bad ones beside a good one are not noticed" {
  has_ipv6 || skip "no IPv6 on loopback"
  serve_among_the_bad
  find_out
  # Long enough for the ends of several back-offs.
  QPS=300 pace_begin --seconds 6 --slow-ms 0 --prefix later
  pace_end
  assert_nothing_lost
  # Below what any of them would cost: a handshake without an answer is given up after half a second.
  (($(seen max_ms | cut -d. -f1) < 400 * PATIENCE)) || fail "a question felt it: $output"
  is_down family "no TLS handshake within"
  is_down failing "answers SERVFAIL or REFUSED to what other upstreams answer"
  is_down expired "certificate expired on"
  is_down gone "Connection refused"
  assert_count "$(dotward_log)" "upstream down" 4
  assert_lacks "$(dotward_log)" "upstream up"
}

@test "upstreams: a new worker knows what the old ones have learned" {
  has_ipv6 || skip "no IPv6 on loopback"
  serve_among_the_bad
  find_out
  local before expired failing worker
  before=$(dotward_log | grep -c 'upstream down')
  expired=$(faultup_stat expired connections)
  failing=$(faultup_stat failing queries)
  KILLS=yes
  for worker in $(workers); do
    kill -KILL "$worker"
    wait_for 10 dead "$worker"
    wait_for 10 has_workers 2
  done
  wait_for 10 resolves "first.test"
  QPS=300 pace_begin --seconds 1 --slow-ms 0 --prefix reborn
  pace_end
  assert_nothing_lost
  (($(seen max_ms | cut -d. -f1) < 400 * PATIENCE)) || fail "a question felt it: $output"
  assert_equal "$(dotward_log | grep -c 'upstream down')" "$before" "upstreams down"
  # Of all workers one tries again when the time has come: that is two attempts at most in this time, and not one for each question.
  (($(faultup_stat expired connections) - expired <= 2)) || fail "asked again: $(faultup_say expired stat)"
  (($(faultup_stat failing queries) - failing <= 2)) || fail "asked again: $(faultup_say failing stat)"
}

@test "upstreams: one that comes back is used again" {
  faultup_start first --reset-after-handshake
  faultup_start second
  dotward_config "$(upstream first "$first_port")" "$(upstream second "$second_port")"
  dotward_start -o cache.size=0
  assert_resolves "one.test"
  logged 'upstream down upstream=first '
  assert_equal "$(faultup_stat first queries)" 0
  faultup_say first set reset-after-handshake 0
  # Questions make it look; none of them waits for it.
  back_in_use() {
    resolves "$RANDOM$RANDOM.test" && (($(faultup_stat first queries) > 1))
  }
  wait_for 10 back_in_use
  assert_count "$(dotward_log)" 'upstream up upstream=first ' 1
  local second
  second=$(faultup_stat second queries)
  for _ in {1..10}; do
    assert_resolves "$RANDOM$RANDOM.test"
  done
  assert_equal "$(faultup_stat second queries)" "$second" "questions the second got when the first was well"
}

@test "upstreams: a name keeps to its upstream, over a reload and a restart" {
  local name
  faultup_start one
  faultup_start two
  faultup_start three
  FORWARD="$(forward_default)"
  FORWARD=${FORWARD/sequential/hashed}
  dotward_config "$(upstream one "$one_port")" "$(upstream two "$two_port")" "$(upstream three "$three_port")"
  dotward_start -o cache.size=0
  split() {
    local up
    for up in one two three; do
      faultup_say "$up" reset >/dev/null
    done
    for name in {1..40}; do
      assert_resolves "name$name.test"
    done
    echo "$(faultup_stat one queries) $(faultup_stat two queries) $(faultup_stat three queries)"
  }
  local first again
  first=$(split)
  for name in $first; do
    ((name > 2)) || fail "not spread: $first"
  done
  assert_equal "$(split)" "$first" "the same names again"
  dotward_stop
  # Another order makes no difference.
  dotward_config "$(upstream three "$three_port")" "$(upstream one "$one_port")" "$(upstream two "$two_port")"
  dotward_start -o cache.size=0
  again=$(split)
  assert_equal "$again" "$first" "after a restart in another order"
}
