#!/usr/bin/env bats
# The forms of the log: JSON for all lines of all processes, fields for the journal of systemd, and duplicates counted.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  command -v jq >/dev/null || skip "no jq"
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

# All lines are objects with these members; prints how many there are.
assert_all_json() {
  local lines
  lines=$(grep -c '' "$1")
  ((lines > 2)) || fail "only $lines lines: $(cat "$1")"
  assert_equal "$(jq -c 'select((.time | test("^20[0-9-]{8}T[0-9:]{8}\\.[0-9]{3}Z$")) and (.level | type == "string") and
    (.role | type == "string") and (.event | type == "string"))' "$1" | wc -l)" "$lines" "objects, of $lines lines: $(cat "$1")"
}

@test "log.format: json: every line of every process is one object, its pairs are members" {
  serve --log-level debug -o log.format=json -o log.queries=true
  assert_resolves first.test
  # a quote, an escape and a line feed in the name
  raw udp hex:000301000001000000000000080a22411b5b6d5c2200010001 hex:0004010000010000000000000a0a77617277617277617200010001 --wait-ms 500 >/dev/null || true
  dotward_stop
  local log=$BATS_TEST_TMPDIR/dotward.log
  assert_all_json "$log"
  assert_equal "$(jq -r 'select(.event == "ready") | "\(.role) \(.workers) \(.upstreams)"' "$log")" "master 2 1"
  assert_has "$(jq -r 'select(.event == "answered" and (.name // "" | startswith("first.test"))) |
    "\(.role) \(.rcode) \(.client) \(.bytes | type) \(.slot | type)"' "$log")" '^worker NOERROR 127\.0\.0\.1(@[0-9]+)? number number$'
  assert_equal "$(jq -r 'select(.event == "worker born") | .slot' "$log" | sort | tr '\n' ' ')" '0 1 '
  assert_equal "$(without_sandbox_warning <"$log" | jq -r '.level' | sort -u | tr '\n' ' ')" 'debug info notice '
}

@test "log.format: json: a worker's death is an object that says how" {
  KILLS=yes
  serve -o log.format=json
  kill -ABRT "$(cut -d' ' -f1 <<<"$(workers)")"
  wait_for 5 logged 'worker died'
  assert_equal "$(jq -c 'select(.event == "worker died") | [.signal, .detail, .next_ms, (.uptime_s | type)]' "$BATS_TEST_TMPDIR/dotward.log")" \
    '[6,"(Aborted)",0,"number"]'
}

@test "log.format: json in a file, and back to text by a reload" {
  MORE="log: { format = \"json\"; target = \"file:$BATS_TEST_TMPDIR/here.log\"; };"
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  : >"$BATS_TEST_TMPDIR/dotward.log"
  spawn_dotward -c "$CONFIG"
  in_file() {
    grep -q -- "$1" "$BATS_TEST_TMPDIR/here.log" 2>/dev/null
  }
  wait_for 10 in_file '"event":"ready"'
  assert_all_json "$BATS_TEST_TMPDIR/here.log"
  sed -i 's/format = "json"/format = "text"/' "$CONFIG"
  kill -HUP "$DOTWARD_PID"
  wait_for 10 in_file 'notice master: reloaded '
  assert_lacks "$(sed -n '/reloaded/,$p' "$BATS_TEST_TMPDIR/here.log")" '^{'
}

@test "log.format: json from the first line for who says so before the file is read, complaints included" {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  sed -i 's/^workers = .*/workers = 1000000;/' "$CONFIG"
  printf 'nonsense = "a\\"b";\n' >>"$CONFIG"
  run -1 dotward -f -c "$CONFIG" -o log.format=json
  assert_equal "$(jq -r '.level' <<<"$output" | sort -u)" error
  assert_has "$(jq -r '.event' <<<"$output")" 'dotward.conf:[0-9]+: nonsense'
  DOTWARD_LOG_FORMAT=json run -1 dotward -f -c "$CONFIG"
  (($(jq -s length <<<"$output") >= 2)) || fail "$output"
  DOTWARD_LOG_FORMAT=json run -1 dotward -f -c "$CONFIG" -o log.format=text
  assert_lacks "$output" '^{'
  sed -i -e '/^nonsense/d' -e 's/^workers = .*/workers = 1;/' "$CONFIG"
  run -1 dotward -f -c "$CONFIG" -o log.format=json -o log.target=file:/nowhere/at/all.log
  assert_has "$(jq -r '.event' <<<"$output")" '/nowhere/at/all\.log'
  run -1 dotward -t -c "$CONFIG" -o log.format=xml
  assert_has "$output" 'log\.format.*json'
}

