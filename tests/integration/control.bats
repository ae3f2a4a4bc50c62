#!/usr/bin/env bats
# dotwardctl and the control socket: what it shows, what it does, who may, and how it ends when something is wrong.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load ctl

setup() {
  lib_check
  ctl_setup
}

teardown() {
  # One that a test stopped would not take the signal to end.
  [[ -z ${DOTWARD_PID:-} ]] || kill -CONT "$DOTWARD_PID" 2>/dev/null || true
  lib_teardown
}

# --- what it shows ----------------------------------------------------------------------------------------

@test "control: status for people" {
  serve
  assert_resolves one.test
  run -0 ctl status
  assert_has "$output" '^dotward [0-9]+\.[0-9]+.* is serving$'
  assert_has "$output" "^ +master +$DOTWARD_PID, up [0-9]+s\$"
  assert_has "$output" '^ +workers +2 of 2 serve, 0 died$'
  assert_has "$output" "^ +listening +127\.0\.0\.1@$PORT udp\+tcp\$"
  assert_has "$output" '^ +upstreams +1$'
  assert_has "$output" '^ +log level +notice$'
  assert_has "$output" '^ +queries +1$'
}

@test "control: status for programs" {
  serve
  assert_resolves one.test
  assert_equal "$(json .state status)" serving
  assert_equal "$(json .pid status)" "$DOTWARD_PID"
  assert_equal "$(json .workers.serving status)" 2
  assert_equal "$(json '.listen[0].address' status)" 127.0.0.1
  assert_equal "$(json '.listen[0].port' status)" "$PORT"
  assert_equal "$(json .counters.queries status)" 1
}

@test "control: stats are those of the log at the end" {
  serve
  assert_resolves one.test
  raw tcp two.test >/dev/null
  assert_equal "$(json .queries stats)" 2
  assert_equal "$(json .queries_tcp stats)" 1
  run -0 ctl stats
  assert_has "$output" '^queries_udp +1  .*UDP'
  local counters
  counters=$(ctl --json stats | jq -r 'del(.overview) | to_entries | map(" \(.key)=\(.value)") | join("")')
  dotward_stop
  assert_has "$(dotward_log)" "stopped$counters"
}

@test "control: workers, and how the last one died" {
  serve
  KILLS=yes
  local pid
  pid=$(workers | cut -d' ' -f1)
  assert_equal "$(json '[.workers[].pid] | sort | join(" ")' workers)" "$(workers | xargs -n1 | sort -n | xargs)"
  kill -KILL "$pid"
  wait_for 5 logged 'worker died'
  wait_for 5 all_serve
  assert_equal "$(json '[.workers[].deaths] | add' workers)" 1
  assert_equal "$(json '.workers[] | select(.deaths == 1) | .last_death' workers)" 'signal=9 (Killed)'
  assert_equal "$(json .workers.deaths status)" 1
  run -0 ctl workers
  assert_has "${lines[0]}" 'SLOT +GENERATION +PID +STATE +UPTIME +DEATHS +LAST DEATH'
  assert_count "$output" 'serving +[0-9]+s +0  -$' 1
  assert_count "$output" 'serving +[0-9]+s +1  signal=9 \(Killed\)$' 1
}

all_serve() {
  [[ $(json .state status) == serving ]]
}

@test "control: a worker that is down shows, and when the next is born" {
  serve
  KILLS=yes
  local i before
  # until the wait is long enough to be looked at in peace
  for i in 1 2 3 4 5 6; do
    before=$(json '.workers[] | select(.slot == 0) | .deaths' workers)
    kill -ABRT "$(json '.workers[] | select(.slot == 0) | .pid' workers)"
    died() { [[ $(json '.workers[] | select(.slot == 0) | .deaths' workers) != "$before" ]]; }
    wait_for 5 died
    (($(json '.workers[] | select(.slot == 0) | .next_birth_ms // 0' workers) > 1500)) && break
    wait_for 10 all_serve
  done
  assert_equal "$(json '.workers[] | select(.slot == 0) | .state' workers)" down
  assert_equal "$(json .state status)" degraded
  [[ $(json '.workers[] | select(.slot == 0) | .next_birth_ms' workers) -gt 0 ]]
  run -0 ctl workers
  assert_has "$output" ' - down +in [0-9]+s '
}

