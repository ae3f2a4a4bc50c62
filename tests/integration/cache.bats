#!/usr/bin/env bats
# What is kept, for whom and how long (RFC 1035, 2308, 9520), and that what is kept is given as if it were fresh.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load kept

setup() {
  lib_check
  : "${DOTWARDCTL:?set DOTWARDCTL to the built dotwardctl}"
  command -v jq >/dev/null || skip "no jq"
}

teardown() {
  lib_teardown
}

# --- kept at all ------------------------------------------------------------------------------------------

@test "cache: what was asked once is not asked again" {
  cached
  ask one.test
  has 'rcode=0 .*right=yes'
  ask one.test
  has 'rcode=0 .*right=yes'
  upstream_saw 1
}

@test "cache: hits, misses and inserts are counted" {
  cached
  ask one.test
  ask two.test
  ask one.test
  ask one.test
  ask_tcp two.test
  assert_counter queries 5
  assert_counter answered 5
  assert_counter cache_misses 2
  assert_counter cache_inserts 2
  assert_counter cache_hits 3
  assert_counter cache_stale 0
  assert_counter upstream_asked 2
}

@test "cache: a hit by dig is the answer of before" {
  cached
  local first second
  first=$(q one.test TXT +short)
  second=$(q one.test TXT +short)
  assert_equal "$first" '"serial-1"'
  assert_equal "$second" '"serial-1"'
  run -0 q one.test TXT
  assert_has "$output" 'status: NOERROR'
  assert_has "$output" 'flags: qr rd ra; QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1'
  upstream_saw 1
}

@test "cache: an id is the client's own" {
  cached
  ask one.test
  ask one.test id=0xbeef
  has 'id=0xbeef rcode=0 .*right=yes'
  ask one.test id=0
  has 'id=0000* rcode=0 .*right=yes'
  upstream_saw 1
}

@test "cache: all workers share it" {
  WORKERS=4
  cached
  local n
  ask one.test TXT
  for ((n = 0; n < 40; n++)); do
    assert_equal "$(q one.test TXT +short)" '"serial-1"'
  done
  upstream_saw 1
  assert_counter cache_hits 40
}

@test "cache: size 0 turns it off" {
  CACHE='size = "0";'
  cached
  ask one.test TXT
  has 'text="serial-1"'
  ask one.test TXT
  has 'text="serial-2"'
  upstream_saw 2
  assert_counter cache_hits 0
  assert_counter cache_inserts 0
}

@test "cache: by TCP after UDP and the reverse" {
  cached
  ask one.test TXT
  ask_tcp one.test TXT
  has 'text="serial-1" whole=yes'
  ask_tcp two.test TXT
  has 'text="serial-2"'
  ask two.test TXT
  has 'text="serial-2" whole=yes'
  assert_equal "$(q one.test TXT +tcp +short)" '"serial-1"'
  assert_equal "$(q two.test TXT +short)" '"serial-2"'
  upstream_saw 2
}

@test "cache: by IPv6 after IPv4" {
  has_ipv6 || skip "no IPv6"
  cached
  ask one.test TXT
  assert_equal "$(q @::1 one.test TXT +short)" '"serial-1"'
  upstream_saw 1
}

# --- how long ---------------------------------------------------------------------------------------------

# The TTL has fallen below N.
ttl_below() {
  ask "$2" "${@:3}"
  (($(ttl) < $1))
}

# counts_down NAME [TYPE]: from FROM, by a second each second, in whole and never too slow.
counts_down() {
  local from=$1 begun now passed
  begun=$(now_ms)
  ask "${@:2}"
  assert_equal "$(ttl)" "$from"
  wait_for 10 ttl_below $((from - 1)) "${@:2}"
  now=$(now_ms)
  passed=$(((now - begun) / 1000 + 2))
  (($(ttl) >= from - passed)) || fail "TTL $(ttl) after less than $passed s"
}

@test "cache: TTLs count down" {
  cached
  counts_down 300 one.test
  upstream_saw 1
}

@test "cache: TTLs count down for dig" {
  cached --ttl 100
  down() {
    (($(q one.test A +noall +answer | awk '{ print $2 }') < 99))
  }
  run -0 q one.test A +noall +answer
  assert_has "$output" '^one\.test\.\s+100\s+IN\s+A\s'
  wait_for 10 down
  upstream_saw 1
}

