#!/usr/bin/env bats
# What the exporter tells, to whom, and that nothing that happens to it, or to others, makes it lie or takes a question with it.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load metrics

setup() {
  lib_check
  metrics_setup
}

teardown() {
  lib_teardown
}

load_up() {
  "$HELPERS/dload" "$1" 127.0.0.1 "$PORT" --questions "$2" --window 100 --prefix "$3"
}

# --- what it says -----------------------------------------------------------------------------------------

@test "metrics: each path has its answer, and what is no path has none" {
  metrics_serve
  assert_equal "$(get /healthz)" ok
  wait_for 5 says /readyz 200
  assert_has "$(get /)" '<!DOCTYPE html>'
  assert_has "$(get /metrics)" '^dotward_build_info\{version="[^"]+"\} 1$'
  assert_equal "$(get /status.json | jq -r .state)" serving
  assert_equal "$(status_of /nothing)" 404
  assert_equal "$(status_of /metrics/)" 404
  assert_equal "$(status_of /metrics -X POST -d x)" 405
  assert_equal "$(status_of /metrics -X DELETE)" 405
  assert_equal "$(status_of /metrics -X GET -d body)" 413
  assert_equal "$(status_of /metrics --head)" 200
  local head
  head=$(curl -sSI "http://127.0.0.1:$METRICS_PORT/metrics")
  assert_has "$head" "Content-Security-Policy: default-src 'none'"
  assert_has "$head" 'Cache-Control: no-store'
  assert_has "$head" 'X-Content-Type-Options: nosniff'
  assert_lacks "$head" '^Server:'
}

@test "metrics: counters are what was asked, to the question" {
  metrics_serve
  load_up udp 3000 a
  load_up tcp 500 a
  assert_equal "$(metric queries_total 'protocol="udp",family="ipv4"')" 3000
  assert_equal "$(metric queries_total 'protocol="tcp",family="ipv4"')" 500
  assert_equal "$(metric responses_total 'rcode="NOERROR"')" 3500
  assert_equal "$(metric cache_lookups_total 'outcome="miss"')" 3000
  assert_equal "$(metric cache_lookups_total 'outcome="hit"')" 500
  assert_equal "$(metric response_duration_seconds_count 'source="hit"')" 500
  assert_equal "$(metric response_duration_seconds_count 'source="miss"')" 3000
  assert_equal "$(metric upstream_response_duration_seconds_count)" 3000
  assert_equal "$(metric upstream_queries_total)" "$(faultup_stat up queries)"
  assert_equal "$(get /status.json | jq '[.queries[].count] | add')" 3500
  # dotwardctl tells the same
  local ctl=("$DOTWARDCTL" -s "$BATS_TEST_TMPDIR/dotward.control")
  assert_equal "$("${ctl[@]}" stats --json | jq '.queries, .overview.counters.queries' | sort -u)" 3500
  assert_has "$("${ctl[@]}" stats --prometheus)" '^dotward_responses_total\{rcode="NOERROR"\} 3500$'
  assert_equal "$("${ctl[@]}" stats --prometheus | grep -c '^# TYPE')" "$(get /metrics | grep -c '^# TYPE')"
}

@test "metrics: not ready while no upstream answers, and why" {
  metrics_serve
  wait_for 5 says /readyz 200
  end "$up_pid" || true
  q lost.test >/dev/null || true
  wait_for 10 says /readyz 503
  assert_has "$(curl -sS "http://127.0.0.1:$METRICS_PORT/readyz")" 'no upstream answers: up 127\.0\.0\.1@[0-9]+: .+'
  assert_equal "$(status_of /healthz)" 200
  assert_equal "$(metric upstream_up)" 0
  assert_equal "$(metric ready)" 0
}

# --- to whom ----------------------------------------------------------------------------------------------

@test "metrics: who is not allowed gets no answer, and the unix socket is open to its group" {
  local socket=$BATS_TEST_TMPDIR/web
  metrics_serve "allow = [ \"192.0.2.0/24\" ]; socket = \"$socket\";"
  # closed at once, before a word is read
  assert_equal "$(status_of /healthz || true)" 000
  assert_equal "$(stat -c %a "$socket")" 660
  assert_equal "$(curl -sS --unix-socket "$socket" http://dotward/healthz)" ok
  dotward_stop
  [[ ! -e $socket ]] || fail "the socket is left behind"
}

