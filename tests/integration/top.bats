#!/usr/bin/env bats
# What is asked for most, and by whom: kept where log.queries says so and nowhere else, over the death of workers and an upgrade.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load ctl

setup() {
  lib_check
  ctl_setup
  STATS='' # the last answer
}

teardown() {
  lib_teardown
}

# stats FILTER: is it so?
stats() {
  STATS=$(ctl --json stats | jq .overview) && jq -e "$1" <<<"$STATS" >/dev/null
}

# With `queries` and `anonymise` as told.
configure() {
  MORE="log: { queries = $1; anonymise = $2; };"
  dotward_config "$(upstream up "$up_port")"
}

begin() {
  faultup_start up
  configure "$@"
  dotward_start
}

@test "top: names in any case, and clients, by how often they were asked for" {
  begin true false
  raw udp often.example often.example OFTEN.example often.example seldom.example
  wait_for 5 stats '.top.names == [{name: "often.example.", count: 4}, {name: "seldom.example.", count: 1}]'
  wait_for 5 stats '.top.clients == [{client: "127.0.0.1", count: 5}]'
  stats '.top.span_s < 60'
}

@test "top: not a word of it without log.queries" {
  begin false false
  raw udp secret.example secret.example
  wait_for 5 stats '.counters.answered == 2'
  stats 'has("top") | not'
  assert_lacks "$STATS" 'secret|127\.0\.0\.1"[^}]*count'
}

@test "top: a reload that switches it off forgets, one that asks for networks forgets addresses" {
  begin true false
  raw udp first.example first.example
  wait_for 5 stats '.top.names[0].count == 2'
  configure true true
  ctl reload
  stats '.top.names == []'
  raw udp second.example second.example
  wait_for 5 stats '.top.names[0].name == "second.example." and .top.clients[0].client == "127.0.0.0/24"'
  configure false false
  ctl reload
  stats 'has("top") | not'
  configure true true
  ctl reload
  stats '.top.names == []'
}

another_master() {
  stats ".pid != $DOTWARD_PID and .state == \"serving\""
}

@test "top: what was counted stays when workers die, and over an upgrade" {
  KILLS=yes
  begin true false
  raw udp stays.example stays.example stays.example
  wait_for 5 stats '.top.names[0].count == 3'
  kill -KILL "$(jq '.workers[0].pid' <<<"$STATS")"
  wait_for 5 logged 'worker died'
  raw udp stays.example
  wait_for 5 stats '.top.names[0] == {name: "stays.example.", count: 4}'
  under_valgrind && skip "an upgrade would not be under valgrind"
  ctl upgrade
  wait_for 10 another_master
  stats '.top.names[0].count == 4'
  raw udp stays.example
  wait_for 5 stats '.top.names[0].count == 5'
}
