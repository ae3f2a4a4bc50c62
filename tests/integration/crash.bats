#!/usr/bin/env bats
# What a worker's death costs: nothing. Kills under load, questions that kill, loops without end, the schedule of births,
# and what a dead master leaves behind.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
  KILLS=yes
}

teardown() {
  lib_teardown
}

serve() {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  dotward_start "$@"
}

deaths() {
  dotward_log | grep -c 'worker died' || true
}

has_died() {
  (($(deaths) >= $1))
}

# upstream_has N: so many questions have reached the upstream.
upstream_has() {
  (($(faultup_stat up queries) >= $1))
}

worker() {
  workers | cut -d' ' -f1
}

# --- kills under load -------------------------------------------------------------------------------------

@test "crash: workers killed one after the other lose no question" {
  needs_speed
  serve
  pace_begin --seconds $((5 * PATIENCE)) --kill "$DOTWARD_PID" --every-ms $((250 * PATIENCE))
  pace_end
  assert_nothing_lost
  (($(seen kills) >= 15)) || fail "only $(seen kills) kills"
  wait_for 5 has_died "$(seen kills)"
  assert_equal "$(dotward_log | grep -c 'worker died .*signal=9 (Killed).* next=0ms')" "$(deaths)" "deaths by our hand, with a successor at once"
  has_workers 2
}

@test "crash: a single worker killed again and again loses no question" {
  needs_speed
  WORKERS=1
  serve
  pace_begin --seconds $((4 * PATIENCE)) --kill "$DOTWARD_PID" --every-ms $((400 * PATIENCE))
  pace_end
  assert_nothing_lost
  (($(seen kills) >= 8)) || fail "only $(seen kills) kills"
}

@test "crash: a question in flight is asked again by the successor, and once only" {
  WORKERS=1
  serve
  raw udp --wait-ms $((4000 * PATIENCE)) slow-400.a.test >"$BATS_TEST_TMPDIR/answer" 3>&- &
  local client=$!
  wait_for 5 upstream_has 1
  kill -KILL "$(worker)"
  wait "$client"
  assert_has "$(cat "$BATS_TEST_TMPDIR/answer")" 'right=yes'
  assert_equal "$(faultup_stat up queries)" 2 "times the upstream was asked"
}

@test "crash: what was queued for a worker that was stopped and killed is answered" {
  WORKERS=1
  serve
  assert_resolves before.test
  local pid
  pid=$(worker)
  kill -STOP "$pid"
  "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 200 --window 200 --timeout-ms $((3000 * PATIENCE)) >"$BATS_TEST_TMPDIR/load" 3>&- &
  local load=$!
  queued() {
    (($(awk -v port="$(printf ':%04X' "$PORT")" '$2 ~ port { split($5, q, ":"); if (q[2] != "00000000") found = 1 } END { print found + 0 }' /proc/net/udp)))
  }
  wait_for 5 queued
  kill -KILL "$pid"
  wait "$load" || fail "$(cat "$BATS_TEST_TMPDIR/load")"
}

@test "crash: TCP clients of a dead worker connect again and are served" {
  WORKERS=1
  serve
  raw tcp --until-close --wait-ms $((3000 * PATIENCE)) slow-400.a.test >"$BATS_TEST_TMPDIR/client" 3>&- &
  local client=$!
  wait_for 5 upstream_has 1
  kill -KILL "$(worker)"
  wait "$client" || true
  # It must not wait for an answer that nobody owes it any more.
  assert_has "$(cat "$BATS_TEST_TMPDIR/client")" '^(closed|reset) '
  run -0 raw tcp again.test
  assert_has "$output" 'right=yes'
}

@test "crash: a crash of both workers at once loses no question" {
  serve
  pace_begin --seconds 3
  sleep 1
  # shellcheck disable=SC2046 # one word for each
  kill -ABRT $(workers)
  pace_end
  assert_equal "$(deaths)" 2
  # what one has in hand when it crashes is not asked again: it may be what it crashed of
  local in_hand lost
  in_hand=$(dotward_log | grep -c 'worker died .* in_hand=' || true)
  lost=$(seen lost)
  assert_has "$output" '"wrong":0,'
  ((lost <= in_hand)) || fail "lost=$lost in_hand=$in_hand"
}

# --- questions that kill ----------------------------------------------------------------------------------