# --- the journal

# serve_to_journal [OPTION]...: standard error is what JOURNAL_STREAM says it is, and somebody listens at the journal's socket.
serve_to_journal() {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  : >"$BATS_TEST_TMPDIR/dotward.log"
  export JOURNAL_SOCKET=$BATS_TEST_TMPDIR/journal JOURNAL_STREAM
  JOURNAL_STREAM=$(stat -c %d:%i "$BATS_TEST_TMPDIR/dotward.log")
  spawn_dotward -c "$CONFIG" "$@"
}

listen_as_journal() {
  spawn journal-lines "$HELPERS/djournal" "$BATS_TEST_TMPDIR/journal"
  wait_for 5 test -S "$BATS_TEST_TMPDIR/journal"
}

told() {
  grep -Eq -- "$1" "$BATS_TEST_TMPDIR/journal-lines.log"
}

@test "journal: lines of all processes go there with fields, sealed workers' included, and none to standard error" {
  listen_as_journal
  serve_to_journal --log-level debug -o log.queries=true
  wait_for 10 told '^MESSAGE=master: ready '
  assert_resolves seen.test
  told_all() {
    told '^DOTWARD_NAME=seen\.test' && told '^MESSAGE=worker [01]: '
  }
  wait_for 5 told_all
  dotward_stop
  wait_for 5 told '^MESSAGE=master: stopped'
  local lines
  lines=$(cat "$BATS_TEST_TMPDIR/journal-lines.log")
  assert_equal "$(dotward_log)" "" "standard error"
  assert_has "$lines" '^PRIORITY=5$'
  assert_has "$lines" '^PRIORITY=7$'
  assert_has "$lines" '^SYSLOG_IDENTIFIER=dotward$'
  assert_has "$lines" '^DOTWARD_ROLE=worker$'
  assert_has "$lines" '^DOTWARD_SLOT=[01]$'
  assert_has "$lines" '^DOTWARD_EVENT=ready$'
  assert_has "$lines" '^DOTWARD_WORKERS=2$'
}

@test "journal: when nobody is there, standard error gets the lines with their priority, and the journal when it is back" {
  serve_to_journal
  wait_for 10 logged '^<5>20.* notice master: ready '
  assert_lacks "$(dotward_log)" '^[^<]'
  listen_as_journal
  kill -HUP "$DOTWARD_PID"
  wait_for 10 told '^MESSAGE=master: reloaded '
  assert_lacks "$(dotward_log)" 'reloaded'
}

@test "journal: standard error that leads elsewhere is written to as ever" {
  listen_as_journal
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  JOURNAL_STREAM=1:1 JOURNAL_SOCKET=$BATS_TEST_TMPDIR/journal dotward_start
  assert_has "$(dotward_log)" '^20.* notice master: ready '
  assert_equal "$(cat "$BATS_TEST_TMPDIR/journal-lines.log")" "" "journal"
}

# --- duplicates

@test "duplicates: a flood of refused clients is a line a second, which says how many were not written, and has a last word" {
  WORKERS=1
  serve --log-level info -o limits.tcp_clients=1 -o limits.tcp_clients_per_address=1 -o watchdog_ms=1000
  exec 7<>"/dev/tcp/127.0.0.1/$PORT"
  local i
  for i in {1..40}; do
    (exec 8<>"/dev/tcp/127.0.0.1/$PORT" && read -r -t 1 -u 8) 2>/dev/null || true
  done
  sum() {
    local lines
    lines=$(dotward_log | grep 'TCP client refused')
    echo $(($(grep -c 'why=' <<<"$lines") + $(grep -oE 'suppressed=[0-9]+' <<<"$lines" | cut -d= -f2 | paste -sd+)))
  }
  # of those that were not written with a line of their own, the last are told when it is over
  all_told() {
    (($(sum) == 40))
  }
  wait_for 8 all_told
  exec 7>&-
  assert_has "$(dotward_log)" 'info worker 0: TCP client refused why="limits.tcp_clients_per_address"$'
  assert_has "$(dotward_log)" 'info worker 0: TCP client refused (why="[^"]*" )?suppressed=[0-9]+$'
  (($(dotward_log | grep -c 'TCP client refused') <= 12)) || fail "$(dotward_log)"
}
