#!/usr/bin/env bats
# log.queries = false: whatever happens, no name that was asked for and no client's address is in anything that leaves the process.
# The same search finds them with log.queries = true, so that it is known to search.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load ctl

# What no output has by accident. The clients' networks count as well.
NAMES='sesame|xyzzy'
CLIENTS='127\.77\.(11|22|33)\.|127\.77\.0\.0'

setup() {
  lib_check
  ctl_setup
  OUT=$BATS_TEST_TMPDIR/out
  mkdir "$OUT"
}

teardown() {
  lib_teardown
}

# private_serve TRUE|FALSE [OPTION]...: at debug, with as many parts as may say something.
private_serve() {
  KILLS=yes
  echo ads-sesame.test >"$BATS_TEST_TMPDIR/ads"
  faultup_start up
  METRICS=$(free_port)
  MORE="log: { queries = $1; level = \"debug\"; };
    metrics: { enabled = true; port = $METRICS; };
    access: { allow = [ \"127.0.0.0/8\" ]; deny = [ \"127.77.33.0/24\" ]; };
    limits: { rate: { queries_per_second = 20; burst = 40; }; tcp_clients_per_address = 2; };
    clients = ( { name = \"kids\"; networks = [ \"127.77.22.0/24\" ]; } );
    policy: { block_lists = ( { name = \"ads\"; file = \"$BATS_TEST_TMPDIR/ads\"; } ); rebind_protection = true; };
    pid_file = \"$BATS_TEST_TMPDIR/pid\";" dotward_config "$(upstream up "$up_port")"
  dotward_start "${@:2}"
}

# Everything that a name or a client can go through: both protocols, hits, misses, failures of all kinds, refusals, rates, lists,
# aborted clients, a worker that is killed with questions in hand, a reload, an upgrade.
private_life() {
  local client=127.77.11.1 wait=$((300 * PATIENCE))
  raw udp --from $client xyzzy.test xyzzy.test sesame.test >/dev/null || true
  raw tcp --from $client xyzzy.test sesame.test,TYPE28 >/dev/null || true
  raw udp --from $client --wait-ms "$wait" nxdomain.sesame.test servfail.sesame.test refused.sesame.test wrong-question.sesame.test \
    wrong-id.sesame.test garbage.sesame.test slow-9000.sesame.test x.ads-sesame.test >/dev/null || true
  raw tcp --from $client --wait-ms "$wait" sesame.test,cut=1 >/dev/null || true
  raw udp --from 127.77.33.3 --wait-ms "$wait" sesame.test >/dev/null || true
  raw udp --from 127.77.22.2 --wait-ms "$wait" --repeat 120 sesame.test >/dev/null || true
  raw udp --from $client --wait-ms 1 slow-400.xyzzy.test >/dev/null || true
  kill -ABRT "$(workers | cut -d' ' -f1)"
  wait_for 10 has_workers 2
  faultup_say up reset >/dev/null
  raw udp --from $client --wait-ms "$wait" late.sesame.test >/dev/null || true
  ctl reload >/dev/null
  raw udp --from $client again.sesame.test >/dev/null || true
}

# All that can be seen from outside, into $OUT. What somebody asks for by name (cache lookup, explain) is not among it, nor is a dump
# of the cache: it is asked for, and by root.
private_look() {
  local verb
  for verb in status workers stats upstreams lists "cache stats"; do
    # shellcheck disable=SC2086
    ctl $verb >"$OUT/$verb"
    # shellcheck disable=SC2086
    ctl --json $verb >"$OUT/$verb.json"
  done
  local page
  if [[ $(dotward --version) != *"without metrics"* ]] && command -v curl >/dev/null; then
    for page in metrics status.json '' healthz readyz; do
      curl -s "http://127.0.0.1:$METRICS/$page" >"$OUT/http-$page"
    done
    assert_has "$(<"$OUT/http-metrics")" '^dotward_queries_total'
    jq -e .counters.queries "$OUT/http-status.json" >/dev/null
  fi
  ps -ww -o args= --ppid "$DOTWARD_PID" >"$OUT/ps" 2>/dev/null || true
  dotward_stop || true
  dotward_log >"$OUT/log"
}

@test "privacy: with log.queries = false there is no name and no client in anything, at debug either" {
  private_serve false
  private_life
  private_look
  (($(wc -l <"$OUT/log") > 60)) || fail "too little happened: $(<"$OUT/log")"
  assert_has "$(<"$OUT/log")" 'worker died .*signal=6'
  assert_has "$(<"$OUT/log")" 'questions in excess of limits.rate'
  run -1 grep -rEn "$NAMES|$CLIENTS" "$OUT"
}

@test "privacy: with log.queries = true the same search finds names and clients" {
  private_serve true
  private_life
  private_look
  local what
  for what in xyzzy sesame '127\.77\.11\.' '127\.77\.22\.' '127\.77\.33\.'; do
    grep -rEq "$what" "$OUT" || fail "$what is nowhere"
  done
}

@test "privacy: nobody leaves a core file, and nobody but root looks into a process" {
  local user=()
  ! is_root || user=(-o 'user="nobody"')
  private_serve true "${user[@]}"
  local pid
  for pid in "$DOTWARD_PID" $(workers) $(scribes); do
    assert_has "$(<"/proc/$pid/limits")" 'Max core file size +0 +0 '
  done
  is_root || skip "not root: whose process it is cannot be told from who may look into it"
  ! grep -qa __asan_init "${DOTWARD##* }" || skip "the leak checker looks into it"
  for pid in $(workers) $(scribes); do
    assert_equal "$(stat -c %U "/proc/$pid/mem")" root "owner of what /proc shows of a process of nobody's"
    assert_has "$(<"/proc/$pid/status")" "^Uid:[[:space:]]+$(id -u nobody)[[:space:]]"
  done
}
