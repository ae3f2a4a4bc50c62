#!/usr/bin/env bats
# Names that go elsewhere: each is asked where its route says, whatever happens there, and nowhere else ever hears of it.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load servers

setup() {
  lib_check
  command -v jq >/dev/null || skip "no jq"
}

teardown() {
  lib_teardown
}

# route UPSTREAM DOMAIN...: an entry for the configuration.
route() {
  local up=$1 domains
  shift
  printf -v domains '"%s", ' "$@"
  echo "{ domains = [ ${domains%, } ]; upstreams = [ \"$up\" ]; }"
}

# serve ROUTE...: with the upstreams rest, corp and lab, those that run.
serve() {
  configure "$@"
  dotward_start
}

configure() {
  local routes ups=() name port
  for name in rest corp lab; do
    port=${name}_port
    [[ -z ${!port:-} ]] || ups+=("$(upstream "$name" "${!port}")")
  done
  printf -v routes '%s, ' "$@"
  MORE="${MORE:-} routes = ( ${routes%, } );" dotward_config "${ups[@]}"
}

# asked REST CORP [LAB]: so many questions each has had so far.
asked() {
  assert_equal "$(faultup_stat rest queries) $(faultup_stat corp queries)${3:+ $(faultup_stat lab queries)}" "$1 $2${3:+ $3}" \
    "questions at rest, corp, lab"
}

has_reloaded() {
  (($(dotward_log | grep -c ' reloaded generation=') >= $1))
}

reload() {
  local want
  want=$(($(dotward_log | grep -c ' reloaded generation=' || true) + 1))
  kill -HUP "$DOTWARD_PID"
  wait_for 10 has_reloaded "$want"
}

# --- where names go ---------------------------------------------------------------------------------------

@test "routes: the longest domain wins, at the border of a label, in any case" {
  faultup_start rest
  faultup_start corp
  faultup_start lab
  serve "$(route corp corp.test 10.in-addr.arpa)" "$(route lab Lab.CORP.test d.f.ip6.arpa)"
  assert_resolves www.corp.test
  assert_resolves corp.test
  assert_resolves WWW.Corp.Test
  asked 0 2 0 # the third is the first one, kept
  assert_resolves www.lab.corp.test
  assert_resolves lab.corp.test
  asked 0 2 2
  assert_resolves www.notcorp.test
  assert_resolves corp.test.org
  assert_resolves test
  asked 3 2 2
  q -x 10.1.2.3 >/dev/null
  asked 3 3 2
  q -x fd00::1 >/dev/null
  asked 3 3 3
  q -x 192.0.2.1 >/dev/null
  q -x 2001:db8::1 >/dev/null
  asked 5 3 3
}

@test "routes: all types and both ways of asking go the same way" {
  faultup_start rest
  faultup_start corp
  serve "$(route corp corp.test)"
  q corp.test DS >/dev/null
  q +tcp www.corp.test TXT >/dev/null
  q corp.test SOA >/dev/null
  asked 0 3
}

@test "routes: a route for the root takes the rest, and an upstream may be in two" {
  faultup_start rest
  faultup_start corp
  serve "$(route corp corp.test .)" "$(route rest example)"
  assert_resolves www.example
  asked 1 0
  assert_resolves www.corp.test
  assert_resolves www.other.test
  asked 1 2
}

# --- what goes wrong there stays there --------------------------------------------------------------------

@test "routes: an upstream that fails, refuses, babbles or hangs up does not make its names go elsewhere" {
  local mode
  faultup_start rest
  faultup_start corp
  serve "$(route corp corp.test)"
  for mode in servfail refused garbage close "slow-$((9000 * PATIENCE))"; do
    run -0 q "$mode.corp.test" A
    assert_has "$output" 'status: (SERVFAIL|REFUSED)'
  done
  (($(faultup_stat corp queries) >= 5)) || fail "corp was asked $(faultup_stat corp queries) times"
  assert_equal "$(faultup_stat rest queries)" 0 "questions at rest"
  assert_resolves www.test
}

@test "routes: an upstream that is gone takes its names with it, with the reason, and nobody else's" {
  faultup_start rest
  faultup_start corp
  serve "$(route corp corp.test)"
  assert_resolves www.corp.test
  end "$corp_pid" || true
  local n
  for n in 1 2 3 4 5; do
    run -0 q "gone$n.corp.test" A
    assert_has "$output" 'status: SERVFAIL'
    assert_has "$output" 'EDE: .*corp 127\.0\.0\.1@'
    assert_resolves "here$n.test"
  done
  assert_equal "$(faultup_stat rest queries)" 5 "questions at rest"
}