# in_flight NAME [MS]: serves, and puts a question that is not answered for a while; sets CLIENT, with its output in answer.
in_flight() {
  serve -o forward.timeout_ms=20000 -o forward.attempt_timeout_ms=20000 -o drain_timeout_ms=15000
  raw udp --wait-ms "${2:-20000}" "$1" >"$BATS_TEST_TMPDIR/answer" 3>&- &
  CLIENT=$!
  asked() {
    [[ $(faultup_stat up queries) == 1 ]]
  }
  wait_for 5 asked
}

# --- what it does -----------------------------------------------------------------------------------------

@test "control: stop ends it, and has ended when the command is back" {
  serve
  assert_resolves one.test
  run -0 ctl stop
  assert_equal "$output" stopped
  # every port is free again
  dotward_start -o "control.socket=$BATS_TEST_TMPDIR/second.control"
  wait_for 5 test ! -e "$SOCKET"
}

@test "control: stop waits for what is in flight, with signs of life" {
  in_flight slow-1500.a.test
  # shorter than the drain, longer than the pause between two signs of life
  run -0 "$DOTWARDCTL" -s "$SOCKET" -t "$((12 * PATIENCE))e-1" stop
  wait "$CLIENT"
  assert_has "$(cat "$BATS_TEST_TMPDIR/answer")" 'right=yes'
  wait_for 5 dead "$DOTWARD_PID"
  wait "$DOTWARD_PID"
}

@test "control: two that stop it both hear of the end, and nobody hurries it" {
  in_flight "slow-$((800 * PATIENCE)).a.test"
  ctl stop >"$BATS_TEST_TMPDIR/first" 3>&- &
  local first=$!
  wait_for 5 logged 'draining'
  assert_equal "$(json .state status)" stopping
  run -0 ctl stop
  wait "$first"
  wait "$CLIENT"
  assert_has "$(cat "$BATS_TEST_TMPDIR/answer")" 'right=yes'
  assert_lacks "$(dotward_log)" 'killed'
}

@test "control: log changes the level of master and workers at once" {
  serve
  assert_resolves before.test
  assert_lacks "$(dotward_log)" ' debug '
  run -0 ctl log debug
  assert_equal "$output" 'log level is debug, was notice'
  assert_resolves while.test
  # by number: names are not in the log
  wait_for 2 logged 'debug worker [01]: q=[0-9]+ is answered'
  local asked
  asked=$(dotward_log | grep -c ' asked ')
  assert_equal "$(json .log_level status)" debug
  assert_equal "$(json .message log warn)" 'log level is warn, was debug'
  assert_resolves after.test
  assert_equal "$(dotward_log | grep -c ' asked ')" "$asked"
}

@test "control: a successor has the level that was set" {
  serve
  KILLS=yes
  run -0 ctl log debug
  local pid
  for pid in $(workers); do
    kill -KILL "$pid"
  done
  wait_for 5 all_serve
  assert_resolves later.test
  wait_for 2 logged 'debug worker [01]: q=[0-9]+ is answered'
}

@test "control: what changes something is logged with who asked" {
  serve
  run -2 ctl log loud
  assert_has "$output" 'one of error, warn, notice, info, debug'
  assert_has "$(dotward_log)" "notice master: control verb=log words=\"loud\" uid=$(id -u) pid=[0-9]+"
  run -0 ctl status
  assert_lacks "$(dotward_log)" 'verb=status'
}

@test "control: reload is answered when the new configuration serves" {
  serve
  run ctl reload
  assert_equal "$status" 0
  [[ $output == *'reloaded generation=2'* ]]
  run ctl workers --json
  assert_equal "$(jq -r '[.workers[] | select(.state == "serving") | .generation] | unique | join(",")' <<<"$output")" 2
  assert_resolves still.test
}

# --- how it ends ------------------------------------------------------------------------------------------

@test "control: help and version need no dotward" {
  run -0 "$DOTWARDCTL" --help
  assert_has "$output" 'Exit status'
  local verb
  for verb in status stats workers reload upgrade stop 'log LEVEL' 'cache stats' 'cache lookup NAME TYPE' 'cache dump' \
    'cache flush NAME' 'cache flush --subtree NAME' 'cache flush --all' help; do
    assert_has "$output" "^  $verb( |$)"
  done
  assert_equal "$("$DOTWARDCTL" help)" "$output"
  run -0 "$DOTWARDCTL" --version
  assert_has "$output" '^dotwardctl [0-9]+\.[0-9]+'
  assert_equal "${output#dotwardctl }" "$(dotward --version | cut -d' ' -f2)"
}

