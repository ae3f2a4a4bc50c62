#!/usr/bin/env bats
# A network that goes and comes back, and a machine that slept: nobody waits for connections that are dead by then. dotward lives
# in a network namespace of its own, its upstream in another, with a cable (veth) between them.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

UPSTREAM=192.0.2.53
ANOTHER=192.0.2.54

setup() {
  lib_check
}

teardown() {
  lib_teardown
  local status=$?
  ip netns del "here$$" 2>/dev/null || true
  ip netns del "there$$" 2>/dev/null || true
  return "$status"
}

here() {
  ip netns exec "here$$" "$@"
}

there() {
  ip netns exec "there$$" "$@"
}

# The two namespaces, and the route between them.
lay_cable() {
  is_root || skip "needs root"
  command -v ip >/dev/null || skip "no ip"
  ip netns add "here$$" 2>/dev/null || skip "network namespaces cannot be made here"
  ip netns add "there$$"
  ip -n "here$$" link add cable type veth peer name cable netns "there$$" || skip "no veth here"
  here sysctl -qw net.ipv6.conf.all.disable_ipv6=1 || true
  ip -n "here$$" link set lo up
  ip -n "there$$" link set lo up
  ip -n "here$$" addr add 198.51.100.1/24 dev cable
  ip -n "there$$" addr add 198.51.100.2/24 dev cable
  ip -n "there$$" addr add "$UPSTREAM/32" dev lo
  ip -n "here$$" link set cable up
  ip -n "there$$" link set cable up
  ip -n "here$$" route add default via 198.51.100.2
}

# raw, as the clients are where dotward is.
raw() {
  here "$HELPERS/rawdns" "$1" 127.0.0.1 "$PORT" "${@:2}"
}

upstream_stat() {
  there "$HELPERS/rawdns" control "$up_control" stat | sed -nE "s/.*\"$1\":\"?([^,\"}]*).*/\1/p"
}

# upstream_there NAME ADDRESS [FAULTUP OPTION]...: sets NAME_port and NAME_control.
upstream_there() {
  local name=$1 address=$2
  shift 2
  spawn "$name" ip netns exec "there$$" "$HELPERS/faultup" --cert "$CERTS/good.pem" --key "$CERTS/good.key" --address "$address" "$@"
  wait_for 5 grep -q '^port=' "$(lib_dir)/$name.log"
  [[ $(grep '^port=' "$(lib_dir)/$name.log") =~ port=([0-9]+)\ control=([0-9]+) ]]
  printf -v "${name}_port" %s "${BASH_REMATCH[1]}"
  printf -v "${name}_control" %s "${BASH_REMATCH[2]}"
}

# entry NAME ADDRESS PORT
entry() {
  echo "{ name = \"$1\"; addresses = [ \"$2@$3\" ]; auth_name = \"upstream.test\"; ca_file = \"$CERTS/ca.pem\"; }"
}

# serve [FAULTUP OPTION]...
serve() {
  upstream_there up "$UPSTREAM" "$@"
  begin_here "$(entry up "$UPSTREAM" "$up_port")"
}

# begin_here UPSTREAM...
begin_here() {
  WORKERS=${WORKERS:-1}
  PORT=5353
  dotward_config "$@"
  DOTWARD="ip netns exec here$$ $DOTWARD" dotward_start -o log.level=info
  assert_resolves
}

changes() {
  dotward_log | grep -c 'the network changed' || true
}

has_changed() {
  (($(changes) >= $1))
}

# took COMMAND...: in milliseconds.
took() {
  local begun
  begun=$(now_ms)
  "$@" >/dev/null
  echo $(($(now_ms) - begun))
}

# Asks until an answer comes; it has to be there within 300 ms, and what this machine needs just now to ask a few times.
assert_back_at_once() {
  local begun usual n=0
  begun=$(now_ms)
  until raw udp --wait-ms 1000 "back$begun-$((n++)).test" | grep -q 'right=yes'; do
    (($(now_ms) < begun + 10000 * PATIENCE)) || fail "no answer"
  done
  local took=$(($(now_ms) - begun))
  usual=$(took assert_resolves "usual$begun.test")
  echo "# first answer after $took ms, others after $usual ms" >&3
  ((took < 300 * PATIENCE + 4 * usual)) || fail "the first answer took $took ms, others $usual ms"
}

