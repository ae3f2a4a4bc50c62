#!/usr/bin/env bats
# A reload: nothing is lost on the way from one configuration to the next, and a bad one changes nothing.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

serve() {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  dotward_start "$@"
}

# pause MS: between events whose rate belongs to the test, not to wait for something.
pause() {
  local ms=$(($1 * PATIENCE))
  sleep "$((ms / 1000)).$(printf %03d $((ms % 1000)))"
}

reloads() {
  dotward_log | grep -c ' reloaded generation=' || true
}

has_reloaded() {
  (($(reloads) >= $1))
}

# reload: with what is in the file now, until it serves.
reload() {
  local want=$(($(reloads) + 1))
  kill -HUP "$DOTWARD_PID"
  wait_for 10 has_reloaded "$want"
}

upstream_has() {
  (($(faultup_stat up queries) >= $1))
}

# --- nothing is lost --------------------------------------------------------------------------------------

@test "reload: many under load lose no question, and break no TCP client's message" {
  serve -o drain_timeout_ms=$((1000 * PATIENCE))
  pace_begin --seconds $((5 * PATIENCE))
  "$HELPERS/dtalk" 127.0.0.1 "$PORT" --clients 30 --seconds $((5 * PATIENCE)) --pause-ms $((10 * PATIENCE)) --deadline-ms $((2000 * PATIENCE)) \
    >"$BATS_TEST_TMPDIR/talk" 3>&- &
  local talk=$! round
  for round in 1 2 3 4 5 6 7 8 9 10; do
    reload
    pause 300
  done
  pace_end
  assert_nothing_lost
  wait "$talk" || true
  echo "# $(cat "$BATS_TEST_TMPDIR/talk")" >&3
  assert_has "$(cat "$BATS_TEST_TMPDIR/talk")" '"wrong":0,"lost":0,.*"reset":0,"cut":0,"refused":0'
  assert_equal "$(reloads)" 10
  # All that served before have gone, and in order.
  wait_for 5 has_workers 2
  assert_lacks "$(dotward_log)" 'killed|refused|error'
}

@test "reload: a busy TCP client is closed behind an answer, never while it waits for one" {
  serve -o drain_timeout_ms=$((5000 * PATIENCE))
  "$HELPERS/dtalk" 127.0.0.1 "$PORT" --clients 20 --seconds $((3 * PATIENCE)) --pause-ms $((5 * PATIENCE)) --deadline-ms $((2000 * PATIENCE)) \
    >"$BATS_TEST_TMPDIR/talk" 3>&- &
  local talk=$! round
  for round in 1 2 3; do
    pause 500
    reload
  done
  wait "$talk" || true
  echo "# $(cat "$BATS_TEST_TMPDIR/talk")" >&3
  assert_has "$(cat "$BATS_TEST_TMPDIR/talk")" '"wrong":0,"lost":0,"closed":[1-9][0-9]*,"crossed":0,"reset":0,"cut":0,"refused":0'
}

@test "reload: questions in flight are answered, by UDP and TCP" {
  serve
  raw udp --wait-ms $((4000 * PATIENCE)) slow-400.a.test >"$BATS_TEST_TMPDIR/udp" 3>&- &
  local udp=$!
  raw tcp --wait-ms $((4000 * PATIENCE)) slow-400.b.test >"$BATS_TEST_TMPDIR/tcp" 3>&- &
  local tcp=$!
  wait_for 5 upstream_has 2
  reload
  wait "$udp" || true
  wait "$tcp" || true
  assert_has "$(cat "$BATS_TEST_TMPDIR/udp")" 'right=yes'
  assert_has "$(cat "$BATS_TEST_TMPDIR/tcp")" 'right=yes'
  assert_equal "$(faultup_stat up queries)" 2 "times the upstream was asked"
}

@test "reload: TCP clients are closed in order, and served when they come again" {
  serve
  raw tcp --until-close --wait-ms $((4000 * PATIENCE)) a.test >"$BATS_TEST_TMPDIR/client" 3>&- &
  local client=$!
  wait_for 5 upstream_has 1
  reload
  wait "$client"
  assert_has "$(cat "$BATS_TEST_TMPDIR/client")" 'right=yes'
  assert_has "$(cat "$BATS_TEST_TMPDIR/client")" '^closed '
  run -0 raw tcp b.test
  assert_has "$output" 'right=yes'
}

