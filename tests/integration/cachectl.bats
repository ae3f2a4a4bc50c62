#!/usr/bin/env bats
# dotwardctl and the cache: what it shows of it, what it makes it forget, and that neither is trouble for anybody.
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

# entries FILTER: of a dump.
entries() {
  json "[.entries[] | $1] | length" cache dump || true
}

# asked_upstream COMMAND...: how many questions more the upstream has seen after it.
asked_upstream() {
  local before
  before=$(faultup_stat up queries)
  "$@" >/dev/null
  echo "$(($(faultup_stat up queries) - before))"
}

# --- stats ------------------------------------------------------------------------------------------------

@test "cachectl: stats for people" {
  serve -o cache.size=8388608
  assert_resolves one.test
  assert_resolves one.test
  assert_resolves one.test
  assert_resolves two.test
  run -0 ctl cache stats
  assert_has "${lines[0]}" '^8\.0 MiB, [0-9]+% of the room taken by 2 answers; hit ratio 0\.500$'
  assert_has "$output" '^cache_hits +2  '
  assert_has "$output" '^cache_inserts +2  '
  assert_has "$output" '^entries +2  '
  assert_has "$output" '^segments_lost +0  '
  run -0 ctl status
  assert_has "$output" '^ +cache +8\.0 MiB, hit ratio 0\.500$'
}

@test "cachectl: stats for programs, before and after the first question" {
  serve -o cache.size=8388608
  assert_equal "$(ctl --json cache stats | jq -r .hit_ratio)" null
  assert_equal "$(json .entries cache stats)" 0
  assert_resolves one.test
  assert_resolves one.test
  assert_equal "$(json '[.bytes, .entries, .hit_ratio, .segments_lost, .entries_wrong] | map(tostring) | join(" ")' cache stats)" \
    '8388608 1 0.5 0 0'
  assert_equal "$(json '.segments == .segments_free + .segments_small + .segments_main + .segments_open + .segments_evicting' \
    cache stats)" true
  assert_equal "$(json '.cache.bytes' status)" 8388608
}

@test "cachectl: counters go on over a reload" {
  serve
  assert_resolves one.test
  assert_resolves one.test
  run -0 ctl reload
  assert_resolves one.test
  wait_for 5 has_workers 2
  assert_equal "$(json '[.cache_hits, .cache_misses, .entries] | join(" ")' cache stats)" '2 1 1'
}

# --- lookup -----------------------------------------------------------------------------------------------

@test "cachectl: lookup shows the answer, and what is left of it" {
  serve
  run -1 --separate-stderr ctl cache lookup one.test A
  [[ -z $output ]] || fail "on stdout: $output"
  assert_equal "$stderr" 'nothing is kept for one.test. A'
  local address
  address=$(q one.test A +short)
  run -0 ctl cache lookup ONE.test. a
  assert_has "$output" '^one\.test\. IN A - positive NOERROR fresh (29[0-9]|300) 300 [0-9]+ 0$'
  assert_has "$output" "^one\.test\. (29[0-9]|300) IN A ${address//./\\.}\$"
  run -1 ctl cache lookup one.test AAAA
  run -1 ctl cache lookup test A
}

@test "cachectl: lookup does not count as being asked" {
  serve
  assert_resolves one.test
  local i
  for i in 1 2 3; do
    assert_equal "$(json '.entries[0].asked' cache lookup one.test A)" 0
  done
  assert_resolves one.test
  assert_equal "$(json '.entries[0].asked' cache lookup one.test A)" 1
  assert_equal "$(json '.cache_hits' cache stats)" 1
}

@test "cachectl: lookup shows each variant of DO and CD" {
  serve
  q one.test A >/dev/null
  q one.test A +dnssec >/dev/null
  q one.test A +cdflag >/dev/null
  q one.test A +dnssec +cdflag >/dev/null
  assert_equal "$(json '[.entries[] | "\(.dnssec_ok) \(.checking_disabled)"] | sort | join(", ")' cache lookup one.test A)" \
    'false false, false true, true false, true true'
}

@test "cachectl: lookup of a failure, and of what has expired" {
  serve -o cache.failure_ttl_s=30
  q servfail.one.test A >/dev/null
  q ttl-1.one.test A >/dev/null
  run ctl cache lookup servfail.one.test A
  assert_has "$output" ' failure SERVFAIL fresh (29|30) 30 '
  expired() {
    [[ $(json '.entries[0].fresh' cache lookup ttl-1.one.test A) == false ]]
  }
  wait_for 5 expired
  run -0 ctl cache lookup ttl-1.one.test A
  assert_has "$output" ' positive NOERROR expired [0-9]+ 1 '
  assert_has "$output" '^ttl-1\.one\.test\. 0 IN A '
}

