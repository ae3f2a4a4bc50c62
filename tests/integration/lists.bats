#!/usr/bin/env bats
# Lists of names: what clients are told of a name on them, and how lists are read, refused, reloaded and counted while questions
# come in.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load ctl

setup() {
  lib_check
  ctl_setup
  LISTS=$BATS_TEST_TMPDIR
}

teardown() {
  lib_teardown
}

# serve_lists POLICY: with these lists. The upstream knows every name, so what is not blocked resolves.
serve_lists() {
  MORE="policy: { $1 };" serve
}

block() {
  echo "block_lists = ( { file = \"$LISTS/ads\"; ${1:-} } );"
}

# told NAME [TYPE] [OPTION]...: "RCODE EDE", as in "NXDOMAIN 15 blocked by ads"; without an EDE the rcode alone.
told() {
  q "$@" | sed -nE 's/.*status: ([A-Z]+),.*/\1/p; s/^; EDE: ([0-9]+) \([^)]*\): \((.*)\)$/\1 \2/p' | paste -sd ' '
}

# names LIST: how many it holds.
names() {
  json ".lists[] | select(.name == \"$1\") | .names" lists
}

hits() {
  json ".lists[] | select(.name == \"$1\") | .hits" lists
}

# all_blocked NAME, all_resolve NAME: asked so often that every worker was asked.
all_blocked() {
  [[ $(raw udp --wait-ms 4000 --repeat 20 "$1" | grep -c 'rcode=3 ') == 20 ]] || fail "$1 is not blocked everywhere"
}

all_resolve() {
  [[ $(raw udp --wait-ms 4000 --repeat 20 "$1" | grep -c 'right=yes') == 20 ]] || fail "$1 does not resolve everywhere"
}