@test "reload: those asked for while one is under way are not forgotten" {
  serve
  local round
  for round in 1 2 3 4 5 6 7 8 9 10; do
    kill -HUP "$DOTWARD_PID"
  done
  wait_for 10 has_reloaded 1
  # The last one asked for counts: it must see what was written before it.
  sed -i 's/^workers = 2/workers = 3/' "$CONFIG"
  kill -HUP "$DOTWARD_PID"
  wait_for 10 logged ' reloaded generation=[0-9]+ workers=3'
  wait_for 10 has_workers 3
  assert_resolves after.test
}

@test "reload: a worker that dies during one has a successor like others" {
  KILLS=yes
  serve
  pace_begin --seconds $((3 * PATIENCE)) --kill "$DOTWARD_PID" --every-ms $((150 * PATIENCE))
  local round
  for round in 1 2 3 4 5; do
    kill -HUP "$DOTWARD_PID"
    pause 400
  done
  pace_end
  assert_nothing_lost
  wait_for 10 has_workers 2
  assert_resolves after.test
}

@test "reload: a worker that dies while it drains has a successor for what it leaves" {
  WORKERS=1 serve_patiently
  local old count
  for count in 1 2; do
    raw udp --wait-ms $((8000 * PATIENCE)) "slow-1500.left$count.test" >"$BATS_TEST_TMPDIR/udp$count" 3>&- &
    HELD+=("$!")
  done
  wait_for 5 upstream_has 2
  old=$(workers)
  reload
  kill -KILL "$old"
  wait_for 5 logged "worker stopped slot=0 pid=$old signal=9 .*generation=1"
  wait "${HELD[@]}" || true
  for count in 1 2; do
    assert_has "$(cat "$BATS_TEST_TMPDIR/udp$count")" 'right=yes'
  done
  wait_for 5 has_workers 1
  assert_resolves after.test
}

# --- what a reload changes --------------------------------------------------------------------------------

@test "reload: the number of workers, up and down" {
  serve
  local count
  for count in 4 1 3; do
    WORKERS=$count dotward_config "$(upstream up "$up_port")"
    reload
    wait_for 5 has_workers "$count"
    run "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 500 --window 50 --prefix "with$count"
    assert_equal "$status" 0 "$output"
    run "$HELPERS/dload" tcp 127.0.0.1 "$PORT" --questions 500 --window 50 --sockets 10 --prefix "tcp$count"
    assert_equal "$status" 0 "$output"
  done
}

# serve_patiently OPTION...: an answer may take its time, and so may a drain.
serve_patiently() {
  FORWARD="policy = \"sequential\"; timeout_ms = $(patient 10000); attempt_timeout_ms = $(patient 10000);"
  HELD=()
  serve -o drain_timeout_ms=$((10000 * PATIENCE)) "$@"
}

# hold_drain: a question in flight for long, so that those who serve now stay, and their sockets.
hold_drain() {
  local count
  count=$(faultup_stat up queries)
  raw tcp --wait-ms $((20000 * PATIENCE)) "slow-$((5000 * PATIENCE)).held${#HELD[@]}.test" >"$BATS_TEST_TMPDIR/held${#HELD[@]}" 3>&- &
  HELD+=("$!")
  wait_for 5 upstream_has $((count + 1))
}

# drains_held: all that were held are so still; and then each gets its answer.
drains_held() {
  local i
  for i in "${!HELD[@]}"; do
    alive "${HELD[i]}" || fail "a drain was over too early"
  done
  for i in "${!HELD[@]}"; do
    wait "${HELD[i]}" || true
    assert_has "$(cat "$BATS_TEST_TMPDIR/held$i")" 'right=yes'
  done
}

