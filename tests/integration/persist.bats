#!/usr/bin/env bats
# What is known outlives dotward in a file; and whatever is wrong with that file, there is service and one line that says it.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
  FOLDER=$BATS_TEST_TMPDIR/cache
  FILE=$FOLDER/cache
  mkdir "$FOLDER"
}

teardown() {
  lib_teardown
}

# configure [CACHE_SETTING...]: for the upstream there is, with a cache in FILE.
configure() {
  MORE="cache: { file = \"$FILE\"; $* };" dotward_config "$(upstream up "$up_port")"
}

# learn COUNT: serves, gets to know so many names, stops; the upstream is gone then.
learn() {
  faultup_start up
  configure
  dotward_start
  ask_all "$1"
  dotward_stop
  end "$up_pid" || true
}

ask_all() {
  local n names=()
  for ((n = 0; n < $1; n++)); do
    names+=("name$n.test")
  done
  run -0 raw udp --wait-ms $((4000 * PATIENCE)) "${names[@]}"
  assert_equal "$(grep -c 'rcode=0 .*right=yes' <<<"$output")" "$1" "right answers"
}

# Cold: this one line says why, and with an upstream there is an answer.
assert_cold_start() {
  local name
  name=cold$RANDOM.test
  faultup_start up
  configure
  dotward_start
  assert_count "$(dotward_log)" 'cache starts empty|cache loaded|cache: ' 1
  assert_has "$(dotward_log)" "warn.*cache starts empty: $1 file=$FILE"
  assert_resolves "$name"
  (($(faultup_stat up queries) == 1)) || fail "the upstream was asked $(faultup_stat up queries) times"
  assert_resolves name0.test
  (($(faultup_stat up queries) == 2)) || fail "name0.test came from a file that should not have been believed"
  dotward_stop
  end "$up_pid" || true
}

# flip OFFSET: of one byte in FILE, its lowest bit.
flip() {
  local byte
  byte=$(od -An -tu1 -j "$1" -N 1 "$FILE")
  # shellcheck disable=SC2059  # the format is the byte
  printf "\\x$(printf %02x $((byte ^ 1)))" | dd of="$FILE" bs=1 seek="$1" conv=notrunc status=none
}

@test "persist: after a restart the first question is a hit, with no upstream at all" {
  learn 50
  assert_has "$(dotward_log)" "cache saved entries=50 .*file=$FILE"
  assert_equal "$(stat -c %a "$FILE")" 600 "mode of the file"
  [[ $(ls -A "$FOLDER") == cache ]] || fail "left behind: $(ls -A "$FOLDER")"
  dotward_start
  assert_has "$(dotward_log)" 'cache loaded entries=50 too_old=0 unfit=0'
  ask_all 50
  run -0 "$DOTWARDCTL" -s "$BATS_TEST_TMPDIR/dotward.control" --json stats
  assert_has "$output" '"cache_hits":50,'
  assert_has "$output" '"upstream_asked":0,'
  run -0 raw tcp name7.test
  assert_has "$output" 'right=yes'
}

@test "persist: TTLs go on counting down while nobody runs" {
  learn 1
  sleep 2
  dotward_start
  run -0 q name0.test +noall +answer
  local ttl
  ttl=$(awk '{ print $2 }' <<<"$output")
  ((ttl > 200 && ttl <= 298)) || fail "TTL is $ttl, was 300 two seconds ago and more"
}

@test "persist: what has expired meanwhile is not given as if it were fresh" {
  faultup_start up
  configure 'max_ttl_s = 1; stale_s = 0;'
  dotward_start
  ask_all 3
  dotward_stop
  sleep 1.2
  dotward_start
  assert_has "$(dotward_log)" 'cache (starts empty|loaded entries=0)'
  ask_all 3
  assert_equal "$(faultup_stat up queries)" 6 "times the upstream was asked"
}

@test "persist: without a file there is a start and no complaint" {
  faultup_start up
  configure
  dotward_start --log-level info
  assert_has "$(dotward_log)" 'info.*cache starts empty: there is no file yet'
  assert_lacks "$(dotward_log | without_sandbox_warning)" 'warn|error'
  assert_resolves a.test
}

@test "persist: not asked for, nothing is written; nor without a cache" {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  dotward_start
  ask_all 1
  dotward_stop
  configure 'size = "0";'
  dotward_start
  ask_all 1
  dotward_stop
  [[ -z $(ls -A "$FOLDER") ]] || fail "written: $(ls -A "$FOLDER")"
  assert_lacks "$(dotward_log)" 'cache saved'
}

