#!/usr/bin/env bats
# Another binary takes over the sockets and nobody notices; one that cannot changes nothing. And sockets that somebody else has
# opened, which come the same way.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
  [[ $DOTWARD != *' '* ]] || skip "what runs dotward here is not dotward itself"
}

teardown() {
  lib_teardown
}

# serve: from a copy of the binary, which can be replaced, with a pid file.
serve() {
  BINARY=$BATS_TEST_TMPDIR/dotward
  cp "$DOTWARD" "$BINARY"
  faultup_start up
  MORE="pid_file = \"$BATS_TEST_TMPDIR/pid\";" dotward_config "$(upstream up "$up_port")"
  DOTWARD=$BINARY dotward_start "$@"
}

# replace_binary FILE: as a package manager does it, by renaming over it.
replace_binary() {
  cp "$1" "$BINARY.new"
  chmod 755 "$BINARY.new"
  mv "$BINARY.new" "$BINARY"
}

# Another build, as far as anybody can tell: the same program in another file.
second_build() {
  { cat "$DOTWARD" && echo "$RANDOM"; } >"$BATS_TEST_TMPDIR/second"
  replace_binary "$BATS_TEST_TMPDIR/second"
}

handed_over() {
  (($(dotward_log | grep -c ' handed over pid=') >= $1))
}

# upgrade: until the old master says so; DOTWARD_PID is the new one then, OLD_PID the old one.
upgrade() {
  local want
  want=$(($(dotward_log | grep -c ' handed over pid=' || true) + 1))
  OLD_PID=$DOTWARD_PID
  kill -USR2 "$DOTWARD_PID"
  wait_for 15 handed_over "$want"
  DOTWARD_PID=$(dotward_log | sed -nE 's/.* handed over pid=([0-9]+).*/\1/p' | tail -n 1)
}

runs_from() {
  [[ $(stat -Lc %i "/proc/$1/exe") == $(stat -c %i "$2") ]]
}

upstream_has() {
  (($(faultup_stat up queries) >= $1))
}

@test "upgrade: one after the other under load, and no question is lost" {
  serve -o drain_timeout_ms=$((1000 * PATIENCE))
  pace_begin --seconds $((5 * PATIENCE))
  "$HELPERS/dtalk" 127.0.0.1 "$PORT" --clients 20 --seconds $((5 * PATIENCE)) --pause-ms 10 --deadline-ms $((2000 * PATIENCE)) \
    >"$BATS_TEST_TMPDIR/talk" 3>&- &
  local talk=$! round
  for round in 1 2 3 4 5; do
    second_build
    upgrade
    sleep 0.3
    runs_from "$DOTWARD_PID" "$BINARY" || fail "the new master runs from $(readlink "/proc/$DOTWARD_PID/exe")"
    assert_equal "$(cat "$BATS_TEST_TMPDIR/pid")" "$DOTWARD_PID" "pid file"
    wait_for 10 dead "$OLD_PID"
  done
  pace_end
  assert_nothing_lost
  wait "$talk" || true
  echo "# $(cat "$BATS_TEST_TMPDIR/talk")" >&3
  assert_has "$(cat "$BATS_TEST_TMPDIR/talk")" '"wrong":0,"lost":0,.*"reset":0,"cut":0,"refused":0'
  wait_for 5 has_workers 2
  assert_has "$(dotward_log | grep ' ready ' | tail -n 1)" 'workers=2 .*generation=6'
  kill -TERM "$DOTWARD_PID"
  wait_for 10 dead "$DOTWARD_PID"
  [[ ! -e $BATS_TEST_TMPDIR/pid ]] || fail "the pid file is left behind"
}

@test "upgrade: questions in flight are answered by who took them" {
  serve
  raw udp --wait-ms $((4000 * PATIENCE)) slow-400.a.test >"$BATS_TEST_TMPDIR/udp" 3>&- &
  local udp=$!
  raw tcp --wait-ms $((4000 * PATIENCE)) slow-400.b.test >"$BATS_TEST_TMPDIR/tcp" 3>&- &
  local tcp=$!
  wait_for 5 upstream_has 2
  upgrade
  wait "$udp" || true
  wait "$tcp" || true
  assert_has "$(cat "$BATS_TEST_TMPDIR/udp")" 'right=yes'
  assert_has "$(cat "$BATS_TEST_TMPDIR/tcp")" 'right=yes'
  assert_equal "$(faultup_stat up queries)" 2 "times the upstream was asked"
}

@test "upgrade: the new master takes a new configuration with it, reloads, and re-forks its dead" {
  KILLS=yes
  serve
  WORKERS=3 MORE="pid_file = \"$BATS_TEST_TMPDIR/pid\";" dotward_config "$(upstream up "$up_port")"
  upgrade
  wait_for 5 has_workers 3
  run "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 500 --window 50
  assert_equal "$status" 0 "$output"
  WORKERS=1 MORE="pid_file = \"$BATS_TEST_TMPDIR/pid\";" dotward_config "$(upstream up "$up_port")"
  kill -HUP "$DOTWARD_PID"
  wait_for 10 has_workers 1
  kill -ABRT "$(workers)"
  assert_resolves after.test
  assert_count "$(dotward_log)" 'worker died' 1
}