# asks PREFIX: every worker, many times, by UDP and TCP, and no question is asked twice.
asks() {
  run "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 500 --window 50 --prefix "$1"
  assert_equal "$status" 0 "$output"
  run "$HELPERS/dload" tcp 127.0.0.1 "$PORT" --questions 300 --window 30 --sockets 30 --prefix "$1-tcp"
  assert_equal "$status" 0 "$output"
}

# workers_become COUNT...: one after another, while all those before still drain.
workers_become() {
  local count round=0
  WORKERS=$1 serve_patiently
  shift
  for count in "$@"; do
    hold_drain
    WORKERS=$count dotward_config "$(upstream up "$up_port")"
    reload
    asks "round$((++round))"
  done
  drains_held
  # What belonged to those that drained has gone now, or has not.
  wait_for 10 has_workers "$count"
  asks after
}

@test "reload: fewer workers and as many again within one drain" {
  workers_become 3 2 3
}

@test "reload: more workers, fewer, and more than ever within one drain" {
  workers_become 2 3 2 4
}

@test "reload: an address taken away and put back within one drain" {
  serve_patiently
  local port=$PORT other
  other=$(free_port)
  hold_drain
  LISTEN="{ address = \"127.0.0.1\"; port = $other; }" dotward_config "$(upstream up "$up_port")"
  reload
  PORT=$other assert_resolves elsewhere.test
  PORT=$port dotward_config "$(upstream up "$up_port")"
  reload
  asks back
  drains_held
  wait_for 10 has_workers 2
  asks after
}

@test "reload: upstreams" {
  faultup_start other
  serve
  assert_resolves before.test
  assert_equal "$(faultup_stat up queries) $(faultup_stat other queries)" "1 0"
  dotward_config "$(upstream other "$other_port")"
  reload
  assert_resolves after.test
  assert_equal "$(faultup_stat up queries) $(faultup_stat other queries)" "1 1"
}

@test "reload: listen addresses, new ones served, old ones closed, those that stay without a gap" {
  serve
  local old=$PORT new
  new=$(free_port)
  LISTEN="{ address = \"127.0.0.1\"; port = $old; }, { address = \"127.0.0.1\"; port = $new; }" dotward_config "$(upstream up "$up_port")"
  pace_begin --seconds $((2 * PATIENCE))
  reload
  PORT=$new assert_resolves new.test
  PORT=$new run -0 raw tcp new-tcp.test
  assert_has "$output" right=yes
  pace_end
  assert_nothing_lost
  LISTEN="{ address = \"127.0.0.1\"; port = $new; }" dotward_config "$(upstream up "$up_port")"
  reload
  wait_for 5 has_workers 2
  PORT=$new assert_resolves newer.test
  refused() {
    ! raw tcp --wait-ms 300 old.test
  }
  wait_for 5 refused
  run -1 raw udp --wait-ms 300 old.test
}

@test "reload: the authority's file is read again" {
  cp "$CERTS/ca.pem" "$BATS_TEST_TMPDIR/ca.pem"
  faultup_start up
  dotward_config "$(upstream up "$up_port" "auth_name = \"upstream.test\"; ca_file = \"$BATS_TEST_TMPDIR/ca.pem\";")"
  dotward_start
  assert_resolves before.test
  cp "$CERTS/untrusted-ca.pem" "$BATS_TEST_TMPDIR/ca.pem"
  reload
  run -0 q distrusted.test
  assert_has "$output" 'status: SERVFAIL'
  cp "$CERTS/ca.pem" "$BATS_TEST_TMPDIR/ca.pem"
  reload
  assert_resolves trusted.test
}

@test "reload: the level of the log" {
  serve
  assert_resolves before.test
  assert_lacks "$(dotward_log)" ' debug '
  MORE='log: { level = "debug"; };' dotward_config "$(upstream up "$up_port")"
  reload
  assert_resolves after.test
  wait_for 5 logged ' debug '
}

# --- what a bad one does not change -----------------------------------------------------------------------

refusals() {
  dotward_log | grep -c 'reload refused, the old configuration serves on' || true
}

