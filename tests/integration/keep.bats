#!/usr/bin/env bats
# What is known stays known: over the death of a worker, over reloads, with another size too, and over upgrades.
# shellcheck shell=bash disable=SC2034,SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

# configure [CACHE_SETTING...]
configure() {
  MORE="cache: { $* };" dotward_config "$(upstream up "$up_port")"
}

serve() {
  faultup_start up
  configure "$@"
  dotward_start
}

# ask_all COUNT: at most 64.
ask_all() {
  local n names=()
  for ((n = 0; n < $1; n++)); do
    names+=("name$n.test")
  done
  run -0 raw udp --wait-ms $((4000 * PATIENCE)) "${names[@]}"
  assert_equal "$(grep -c 'rcode=0 .*right=yes' <<<"$output")" "$1" "right answers"
}

# assert_known COUNT: all that was learnt is known, with nobody to ask.
assert_known() {
  ask_all "$1"
}

upstream_gone() {
  end "$up_pid" || true
}

stat_of() {
  "$DOTWARDCTL" -s "$BATS_TEST_TMPDIR/dotward.control" --json stats | sed -nE "s/.*\"$1\":([0-9]+).*/\1/p"
}

reloaded() {
  (($(dotward_log | grep -c ' reloaded generation=') >= $1))
}

# reload COUNT: the COUNTth of this dotward.
reload() {
  kill -HUP "$DOTWARD_PID"
  wait_for 10 reloaded "$1"
}

# The sizes of all memory that the master shares.
mapped() {
  local range rest
  while read -r range rest; do
    [[ $rest == *memfd:dotward* ]] || continue
    range=$((0x${range#*-} - 0x${range%-*}))
    echo "$range"
  done <"/proc/$DOTWARD_PID/maps"
}

@test "keep: the death of a worker takes no answer with it" {
  KILLS=yes
  serve
  ask_all 60
  upstream_gone
  local victim
  for victim in $(workers); do
    kill -KILL "$victim"
    wait_for 5 dead "$victim"
  done
  wait_for 5 has_workers 2
  assert_known 60
  assert_equal "$(stat_of upstream_asked)" 60 "times the upstream was asked"
}

@test "keep: a reload keeps the cache, and its memory" {
  serve
  ask_all 60
  upstream_gone
  reload 1
  assert_known 60
  reload 2
  assert_known 60
  assert_count "$(mapped)" "^$((32 << 20))\$" 1
  assert_lacks "$(dotward_log)" 'cache carried over'
}

carried() {
  (($(dotward_log | grep -c ' cache carried over') >= $1))
}

# no_more MEGABYTES: memory of that size is mapped.
no_more() {
  ! grep -qx $(($1 << 20)) <(mapped)
}

@test "keep: a reload with another size carries the answers over, up and down" {
  serve 'size = "4M";'
  ask_all 60
  upstream_gone
  configure 'size = "16M";'
  reload 1
  wait_for 10 carried 1
  assert_known 60
  wait_for 10 no_more 4
  grep -qx $((16 << 20)) <(mapped)
  configure 'size = "1M";'
  reload 2
  wait_for 10 carried 2
  assert_known 60
  wait_for 10 no_more 16
  grep -qx $((1 << 20)) <(mapped)
  assert_count "$(dotward_log)" 'cache carried over entries=60 ' 2
}

@test "keep: a reload can do without a cache, and begin one" {
  serve
  ask_all 10
  configure 'size = "0";'
  reload 1
  ask_all 10
  assert_equal "$(faultup_stat up queries)" 20 "times the upstream was asked"
  configure 'size = "2M";'
  reload 2
  ask_all 10
  ask_all 10
  assert_equal "$(faultup_stat up queries)" 30 "times the upstream was asked"
}

@test "keep: a size that there is no memory for is refused, and the old cache serves on" {
  serve
  ask_all 10
  upstream_gone
  configure 'size = "256G";'
  kill -HUP "$DOTWARD_PID"
  wait_for 5 logged 'reload refused.*cache\.size: 262144M is more than the [0-9]+M of memory'
  assert_known 10
  run -1 dotward -f -c "$CONFIG"
  assert_has "$output" 'cache\.size: 262144M is more than'
}

# upgrade: until the old master says so, and is gone; DOTWARD_PID is the new one then.
upgrade() {
  local want old=$DOTWARD_PID
  want=$(($(dotward_log | grep -c ' handed over pid=' || true) + 1))
  handed_over() {
    (($(dotward_log | grep -c ' handed over pid=') >= want))
  }
  kill -USR2 "$DOTWARD_PID"
  wait_for 15 handed_over
  DOTWARD_PID=$(dotward_log | sed -nE 's/.* handed over pid=([0-9]+).*/\1/p' | tail -n 1)
  assert_known "$1"
  wait_for 10 dead "$old"
  assert_known "$1"
}

@test "keep: upgrades keep the cache, and workers that die after them" {
  KILLS=yes
  [[ $DOTWARD != *' '* ]] || skip "what runs dotward here is not dotward itself"
  serve
  ask_all 60
  upstream_gone
  upgrade 60
  upgrade 60
  assert_equal "$(stat_of upstream_asked)" 60 "times the upstream was asked"
  assert_lacks "$(dotward_log)" 'cache (starts empty|loaded|carried over|of the old binary)'
  local victim
  for victim in $(workers); do
    kill -KILL "$victim"
    wait_for 5 dead "$victim"
  done
  assert_known 60
}

@test "keep: an upgrade to another size carries the answers over" {
  [[ $DOTWARD != *' '* ]] || skip "what runs dotward here is not dotward itself"
  serve
  ask_all 60
  upstream_gone
  configure 'size = "8M";'
  local want=1
  handed_over() {
    (($(dotward_log | grep -c ' handed over pid=') >= want))
  }
  kill -USR2 "$DOTWARD_PID"
  wait_for 15 handed_over
  wait_for 10 carried 1
  DOTWARD_PID=$(dotward_log | sed -nE 's/.* handed over pid=([0-9]+).*/\1/p' | tail -n 1)
  assert_known 60
  assert_has "$(dotward_log)" 'cache carried over entries=60 bytes=8388608 was=33554432'
}

@test "keep: an upgrade that fails leaves the cache to the old one" {
  [[ $DOTWARD != *' '* ]] || skip "what runs dotward here is not dotward itself"
  serve
  ask_all 50
  upstream_gone
  cp "$CONFIG" "$CONFIG.good"
  echo 'nonsense = ;' >>"$CONFIG"
  kill -USR2 "$DOTWARD_PID"
  wait_for 5 logged 'upgrade failed, the old binary serves on'
  mv "$CONFIG.good" "$CONFIG"
  assert_known 50
  reload 1
  assert_known 50
}