@test "control: 2 for a command line that is not understood" {
  local words
  while read -r words; do
    # shellcheck disable=SC2086
    run -2 --separate-stderr "$DOTWARDCTL" -s "$SOCKET" $words
    [[ -z $output ]] || fail "on stdout: $output"
    assert_has "$stderr" '^dotwardctl: '
  done <<'WORDS'

statsu
status now
log
log a b
cache
cache now
cache stats now
cache flush
cache flush a A b
cache flush --all a
cache flush --subtree
cache lookup a
status --all
--subtree status
--no-such-option status
-t 0 status
-t soon status
-t -1 status
-t nan status
WORDS
  run -2 "$DOTWARDCTL" -s "$SOCKET" log $'debug\nstop'
  run -2 "$DOTWARDCTL" -s "$SOCKET" log ''
}

@test "control: 3 when it is not running" {
  run -3 ctl status
  assert_has "$output" "not running: there is no $SOCKET"
  serve
  KILLS=yes
  kill -KILL "$DOTWARD_PID"
  wait_for 5 dead "$DOTWARD_PID"
  run -3 ctl status
  assert_has "$output" "not running: nobody listens at $SOCKET"
}

@test "control: 4 for a master that hangs, which is named and not waited for" {
  serve
  kill -STOP "$DOTWARD_PID"
  local begun
  begun=$(now_ms)
  run -4 --separate-stderr "$DOTWARDCTL" -s "$SOCKET" -t 0.5 status
  (($(now_ms) - begun < 3000 * PATIENCE)) || fail "it took $(($(now_ms) - begun)) ms"
  assert_equal "$stderr" "dotwardctl: dotward (pid $DOTWARD_PID) does not answer within 0.5 s"
  [[ -z $output ]] || fail "on stdout: $output"
  # the workers serve meanwhile
  assert_resolves meanwhile.test
  kill -CONT "$DOTWARD_PID"
  run -0 ctl status
}

@test "control: 4 also when so many wait for a master that hangs that nobody more is taken in" {
  serve
  kill -STOP "$DOTWARD_PID"
  local i pids=()
  for ((i = 0; i < 70; i++)); do
    "$DOTWARDCTL" -s "$SOCKET" -t 3 status >/dev/null 2>&1 3>&- &
    pids+=("$!")
  done
  run -4 "$DOTWARDCTL" -s "$SOCKET" -t 0.5 status
  assert_has "$output" 'dotward.* does not answer within 0\.5 s'
  kill -CONT "$DOTWARD_PID"
  for i in "${pids[@]}"; do
    wait "$i" || true
  done
  run -0 ctl status
}

@test "control: 4 when it hangs in the middle of a long task" {
  in_flight stall.test 300
  ctl --timeout 1.5 stop >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
  local client=$! status=0
  wait_for 5 logged 'draining'
  kill -STOP "$DOTWARD_PID"
  wait "$client" || status=$?
  kill -CONT "$DOTWARD_PID"
  assert_equal "$status" 4 "status"
  assert_has "$(cat "$BATS_TEST_TMPDIR/said")" "pid $DOTWARD_PID. does not answer within 1\.5 s"
  wait "$CLIENT" || true
}

@test "control: an answer that cannot be written is no success" {
  serve
  to_full_disk() {
    ctl status >/dev/full
  }
  run -1 to_full_disk
  assert_has "$output" 'cannot be written'
}

@test "control: the socket is that of -s, else of DOTWARD_SOCKET" {
  serve
  DOTWARD_SOCKET=$SOCKET run -0 "$DOTWARDCTL" status
  DOTWARD_SOCKET=/nowhere run -0 "$DOTWARDCTL" -s "$SOCKET" status
  DOTWARD_SOCKET=/nowhere/at/all run -3 "$DOTWARDCTL" status
  assert_has "$output" '/nowhere/at/all'
}

# --- the socket -------------------------------------------------------------------------------------------

@test "control: the folder is made, the mode is 0660, and both end in order" {
  CONTROL=$BATS_TEST_TMPDIR/run/control
  umask 077
  serve
  assert_equal "$(stat -c '%F %a' "$CONTROL")" 'socket 660'
  assert_equal "$(stat -c %a "$BATS_TEST_TMPDIR/run")" 755
  dotward_stop
  [[ ! -e $CONTROL ]] || fail "the socket is left behind"
}

@test "control: a socket that a killed one left behind is replaced" {
  serve
  KILLS=yes
  kill -KILL "$DOTWARD_PID"
  wait_for 5 dead "$DOTWARD_PID"
  [[ -S $SOCKET ]]
  free() {
    dotward_start
  }
  wait_for 5 free
  assert_equal "$(json .pid status)" "$DOTWARD_PID"
}

