#!/usr/bin/env bats
# The house and its people: births, deaths and successors, the end in order, the second instance, and privileges.
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

# kill_one SIGNAL: kills the first worker; sets VICTIM, and GAP to the milliseconds until there were as many again.
kill_one() {
  local count born
  KILLS=yes
  count=$(worker_count)
  VICTIM=$(workers | cut -d' ' -f1)
  born=$(now_ms)
  kill -"$1" "$VICTIM"
  replaced() {
    local all
    read -r all <"/proc/$DOTWARD_PID/task/$DOTWARD_PID/children"
    [[ " $all " != *" $VICTIM "* ]] && (($(wc -w <<<"$all") == count))
  }
  until replaced; do
    (($(now_ms) - born < 10000)) || fail "no successor: $(workers)"
  done
  GAP=$(($(now_ms) - born))
}

@test "workers: as many as configured, each its own process, named in the log" {
  WORKERS=3
  serve
  assert_equal "$(worker_count)" 3
  assert_count "$(dotward_log)" 'worker born slot=[012] pid=[0-9]+' 3
  assert_has "$(dotward_log)" "ready workers=3 listen=127\.0\.0\.1@$PORT/udp\+tcp"
  local pid
  for pid in $(workers); do
    assert_has "$(dotward_log)" "worker born slot=[012] pid=$pid( |\$)"
  done
}

@test "workers: workers = 0 is one for each CPU available" {
  WORKERS=0
  serve
  assert_equal "$(worker_count)" "$(nproc)"
}

@test "workers: kill -9 has a successor within 100 ms, and the log says what died and why" {
  serve
  assert_resolves before.test
  kill_one KILL
  ((GAP <= 100 * PATIENCE)) || fail "the successor took $GAP ms"
  wait_for 2 logged "worker died slot=[01] pid=$VICTIM signal=9 \(Killed\) uptime=[0-9a-z.]+ next=0ms"
  assert_count "$(dotward_log)" 'worker born' 3
  local i
  for i in 1 2 3 4 5 6 7 8; do
    assert_resolves "after$i.test"
    run -0 raw tcp "tcp$i.test"
    assert_has "$output" 'right=yes'
  done
}

@test "workers: one that aborts is replaced like any other" {
  serve
  kill_one ABRT
  wait_for 2 logged "worker died slot=[01] pid=$VICTIM signal=6 \(Aborted\)"
  assert_resolves after.test
}

@test "workers: service goes on while workers are killed under load" {
  serve
  "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 20000 --window 50 --timeout-ms $((3000 * PATIENCE)) >"$BATS_TEST_TMPDIR/load" 3>&- &
  local load=$!
  kill_one KILL
  wait "$load" || true
  # An answer may come twice, when its worker died between sending it and noting that it had.
  assert_has "$(cat "$BATS_TEST_TMPDIR/load")" '"right":20000,"wrong":0,.*"lost":0,.*"stranger":0,"errors":0'
  assert_resolves after.test
}

@test "workers: questions queued while a slot has no worker wait for the successor" {
  WORKERS=1
  serve
  assert_resolves before.test
  KILLS=yes
  local pid
  pid=$(workers | cut -d' ' -f1)
  kill -STOP "$pid"
  raw udp --wait-ms 3000 queued.test >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local client=$!
  # SIGSTOP holds the worker, so the datagram lies on the socket when the worker dies.
  received() {
    awk -v port="$(printf ':%04X' "$PORT")" '$2 ~ port && $5 !~ /:00000000$/ { found = 1 } END { exit !found }' /proc/net/udp
  }
  wait_for 2 received
  kill -KILL "$pid"
  wait "$client"
  assert_has "$(cat "$BATS_TEST_TMPDIR/answer")" 'right=yes'
}

@test "workers: one that dies again and again is held back, and the others serve" {
  serve
  kill_one ABRT
  kill_one ABRT
  kill_one ABRT
  wait_for 2 logged 'worker died .* next=[1-9][0-9]*ms'
  assert_resolves after.test
}