@test "cachectl: lookup of a type without a word" {
  serve
  q one.test TYPE65280 >/dev/null
  run -0 ctl cache lookup one.test TYPE65280
  assert_has "$output" '^one\.test\. IN TYPE65280 - '
}

# --- dump -------------------------------------------------------------------------------------------------

@test "cachectl: dump has a line for each answer, and says at the end how many" {
  serve
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 2000 --window 50 --timeout-ms $((4000 * PATIENCE))
  run -0 ctl cache dump
  assert_has "${lines[0]}" '^# NAME CLASS TYPE FLAGS KIND RCODE STATE SECONDS'
  assert_equal "${lines[-1]}" '# 2000 answers'
  assert_count "$output" '^[^ ]+\. IN A [^ ]+ positive NOERROR fresh [0-9]+ 300 [0-9]+ 0$' 2000
  assert_equal "$(json .count cache dump)" 2000
  assert_equal "$(entries '.name')" 2000
}

@test "cachectl: a name that is meant to deceive the terminal stays a name" {
  serve
  q '\027[2Jx\010y\032z.test' A >/dev/null
  run -0 ctl cache dump
  assert_has "$output" '^\\027\[2Jx\\010y\\032z\.test\. IN A '
  assert_equal "$(json '.entries[0].name' cache dump)" '\027[2Jx\010y\032z.test.'
  run -0 ctl cache lookup '\027[2Jx\010y\032z.test' A
  run -0 ctl cache flush '\027[2Jx\010y\032z.test' A
  assert_equal "$output" '1 answers forgotten'
}

@test "cachectl: nobody waits for a dump that is not read, and there are only so many" {
  serve
  KILLS=yes
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 20000 --window 100 --timeout-ms $((4000 * PATIENCE))
  local i pids=()
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  exec 7<>"$BATS_TEST_TMPDIR/fifo"
  for ((i = 0; i < 4; i++)); do
    "$DOTWARDCTL" -s "$SOCKET" -t 60 cache dump >&7 2>/dev/null 3>&- &
    pids+=("$!")
  done
  # two workers and four that answer
  wait_for 5 has_workers 6
  run -1 ctl cache dump
  assert_has "$output" '4 such requests are being answered; try again'
  run -0 ctl status
  assert_resolves meanwhile.test
  # who goes away ends it
  for i in "${pids[@]}"; do
    kill "$i"
    wait "$i" 2>/dev/null || true
  done
  exec 7>&-
  wait_for 5 has_workers 2
  run -0 ctl cache dump
  assert_equal "${lines[-1]}" '# 20001 answers'
}

@test "cachectl: one that is killed while it answers costs its answer" {
  serve
  KILLS=yes
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 20000 --window 100 --timeout-ms $((4000 * PATIENCE))
  local before pid client
  before=" $(workers) "
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  exec 7<>"$BATS_TEST_TMPDIR/fifo"
  "$DOTWARDCTL" -s "$SOCKET" -t 60 cache dump >&7 2>/dev/null 3>&- &
  client=$!
  wait_for 5 has_workers 3
  for pid in $(workers); do
    [[ $before == *" $pid "* ]] || kill -KILL "$pid"
  done
  wait_for 5 logged 'error master: a request could not be answered pid=[0-9]+ signal=9'
  kill "$client" || true # or it has seen the end of its answer
  wait "$client" || true
  exec 7>&-
  assert_lacks "$(dotward_log)" 'worker died'
  assert_resolves after.test
  run -0 ctl cache stats
}

@test "cachectl: who answers has no more rights than a worker" {
  needs_sandbox
  is_root || skip "not root"
  serve -o 'user="nobody"'
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 20000 --window 100 --timeout-ms $((4000 * PATIENCE))
  local before pid client
  before=" $(workers) "
  mkfifo "$BATS_TEST_TMPDIR/fifo"
  exec 7<>"$BATS_TEST_TMPDIR/fifo"
  "$DOTWARDCTL" -s "$SOCKET" -t 60 cache dump >&7 2>/dev/null 3>&- &
  client=$!
  wait_for 5 has_workers 3
  for pid in $(workers); do
    [[ $before == *" $pid "* ]] && continue
    assert_has "$(grep '^Uid:' "/proc/$pid/status")" "^Uid:[[:space:]]+$(id -u nobody)[[:space:]]"
    assert_has "$(grep '^CapBnd:' "/proc/$pid/status")" '0000000000000000$'
    assert_has "$(grep '^NoNewPrivs:' "/proc/$pid/status")" '1$'
    assert_has "$(grep '^Seccomp:' "/proc/$pid/status")" '2$'
    # standard input, output and error, the connection, and no more
    assert_equal "$(find "/proc/$pid/fd" -mindepth 1 | wc -l)" 4
  done
  kill "$client" || true # or it has seen the end of its answer
  wait "$client" || true
  exec 7>&-
}