# The network is away for a while, and clients ask for nothing.
stay_away() {
  local until=$(($(now_ms) + ${AWAY_S:-4} * 1000)) n=0
  while (($(now_ms) < until)); do
    if raw udp --wait-ms 300 "vain$((n++)).test" | grep -q 'right=yes'; then
      fail "it is not away"
    fi
    sleep 0.1
  done
}

@test "network: an interface that is taken down and up again: the first answer comes at once" {
  lay_cable
  serve
  ip -n "here$$" link set cable down
  wait_for 3 has_changed 1
  stay_away
  ip -n "here$$" link set cable up
  ip -n "here$$" route add default via 198.51.100.2
  assert_back_at_once
  assert_has "$(dotward_log)" 'notice master: the network changed: .* why="interface cable is down"'
  assert_has "$(dotward_log)" 'notice master: the network changed: .* why="(interface cable is up|the default route is new)"'
}

@test "network: a cable that is pulled and put back: the first answer comes at once" {
  lay_cable
  serve
  ip -n "there$$" link set cable down
  wait_for 3 has_changed 1
  # the kernel looks for the neighbour for three seconds, once a second, and who comes meanwhile waits for its next try
  sleep 4
  ip -n "there$$" link set cable up
  assert_back_at_once
}

@test "network: a default route that leads nowhere for a while: the first answer comes at once" {
  lay_cable
  serve
  ip -n "here$$" route replace blackhole default
  wait_for 5 has_changed 1
  stay_away
  ip -n "here$$" route replace default via 198.51.100.2
  assert_back_at_once
}

# The way there swallows all packets, without a word to anybody here: the machine there has lost its addresses.
fall_silent() {
  ip -n "there$$" addr del "$UPSTREAM/32" dev lo
  [[ -z ${1:-} ]] || ip -n "there$$" addr del "$ANOTHER/32" dev lo
}

be_heard_again() {
  ip -n "there$$" addr add "$UPSTREAM/32" dev lo
  [[ -z ${1:-} ]] || ip -n "there$$" addr add "$ANOTHER/32" dev lo
}

# silence [too]: for AWAY_S, with clients that ask on; what hangs then does not keep those who ask later.
silence() {
  fall_silent "$@"
  stay_away
  wait_for 5 logged 'upstream down upstream=up '
  be_heard_again "$@"
  assert_back_at_once
  assert_equal "$(changes)" 0 "changes"
}

# With the limits of every day, but for these: the first that connects wins within them in any case.
impatient() {
  echo "policy = \"sequential\"; timeout_ms = $(patient 2000); attempt_timeout_ms = $(patient 600);"
}

@test "network: a way that swallows everything for a while: the first answer comes at once" {
  lay_cable
  FORWARD=$(impatient)
  serve
  silence
}

@test "network: a way that swallows everything for a while, to both upstreams" {
  lay_cable
  ip -n "there$$" addr add "$ANOTHER/32" dev lo
  upstream_there up "$UPSTREAM"
  upstream_there another "$ANOTHER"
  FORWARD=$(impatient)
  begin_here "$(entry up "$UPSTREAM" "$up_port")" "$(entry another "$ANOTHER" "$another_port")"
  silence too
}

# What clients asked while all was swallowed is answered as well, as long as they wait.
@test "network: questions that wait for the way to come back are answered when it does" {
  lay_cable
  FORWARD="timeout_ms = $(patient 20000); attempt_timeout_ms = $(patient 600); connect_timeout_ms = $(patient 20000);"
  serve
  there "$HELPERS/rawdns" control "$up_control" close # nothing is open: only a new connection helps
  fall_silent
  raw udp --wait-ms $((10000 * PATIENCE)) waits.test >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local asker=$! begun
  # the kernel's second attempt is over, and its third is two seconds away
  sleep 1.2
  be_heard_again
  begun=$(now_ms)
  wait "$asker"
  local took=$(($(now_ms) - begun))
  echo "# answered after $took ms" >&3
  ((took < 500 * PATIENCE)) || fail "it took $took ms"
  assert_has "$(cat "$BATS_TEST_TMPDIR/answer")" 'right=yes'
}

