#!/usr/bin/env bats
# Groups of clients: each is asked for at upstreams of its own, and what those say reaches nobody else.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load ctl

setup() {
  lib_check
  ctl_setup
}

teardown() {
  lib_teardown
}

# begin GROUPS [MORE]: with the upstreams rest and family, those clients, and more of the configuration.
begin() {
  faultup_start rest
  faultup_start family
  configure "$@"
  dotward_start
}

configure() {
  MORE="clients = ( $1 ); ${2:-}" dotward_config "$(upstream rest "$rest_port")" "$(upstream family "$family_port")"
}

KIDS='{ name = "kids"; networks = [ "127.0.7.0/24" ]; upstreams = [ "family" ]; }'

# ask ADDRESS NAME [DIG OPTION]...: from this address.
ask() {
  local from=$1
  shift
  run -0 q "$@" -b "$from"
  assert_has "$output" 'status: NOERROR'
}

# asked REST FAMILY: so many questions each has had so far.
asked() {
  assert_equal "$(faultup_stat rest queries) $(faultup_stat family queries)" "$1 $2" "questions at rest, family"
}

has_reloaded() {
  (($(dotward_log | grep -c ' reloaded generation=') >= $1))
}

reload() {
  kill -HUP "$DOTWARD_PID"
  wait_for 10 has_reloaded "$1"
}