@test "routes: when the rest is gone, routed names are still answered, and it is not asked at their upstreams" {
  faultup_start rest
  faultup_start corp
  serve "$(route corp corp.test)"
  end "$rest_pid" || true
  run -0 q www.test A
  assert_has "$output" 'status: SERVFAIL'
  assert_resolves www.corp.test
  assert_equal "$(faultup_stat corp queries)" 1 "questions at corp"
}

# An expired answer waits for a fresh one only while there is hope for one in its own group. A worker that hopes would wait for
# the handshake.
@test "routes: an expired answer comes at once when its own upstreams are down" {
  local begun
  WORKERS=1
  FORWARD="policy = \"sequential\"; attempts = 1; handshake_timeout_ms = $(patient 1500);"
  faultup_start rest
  faultup_start corp --ttl 1
  MORE="cache: { stale_wait_ms = $((4000 * PATIENCE)); failure_ttl_s = 0; };"
  serve "$(route corp corp.test)"
  assert_resolves www.corp.test
  assert_resolves here.test
  sleep 1.2
  faultup_say corp close >/dev/null
  kill -STOP "$corp_pid"
  wait_for 10 is_down other.corp.test
  begun=$(now_ms)
  run -0 q www.corp.test A
  (($(now_ms) - begun < 900 * PATIENCE)) || fail "it took $(($(now_ms) - begun)) ms"
  kill -CONT "$corp_pid"
  assert_has "$output" 'status: NOERROR'
  assert_has "$output" 'EDE: 3 '
  assert_equal "$(faultup_stat rest queries)" 1 "questions at rest"
}

is_down() {
  q "$1" A | grep -q 'status: SERVFAIL'
}

# --- what is kept -----------------------------------------------------------------------------------------

@test "routes: a reload that routes a name elsewhere forgets it, and keeps the rest" {
  faultup_start rest
  faultup_start corp
  serve "$(route corp corp.test)"
  assert_resolves www.corp.test
  assert_resolves www.lab.test
  assert_resolves www.rest.test
  asked 2 1
  configure "$(route corp lab.test)"
  reload
  wait_for 10 logged 'cache carried over entries=1 '
  assert_resolves www.rest.test
  asked 2 1
  assert_resolves www.corp.test
  asked 3 1
  assert_resolves www.lab.test
  asked 3 2
  # the same once more, said otherwise: nothing is forgotten
  configure "$(route corp LAB.test.)"
  reload
  assert_resolves www.corp.test
  assert_resolves www.lab.test
  asked 3 2
}

@test "routes: nothing of a route is in the file" {
  local folder=$BATS_TEST_TMPDIR/cache
  mkdir "$folder"
  faultup_start rest
  faultup_start corp
  MORE="cache: { file = \"$folder/cache\"; };"
  serve "$(route corp corp.test)"
  assert_resolves secret.corp.test
  assert_resolves www.rest.test
  dotward_stop
  run -0 grep -ac 'rest' "$folder/cache"
  run -1 grep -ac 'secret' "$folder/cache"
  dotward_start
  assert_resolves www.rest.test
  asked 1 1
  assert_resolves secret.corp.test
  asked 1 2
}

# --- real servers -----------------------------------------------------------------------------------------

@test "routes: Knot behind dnsdist has its zone to itself, unbound the rest" {
  command -v dnsdist >/dev/null && command -v knotd >/dev/null && command -v unbound >/dev/null || skip "servers are missing"
  zone_make
  unbound_start
  dnsdist_start
  local known
  # both have the zone, and log what they are asked
  known=$(wc -l <"$BATS_TEST_TMPDIR/unbound.log")
  MORE="routes = ( $(route knot www.example.test) );" \
    dotward_config "$(upstream unbound "$unbound_port")" "$(upstream knot "$dnsdist_port")"
  dotward_start
  run -0 q +short www.example.test A
  assert_has "$output" '192\.0\.2\.80'
  run -0 q +short mail.example.test A
  assert_has "$output" '192\.0\.2\.25'
  tail -n "+$((known + 1))" "$BATS_TEST_TMPDIR/unbound.log" >"$BATS_TEST_TMPDIR/unbound.asked"
  assert_count "$(<"$BATS_TEST_TMPDIR/unbound.asked")" 'info: .* mail\.example\.test\. A IN' 1
  assert_lacks "$(<"$BATS_TEST_TMPDIR/unbound.asked")" 'www\.example\.test'
  assert_count "$(<"$BATS_TEST_TMPDIR/dnsdist.log")" 'www\.example\.test' 1
  assert_lacks "$(<"$BATS_TEST_TMPDIR/dnsdist.log")" 'mail\.example\.test'
}