@test "control: a second one with the same socket does not start, and says who has it" {
  serve
  PORT=$(free_port)
  run -1 dotward -f -c "$CONFIG" --listen "127.0.0.1@$PORT"
  assert_equal "${#lines[@]}" 1 "lines: $output"
  assert_has "$output" "already running, as pid $DOTWARD_PID, .*$SOCKET"
  run -0 ctl status
}

@test "control: something else of that name is left alone" {
  echo precious >"$SOCKET"
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  run -1 dotward -f -c "$CONFIG"
  assert_has "$output" "$SOCKET is there and is no socket"
  assert_equal "$(cat "$SOCKET")" precious
}

@test "control: where there can be no socket it serves all the same, and says so" {
  CONTROL=/proc/nowhere/control
  serve
  assert_has "$(dotward_log)" 'warn master: control\.socket: cannot listen at /proc/nowhere/control: .*going on without it'
  assert_resolves one.test
}

@test "control: without a socket there is none" {
  CONTROL=
  serve
  assert_resolves one.test
  run -3 ctl status
}

@test "control: a path that cannot be is refused with the line it is in" {
  faultup_start up
  CONTROL=run/control
  dotward_config "$(upstream up "$up_port")"
  run -1 dotward -t -c "$CONFIG"
  assert_has "$output" 'dotward\.conf:[0-9]+: control\.socket = "run/control": .*whole path'
  printf -v CONTROL '/%0120d' 0
  dotward_config "$(upstream up "$up_port")"
  run -1 dotward -t -c "$CONFIG"
  assert_has "$output" 'control\.socket = "/0.*": at most 107 bytes'
}

# --- who may ----------------------------------------------------------------------------------------------

# as UID GID GROUPS COMMAND...: GROUPS are supplementary ones, "-" for none.
as() {
  local uid=$1 gid=$2 groups=$3
  shift 3
  [[ $groups == - ]] && groups=--clear-groups || groups=--groups=$groups
  setpriv --reuid="$uid" --regid="$gid" "$groups" "$@"
}

@test "control: root and the workers' group may, others and the workers themselves may not" {
  is_root || skip "not root"
  command -v setpriv >/dev/null || skip "no setpriv"
  local place
  place=$(mktemp -d "${TMPDIR:-/tmp}/dotward-test.XXXXXX")
  chmod a+rx "$place"
  cp "$DOTWARDCTL" "$place/dotwardctl" && chmod a+rx "$place/dotwardctl"
  CONTROL=$place/control
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  dotward_start -o 'user="nobody"'
  assert_equal "$(stat -c '%U %g %a' "$CONTROL")" "root $(id -g nobody) 660"
  local group
  group=$(id -g nobody)
  run -0 "$place/dotwardctl" -s "$CONTROL" status
  # by its own group, by a supplementary one
  run -0 as 4242 "$group" - "$place/dotwardctl" -s "$CONTROL" status
  run -0 as 4242 4242 "$group" "$place/dotwardctl" -s "$CONTROL" status
  # whom the file does not let in
  run -1 as 4242 4242 - "$place/dotwardctl" -s "$CONTROL" status
  assert_has "$output" "not permitted: .*be root, or a member of the group"
  # whom only the credentials tell
  run -1 as "$(id -u nobody)" "$group" - "$place/dotwardctl" -s "$CONTROL" stop
  assert_has "$output" 'not permitted'
  assert_has "$(dotward_log)" "warn master: control refused uid=$(id -u nobody) pid=[0-9]+"
  chmod 666 "$CONTROL"
  run -1 as 4242 4242 - "$place/dotwardctl" -s "$CONTROL" stop
  assert_has "$output" 'not permitted'
  # so soon after the other it is only counted
  told() { dotward_log | grep -q 'warn master: control refused.* suppressed=1'; }
  wait_for 5 told
  alive "$DOTWARD_PID"
  # it has given up what it would take to remove the socket of another, but this is its own
  dotward_stop
  [[ ! -e $CONTROL ]] || fail "the socket is left behind"
  rm -rf "$place"
}

@test "control: workers do not hold the socket" {
  serve
  local pid inode
  inode=$(awk -v path="$SOCKET" '$8 == path { print $7; exit }' /proc/net/unix)
  assert_has "$(ls -l "/proc/$DOTWARD_PID/fd")" "socket:\[$inode\]"
  for pid in $(workers); do
    assert_lacks "$(ls -l "/proc/$pid/fd")" "socket:\[$inode\]"
  done
}