# poison NAME: asked three times; two deaths, and then SERVFAIL with a reason.
poison() {
  local name=$1 round
  for round in 1 2; do
    run -1 raw udp --wait-ms 300 "$name"
    assert_lacks "$output" '^answer'
    wait_for 5 has_died "$round"
  done
  wait_for 5 has_workers 2
  assert_has "$(dotward_log | grep 'worker died' | tail -n 1)" 'in_hand=[0-9a-f]{16} quarantined=600s'
  assert_equal "$(dotward_log | sed -nE 's/.*worker died.*in_hand=([0-9a-f]*).*/\1/p' | uniq | wc -l)" 1 "questions in hand at the deaths"
  run -0 q "$name"
  assert_has "$output" 'status: SERVFAIL'
  assert_has "$output" 'EDE: 0 .*crashed'
  assert_equal "$(deaths)" 2 "deaths after the quarantine"
}

@test "crash: a question that kills when it is read is quarantined, and no other is harmed" {
  needs_faults
  serve
  pace_begin --seconds $((4 * PATIENCE))
  poison segv.begin.fault.test
  run -0 raw tcp segv.begin.fault.test
  assert_has "$output" 'rcode=2 '
  assert_equal "$(deaths)" 2 "deaths after it was asked by TCP"
  # Only this question: neither its neighbours nor another type of the same name.
  assert_resolves begin.fault.test
  pace_end
  assert_nothing_lost
}

@test "crash: a question whose answer kills is quarantined, and no other is harmed" {
  needs_faults
  serve
  pace_begin --seconds $((4 * PATIENCE))
  poison abort.answer.fault.test
  pace_end
  assert_nothing_lost
}

@test "crash: a question that makes workers leave is quarantined like one that kills" {
  needs_faults
  serve
  pace_begin --seconds $((4 * PATIENCE))
  poison exit.begin.fault.test
  pace_end
  assert_nothing_lost
}

@test "crash: the quarantine outlives a reload" {
  needs_faults
  serve
  poison segv.begin.fault.test
  kill -HUP "$DOTWARD_PID"
  wait_for 10 logged 'reloaded generation='
  run -0 q segv.begin.fault.test
  assert_has "$output" 'status: SERVFAIL'
  assert_equal "$(deaths)" 2 "deaths after the reload"
}

# --- hangs ------------------------------------------------------------------------------------------------

# hung_for: what the log says of how long the last one was silent.
hung_for() {
  dotward_log | sed -nE 's/.*worker hangs .*silent=([0-9]+)ms.*/\1/p' | tail -n 1
}

@test "crash: a worker in an endless loop is replaced, and its queue answered" {
  needs_faults
  WORKERS=1
  serve -o watchdog_ms=1000
  raw udp --wait-ms 100 hang.begin.fault.test || true
  run "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 100 --window 100 --timeout-ms $((4000 * PATIENCE))
  assert_equal "$status" 0 "$output"
  assert_count "$(dotward_log)" 'worker hangs slot=0 .*it is aborted' 1
  assert_count "$(dotward_log)" 'worker died slot=0 .*signal=6' 1
  (($(hung_for) < 2000 * PATIENCE)) || fail "noticed after $(hung_for) ms"
}

@test "crash: a stopped worker does not hear SIGABRT and is killed" {
  WORKERS=1
  serve -o watchdog_ms=$((500 * PATIENCE))
  assert_resolves before.test
  kill -STOP "$(worker)"
  assert_resolves queued.test
  assert_count "$(dotward_log)" 'worker hangs slot=0 ' 1
  assert_count "$(dotward_log)" 'worker died slot=0 .*signal=9' 1
}

@test "crash: the watchdog leaves a slow upstream and an idle worker alone" {
  serve -o watchdog_ms=$((300 * PATIENCE))
  assert_resolves "slow-$((350 * PATIENCE)).a.test"
  sleep "$PATIENCE"
  assert_lacks "$(dotward_log)" 'hangs|died'
}

# --- the schedule -----------------------------------------------------------------------------------------

# Milliseconds between the N-th death of slot 0 and the birth after it, from the stamps of the log.
birth_gaps() {
  dotward_log | grep -E 'worker (died|born) slot=0' | while read -r stamp _ _ _ what _; do
    echo "$(date -d "$stamp" +%s%3N) $what"
  done | awk '$2 == "died" { died = $1 } $2 == "born" && died { print $1 - died; died = 0 }'
}

