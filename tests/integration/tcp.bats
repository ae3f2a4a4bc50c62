#!/usr/bin/env bats
# Clients by TCP: any segmentation, many questions on a connection, answers out of order, and the limits that keep them from taking all.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
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

# When the server closed, in milliseconds from the connection on.
closed_after() {
  sed -nE 's/^(closed|reset) ms=([0-9]+).*/\2/p' <<<"$output"
}

@test "tcp: byte by byte" {
  serve
  run -0 raw tcp --chop 1 --pause-ms 2 one.test two.test,edns=0
  assert_count "$output" 'right=yes' 2
}

@test "tcp: segments that end inside a length and inside a question" {
  serve
  local chop
  for chop in 3 7 13 29 31; do
    run -0 raw tcp --chop "$chop" --pause-ms 1 one.test two.test three.test four.test
    assert_count "$output" 'right=yes' 4
  done
}

@test "tcp: a hundred questions in one segment" {
  serve
  run -0 raw tcp --repeat 50 one.test two.test,AAAA
  assert_count "$output" 'rcode=0 ' 100
  # every id is answered once
  assert_equal "$(grep -o 'id=0x[0-9a-f]*' <<<"$output" | sort -u | wc -l)" 100 "different ids"
}

@test "tcp: answers come as they are ready, not in order" {
  serve
  run -0 raw tcp slow-400.test quick.test slow-200.test
  assert_equal "$(grep -o 'name=[a-z]*[-0-9]*' <<<"$output" | tr '\n' ' ')" "name=quick name=slow-200 name=slow-400 "
}

@test "tcp: a client that half-closes still gets its answers, and then the end" {
  serve
  run -0 raw tcp --half-close --until-close slow-200.test two.test
  assert_count "$output" 'right=yes' 2
  assert_count "$output" '^closed' 1
}

@test "tcp: a client that half-closes without a question is let go" {
  serve
  run -0 raw tcp --half-close --until-close raw:
  assert_count "$output" '^closed' 1
}

@test "tcp: a client that half-closes in the middle of a question is let go" {
  serve
  run -0 raw tcp --half-close --until-close one.test raw:00ff1234
  assert_count "$output" 'right=yes' 1
  assert_count "$output" '^(closed|reset)' 1
}

@test "tcp: a connection serves questions one after another" {
  serve
  run -0 kdig @127.0.0.1 -p "$PORT" +tcp +keepopen +noall +answer one.test A two.test A three.test A
  assert_count "$output" 'IN[[:space:]]A[[:space:]]10\.' 3
}

@test "tcp: an idle connection is closed after the idle timeout, not before" {
  serve -o limits.tcp_idle_timeout_ms=600
  run -0 raw tcp --until-close one.test
  local ms
  ms=$(closed_after)
  ((ms >= 550 && ms < 1500 * PATIENCE)) || fail "closed after $ms ms"
}

@test "tcp: a connection without a question is closed after the idle timeout" {
  serve -o limits.tcp_idle_timeout_ms=400
  run -0 raw tcp --until-close raw:
  local ms
  ms=$(closed_after)
  ((ms >= 350 && ms < 1500 * PATIENCE)) || fail "closed after $ms ms"
}

@test "tcp: a question that never ends does not hold a connection for ever" {
  serve -o limits.tcp_idle_timeout_ms=400
  # one byte every 150 ms: never idle by the byte, but no question either
  run -0 raw tcp --until-close --wait-ms 9000 --chop 1 --pause-ms 150 raw:00ff000102030405060708090a0b0c0d0e0f101112131415161718191a1b
  local ms
  ms=$(closed_after)
  ((ms < 6000)) || fail "closed after $ms ms only"
}

@test "tcp: waiting for an answer is not idling" {
  needs_speed
  serve -o limits.tcp_idle_timeout_ms=300
  run -0 raw tcp slow-500.test
  assert_has "$output" 'right=yes'
}

@test "tcp: EDNS keepalive is answered with the idle timeout, by TCP only" {
  serve -o limits.tcp_idle_timeout_ms=7500
  run -0 raw tcp one.test,edns=0,opt=11:
  assert_has "$output" 'option11=004b' # 75 tenths of a second
  run -0 raw tcp one.test,edns=0
  assert_lacks "$output" 'option11'
  run -0 raw udp one.test,edns=0,opt=11:
  assert_lacks "$output" 'option11='
}

