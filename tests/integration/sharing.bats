#!/usr/bin/env bats
# Asking upstream no more than is needed: many clients with one question, and what is renewed before it expires.
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

# --- one question upstream --------------------------------------------------------------------------------

@test "sharing: 100 clients that ask the same at once are one question upstream" {
  FORWARD=$(patient_forward)
  WORKERS=1
  cached --delay-ms $((1500 * PATIENCE))
  run -0 raw udp --wait-ms 9000 --repeat 25 one.test,TXT ONE.test,TXT,edns=0 One.Test,TXT one.TEST,TXT,edns=0
  assert_count "$output" 'text="serial-1"' 100
  assert_count "$output" ' ar=1 name=ONE\.test\. .* opt=yes' 25
  assert_count "$output" ' ar=0 name=One\.Test\. .* whole=yes' 25
  assert_equal "$(grep -o 'id=0x[0-9a-f]*' <<<"$output" | sort -u | wc -l)" 100 "ids"
  upstream_saw 1
  assert_counter cache_misses 100
  assert_counter cache_joined 99
  assert_counter cache_inserts 1
  assert_counter upstream_asked 1
}

@test "sharing: by UDP and TCP, from many addresses, still one question upstream" {
  FORWARD=$(patient_forward)
  WORKERS=1
  cached --delay-ms $((2000 * PATIENCE))
  local n pids=()
  for ((n = 1; n <= 10; n++)); do
    raw udp --from "127.0.0.$n" --wait-ms 9000 one.test,TXT >"$BATS_TEST_TMPDIR/udp$n" 3>&- &
    pids+=($!)
    raw tcp --from "127.0.0.$n" --wait-ms 9000 one.test,TXT >"$BATS_TEST_TMPDIR/tcp$n" 3>&- &
    pids+=($!)
  done
  wait "${pids[@]}"
  assert_count "$(cat "$BATS_TEST_TMPDIR"/udp* "$BATS_TEST_TMPDIR"/tcp*)" 'text="serial-1"' 20
  upstream_saw 1
}

@test "sharing: the same at once at several workers is a question for each of them at most" {
  FORWARD=$(patient_forward)
  WORKERS=2
  cached --delay-ms $((1500 * PATIENCE))
  run -0 raw udp --wait-ms 9000 --repeat 100 one.test
  assert_count "$output" 'right=yes' 100
  (($(faultup_stat up queries) <= 2)) || fail "$(faultup_stat up queries) questions"
  ask one.test
  (($(faultup_stat up queries) <= 2)) || fail "$(faultup_stat up queries) questions"
}

@test "sharing: 100 digs at once by two workers" {
  FORWARD=$(patient_forward)
  cached --delay-ms $((1000 * PATIENCE))
  local n pids=()
  # each from an address of its own: dig shares ports (SO_REUSEPORT), and two of a hundred had the same one now and then
  for ((n = 0; n < 100; n++)); do
    dig -b "127.0.1.$((n + 1))" @127.0.0.1 -p "$PORT" +tries=1 +timeout=$((9 * PATIENCE)) +short one.test A >"$BATS_TEST_TMPDIR/dig$n" 3>&- &
    pids+=($!)
  done
  wait "${pids[@]}"
  assert_equal "$(cat "$BATS_TEST_TMPDIR"/dig* | grep -c '^10\.')" 100
  (($(faultup_stat up queries) <= 2)) || fail "$(faultup_stat up queries) questions"
}

@test "sharing: the same at once, and not to be kept, is one question for all of them and another later" {
  FORWARD=$(patient_forward)
  WORKERS=1
  cached --ttl 0 --delay-ms $((1000 * PATIENCE))
  run -0 raw udp --wait-ms 9000 --repeat 20 one.test,TXT
  assert_count "$output" 'text="serial-1"' 20
  upstream_saw 1
  ask one.test TXT
  has 'text="serial-2"'
}

@test "sharing: a failure reaches all that waited for it" {
  WORKERS=1
  cached --mode stall
  run -0 raw udp --wait-ms 6000 --repeat 20 one.test,edns=0
  assert_count "$output" 'rcode=2 .*ede=2[23] ' 20
  (($(faultup_stat up queries) <= 5)) || fail "asked $(faultup_stat up queries) times"
}

@test "sharing: different questions at once are not made one" {
  FORWARD=$(patient_forward)
  WORKERS=1
  cached --delay-ms 500
  run -0 raw udp --wait-ms 9000 one.test,TXT one.test,TXT,edns=0,do=1 one.test,TXT,flags=0x0110 one.test,TXT,class=3 one.test two.test,TXT two.test,TXT
  assert_count "$output" 'rcode=0' 7
  assert_equal "$(grep -o 'text="serial-[0-9]*"' <<<"$output" | sort -u | wc -l)" 5
  upstream_saw 6
}

@test "sharing: a client that went away takes nothing from the others" {
  FORWARD=$(patient_forward)
  WORKERS=1
  cached --delay-ms $((1000 * PATIENCE))
  # asks by TCP, and does not stay
  raw tcp --wait-ms 100 --count 0 one.test,TXT >/dev/null
  wait_for 5 has_seen 1
  ask one.test TXT
  has 'text="serial-1"'
  upstream_saw 1
}

# --- prefetch ---------------------------------------------------------------------------------------------

@test "sharing: what is asked often is renewed before it expires, once for all" {
  WORKERS=4
  cached --ttl 10 --delay-ms 100
  ask one.test TXT
  renewed() {
    ask one.test TXT
    [[ $output == *'text="serial-2"'* ]]
  }
  wait_for 15 renewed
  # nobody waited for it
  assert_counter cache_misses 1
  assert_counter cache_prefetches 1
  upstream_saw 2
  has ' ttl=(10|9)-(10|9) '
}

@test "sharing: prefetch can be turned off" {
  CACHE='prefetch = false;'
  cached --ttl 3
  ask one.test TXT
  renewed() {
    ask one.test TXT
    [[ $output == *'text="serial-2"'* ]]
  }
  wait_for 10 renewed
  assert_counter cache_misses 2
  assert_counter cache_prefetches 0
}

@test "sharing: when the renewal fails, what is kept is given until it expires" {
  CACHE='failure_ttl_s = 1;'
  cached --ttl 10
  keep one.test
  keep one.test
  up_set mode servfail
  # no client ever sees the failure, neither now nor when the answer has expired: then it helps out
  tried() {
    ask one.test
    [[ $output == *'rcode=0 '*'right=yes'* ]] || bad=$output
    [[ -n ${bad:-} ]] || (($(faultup_stat up queries) > 1))
  }
  wait_for 15 tried
  [[ -z ${bad:-} ]] || fail "a client was given $bad"
  ask one.test
  has 'rcode=0 .*right=yes'
}
