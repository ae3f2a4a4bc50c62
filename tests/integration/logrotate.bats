#!/usr/bin/env bats
# The file for logrotate that packages install, with the real logrotate.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load ctl

setup() {
  lib_check
  ctl_setup
  command -v logrotate >/dev/null || skip 'logrotate is not installed'
  LOGS=$BATS_TEST_TMPDIR/log
  mkdir -m 755 "$LOGS" "$BATS_TEST_TMPDIR/bin"
  ln -s "$DOTWARDCTL" "$BATS_TEST_TMPDIR/bin/dotwardctl"
  sed "s#/var/log/dotward#$LOGS#" "$BATS_TEST_DIRNAME/../../packaging/logrotate/dotward" >"$BATS_TEST_TMPDIR/logrotate"
  chmod 644 "$BATS_TEST_TMPDIR/logrotate"
}

teardown() {
  lib_teardown
}

rotate() {
  DOTWARD_SOCKET=$SOCKET PATH=$BATS_TEST_TMPDIR/bin:$PATH logrotate --force --state "$BATS_TEST_TMPDIR/state" "$BATS_TEST_TMPDIR/logrotate" 2>&1
}

in_file() {
  grep -q "$2" "$LOGS/$1"
}

@test "logrotate: all processes go on in the new file, and no line is lost" {
  local i
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  : >"$BATS_TEST_TMPDIR/dotward.log"
  spawn_dotward -c "$CONFIG" -o "control.socket=\"$SOCKET\"" -o "log.target=\"file:$LOGS/dotward.log\"" -o log.queries=true --log-level debug
  wait_for 10 in_file dotward.log 'ready '
  assert_resolves first.test
  wait_for 5 in_file dotward.log 'first\.test'
  rotate
  wait_for 5 in_file dotward.log 'log reopened'
  in_file dotward.log.1 'first\.test'
  for i in 1 2 3 4 5 6 7 8; do
    assert_resolves "second-$i.test"
  done
  # each worker hears of the new file in its own time; nothing goes to a file that is not there any more
  for i in 1 2 3 4 5 6 7 8; do
    wait_for 5 grep -q "second-$i\\.test" "$LOGS/dotward.log" "$LOGS/dotward.log.1"
  done
  assert_resolves third.test
  wait_for 5 in_file dotward.log 'third\.test'
  rotate
  wait_for 5 in_file dotward.log 'log reopened'
  [[ -e $LOGS/dotward.log.2.gz ]]
  assert_resolves fourth.test
  wait_for 5 in_file dotward.log 'fourth\.test'
}

@test "logrotate: with nobody running it rotates, and says nothing" {
  echo old >"$LOGS/dotward.log"
  run -0 rotate
  assert_equal "$output" ''
  [[ -e $LOGS/dotward.log.1 ]]
}
