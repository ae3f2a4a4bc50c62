#!/usr/bin/env bats
# The query log: a line for each question, from the workers through a process of its own to wherever it is to go. What cannot be
# written costs lines, which are counted, and never a question.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load ctl

setup() {
  lib_check
  ctl_setup
  LOG=$BATS_TEST_TMPDIR/queries
}

teardown() {
  [[ -z ${READER:-} ]] || end "$READER"
  lib_teardown
}

# log_with TEXT [OPTION]...: a dotward with this in the group "log", whose lines about questions go to $LOG.
log_with() {
  local text=$1
  shift
  faultup_start up
  MORE="log: { queries = true; queries_target = \"file:$LOG\"; $text }; ${MORE:-}" dotward_config "$(upstream up "$up_port")"
  dotward_start "$@"
}

lines() {
  grep -c 'answered' "$LOG"
}

has_lines() {
  (($(lines) >= $1))
}

# ask_many N [DLOAD OPTION]...: so many different questions, each of which must be answered.
ask_many() {
  local n=$1
  shift
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions "$n" --window 100 --timeout-ms $((10000 * PATIENCE)) "$@"
  assert_has "$output" "\"right\":${n}[,}]"
}

@test "querylog: a line says who asked what, what came of it, from where, and how long it took" {
  echo ads.test >"$BATS_TEST_TMPDIR/ads"
  MORE="policy: { block_lists = ( { name = \"ads\"; file = \"$BATS_TEST_TMPDIR/ads\"; } ); };
    access: { allow = [ \"127.0.0.0/8\" ]; deny = [ \"127.0.0.9\" ]; denied = \"drop\"; };" WORKERS=1 log_with ''
  raw udp --from 127.0.0.2 One.test >/dev/null
  raw tcp --from 127.0.0.3 one.test >/dev/null
  raw udp --from 127.0.0.2 x.ads.test >/dev/null
  raw udp --from 127.0.0.9 --wait-ms 1 denied.test >/dev/null || true
  raw udp nxdomain.test hex:0001010000010000000000000000 >/dev/null || true
  wait_for 5 has_lines 6
  local said time='^[-0-9]{10}T[:0-9]{8}\.[0-9]{3}Z notice worker 0: q=[0-9]+' at_once=0
  ! under_valgrind || at_once='[0-9]+'
  said=$(<"$LOG")
  assert_has "$said" "$time answered client=127\.0\.0\.2@[0-9]+ protocol=udp name=One\.test\. type=A rcode=NOERROR source=upstream ms=[0-9]+\.[0-9]{3} bytes=[0-9]+ upstream=up address=127\.0\.0\.1@$up_port\$"
  assert_has "$said" "$time answered client=127\.0\.0\.3@[0-9]+ protocol=tcp name=one\.test\. type=A rcode=NOERROR source=cache ms=$at_once\.[0-9]{3} bytes=[0-9]+\$"
  assert_has "$said" ' name=x\.ads\.test\. type=A rcode=NXDOMAIN source=policy ms=.* step=lists list=ads why="[^"]+"$'
  assert_has "$said" " unanswered client=127\.0\.0\.9@[0-9]+ protocol=udp name=denied\.test\. type=A source=policy ms=[0-9.]+ bytes=0 step=access\$"
  assert_has "$said" ' name=nxdomain\.test\. type=A rcode=NXDOMAIN source=upstream '
  assert_has "$said" ' answered client=127\.0\.0\.1@[0-9]+ protocol=udp rcode=FORMERR source=policy .* step=form$'
  assert_lacks "$(dotward_log)" 'answered'
}

@test "querylog: JSON is an object a line, whatever strangers ask for" {
  WORKERS=1 log_with 'format = "json";'
  # a quote, a backslash, a line feed, an escape, a byte above 126, a dot and UTF-8 in labels
  raw udp hex:00030100000100000000000008225c0a1bff2ec3a90474657374000001 hex:0003010000010000000000000822 \
    hex:000301000001000000000000080a225c1bff2ec3a904746573740000010001 'plain.test' --wait-ms $((500 * PATIENCE)) >/dev/null || true
  wait_for 5 has_lines 4
  local count
  count=$(jq -r 'select(.event == "answered" and .client and .protocol == "udp" and .source and (.ms | type) == "number"
    and (.bytes | type) == "number" and .role == "worker" and .slot == 0 and (.time | fromdateiso8601? // true)) | .event' "$LOG" | wc -l)
  assert_equal "$count" "$(wc -l <"$LOG")"
  assert_equal "$(jq -r 'select(.name and (.name | startswith("plain") | not)) | .name' "$LOG")" '\010\"\\\027\255\.\195\169.test.'
}

@test "querylog: one in so many, and clients as networks" {
  WORKERS=1 log_with 'sample = 10; anonymise = true;'
  ask_many 1000
  kill -HUP "$DOTWARD_PID" # which writes out what is there
  wait_for 5 logged ' reloaded '
  wait_for 5 has_lines 100
  local count
  count=$(lines)
  ((count >= 99 && count <= 101)) || fail "$count lines"
  assert_count "$(<"$LOG")" ' client=127\.0\.0\.0/24 ' "$count"
  has_ipv6 || return 0
  RAW_ADDRESS=::1
  local i
  for ((i = 0; i < 30; i++)); do
    raw udp "six$i.test" >/dev/null
  done
  wait_for 5 grep -q ' client=::/56 ' "$LOG"
  assert_lacks "$(<"$LOG")" 'client=(127\.0\.0\.1|::1)'
}

@test "querylog: all of it is written before the end, and in the order of each worker" {
  log_with ''
  ask_many 8000
  dotward_stop
  assert_equal "$(lines)" 8000
  local slot
  for slot in 0 1; do
    grep -o "worker $slot: q=[0-9]*" "$LOG" | cut -d= -f2 >"$BATS_TEST_TMPDIR/numbers"
    # by the end of each question: numbers may overtake each other, times may not
    sed -nE "s/^([^ ]+) notice worker $slot: .*/\1/p" "$LOG" | sort -c
    assert_equal "$(sort -un "$BATS_TEST_TMPDIR/numbers" | wc -l)" "$(wc -l <"$BATS_TEST_TMPDIR/numbers")"
  done
  assert_equal "$(cut -d' ' -f6- "$LOG" | grep -o 'name=[^ ]*' | sort -u | wc -l)" 8000
}

@test "querylog: lines of workers that are killed are not lost" {
  KILLS=yes
  log_with ''
  QPS=2000 pace_begin --seconds 2 --kill "$DOTWARD_PID" --every-ms 200
  pace_end
  assert_nothing_lost
  local answers
  answers=$(seen right)
  dotward_stop
  # an answer whose worker was killed between writing it and having it sent is given again: there may be more lines
  (($(lines) >= answers)) || fail "$(lines) lines for $answers answers"
}

@test "querylog: a scribe that is killed has a successor, who goes on where it was" {
  log_with ''
  QPS=2000 pace_begin --seconds 2
  local i
  for i in 1 2 3; do
    sleep 0.2
    kill -KILL "$(scribes)"
    wait_for 5 scribe_is_there
  done
  pace_end
  assert_nothing_lost
  local answers
  answers=$(seen right)
  assert_count "$(dotward_log)" 'query log: scribe died' 3
  dotward_stop
  (($(lines) >= answers)) || fail "$(lines) lines for $answers answers"
}

scribe_is_there() {
  [[ -n $(scribes) ]]
}

@test "querylog: a file is opened anew on SIGUSR1, another target is taken up by a reload, and an impossible one is not" {
  log_with ''
  assert_resolves before.test
  wait_for 5 grep -q 'before\.test' "$LOG"
  mv "$LOG" "$LOG.1"
  kill -USR1 "$DOTWARD_PID"
  wait_for 5 test -e "$LOG"
  in_the_new() {
    resolves "after$RANDOM.test" && grep -q 'after.*test' "$LOG"
  }
  wait_for 5 in_the_new
  sed -i "s|$LOG|$LOG.other|" "$CONFIG"
  ctl reload
  assert_resolves other.test
  wait_for 5 grep -q 'other\.test' "$LOG.other"
  sed -i "s|$LOG.other|/nowhere/at/all|" "$CONFIG"
  run -1 ctl reload
  assert_has "$output" 'log\.queries_target = "file:/nowhere/at/all" cannot be opened: No such file'
  assert_resolves still.test
  wait_for 5 grep -q 'still\.test' "$LOG.other"
  # where the log goes
  sed -i 's|queries_target = "[^"]*"|queries_target = ""|' "$CONFIG"
  ctl reload
  assert_resolves here.test
  wait_for 5 logged 'answered client=.* name=here\.test\. '
  sed -i 's|queries = true|queries = false|' "$CONFIG"
  ctl reload
  wait_for 5 none_writes
  assert_resolves gone.test
  assert_lacks "$(dotward_log)$(cat "$LOG"*)" 'gone'
}

none_writes() {
  [[ -z $(scribes) ]]
}

@test "querylog: who reads it and stops costs lines, which are counted, and no question" {
  needs_speed
  mkfifo "$LOG"
  # reads a little, and then nothing any more
  bash -c 'exec <"$1"; read -r line; echo "$line"; kill -STOP $$; exec cat >"$2"' - "$LOG" "$LOG.read" >"$LOG.first" 3>&- &
  READER=$!
  log_with ''
  # long names fill what there is to fill sooner
  local label answers=14000 lost
  printf -v label 'x%.0s' {1..60}
  ask_many "$answers" --prefix "$label.$label.load"
  lost=$(ctl stats --json | jq .log_dropped)
  ((lost > 0)) || fail "nothing was lost of $answers lines"
  # it reads again: the rest is there, and the log says what is not
  kill -CONT "$READER"
  wait_for 5 logged "warn scribe: query log: lines lost.* in_all=$lost\$"
  all_there() {
    (($(cat "$LOG.first" "$LOG.read" | wc -l) + lost >= answers))
  }
  wait_for 5 all_there
  assert_equal $(($(cat "$LOG.first" "$LOG.read" | wc -l) + lost)) "$answers"
}

@test "querylog: the stop does not wait for who does not read" {
  mkfifo "$LOG"
  # shellcheck disable=SC2217 # held open, not read
  sleep 60 <"$LOG" 3>&- &
  READER=$!
  log_with '' -o drain_timeout_ms=500
  ask_many 2000
  dotward_stop
  assert_has "$(dotward_log)" 'warn master: query log: lines lost: they could not be written in time lost=[0-9]+'
  assert_has "$(dotward_log)" ' stopped '
}

@test "querylog: a full disk costs lines, which are counted, and no question" {
  LOG=/dev/full
  log_with ''
  ask_many 500
  counted() {
    (($(ctl stats --json | jq .log_dropped) == 500))
  }
  wait_for 8 counted
  assert_has "$(dotward_log)" 'error scribe: query log: it cannot be written why="No space left on device"'
}

@test "querylog: a log that nobody reads any more does not hold anybody up" {
  mkfifo "$BATS_TEST_TMPDIR/stderr"
  # shellcheck disable=SC2217 # held open, not read
  sleep 60 <"$BATS_TEST_TMPDIR/stderr" 3>&- &
  READER=$!
  faultup_start up
  MORE='log: { queries = true; };' dotward_config "$(upstream up "$up_port")"
  local command
  read -ra command <<<"$DOTWARD"
  "${command[@]}" -f "${SANDBOX_OPTION[@]}" -o policy.special_names=false -c "$CONFIG" 2>"$BATS_TEST_TMPDIR/stderr" 3>&- &
  DOTWARD_PID=$!
  echo "$DOTWARD_PID dotward" >>"$(lib_dir)/pids"
  wait_for 5 resolves first.test
  ask_many 3000
  # master and workers have something to say as well
  KILLS=yes
  local before
  before=$(workers)
  kill -KILL "${before%% *}"
  others() {
    has_workers 2 && [[ $(workers) != "$before" ]]
  }
  wait_for 5 others
  kill -USR1 "$DOTWARD_PID"
  ask_many 1000 --prefix again
  ctl stats --json >"$BATS_TEST_TMPDIR/stats"
}