# Nothing is asked again for being slow, so that what is asked again is so for another reason.
without_patience() {
  echo "hedge = false; timeout_ms = $(patient 4000); attempt_timeout_ms = $(patient 4000);"
}

@test "network: questions in flight are asked again on new connections, and answered" {
  lay_cable
  FORWARD=$(without_patience)
  WORKERS=2
  serve
  there "$HELPERS/rawdns" control "$up_control" set delay-ms 5000
  local pid n
  for ((n = 0; n < 20; n++)); do
    raw udp --wait-ms $((1900 * PATIENCE)) "flying$n.test" >"$BATS_TEST_TMPDIR/answer$n" 3>&- &
    pid[n]=$!
  done
  wait_for 2 upstream_has 21
  there "$HELPERS/rawdns" control "$up_control" set delay-ms 0
  local begun
  begun=$(now_ms)
  ip -n "here$$" addr add 198.51.100.7/24 dev cable
  wait "${pid[@]}"
  local took=$(($(now_ms) - begun))
  echo "# all answered after $took ms" >&3
  ((took < 1000 * PATIENCE)) || fail "it took $took ms"
  assert_equal "$(cat "$BATS_TEST_TMPDIR"/answer* | grep -c 'right=yes')" 20 "answers"
  assert_has "$(dotward_log)" 'why="address 198\.51\.100\.7 is new"'
  assert_has "$(dotward_log)" 'worker [01]: upstreams are connected anew in_flight=[1-9]'
}

upstream_has() {
  (($(upstream_stat queries) >= $1))
}

@test "network: what does not concern connections is no change of the network" {
  lay_cable
  serve
  local connections
  connections=$(upstream_stat connections)
  ip -n "here$$" link add idle type veth peer name idler
  ip -n "here$$" link set idle up
  ip -n "here$$" link set idle down
  ip -n "here$$" link del idle
  ip -n "here$$" link set cable mtu 1400
  ip -n "here$$" addr change 198.51.100.1/24 dev cable valid_lft 1000 preferred_lft 1000
  ip -n "here$$" addr add 127.0.0.99/8 dev lo
  ip -n "here$$" route add 203.0.113.0/24 via 198.51.100.2
  ip -n "here$$" route del 203.0.113.0/24
  ip -n "here$$" neigh add 198.51.100.99 lladdr 02:00:00:00:00:01 dev cable
  sleep 1 # twice the quiet after which a change is told of
  assert_resolves
  assert_equal "$(changes)" 0 "changes"
  assert_equal "$(upstream_stat connections)" "$connections" "connections"
  # and it would have been seen
  ip -n "here$$" addr add 198.51.100.7/24 dev cable
  wait_for 3 has_changed 1
}

@test "network: a storm of changes is few of them" {
  lay_cable
  serve
  local n
  for ((n = 0; n < 200; n++)); do
    ip -n "here$$" addr add 198.51.100.7/24 dev cable
    ip -n "here$$" addr del 198.51.100.7/24 dev cable
  done
  wait_for 3 has_changed 1
  (($(changes) <= 4)) || fail "$(changes) changes told"
  assert_resolves
}

@test "network: after sleep questions in flight are asked again and answered within a second" {
  needs_faults
  FORWARD=$(without_patience)
  faultup_start up --delay-ms 5000
  WORKERS=1
  dotward_config "$(upstream up "$up_port")"
  dotward_start -o log.level=info
  "$HELPERS/rawdns" udp 127.0.0.1 "$PORT" --wait-ms $((1900 * PATIENCE)) flying.test >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local asker=$! begun
  wait_for 2 faultup_has 1
  faultup_say up set delay-ms 0
  begun=$(now_ms)
  "$HELPERS/rawdns" udp 127.0.0.1 "$PORT" sleep.begin.fault.test >/dev/null || true
  wait "$asker"
  (($(now_ms) - begun < 1000 * PATIENCE)) || fail "it took $(($(now_ms) - begun)) ms"
  assert_has "$(cat "$BATS_TEST_TMPDIR/answer")" 'right=yes'
  assert_has "$(dotward_log)" 'notice worker 0: the machine slept: upstreams are connected anew s=5'
  assert_equal "$(dotward_log | grep -c 'the machine slept')" 1 "told once"
}

faultup_has() {
  (($(faultup_stat up queries) >= $1))
}