@test "workers: they end with a master that is killed" {
  serve
  local pids
  pids=$(workers)
  kill -KILL "$DOTWARD_PID"
  gone() {
    local pid
    for pid in $pids; do
      dead "$pid" || return 1
    done
  }
  wait_for 3 gone
}

@test "workers: SIGTERM ends everything with 0, and says what was done" {
  serve
  assert_resolves one.test
  run -0 raw tcp two.test
  local pids
  pids=$(workers)
  dotward_stop || fail "exit status $?"
  local pid
  for pid in $pids; do
    dead "$pid" || fail "worker $pid is still there"
  done
  assert_has "$(dotward_log)" 'stopped .*queries=2 .*answered=2'
  assert_has "$(dotward_log)" 'dropped_malformed=0'
  assert_lacks "$(dotward_log)" 'worker died'
}

@test "workers: SIGINT ends it as well" {
  # A background process of a shell ignores SIGINT; a master must not inherit that.
  serve
  kill -INT "$DOTWARD_PID"
  wait_for 5 dead "$DOTWARD_PID"
  wait "$DOTWARD_PID"
}

@test "workers: SIGTERM lets a question in flight be answered, by UDP and TCP" {
  serve
  raw udp --wait-ms 4000 slow-400.a.test >"$BATS_TEST_TMPDIR/udp" 3>&- &
  local udp=$!
  raw tcp --wait-ms 4000 slow-400.b.test >"$BATS_TEST_TMPDIR/tcp" 3>&- &
  local tcp=$!
  asked() {
    [[ $(faultup_stat up queries) == 2 ]]
  }
  wait_for 5 asked
  dotward_stop || fail "exit status $?"
  wait "$udp" || true
  wait "$tcp" || true
  assert_has "$(cat "$BATS_TEST_TMPDIR/udp")" 'right=yes'
  assert_has "$(cat "$BATS_TEST_TMPDIR/tcp")" 'right=yes'
  assert_has "$(dotward_log)" 'draining'
}

@test "workers: an idle TCP client does not hold up the end" {
  serve
  raw tcp --until-close --wait-ms 9000 one.test >"$BATS_TEST_TMPDIR/client" 3>&- &
  local client=$! begun
  answered() {
    grep -q right=yes "$BATS_TEST_TMPDIR/client" || [[ $(faultup_stat up answers) == 1 ]]
  }
  wait_for 5 answered
  begun=$(now_ms)
  dotward_stop || fail "exit status $?"
  (($(now_ms) - begun < 2000 * PATIENCE)) || fail "it took $(($(now_ms) - begun)) ms"
  wait "$client"
  assert_count "$(cat "$BATS_TEST_TMPDIR/client")" '^closed' 1
}

@test "workers: draining has a limit" {
  serve -o drain_timeout_ms=300 -o forward.timeout_ms=20000 -o forward.attempt_timeout_ms=20000
  raw udp --wait-ms 3000 stall.test >/dev/null 3>&- &
  asked() {
    [[ $(faultup_stat up queries) == 1 ]]
  }
  wait_for 5 asked
  local begun
  begun=$(now_ms)
  dotward_stop || fail "exit status $?"
  (($(now_ms) - begun < 2000 * PATIENCE)) || fail "it took $(($(now_ms) - begun)) ms"
}

@test "workers: a second instance fails with one line that names the address and who holds it" {
  serve
  run -1 dotward -f -c "$CONFIG"
  assert_equal "${#lines[@]}" 1 "lines: $output"
  assert_has "$output" "127\.0\.0\.1@$PORT"
  assert_has "$output" "pid ($DOTWARD_PID|$(workers | sed 's/ *$//; s/ /|/g'))"
  assert_resolves still.test
}

@test "workers: a port that is held by another program names that program" {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  # somebody else's UDP and TCP socket: the scripted upstream holds both of its port
  run -1 dotward -f -c "$CONFIG" --listen "127.0.0.1@$up_port"
  assert_has "$output" "127\.0\.0\.1@$up_port"
  assert_has "$output" "faultup.*pid $up_pid|pid $up_pid.*faultup"
  assert_equal "${#lines[@]}" 1 "lines: $output"
}