@test "metrics: a password or a token, but not for health" {
  echo 'secret-word' >"$BATS_TEST_TMPDIR/password"
  echo 'a-token' >"$BATS_TEST_TMPDIR/token"
  chmod 600 "$BATS_TEST_TMPDIR/password"
  chmod 644 "$BATS_TEST_TMPDIR/token"
  metrics_serve "user = \"scraper\"; password_file = \"$BATS_TEST_TMPDIR/password\"; token_file = \"$BATS_TEST_TMPDIR/token\";"
  assert_equal "$(status_of /metrics)" 401
  assert_equal "$(status_of /nothing)" 401
  assert_has "$(curl -sSi "http://127.0.0.1:$METRICS_PORT/")" 'WWW-Authenticate: Basic realm="dotward"'
  assert_equal "$(status_of /healthz)" 200
  assert_equal "$(status_of /metrics -u scraper:secret-word)" 200
  assert_equal "$(status_of /metrics -u scraper:secret-wore)" 401
  assert_equal "$(status_of /metrics -u scraper:secret-wor)" 401
  assert_equal "$(status_of /metrics -u other:secret-word)" 401
  assert_equal "$(status_of /metrics -H 'Authorization: Bearer a-token')" 200
  assert_equal "$(status_of /metrics -H 'Authorization: Bearer ')" 401
  assert_equal "$(status_of /metrics -H 'Authorization: a-token')" 401
  # another password counts from the next reload on
  echo 'new-word' >"$BATS_TEST_TMPDIR/password"
  "$DOTWARDCTL" -s "$BATS_TEST_TMPDIR/dotward.control" reload
  assert_equal "$(status_of /metrics -u scraper:secret-word)" 401
  assert_equal "$(status_of /metrics -u scraper:new-word)" 200
  run dotward -t -c "$CONFIG"
  assert_has "$output" 'metrics\.token_file: .*/token can be read by others'
  assert_lacks "$output" 'password_file'
}

@test "metrics: what is wrong with the keys is said with line and remedy" {
  faultup_start up
  local row complaint
  while IFS='|' read -r row complaint; do
    metrics_config "$row"
    run -1 dotward -t -c "$CONFIG"
    assert_has "$output" "dotward\.conf:[0-9]+: $complaint"
  done <<ROWS
user = "a";|metrics\.user: goes with metrics\.password_file
address = [ "127.0.0.1", "127.0.0.1" ];|metrics\.address: 127\.0\.0\.1@$METRICS_PORT is given twice
address = [ ];|metrics\.address: empty
address = "here";|metrics\.address = "here": no IP address
socket = "$BATS_TEST_TMPDIR/dotward.control";|metrics\.socket: .* is control\.socket already
allow = [ "127.0.0.1/8" ];|metrics\.allow\.\[0\]
token_file = "/nowhere/token";|metrics\.token_file: /nowhere/token: No such file
token_file = "/dev/null";|metrics\.token_file: /dev/null: it is not a regular file
ROWS
}

# --- what happens to it -----------------------------------------------------------------------------------

@test "metrics: a reload takes up another port, and leaves what was if it cannot have it" {
  local old=$METRICS_PORT taken
  metrics_serve
  taken=$up_port
  METRICS_PORT=$taken metrics_config
  run -1 "$DOTWARDCTL" -s "$BATS_TEST_TMPDIR/dotward.control" reload
  assert_has "$output" "metrics\.address: cannot listen on 127\.0\.0\.1@$taken: Address already in use"
  assert_equal "$(get /healthz)" ok
  assert_equal "$(metric reloads_total 'outcome="failed"')" 1
  METRICS_PORT=$(free_port)
  metrics_config 'address = [ "127.0.0.1", "::1" ];'
  "$DOTWARDCTL" -s "$BATS_TEST_TMPDIR/dotward.control" reload
  assert_equal "$(get /healthz)" ok
  assert_equal "$(curl -sS "http://[::1]:$METRICS_PORT/healthz")" ok
  assert_equal "$(METRICS_PORT=$old status_of /healthz || true)" 000
  assert_equal "$(metric reloads_total 'outcome="ok"')" 1
  # and off again
  MORE='' dotward_config "$(upstream up "$up_port")"
  "$DOTWARDCTL" -s "$BATS_TEST_TMPDIR/dotward.control" reload
  assert_equal "$(status_of /healthz || true)" 000
  assert_resolves after.test
}