@test "groups: each client's questions go to its own upstreams, and answers are shared inside a view alone" {
  begin "$KIDS, { name = \"guests\"; networks = [ \"127.0.9.0/24\" ]; upstreams = [ \"family\" ]; },
    { name = \"tv\"; networks = [ \"127.0.7.9\" ]; }"
  ask 127.0.0.1 www.test
  ask 127.0.0.2 www.test
  asked 1 0
  ask 127.0.7.1 www.test
  asked 1 1
  ask 127.0.7.2 www.test +tcp
  ask 127.0.9.1 www.test
  asked 1 1
  # the smaller network wins, and that group has everybody's upstreams
  ask 127.0.7.9 www.test
  asked 1 1
  ask 127.0.7.9 other.test
  asked 2 1
  ask 127.0.7.8 other.test
  asked 2 2
  assert_equal "$(json .grouped stats)" 6
}

@test "groups: questions under way are shared inside a view alone" {
  local i pids=()
  begin "$KIDS" "cache: { size = \"0\"; };"
  for i in 127.0.0.1 127.0.7.1 127.0.0.2 127.0.7.2; do
    q slow-300.test -b "$i" >"$BATS_TEST_TMPDIR/$i" 3>&- &
    pids+=($!)
  done
  wait "${pids[@]}"
  for i in 127.0.0.1 127.0.7.1 127.0.0.2 127.0.7.2; do
    assert_has "$(<"$BATS_TEST_TMPDIR/$i")" 'status: NOERROR'
  done
  # each worker asks at most once for each view
  (($(faultup_stat rest queries) >= 1 && $(faultup_stat family queries) >= 1)) || fail "$(faultup_say rest stat)"
  (($(faultup_stat rest queries) <= 2 && $(faultup_stat family queries) <= 2)) || fail "$(faultup_say rest stat)"
}

@test "groups: names with a route go there, unless the group does without" {
  faultup_start corp
  faultup_start rest
  faultup_start family
  MORE="routes = ( { domains = [ \"corp.test\" ]; upstreams = [ \"corp\" ]; } ); clients = ( $KIDS,
    { name = \"lab\"; networks = [ \"127.0.8.0/24\" ]; upstreams = [ \"family\" ]; routes = false; } );" \
    dotward_config "$(upstream rest "$rest_port")" "$(upstream family "$family_port")" "$(upstream corp "$corp_port")"
  dotward_start
  ask 127.0.7.1 www.corp.test
  assert_equal "$(faultup_stat corp queries)" 1
  ask 127.0.8.1 www.corp.test
  assert_equal "$(faultup_stat corp queries)" 1
  asked 0 1
  ask 127.0.8.1 www.test
  ask 127.0.7.1 www.test
  asked 0 3
}

@test "groups: a reload takes up other groups, keeps the views there are, and one with a mistake changes nothing" {
  begin "$KIDS"
  ask 127.0.7.1 www.test
  asked 0 1
  configure "{ name = \"children\"; networks = [ \"127.0.6.0/24\" ]; upstreams = [ \"family\" ]; }"
  reload 1
  # another name and another network, but the same upstream: its answer is still there
  ask 127.0.6.1 www.test
  asked 0 1
  ask 127.0.7.1 www.test
  asked 1 1
  configure "{ name = \"children\"; networks = [ \"127.0.6.0/24\" ]; upstreams = [ \"famly\" ]; }"
  run ! ctl reload
  assert_has "$output" 'clients\.\[0\]\.upstreams: no upstream is called "famly"; did you mean "family"\?'
  ask 127.0.6.1 www.test
  asked 1 1
}

@test "groups: a question is replayed in its own view" {
  KILLS=yes
  WORKERS=1 begin "$KIDS" "cache: { size = \"0\"; };"
  ask 127.0.7.1 warm.test
  q slow-600.test -b 127.0.7.1 >"$BATS_TEST_TMPDIR/late" 3>&- &
  local asker=$!
  under_way() { (($(faultup_stat family queries) >= 2)); }
  wait_for 5 under_way
  kill -KILL "$(workers)"
  wait "$asker"
  assert_has "$(<"$BATS_TEST_TMPDIR/late")" 'status: NOERROR'
  assert_equal "$(faultup_stat rest queries)" 0 "questions at rest"
}

@test "groups: the cache is shown with views, flushed in all of them, and kept with them while dotward does not run" {
  begin "$KIDS" "cache: { file = \"$BATS_TEST_TMPDIR/cache\"; };"
  ask 127.0.0.1 www.test
  ask 127.0.7.1 www.test
  assert_equal "$(json '[.entries[] | .view // "-"] | sort | join(" ")' cache dump)" "- kids"
  assert_equal "$(json '[.entries[] | .view // "-"] | sort | join(" ")' cache lookup www.test A)" "- kids"
  run -0 ctl cache dump
  assert_has "$output" '^www\.test\. IN A view=kids positive NOERROR '
  dotward_stop
  dotward_start
  ask 127.0.0.1 www.test
  ask 127.0.7.1 www.test
  asked 1 1
  assert_equal "$(json .flushed cache flush www.test A)" 2
  ask 127.0.7.1 www.test
  asked 1 2
}

@test "groups: a group that is not to be logged is not, and the others are" {
  local KIDS_SILENT='{ name = "kids"; networks = [ "127.0.7.0/24" ]; log = false; }'
  begin "$KIDS_SILENT" "log: { queries = true; };"
  ask 127.0.0.1 seen.test
  ask 127.0.7.1 secret.test
  ask 127.0.7.1 secret.test +tcp
  # what was asked before is written by the time that this is
  ask 127.0.0.1 last.test
  wait_for 5 logged 'name=last\.test\. '
  assert_has "$(dotward_log)" 'answered client=127\.0\.0\.1@.* name=seen\.test\. '
  assert_lacks "$(dotward_log)" 'secret|127\.0\.7\.1'
}

@test "groups: each has the lists that it names, and all of them if it names none" {
  echo ads.test >"$BATS_TEST_TMPDIR/ads"
  echo game.test >"$BATS_TEST_TMPDIR/games"
  echo good.ads.test >"$BATS_TEST_TMPDIR/good"
  begin "{ name = \"kids\"; networks = [ \"127.0.7.0/24\" ]; },
    { name = \"work\"; networks = [ \"127.0.8.0/24\" ]; block_lists = [ \"games\" ]; allow_lists = [ ]; },
    { name = \"lab\"; networks = [ \"127.0.9.0/24\" ]; block_lists = [ ]; }" \
    "policy: { block_lists = ( { file = \"$BATS_TEST_TMPDIR/ads\"; }, { file = \"$BATS_TEST_TMPDIR/games\"; } );
      allow_lists = ( { file = \"$BATS_TEST_TMPDIR/good\"; } ); };"
  local row client name expected
  while read -r client name expected; do
    run -0 q "$name" -b "$client"
    assert_has "$output" "status: $expected"
  done <<'ROWS'
127.0.0.1 ads.test NXDOMAIN
127.0.0.1 game.test NXDOMAIN
127.0.0.1 good.ads.test NOERROR
127.0.7.1 ads.test NXDOMAIN
127.0.7.1 game.test NXDOMAIN
127.0.7.1 good.ads.test NOERROR
127.0.8.1 ads.test NOERROR
127.0.8.1 game.test NXDOMAIN
127.0.9.1 ads.test NOERROR
127.0.9.1 game.test NOERROR
ROWS
  configure "{ name = \"kids\"; networks = [ \"127.0.7.0/24\" ]; block_lists = [ \"gams\" ]; }" \
    "policy: { block_lists = ( { file = \"$BATS_TEST_TMPDIR/games\"; } ); };"
  run ! dotward -t -c "$CONFIG"
  assert_has "$output" 'clients\.\[0\]\.block_lists: no block list is called "gams"; did you mean "games"\?'
}

@test "groups: one has a rate of its own, and the others that of limits" {
  begin '{ name = "slow"; networks = [ "127.0.7.0/24" ]; rate: { queries_per_second = 1; burst = 1; slip = 0; }; },
    { name = "free"; networks = [ "127.0.8.0/24" ]; rate: { queries_per_second = 0; }; },
    { name = "same"; networks = [ "127.0.9.0/24" ]; }' \
    'limits: { rate: { queries_per_second = 1; burst = 15; slip = 0; }; };'
  # over TCP what is too much is REFUSED
  refused_of() {
    local i
    for ((i = 0; i < 20; i++)); do
      echo "www.test A"
    done >"$BATS_TEST_TMPDIR/questions"
    dig @127.0.0.1 -p "$PORT" -b "$1" +tcp +keepopen +tries=1 +nocookie -f "$BATS_TEST_TMPDIR/questions" | grep -c 'status: REFUSED'
  }
  run refused_of 127.0.8.1
  assert_equal "$output" 0
  run refused_of 127.0.7.1
  # of 20 all but the first and what some seconds bring
  ((output > 5)) || fail "refused: $output"
  run refused_of 127.0.9.1
  ((output <= 5)) || fail "refused: $output"
  assert_equal "$(json .queries_per_second explain www.test --client 127.0.8.9)" 0
  assert_equal "$(json .queries_per_second explain www.test --client 127.0.7.9)" 1
  run -0 ctl explain www.test --client 127.0.7.9
  assert_has "$output" '^rate: +at most 1 questions in a second from its /24$'
}

@test "groups: what may not ask is said when the configuration is read" {
  faultup_start rest
  faultup_start family
  configure "{ name = \"far\"; networks = [ \"203.0.113.0/24\" ]; }"
  run -0 dotward -t -c "$CONFIG"
  assert_has "$output" 'clients\.\[0\]\.networks: 203\.0\.113\.0/24 may not ask at all: a group does not allow it'
}