# --- flush ------------------------------------------------------------------------------------------------

@test "cachectl: what is flushed is asked for again, and nothing else" {
  serve
  q one.test A >/dev/null
  q one.test A +dnssec >/dev/null
  q one.test AAAA >/dev/null
  q a.one.test A >/dev/null
  q two.test A >/dev/null
  run -0 ctl cache flush One.Test A
  assert_equal "$output" '2 answers forgotten'
  assert_equal "$(asked_upstream q one.test AAAA)" 0
  assert_equal "$(asked_upstream q one.test A)" 1
  run -0 ctl cache flush one.test.
  assert_equal "$output" '2 answers forgotten'
  assert_equal "$(asked_upstream q a.one.test A)" 0
  assert_equal "$(asked_upstream q one.test AAAA)" 1
  assert_equal "$(asked_upstream q two.test A)" 0
  run -0 ctl cache flush nothing.test
  assert_equal "$output" '0 answers forgotten'
}

@test "cachectl: a subtree is flushed with its top" {
  serve
  local name
  for name in one.test a.one.test b.a.one.test stone.test test; do
    q "$name" A >/dev/null
  done
  assert_equal "$(json .flushed cache flush --subtree ONE.test)" 3
  assert_equal "$(asked_upstream q stone.test A)" 0
  assert_equal "$(asked_upstream q test A)" 0
  assert_equal "$(asked_upstream q b.a.one.test A)" 1
}

@test "cachectl: all is flushed" {
  serve
  run -0 "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 500 --window 50 --timeout-ms $((4000 * PATIENCE))
  run -0 ctl cache flush --all
  assert_equal "$output" '500 answers forgotten'
  assert_equal "$(json .entries cache stats)" 0
  assert_resolves one.test
  assert_equal "$(json .entries cache stats)" 1
}

@test "cachectl: a flush is logged with who asked and what went" {
  serve
  assert_resolves one.test
  run -0 ctl cache flush --subtree test
  assert_has "$(dotward_log)" \
    "notice master: control verb=cache words=\"flush --subtree test\" uid=$(id -u) pid=[0-9]+"
  assert_has "$(dotward_log)" 'notice aside: cache flushed what=subtree name=test\. type=- answers=1'
  run -0 ctl cache flush one.test A
  assert_has "$(dotward_log)" 'cache flushed what=name name=one\.test\. type=A answers=0'
  run -0 ctl cache stats
  run -0 ctl cache dump
  assert_lacks "$(dotward_log)" 'words="(stats|dump)"'
}

# --- what is wrong ----------------------------------------------------------------------------------------

@test "cachectl: without a cache that is said" {
  serve -o cache.size=0
  local words
  while read -r words; do
    # shellcheck disable=SC2086
    run -1 ctl cache $words
    assert_equal "$output" 'there is no cache: cache.size is 0'
  done <<'WORDS'
stats
dump
lookup one.test A
flush one.test
flush --subtree test
flush --all
WORDS
  run -0 ctl status
  assert_has "$output" '^ +cache +none$'
}

@test "cachectl: 2 for words that make no sense, and what would be right" {
  serve
  run -2 ctl cache
  assert_has "$output" 'usage: cache stats$'
  assert_has "$output" '^ +cache flush --subtree NAME$'
  run -2 ctl cache flush
  assert_has "$output" 'usage: cache flush NAME \[TYPE\]$'
  run -2 ctl cache flush a..b
  assert_has "$output" 'no domain name: a\.\.b '
  run -2 ctl cache lookup a.test AAAAA
  assert_has "$output" 'no type: AAAAA '
  run -2 ctl cache lookup 'a b' A
  assert_has "$output" '\\032'
  printf -v long '%064d' 0
  run -2 ctl cache flush "$long"
  assert_has "$output" 'no domain name'
}