@test "cache: every TTL of an answer counts down, from where it was" {
  cached --ttl 200
  local behind=0
  # an address with 200 s, and one in the additional section with 300 s
  ask optfirst.test
  has ' ttl=200-300 '
  wait_for 10 ttl_below 199 optfirst.test
  [[ $output =~ ttl=([0-9]+)-([0-9]+) ]]
  behind=$((200 - BASH_REMATCH[1]))
  assert_equal "${BASH_REMATCH[2]}" $((300 - behind)) "the larger TTL"
  upstream_saw 1
}

@test "cache: OPT is not taken for a record with a TTL" {
  cached --ttl 100
  ask one.test edns=0 do=1
  wait_for 10 ttl_below 99 one.test edns=0 do=1
  has 'opt=yes size=1232 version=0 do=1 xrcode=0'
  upstream_saw 1
}

@test "cache: an answer whose TTL is over is asked for again" {
  CACHE='prefetch = false;'
  cached --ttl 2
  ask one.test TXT
  has 'text="serial-1".* ttl=2-2 '
  fresh() {
    ask one.test TXT
    [[ $output == *'text="serial-2"'* ]]
  }
  wait_for 10 fresh
  has ' ttl=2-2 '
  upstream_saw 2
  assert_counter cache_misses 2
}

@test "cache: the least TTL of an answer is its life" {
  CACHE='prefetch = false;'
  cached --ttl 1
  ask optfirst.test
  has ' ttl=1-300 '
  wait_for 10 asked_again optfirst.test
  keeps
}

@test "cache: TTL 0 is not kept" {
  cached --ttl 0
  local n
  for n in 1 2 3; do
    ask one.test TXT
    has "text=\"serial-$n\".* ttl=0-0 "
  done
  upstream_saw 3
  assert_counter cache_inserts 0
  keeps
}

@test "cache: one record of TTL 0 is enough for that" {
  cached --ttl 0
  ask optfirst.test
  has ' ttl=0-300 '
  ask optfirst.test
  upstream_saw 2
  keeps
}

@test "cache: a TTL with its highest bit set is 0 (RFC 2181 section 8)" {
  cached --ttl 2147483649
  ask one.test
  ask one.test
  upstream_saw 2
  keeps
}

@test "cache: max_ttl_s bounds a TTL" {
  CACHE='max_ttl_s = 3; prefetch = false;'
  cached
  ask one.test
  ask one.test
  upstream_saw 1
  (($(ttl) <= 3)) || fail "a client was told $(ttl) s"
  wait_for 10 asked_again one.test
}

@test "cache: min_ttl_s lengthens a TTL" {
  CACHE='min_ttl_s = 60; prefetch = false;'
  cached --ttl 1
  ask one.test TXT
  wait_for 10 ttl_below 59 one.test TXT
  has 'text="serial-1"'
  (($(ttl) > 50)) || fail "a client was told $(ttl) s"
  upstream_saw 1
}

@test "cache: a name that is asked by many lives no longer for it" {
  CACHE='prefetch = false;'
  cached --ttl 2
  ask one.test TXT
  # asked all the time, and all the same
  fresh() {
    [[ $(q one.test TXT +short) == '"serial-2"' ]]
  }
  wait_for 10 fresh
  keeps
}

# --- no such name, nothing of the kind, failures ----------------------------------------------------------

# kept_negative NAME RCODE: from SOA with 300 s and a minimum of 40.
kept_negative() {
  cached --soa-ttl 300 --soa-minimum 40
  ask "$1"
  has "rcode=$2 .*an=0 ns=1 "
  ask "$1"
  has "rcode=$2 .*an=0 ns=1 .* whole=yes"
  (($(ttl) <= 40)) || fail "kept for $(ttl) s"
  upstream_saw 1
  # another type: NXDOMAIN and NODATA are kept under the question
  ask "$1" AAAA
  upstream_saw 2
  wait_for 10 ttl_below 39 "$1"
  upstream_saw 2
}

@test "cache: NXDOMAIN is kept, by the minimum of its SOA, which counts down" {
  kept_negative nxdomain.test 3
}

@test "cache: NODATA is kept, by the minimum of its SOA, which counts down" {
  kept_negative nodata.test 0
}

@test "cache: NXDOMAIN by dig" {
  cached --soa-ttl 300 --soa-minimum 40
  run -0 q nxdomain.test
  assert_has "$output" 'status: NXDOMAIN'
  run -0 q nxdomain.test
  assert_has "$output" 'status: NXDOMAIN'
  assert_has "$output" 'AUTHORITY: 1'
  assert_has "$output" 'IN\s+SOA\s+ns\. \. 1 3600 3600 3600 40'
  upstream_saw 1
}