@test "workers: without -f it goes to the background once it serves, and pid_file says where" {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  run -0 dotward "${SANDBOX_OPTION[@]}" -c "$CONFIG" -o policy.special_names=false -o "pid_file=$BATS_TEST_TMPDIR/pid" -o "log.target=file:$BATS_TEST_TMPDIR/dotward.log" 3>&-
  local pid
  pid=$(cat "$BATS_TEST_TMPDIR/pid")
  echo "$pid dotward" >>"$BATS_TEST_TMPDIR/pids"
  # It serves from the moment the command is back, not a little later.
  assert_resolves at-once.test
  alive "$pid"
  assert_equal "$(ps -o tty= -p "$pid" | tr -d ' ')" '?'
  kill -TERM "$pid"
  wait_for 5 dead "$pid"
  [[ ! -e $BATS_TEST_TMPDIR/pid ]] || fail "pid_file is left behind"
}

@test "workers: going to the background reports a failure to start" {
  serve
  run -1 dotward -c "$CONFIG" 3>&-
  assert_has "$output" "127\.0\.0\.1@$PORT"
}

@test "workers: root is given up in the workers, whoever asks" {
  is_root || skip "not root"
  serve -o 'user="nobody"'
  local pid
  for pid in $(workers); do
    assert_equal "$(awk '/^Uid:/ { print $2, $3, $4, $5 }' "/proc/$pid/status")" "65534 65534 65534 65534" "uids of worker $pid"
    assert_equal "$(awk '/^Gid:/ { print $2, $3, $4, $5 }' "/proc/$pid/status")" "65534 65534 65534 65534" "gids of worker $pid"
    assert_equal "$(awk '/^Groups:/ { $1 = ""; print }' "/proc/$pid/status" | sed 's/65534//; s/ //g')" "" "groups of worker $pid"
    assert_equal "$(awk '/^Cap(Eff|Prm|Inh|Amb):/ { print $2 }' "/proc/$pid/status" | sort -u)" 0000000000000000 "capabilities of worker $pid"
    assert_equal "$(awk '/^NoNewPrivs:/ { print $2 }' "/proc/$pid/status")" 1 "no_new_privs of worker $pid"
  done
  assert_resolves as-nobody.test
  kill_one KILL
  assert_equal "$(awk '/^Uid:/ { print $2 }' "/proc/$(workers | cut -d' ' -f1)/status")" 65534 "uid of a successor"
  assert_resolves again.test
}

@test "workers: a privileged port is bound before root is given up" {
  is_root || skip "not root"
  faultup_start up
  PORT=953
  while grep -q "$(printf ':%04X ' "$PORT")" /proc/net/udp /proc/net/tcp; do
    PORT=$((PORT - 1))
  done
  dotward_config "$(upstream up "$up_port")"
  dotward_start -o 'user="nobody"'
  assert_resolves low.test
}

@test "workers: a user that does not exist stops it from starting" {
  is_root || skip "not root"
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  run -1 dotward -f -c "$CONFIG" -o 'user="nobody-of-that-name"'
  assert_has "$output" 'nobody-of-that-name'
  assert_equal "${#lines[@]}" 1 "lines: $output"
}

@test "workers: an unprivileged user can run it" {
  is_root || skip "is run as a user anyway"
  command -v setpriv >/dev/null || skip "no setpriv"
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  chmod -R a+rX "$BATS_RUN_TMPDIR"
  local plain
  plain=$(mktemp -d /tmp/dotward-test.XXXXXX)
  cp "${DOTWARD##* }" "$plain/dotward" && chmod -R a+rX "$plain"
  DOTWARD="setpriv --reuid=65534 --regid=65534 --clear-groups $plain/dotward" dotward_start
  assert_resolves unprivileged.test
  rm -rf "$plain"
}