@test "upgrade: a question that is quarantined stays so" {
  needs_faults
  KILLS=yes
  serve
  died() {
    (($(dotward_log | grep -c 'worker died') >= $1))
  }
  raw udp --wait-ms 300 segv.begin.fault.test || true
  wait_for 5 died 1
  raw udp --wait-ms 300 segv.begin.fault.test || true
  wait_for 5 died 2
  upgrade
  run -0 q segv.begin.fault.test
  assert_has "$output" 'status: SERVFAIL'
  assert_count "$(dotward_log)" 'worker died' 2
}

# refuses PATTERN SECONDS: an upgrade to what lies there now fails with this reason, and nothing else has changed.
refuses() {
  local before count
  before=$(workers)
  failed() {
    (($(dotward_log | grep -c 'upgrade failed, the old binary serves on') > count))
  }
  count=$(dotward_log | grep -c 'upgrade failed' || true)
  kill -USR2 "$DOTWARD_PID"
  wait_for "$2" failed
  assert_has "$(dotward_log | grep 'upgrade failed' | tail -n 1)" "$1"
  wait_for 5 has_workers 2
  assert_equal "$(workers)" "$before" "workers"
  assert_equal "$(cat "$BATS_TEST_TMPDIR/pid")" "$DOTWARD_PID" "pid file"
  assert_resolves "still$count.test"
}

@test "upgrade: a binary that cannot take over leaves everything as it was" {
  serve
  pace_begin --seconds $((3 * PATIENCE))
  printf '#!/bin/sh\nexit 1\n' >"$BATS_TEST_TMPDIR/bad"
  replace_binary "$BATS_TEST_TMPDIR/bad"
  refuses 'ended before it served' 5
  echo 'no program at all' >"$BATS_TEST_TMPDIR/bad"
  replace_binary "$BATS_TEST_TMPDIR/bad"
  refuses 'ended before it served' 5
  rm "$BINARY"
  refuses 'ended before it served' 5
  replace_binary "$DOTWARD"
  cp "$CONFIG" "$CONFIG.good"
  echo 'nonsense = ;' >>"$CONFIG"
  refuses 'ended before it served' 5
  mv "$CONFIG.good" "$CONFIG"
  pace_end
  assert_nothing_lost
  upgrade
  wait_for 5 has_workers 2
  # The generation counts what has served, or at least tried to; it must not have gone back.
  assert_resolves good.test
}

@test "upgrade: a binary that does not come up in time is ended" {
  serve
  printf '#!/bin/sh\nexec sleep 600\n' >"$BATS_TEST_TMPDIR/bad"
  replace_binary "$BATS_TEST_TMPDIR/bad"
  refuses 'did not serve in time' 20
  local pid
  pid=$(dotward_log | sed -nE 's/.* upgrading .*pid=([0-9]+).*/\1/p')
  wait_for 2 dead "$pid"
}

# --- sockets from outside ---------------------------------------------------------------------------------

# activated OPTION...: dotward with sockets opened by systemd-socket-activate (which takes the first datagram or connection as
# its cue), options as for that.
activated() {
  command -v systemd-socket-activate >/dev/null || skip "no systemd-socket-activate"
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  : >"$BATS_TEST_TMPDIR/dotward.log"
  spawn dotward systemd-socket-activate "$@" "$DOTWARD" -f -c "$CONFIG" -o policy.special_names=false
  DOTWARD_PID=$SPAWNED
}

# How many sockets are bound to the port: awk's field 2 is the local address.
bound() {
  awk -v port="$(printf '0100007F:%04X$' "$PORT")" '$2 ~ port && ($4 == "07" || $4 == "0A")' "$1" | wc -l
}

@test "upgrade: a UDP socket that systemd has opened is used, by all workers" {
  PORT=$(free_port)
  LISTEN="{ address = \"127.0.0.1\"; port = $PORT; protocols = [ \"udp\" ]; }"
  activated -d -l "127.0.0.1:$PORT"
  wait_for 5 eval "(( \$(bound /proc/net/udp) == 1 ))"
  # The datagram that woke it is answered too.
  assert_resolves first.test
  wait_for 5 has_workers 2
  assert_equal "$(bound /proc/net/udp)" 1 "sockets bound"
  run "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 500 --window 50
  assert_equal "$status" 0 "$output"
  kill -HUP "$DOTWARD_PID"
  wait_for 10 logged ' reloaded generation='
  run "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 500 --window 50 --prefix again
  assert_equal "$status" 0 "$output"
}

@test "upgrade: a TCP socket that systemd has opened is used" {
  PORT=$(free_port)
  LISTEN="{ address = \"127.0.0.1\"; port = $PORT; protocols = [ \"tcp\" ]; }"
  activated -l "127.0.0.1:$PORT"
  wait_for 5 eval "(( \$(bound /proc/net/tcp) == 1 ))"
  run -0 raw tcp first.test
  assert_has "$output" 'right=yes'
  wait_for 5 has_workers 2
  run "$HELPERS/dload" tcp 127.0.0.1 "$PORT" --questions 500 --window 50 --sockets 10
  assert_equal "$status" 0 "$output"
}