@test "tcp: more questions than allowed at once are not lost" {
  serve -o limits.tcp_queries_per_client=4
  run -0 raw tcp --repeat 10 slow-30.a.test slow-20.b.test slow-10.c.test d.test
  assert_count "$output" '^answer' 40
  assert_count "$output" 'right=yes' 40
  (($(faultup_stat up max_outstanding) <= 4)) || fail "$(faultup_stat up max_outstanding) at once"
}

@test "tcp: connections beyond the limit per address are closed, others served" {
  WORKERS=1
  serve -o limits.tcp_clients_per_address=3
  local i clients=()
  for i in 1 2 3; do
    "$HELPERS/rawdns" tcp 127.0.0.1 "$PORT" --count 2 --wait-ms 5000 "hold$i.test" >"$BATS_TEST_TMPDIR/client$i" 3>&- &
    clients+=($!)
  done
  held() {
    [[ $(cat "$BATS_TEST_TMPDIR"/client? | grep -c right=yes) == 3 ]]
  }
  wait_for 5 held
  run raw tcp --wait-ms 1000 fourth.test
  assert_lacks "$output" 'right=yes'
  assert_has "$output" '^(closed|reset)'
  run -0 raw tcp --from 127.0.0.2 other.test
  assert_has "$output" 'right=yes'
  assert_resolves by-udp.test
  # room again, once they have gone
  kill "${clients[@]}" 2>/dev/null
  wait "${clients[@]}" 2>/dev/null || true
  room() {
    raw tcp --wait-ms 1000 again.test | grep -q right=yes
  }
  wait_for 5 room
}

@test "tcp: connections beyond the limit per worker do not stop UDP nor later clients" {
  WORKERS=1
  serve -o limits.tcp_clients=2 -o limits.tcp_idle_timeout_ms=1000
  local i clients=()
  for i in 1 2 3 4 5; do
    raw tcp --until-close --wait-ms 3000 raw: >/dev/null 3>&- &
    clients+=($!)
  done
  assert_resolves by-udp.test
  room() {
    raw tcp --wait-ms 1000 again.test | grep -q right=yes
  }
  wait_for 8 room
  wait "${clients[@]}" || true
}

@test "tcp: a client that does not read is cut off, others are served" {
  WORKERS=1
  serve -o limits.tcp_idle_timeout_ms=2000
  # 1000 answers of 60 KB, and nobody reads them
  raw tcp --receive-buffer 4096 --read-after-ms 4000 --until-close --repeat 1000 big-60000.test,TXT >"$BATS_TEST_TMPDIR/slow" 3>&- &
  local slow=$! i
  for i in 1 2 3 4 5; do
    run -0 raw tcp "other$i.test"
    assert_has "$output" 'right=yes'
    assert_resolves "udp$i.test"
  done
  bounded() {
    local resident
    resident=$(awk '/^VmRSS/ { print $2 }' "/proc/$(workers | cut -d' ' -f1)/status")
    ((resident < 200000))
  }
  bounded || fail "the worker grew to $(grep VmRSS "/proc/$(workers | cut -d' ' -f1)/status")"
  wait "$slow" || true
  assert_has "$(cat "$BATS_TEST_TMPDIR/slow")" '^(closed|reset)'
  (($(grep -c '^answer' "$BATS_TEST_TMPDIR/slow") < 1000)) || fail "everything was kept for it"
}

@test "tcp: a connection that is reset in the middle costs nobody else anything" {
  serve
  local i
  for i in 1 2 3 4 5; do
    raw tcp --wait-ms 1 slow-200.test slow-100.test >/dev/null || true
  done
  run -0 raw tcp one.test
  assert_has "$output" 'right=yes'
  assert_resolves two.test
}

@test "tcp: garbage after a good question" {
  serve
  run raw tcp --wait-ms 1000 --count 3 one.test hex:ff two.test
  assert_has "$output" 'name=one.test. .*right=yes'
  run -0 raw tcp three.test
  assert_has "$output" 'right=yes'
}