@test "crash: a worker that crashes again and again is born after 0, 0.5, 1 and 2 s" {
  WORKERS=1
  serve
  local i gaps want
  for i in 1 2 3 4; do
    wait_for 10 has_workers 1
    wait_for 10 eval "(( \$(dotward_log | grep -c 'worker born') == $i ))"
    kill -ABRT "$(worker)"
    wait_for 5 has_died "$i"
  done
  assert_resolves waits.test
  assert_equal "$(dotward_log | sed -nE 's/.*worker died.* next=([0-9]+)ms.*/\1/p' | xargs)" "0 500 1000 2000"
  read -ra gaps <<<"$(birth_gaps | xargs)"
  i=0
  for want in 0 500 1000 2000; do
    # The clock of the log is not the one that waits: it may be a little off.
    ((gaps[i] >= want - 20 && gaps[i] <= want + 1000 * PATIENCE)) || fail "birth after ${gaps[i]} ms, not $want: ${gaps[*]}"
    i=$((i + 1))
  done
}

@test "crash: while a slot has no worker the others get its questions" {
  needs_speed
  serve
  # The victim of the second crash is held back for half a second, of the third for a second.
  local i slot0
  for i in 1 2 3; do
    slot0=$(dotward_log | sed -nE 's/.*worker born slot=0 pid=([0-9]+).*/\1/p' | tail -n 1)
    wait_for 5 alive "$slot0"
    kill -ABRT "$slot0"
    wait_for 5 has_died "$i"
    [[ $i == 3 ]] || wait_for 5 eval "(( \$(dotward_log | grep -c 'worker born slot=0') > $i ))"
  done
  # 200 questions at random over two slots: were one of them dead, half would wait for a second. As many as can be asked in
  # that second.
  run "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions $((200 / PATIENCE)) --window 1 --timeout-ms 700
  assert_equal "$status" 0 "$output"
  assert_equal "$(dotward_log | grep -c 'worker born slot=0')" 3 "births of slot 0 while the other one served"
}

# master_kilobytes FIELD: of its memory, from the kernel. Not what is private: a page shared with a worker becomes so when that dies.
master_kilobytes() {
  awk -v field="$1:" '$1 == field { print $2 }' "/proc/$DOTWARD_PID/smaps_rollup"
}

master_descriptors() {
  find "/proc/$DOTWARD_PID/fd" -mindepth 1 | wc -l
}

@test "crash: hundreds of deaths leave nothing behind in the master" {
  needs_speed
  serve
  local before descriptors grown
  pace() {
    run -0 "$HELPERS/dpace" 127.0.0.1 "$PORT" --qps 100 --seconds "$1" --deadline-ms $((2000 * PATIENCE)) \
      --kill "$DOTWARD_PID" --every-ms $((40 * PATIENCE))
  }
  pace 2
  before=$(master_kilobytes Anonymous)
  descriptors=$(master_descriptors)
  pace 5
  (($(deaths) > 100 / PATIENCE)) || fail "only $(deaths) deaths"
  wait_for 10 has_workers 2
  assert_equal "$(master_descriptors)" "$descriptors" "open descriptors of the master"
  ! grep -q 'lib[at]san\|valgrind' "/proc/$DOTWARD_PID/maps" || skip "memory is held back by the instrument"
  grown=$(($(master_kilobytes Anonymous) - before))
  ((grown < 200)) || fail "the master grew by $grown kB over $(deaths) deaths"
}

# --- the master -------------------------------------------------------------------------------------------

# Nobody is bound to the port: UDP, or TCP that listens.
port_is_free() {
  ! awk -v port="$(printf ':%04X$' "$PORT")" '$2 ~ port && ($4 == "07" || $4 == "0A") { found = 1 } END { exit !found }' \
    /proc/net/udp /proc/net/udp6 /proc/net/tcp /proc/net/tcp6
}

@test "crash: a master that is killed takes its workers with it, and no port stays bound" {
  serve
  pace_begin --seconds 1
  local pids pid
  pids=$(workers)
  kill -KILL "$DOTWARD_PID"
  gone() {
    for pid in $pids; do
      dead "$pid" || return 1
    done
  }
  wait_for 1 gone
  wait_for 1 port_is_free
  wait "$PACE_PID" || true
  dotward_start
  assert_resolves again.test
}

@test "crash: workers that are stopped go with a killed master too" {
  serve
  local pids pid
  pids=$(workers)
  # shellcheck disable=SC2086 # one word for each
  kill -STOP $pids
  kill -KILL "$DOTWARD_PID"
  gone() {
    for pid in $pids; do
      dead "$pid" || return 1
    done
  }
  wait_for 1 gone
  wait_for 1 port_is_free
}