@test "lists: each answer, with its error and the name of the list" {
  printf '%s\n' nx.test >"$LISTS/nx"
  printf '%s\n' nodata.test >"$LISTS/nodata"
  printf '%s\n' refused.test >"$LISTS/refused"
  printf '0.0.0.0 %s\n' null.test >"$LISTS/null"
  printf '%s\n' good.nx.test >"$LISTS/fine"
  serve_lists "block_lists = ( { file = \"$LISTS/nx\"; },
    { file = \"$LISTS/nodata\"; answer = \"nodata\"; reason = \"filtered\"; name = \"family\"; },
    { file = \"$LISTS/refused\"; answer = \"refused\"; }, { file = \"$LISTS/null\"; answer = \"null\"; } );
    allow_lists = ( { file = \"$LISTS/fine\"; } );"
  assert_equal "$(told nx.test)" "NXDOMAIN 15 blocked by nx"
  assert_equal "$(told a.b.NX.test AAAA +tcp)" "NXDOMAIN 15 blocked by nx"
  assert_equal "$(told nodata.test)" "NOERROR 17 filtered by family"
  assert_equal "$(told refused.test)" "REFUSED 15 blocked by refused"
  assert_equal "$(told null.test)" "NOERROR 15 blocked by null"
  assert_equal "$(q null.test +short)" 0.0.0.0
  assert_equal "$(q null.test AAAA +short)" ::
  assert_equal "$(q null.test MX +short)" ""
  assert_has "$(q null.test)" '^null\.test\.[[:space:]]+60[[:space:]]+IN[[:space:]]+A'
  assert_has "$(q a.nx.test)" '^nx\.test\.[[:space:]]+60[[:space:]]+IN[[:space:]]+SOA'
  # a name of a hosts file is that name alone; what is allowed is allowed, with all below it
  assert_resolves www.null.test
  assert_resolves good.nx.test
  assert_resolves very.good.nx.test
  # who sends no OPT gets none
  assert_lacks "$(q nx.test +noedns)" 'OPT PSEUDO'
  assert_equal "$(json '"\(.blocked) \(.allowed)"' stats)" "11 2"
  assert_equal "$(faultup_stat up queries)" 3
}

@test "lists: what an RPZ file says is done" {
  cat >"$LISTS/zone" <<'ZONE'
$TTL 300
@ SOA localhost. nobody.invalid. 1 3600 1200 604800 60
@ NS localhost.
nx.test CNAME .
*.nx.test CNAME .
nodata.test CNAME *.
pass.below.test CNAME rpz-passthru.
*.below.test CNAME .
drop.test CNAME rpz-drop.
tcp.test CNAME rpz-tcp-only.
data.test A 192.0.2.77
data.test TXT "ask the helpdesk"
ZONE
  serve_lists "block_lists = ( { file = \"$LISTS/zone\"; } );"
  assert_equal "$(told www.nx.test)" "NXDOMAIN 15 blocked by zone"
  assert_equal "$(told nodata.test)" "NOERROR 15 blocked by zone"
  assert_resolves pass.below.test
  assert_equal "$(told other.below.test)" "NXDOMAIN 15 blocked by zone"
  assert_has "$(raw udp --wait-ms 300 drop.test || true)" 'none|timeout|no answer'
  assert_has "$(q tcp.test +ignore)" 'flags: qr tc rd ra.* ANSWER: 0'
  raw tcp --wait-ms 4000 tcp.test | grep -q 'right=yes'
  assert_equal "$(q data.test +short)" 192.0.2.77
  assert_equal "$(q data.test TXT +short)" '"ask the helpdesk"'
  assert_equal "$(told data.test MX)" "NOERROR 15 blocked by zone"
}

@test "lists: a bad line is named and skipped, a file of bad lines is refused and the old names stay" {
  for i in {1..30}; do echo "n$i.test"; done >"$LISTS/ads"
  echo 'not a name' >>"$LISTS/ads"
  serve_lists "$(block)"
  assert_has "$(dotward_log)" "warn loader: $LISTS/ads:31: .*the line is skipped"
  assert_equal "$(names ads)" 30
  assert_equal "$(json '.lists[0].bad' lists)" 1
  for i in {1..30}; do echo '<p>404 not found</p>'; done >"$LISTS/ads"
  echo new.test >>"$LISTS/ads"
  run -1 ctl lists reload
  assert_has "$output" 'lists=1 names=30 bad=1 refused=1 ms=[0-9]+: files were refused'
  assert_has "$(dotward_log)" "error loader: $LISTS/ads: 30 of 31 lines are bad as format=plain"
  assert_has "$(dotward_log)" 'warn loader: .*: 20 bad lines more'
  assert_equal "$(told n7.test)" "NXDOMAIN 15 blocked by ads"
  assert_resolves new.test
  assert_has "$(ctl lists)" '^ads .* 30 .*newer files were refused'
  # at a reload too, and it is not forgotten
  run -0 ctl reload
  assert_has "$output" 'names=30 bad=1 refused=1'
  assert_equal "$(told n7.test)" "NXDOMAIN 15 blocked by ads"
  echo new.test >"$LISTS/ads"
  run -0 ctl lists reload
  assert_has "$output" 'lists loaded lists=1 names=1 bad=0 refused=0'
  assert_equal "$(told new.test)" "NXDOMAIN 15 blocked by ads"
  assert_resolves n7.test
}

@test "lists: a file that was refused from the start leaves its list empty, and the log is loud" {
  for i in {1..30}; do echo '<p>404 not found</p>'; done >"$LISTS/ads"
  serve_lists "$(block)"
  assert_has "$(dotward_log)" 'error loader: list refused name=ads files=1: it goes without them'
  assert_equal "$(names ads)" 0
  assert_resolves n1.test
}

@test "lists: a file that is missing stops a start, and at a reload all stays as it was" {
  faultup_start up
  MORE="policy: { $(block) };" dotward_config "$(upstream up "$up_port")"
  run -1 dotward -t -c "$CONFIG"
  assert_has "$output" 'dotward.conf:[0-9]+: policy.block_lists.\[0\].file = .*: cannot be read: No such file'
  echo ads.test >"$LISTS/ads"
  run -0 dotward -t -c "$CONFIG"
  dotward_start
  rm "$LISTS/ads"
  run -1 ctl lists reload
  assert_has "$output" "the old lists stay: .*$LISTS/ads: No such file"
  run -1 ctl reload
  assert_has "$output" 'cannot be read: No such file'
  all_blocked ads.test
  # between the check of the configuration and the loader there is no file either: as a folder it is empty
  mkdir "$LISTS/ads"
  run -0 ctl reload
  assert_has "$output" 'lists=1 names=0'
}

@test "lists: a folder is all files in it but what editors leave" {
  mkdir "$LISTS/ads" "$LISTS/ads/deeper"
  echo one.test >"$LISTS/ads/1"
  echo '0.0.0.0 two.test' >"$LISTS/ads/2.hosts"
  for name in .hidden 1~ '#1#' 1.bak 1.orig .1.swp deeper/3; do echo bad.test >"$LISTS/ads/$name"; done
  serve_lists "$(block)"
  assert_equal "$(names ads)" 2
  assert_equal "$(told www.one.test)" "NXDOMAIN 15 blocked by ads"
  assert_equal "$(told two.test)" "NXDOMAIN 15 blocked by ads"
  assert_resolves bad.test
  run -0 ctl lists reload
  assert_has "$output" 'no list has changed lists=1 names=2'
  echo three.test >"$LISTS/ads/3"
  run -0 ctl lists reload
  assert_has "$output" 'lists loaded lists=1 names=3'
  assert_equal "$(told three.test)" "NXDOMAIN 15 blocked by ads"
}

@test "lists: all workers have the new ones when the command returns, one that was killed as well, and after an upgrade" {
  KILLS=yes
  echo old.test >"$LISTS/ads"
  serve_lists "$(block)"
  local before victim
  before=$(workers)
  echo new.test >"$LISTS/ads"
  ctl lists reload
  assert_equal "$(workers)" "$before" "no worker is another one"
  all_blocked new.test
  all_resolve old.test
  victim=${before%% *}
  kill -KILL "$victim"
  wait_for 5 dead "$victim"
  wait_for 5 has_workers 2
  all_blocked new.test
  assert_equal "$(hits ads)" 40
  # the count goes along
  run -0 ctl reload
  assert_equal "$(hits ads)" 40
  if [[ $DOTWARD != *' '* ]]; then
    ctl upgrade
    all_blocked new.test
    DOTWARD_PID=$(json .pid status)
    assert_equal "$(hits ads)" 60
    assert_equal "$(dotward_log | grep -c 'lists loaded')" 2 "what has not changed was read anew"
    # the new master can hand lists out as well
    echo third.test >"$LISTS/ads"
    ctl lists reload
    all_blocked third.test
  fi
}

@test "lists: no question is lost while lists are reloaded under load" {
  awk 'BEGIN { for (i = 0; i < 100000; i++) print "host" i ".ads" i % 1000 ".test" }' >"$LISTS/ads"
  serve_lists "$(block)"
  QPS=4000 pace_begin --seconds 2
  for _ in 1 2 3; do
    echo "more$RANDOM$RANDOM.test" >>"$LISTS/ads"
    ctl lists reload
  done
  pace_end
  assert_nothing_lost
  assert_equal "$(names ads)" 100003
}

@test "lists: root's own files are read, and the loader and the workers are not root" {
  is_root || skip "needs root"
  id -u nobody >/dev/null 2>&1 || skip "there is no user nobody"
  echo secret.test >"$LISTS/ads"
  chmod 600 "$LISTS/ads"
  faultup_start up
  MORE="policy: { $(block) };" dotward_config "$(upstream up "$up_port")"
  sed -i 's/^user = "";/user = "nobody";/' "$CONFIG"
  dotward_start
  assert_equal "$(told secret.test)" "NXDOMAIN 15 blocked by ads"
  echo more.test >>"$LISTS/ads"
  ctl lists reload
  assert_equal "$(told more.test)" "NXDOMAIN 15 blocked by ads"
  local pid
  for pid in $(workers); do
    assert_equal "$(stat -c %U "/proc/$pid")" nobody
  done
}

@test "lists: without any there is nothing to reload, and lists come and go with the configuration" {
  # a worker that is to go takes what it finds until it has heard of it
  needs_speed
  serve
  run -1 ctl lists reload
  assert_has "$output" 'there are no lists'
  assert_equal "$(ctl --json lists | jq -c .lists)" '[]'
  echo ads.test >"$LISTS/ads"
  echo "policy: { $(block) };" >>"$CONFIG"
  ctl reload
  all_blocked ads.test
  assert_equal "$(hits ads)" 20
  sed -i '/^policy:/d' "$CONFIG"
  ctl reload
  all_resolve ads.test
}