@test "persist: a truncated file is a cold start, and so is an empty one" {
  learn 5
  local whole
  whole=$(stat -c %s "$FILE")
  cp "$FILE" "$FILE.whole"
  truncate -s $((whole - 1)) "$FILE"
  assert_cold_start 'it is truncated'
  cp "$FILE.whole" "$FILE"
  truncate -s 20 "$FILE"
  assert_cold_start 'it is truncated'
  : >"$FILE"
  assert_cold_start 'it is truncated'
}

@test "persist: a file with one bit flipped is a cold start" {
  learn 5
  local whole at
  whole=$(stat -c %s "$FILE")
  cp "$FILE" "$FILE.whole"
  for at in 60 $((whole / 2)) $((whole - 1)); do
    cp "$FILE.whole" "$FILE"
    flip "$at"
    assert_cold_start 'its checksum is wrong: it is damaged'
  done
}

@test "persist: a file of another version, or of another program, is a cold start" {
  learn 5
  flip 18
  assert_cold_start 'it has format 258, and this dotward reads format 2'
  head -c 100000 /dev/urandom >"$FILE"
  assert_cold_start 'it is no cache of dotward'
}

@test "persist: what is no file of ours is a cold start" {
  learn 1
  chmod 666 "$FILE"
  assert_cold_start 'others may write to it'
  rm "$FILE"
  mkfifo -m 600 "$FILE"
  assert_cold_start 'it is no regular file'
  if is_root; then
    rm -f "$FILE"
    echo x >"$FILE"
    chown 12345 "$FILE"
    assert_cold_start 'it belongs to somebody else'
  fi
}

@test "persist: a file that cannot be written is one line, and the old one stays" {
  ! is_root || skip "root can write anywhere"
  learn 3
  cp "$FILE" "$BATS_TEST_TMPDIR/before"
  chmod 500 "$FOLDER"
  dotward_start
  ask_all 3
  dotward_stop
  chmod 700 "$FOLDER"
  assert_count "$(dotward_log)" 'warn.*cache is not saved, what was in the file before stays: cannot be made in its folder' 1
  cmp "$FILE" "$BATS_TEST_TMPDIR/before"
}

@test "persist: a folder that is not there is one line, and no obstacle" {
  faultup_start up
  FILE=$BATS_TEST_TMPDIR/nowhere/cache configure
  dotward_start
  ask_all 1
  dotward_stop
  assert_count "$(dotward_log)" 'warn.*cache is not saved.*its folder cannot be opened: No such file' 1
}

@test "persist: a master that is killed leaves the old file whole" {
  learn 20
  cp "$FILE" "$BATS_TEST_TMPDIR/before"
  faultup_start up
  configure
  dotward_start
  run "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 3000 --window 50
  assert_equal "$status" 0 "$output"
  kill -KILL "$DOTWARD_PID"
  wait_for 5 dead "$DOTWARD_PID"
  cmp "$FILE" "$BATS_TEST_TMPDIR/before"
  dotward_start
  assert_has "$(dotward_log)" 'cache loaded entries=20 '
}

@test "persist: killed while it saves, at whatever moment, there is the old file or the new one" {
  learn 20
  faultup_start up
  configure
  dotward_start
  run "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 3000 --window 50
  dotward_stop
  local round
  for round in 1 2 3 4 5 6; do
    configure
    dotward_start
    assert_has "$(dotward_log)" 'cache loaded entries='
    kill -TERM "$DOTWARD_PID"
    sleep "0.0$round"
    kill -KILL "$DOTWARD_PID" 2>/dev/null || true
    wait_for 5 dead "$DOTWARD_PID"
  done
  dotward_start
  assert_has "$(dotward_log)" 'cache loaded entries=30[0-9][0-9] too_old=0 unfit=0'
}

@test "persist: started by root, the workers cannot read the file" {
  is_root || skip "needs root"
  id nobody >/dev/null || skip "no user nobody"
  chmod a+x "$BATS_TEST_TMPDIR"
  faultup_start up
  MORE="cache: { file = \"$FILE\"; };" dotward_config "$(upstream up "$up_port")"
  sed -i 's/^user = "";/user = "nobody";/' "$CONFIG"
  dotward_start
  ask_all 5
  dotward_stop
  assert_equal "$(stat -c %U:%a "$FILE")" root:600 "owner and mode"
  end "$up_pid" || true
  dotward_start
  assert_has "$(dotward_log)" 'cache loaded entries=5 '
  ask_all 5
}

@test "persist: without the sandbox it is the same" {
  faultup_start up
  configure
  dotward_start -o sandbox=false
  ask_all 5
  dotward_stop
  end "$up_pid" || true
  dotward_start -o sandbox=false
  ask_all 5
}