# negative_expires NAME SETTING...: within a moment.
negative_expires() {
  local name=$1
  shift
  CACHE='prefetch = false;'
  cached "$@"
  ask "$name"
  ask "$name"
  upstream_saw 1
  wait_for 10 asked_again "$name"
}

@test "cache: NXDOMAIN goes with the minimum of its SOA" {
  negative_expires nxdomain.test --soa-ttl 300 --soa-minimum 2
}

@test "cache: NODATA goes with the minimum of its SOA" {
  negative_expires nodata.test --soa-ttl 300 --soa-minimum 2
}

@test "cache: NXDOMAIN goes with the TTL of its SOA, when that is less" {
  negative_expires nxdomain.test --soa-ttl 2 --soa-minimum 300
}

@test "cache: negative_max_ttl_s bounds NXDOMAIN and NODATA, and nothing else" {
  needs_speed
  CACHE='negative_max_ttl_s = 2; prefetch = false;'
  cached --soa-ttl 300 --soa-minimum 300
  ask nodata.test
  ask nxdomain.test
  ask one.test TXT
  ask nodata.test
  (($(ttl) <= 2)) || fail "a client was told $(ttl) s"
  upstream_saw 3
  wait_for 10 asked_again nxdomain.test
  wait_for 10 asked_again nodata.test
  ask one.test TXT
  has 'text="serial-3"'
}

@test "cache: NXDOMAIN and NODATA with a minimum of 0 are not kept" {
  cached --soa-ttl 300 --soa-minimum 0
  ask nxdomain.test
  ask nxdomain.test
  upstream_saw 2
  ask nodata.test
  ask nodata.test
  upstream_saw 4
  keeps
}

@test "cache: NXDOMAIN and NODATA without SOA are not kept" {
  cached --soa 0
  ask nxdomain.test
  has 'rcode=3 .*ns=0 '
  ask nxdomain.test
  upstream_saw 2
  ask nodata.test
  has 'rcode=0 .*an=0 ns=0 '
  ask nodata.test
  upstream_saw 4
  keeps
}

# failure_kept MODE RCODE: for failure_ttl_s, for this question alone, and with no other counting of its TTL.
failure_kept() {
  CACHE='failure_ttl_s = 3;'
  cached --mode "$1"
  local before
  ask one.test
  has "rcode=$2 "
  before=$(faultup_stat up queries)
  ask one.test
  has "rcode=$2 "
  ask_tcp one.test
  has "rcode=$2 "
  upstream_saw "$before"
  up_set mode
  ask two.test
  has 'right=yes'
  wait_for 10 resolves one.test
}

@test "cache: SERVFAIL of the upstream is kept for failure_ttl_s" {
  failure_kept servfail 2
}

@test "cache: REFUSED of the upstream is kept for failure_ttl_s" {
  failure_kept refused 5
}

@test "cache: failure_ttl_s = 0 keeps no failure" {
  CACHE='failure_ttl_s = 0;'
  cached --mode servfail
  ask one.test
  has 'rcode=2 '
  up_set mode
  ask one.test
  has 'right=yes'
  keeps
}

@test "cache: a failure of our own is kept, with its reason" {
  needs_speed
  CACHE='failure_ttl_s = 5;'
  cached --mode stall
  local before reason
  ask one.test edns=0
  has 'rcode=2 .*ede=2[23] ede_text="[^"]+"'
  reason=$(sed -nE 's/.*(ede=.*")( .*)?/\1/p' <<<"$output")
  before=$(faultup_stat up queries)
  ask one.test edns=0
  has 'rcode=2 .*ede=2[23] ede_text="[^"]+"'
  assert_equal "$(sed -nE 's/.*(ede=.*")( .*)?/\1/p' <<<"$output")" "$reason"
  ask one.test
  has 'rcode=2 .*ar=0 '
  upstream_saw "$before"
  up_set mode
  wait_for 15 resolves one.test
}

@test "cache: a failure does not put out what is kept" {
  cached
  ask one.test
  up_set mode servfail
  ask one.test
  has 'right=yes'
  # its AAAA fails, its A does not
  ask one.test AAAA
  has 'rcode=2 '
  ask one.test
  has 'right=yes'
}