exporter_is_another() {
  local pid
  pid=$(helper_pid exporter 2>/dev/null) && [[ -n $pid && $pid != "$1" ]]
}

# Every process of it is killed, it is reloaded and upgraded, and the counters only go up.
@test "metrics: exporter, workers, configuration and binary go, and no counter goes back and no question is lost" {
  [[ $DOTWARD != *' '* ]] || skip "what runs dotward here is not dotward itself"
  KILLS=yes
  local round watcher pid ctl
  metrics_serve
  ctl=("$DOTWARDCTL" -s "$BATS_TEST_TMPDIR/dotward.control" -t $((10 * PATIENCE)))
  metrics_watch "$BATS_TEST_TMPDIR/scrapes" 2>/dev/null 3>&- &
  watcher=$!
  pace_begin --seconds $((3 * PATIENCE))
  for round in 1 2 3 4 5 6; do
    pid=$(helper_pid exporter)
    kill -KILL "$pid"
    wait_for 5 exporter_is_another "$pid"
    ((round % 2)) || kill -KILL "$(worker_pid)"
    ((round != 3)) || "${ctl[@]}" reload
    ((round != 5)) || "${ctl[@]}" upgrade
  done
  pace_end
  kill "$watcher"
  wait "$watcher" 2>/dev/null || true
  assert_nothing_lost
  local asked counted
  asked=$(seen asked)
  run metrics_monotonic "$BATS_TEST_TMPDIR/scrapes"
  echo "# ${lines[-1]}" >&3
  assert_equal "$status" 0
  # What was asked is all there, over all generations and both binaries; a question that a worker died over is counted again,
  # when its successor takes it up.
  counted=$(metric queries_total 'protocol="udp"')
  ((counted >= asked && counted <= asked + $(metric replayed_total))) || fail "asked $asked, counted $counted"
  assert_equal "$(metric helper_deaths_total 'process="exporter"')" 6
  assert_equal "$(metric worker_deaths_total 'signal="SIGKILL"')" 3
  assert_equal "$(metric reloads_total 'outcome="ok"')" 1
  assert_equal "$(metric upgrades_total 'outcome="ok"')" 1
}

@test "metrics: slow and greedy clients keep nobody else out" {
  local holders=() n fd
  metrics_serve
  # as many as one address may have, which say nothing, or never come to an end
  for n in 1 2 3 4 5 6 7 8 9 10 11 12; do
    exec {fd}<>"/dev/tcp/127.0.0.1/$METRICS_PORT"
    printf 'GET /metrics HTTP/1.1\r\nHost: x\r\nX-%s: ' "$n" >&"$fd"
    holders+=("$fd")
  done
  assert_equal "$(get /healthz)" ok
  # a head without end is refused
  assert_equal "$(status_of /metrics -H "X-Long: $(printf '%09000d' 0)")" 431
  # and what is no HTTP
  exec {fd}<>"/dev/tcp/127.0.0.1/$METRICS_PORT"
  { head -c 100000 /dev/urandom >&"$fd" || true; } 2>/dev/null
  exec {fd}>&-
  assert_equal "$(get /healthz)" ok
  # beyond the bound for one address they are turned away
  for n in 1 2 3 4 5 6 7 8; do
    exec {fd}<>"/dev/tcp/127.0.0.1/$METRICS_PORT"
    holders+=("$fd")
  done
  assert_equal "$(status_of /healthz || true)" 000
  for fd in "${holders[@]}"; do
    exec {fd}>&-
  done
  wait_for 5 says /healthz 200
  assert_equal "$(get /status.json | jq '.helpers[] | select(.name == "exporter").deaths')" 0
  assert_resolves still.test
}
