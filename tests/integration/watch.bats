#!/usr/bin/env bats
# What people see who look on: dotwardctl watch and dotwardctl top.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load ctl

setup() {
  lib_check
  ctl_setup
  TMUX_SOCKET=
}

teardown() {
  terminal_end
  lib_teardown
}

# watch [OPTION]...: in the background, its lines in watched; sets WATCHER.
watch() {
  "$DOTWARDCTL" --socket "$SOCKET" "$@" watch >"$BATS_TEST_TMPDIR/watched" 2>"$BATS_TEST_TMPDIR/watched.err" 3>&- &
  WATCHER=$!
  wait_for 5 seen 'ready workers='
}

seen() {
  grep -qE -- "$1" "$BATS_TEST_TMPDIR/watched"
}

@test "watch: what was and what happens is told, whatever the log level" {
  serve -o log.level=notice
  run -0 ctl log error
  KILLS=yes
  watch
  kill -KILL "$(json '.workers[0].pid' workers)"
  wait_for 5 seen '^[0-9T:.Z-]{24} notice master: worker died slot=[01] pid=[0-9]+ signal=9 \(Killed\)'
  wait_for 5 seen 'worker born slot=[01] pid=[0-9]+ generation=1'
  run -0 ctl reload
  wait_for 5 seen 'reloaded generation=2'
  assert_lacks "$(dotward_log)" 'worker died'
  kill "$WATCHER"
}

@test "watch: as JSON, an object for each event" {
  serve
  watch --json
  run -0 ctl log notice
  wait_for 5 seen 'control verb=log'
  run -0 jq -es 'length > 2 and all(.[]; .time and .level == "notice" and .role == "master" and .event)' <(without_sandbox_warning <"$BATS_TEST_TMPDIR/watched")
  kill "$WATCHER"
}

@test "watch: whoever watches takes no place from others, and ends with dotward" {
  serve
  local i watchers=()
  for i in 1 2 3 4; do
    "$DOTWARDCTL" --socket "$SOCKET" watch >"$BATS_TEST_TMPDIR/watched.$i" 2>&1 3>&- &
    watchers+=("$!")
  done
  for i in 1 2 3 4; do
    all_told() { grep -q 'ready workers=' "$BATS_TEST_TMPDIR/watched.$i"; }
    wait_for 5 all_told
  done
  run -1 ctl watch
  assert_has "$output" '4 such requests are being answered; try again'
  run -0 ctl cache stats
  dotward_stop
  for i in "${watchers[@]}"; do
    wait "$i" && return 1
    [[ $? -eq 3 ]]
  done
  assert_has "$(cat "$BATS_TEST_TMPDIR/watched.1")" 'dotward \(pid [0-9]+\) has ended, or handed over'
}

@test "watch: when the watcher goes its process goes" {
  serve
  watch
  helpers() { pgrep -P "$DOTWARD_PID" | wc -l; }
  local with
  with=$(helpers)
  kill "$WATCHER"
  gone() { (($(helpers) < with)); }
  wait_for 5 gone
}

# terminal_begin COLUMNS ROWS COMMAND: a terminal of its own for a shell that does this. The leak checker stays out of it: one that
# looks at a process whose terminal goes away under it may do so for ever.
terminal_begin() {
  TMUX_SOCKET=$BATS_TEST_TMPDIR/tmux
  ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0 \
    tmux -f /dev/null -S "$TMUX_SOCKET" new-session -d -x "$1" -y "$2" "$3" 3>&-
}

# What runs in it ends before its terminal does.
terminal_end() {
  local shell pid
  [[ -n $TMUX_SOCKET ]] || return 0
  shell=$(tmux -S "$TMUX_SOCKET" list-panes -F '#{pane_pid}' 2>/dev/null) || return 0
  for pid in $(pgrep -P "$shell") $shell; do
    kill "$pid" 2>/dev/null || true
  done
  tmux -S "$TMUX_SOCKET" kill-server 2>/dev/null || true
}

# --- top --------------------------------------------------------------------------------------------------

needs_top() {
  [[ -x $(dirname "$DOTWARDCTL")/dotward-top ]] || skip "built without the live view"
}

@test "top: one picture, as plain lines" {
  needs_top
  serve
  assert_resolves one.test
  run -0 ctl top --once --every 0.3
  assert_has "${lines[0]}" '^dotward [0-9.]+[^ ]*  serving.*  up [0-9]+s  generation 1$'
  assert_has "$output" '^queries .* 1 in all$'
  assert_has "$output" '^cache    \[\.*'
  assert_has "$output" "^upstream +address +state"
  assert_has "$output" '^up  '
  assert_count "$output" '^ +[01] +[0-9]+  serving ' 2
}

@test "top: a live view in a terminal, until q" {
  needs_top
  command -v tmux >/dev/null || skip "no tmux"
  serve
  terminal_begin 100 24 \
    "'$DOTWARDCTL' --socket '$SOCKET' top --every 0.2; echo ended with \$?; exec sleep 60"
  screen() { tmux -S "$TMUX_SOCKET" capture-pane -p; }
  shows() { screen | grep -qE -- "$1"; }
  wait_for 5 shows '^dotward .* serving .* generation 1'
  wait_for 5 shows 'q ends'
  assert_resolves one.test
  wait_for 5 shows ' 1 in all'
  run -0 ctl reload
  wait_for 5 shows 'generation 2'
  tmux -S "$TMUX_SOCKET" resize-window -x 40 -y 8
  wait_for 5 shows '^q ends'
  tmux -S "$TMUX_SOCKET" send-keys q
  wait_for 5 shows 'ended with 0'
}

@test "top: dotward goes away and the picture says so" {
  needs_top
  command -v tmux >/dev/null || skip "no tmux"
  serve
  terminal_begin 100 24 \
    "'$DOTWARDCTL' --socket '$SOCKET' top --every 0.2; exec sleep 60"
  shows() { tmux -S "$TMUX_SOCKET" capture-pane -p | grep -qE -- "$1"; }
  wait_for 5 shows '^dotward .* serving'
  dotward_stop
  wait_for 5 shows 'dotward is not running'
}

@test "top: what cannot be shown is said" {
  needs_top
  run -3 ctl top --once
  assert_has "$output" 'dotward is not running: there is no'
  serve
  run -1 ctl top </dev/null
  assert_has "$output" 'standard input and output are no terminal; "top --once" needs none'
  run -2 ctl top --once --every never
  assert_has "$output" '--every needs seconds, 0\.2 to 60: never'
  run -2 ctl top once
  assert_has "$output" 'top \[--once\] \[--every SECONDS\]: not understood: once'
  run -2 ctl --once status
  assert_has "$output" '--once is for "top"'
}