# refuses PATTERN: what is in the file now is refused with this reason, and nothing else has changed.
refuses() {
  local before want log=${BATS_TEST_TMPDIR}/dotward.log
  before=$(workers)
  want=$(($(refusals) + 1))
  kill -HUP "$DOTWARD_PID"
  has_refused() {
    (($(refusals) >= want))
  }
  wait_for 15 has_refused
  assert_has "$(sed -n '/reload refused/,$p' "$log" | tail -n 8)" "$1"
  wait_for 5 has_workers 2
  assert_equal "$(workers)" "$before" "workers"
  assert_resolves "still$want.test"
  run -0 raw tcp "still-tcp$want.test"
  assert_has "$output" 'right=yes'
}

@test "reload: a bad file is refused with its reason, the old configuration serves on, and a good one is taken then" {
  serve
  local good=$BATS_TEST_TMPDIR/good
  cp "$CONFIG" "$good"
  echo 'pid_file = = "";' >>"$CONFIG"
  refuses "dotward\.conf:[0-9]+: pid_file = =: a value expected here"
  { cat "$good" && echo 'wrokers = 3;'; } >"$CONFIG"
  refuses 'dotward\.conf:[0-9]+: .*wrokers.*did you mean "workers"'
  { cat "$good" && echo 'watchdog_ms = 99999999;'; } >"$CONFIG"
  refuses 'dotward\.conf:[0-9]+: .*watchdog_ms = 99999999'
  sed "s|$CERTS/ca.pem|$BATS_TEST_TMPDIR/none.pem|" "$good" >"$CONFIG"
  refuses "none\.pem.*No such file"
  echo 'not a certificate' >"$BATS_TEST_TMPDIR/none.pem"
  refuses "none\.pem"
  sed 's/addresses = \[[^]]*\]; //' "$good" >"$CONFIG"
  refuses 'dotward\.conf:2: upstreams\.\[0\]: no addresses'
  sed "s/port = $PORT; }, /port = $PORT; }, { address = \"127.0.0.1\"; port = $up_port; }, /" "$good" >"$CONFIG"
  refuses "cannot listen on 127\.0\.0\.1@$up_port.*in use"
  sed 's/user = ""/user = "nobody-of-that-name"/' "$good" >"$CONFIG"
  refuses 'nobody-of-that-name'
  rm "$CONFIG"
  refuses "dotward\.conf.*(No such file|cannot be read)"
  cp "$good" "$CONFIG"
  reload
  assert_resolves good.test
}

@test "reload: bad ones under load lose nothing and leave no descriptor behind" {
  serve
  local descriptors round
  refuses_all() {
    for round in 1 2 3 4 5; do
      kill -HUP "$DOTWARD_PID"
      sleep 0.1
    done
  }
  reload
  wait_for 5 has_workers 2
  sed -i "s|$CERTS/ca.pem|/nowhere/ca.pem|" "$CONFIG"
  descriptors=$(find "/proc/$DOTWARD_PID/fd" -mindepth 1 | wc -l)
  pace_begin --seconds $((2 * PATIENCE))
  refuses_all
  pace_end
  assert_nothing_lost
  assert_equal "$(refusals)" 5
  assert_equal "$(find "/proc/$DOTWARD_PID/fd" -mindepth 1 | wc -l)" "$descriptors" "descriptors of the master"
}

@test "reload: many leave no descriptor and no memory behind" {
  serve
  local round descriptors before grown
  reload_many() {
    for ((round = 0; round < $1; round++)); do
      reload
    done
    wait_for 10 has_workers 2
  }
  kilobytes() {
    awk '$1 == "Anonymous:" { print $2 }' "/proc/$DOTWARD_PID/smaps_rollup"
  }
  descriptors() {
    find "/proc/$DOTWARD_PID/fd" -mindepth 1 | wc -l
  }
  reload_many 10
  before=$(kilobytes)
  descriptors=$(descriptors)
  reload_many 40
  assert_equal "$(descriptors)" "$descriptors" "descriptors of the master"
  ! grep -q 'lib[at]san\|valgrind' "/proc/$DOTWARD_PID/maps" || skip "memory is held back by the instrument"
  grown=$(($(kilobytes) - before))
  ((grown < 300)) || fail "the master grew by $grown kB over 40 reloads"
}
