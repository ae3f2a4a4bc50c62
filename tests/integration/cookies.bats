#!/usr/bin/env bats
# DNS cookies for clients (RFC 7873, RFC 9018): given, known again by every worker, and by other servers with the same secret.
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

SECRET=e5e973e5a6b2a43f48e7dc849e37bfcf

counts() {
  assert_equal "$(json ".$1" stats)" "$2" "$1"
}

# with_cookie DIG_WORD...: dig with a cookie, in $output.
with_cookie() {
  run -0 dig @127.0.0.1 -p "$PORT" +tries=1 +timeout=$((4 * PATIENCE)) "$@"
}

# The cookie in $output, which dig found good.
cookie_of() {
  sed -nE 's/^; COOKIE: ([0-9a-f]{48}) \(good\)$/\1/p' <<<"$output"
}

@test "cookies: dig gets one, and gives it back" {
  serve
  with_cookie +cookie a.test
  local cookie
  cookie=$(cookie_of)
  [[ $cookie =~ ^[0-9a-f]{16}01000000 ]] || fail "no cookie of RFC 9018: $output"
  counts cookies_first 1
  with_cookie +cookie="$cookie" b.test
  assert_equal "$(cookie_of)" "$cookie" "is good for a while longer"
  with_cookie +cookie="$cookie" +tcp c.test
  assert_equal "$(cookie_of)" "$cookie" "by TCP as well"
  counts cookies_good 2
  counts cookies_bad 0
}

@test "cookies: kdig gets one, and answers of all kinds carry it" {
  serve
  run -0 kdig @127.0.0.1 -p "$PORT" +retry=0 +timeout=$((4 * PATIENCE)) +cookie a.test
  assert_has "$output" 'COOKIE: [0-9A-Fa-f]{48}'
  with_cookie +cookie a.test # from the cache
  assert_has "$output" '^; COOKIE: [0-9a-f]{48} \(good\)'
  with_cookie +cookie a.test AXFR
  run raw udp "x.test,type252,opt=10:0102030405060708"
  assert_has "$output" 'option10=0102030405060708010000'
  raw udp nothing.test,opt=10:0102030405060708 | grep -q 'option10=0102030405060708010000'
  # a client that has none is told nothing of it
  run raw udp b.test,edns=0
  assert_lacks "$output" option10
  assert_equal "$(faultup_stat up cookie)" 0 "questions upstream with a cookie"
}

@test "cookies: all workers know them, after a reload too, and only from the address they were made for" {
  WORKERS=3
  serve
  with_cookie +cookie a.test
  local cookie
  cookie=$(cookie_of)
  for ((i = 0; i < 12; i++)); do
    raw udp "b$i.test,opt=10:$cookie" | grep -q "option10=$cookie"
  done
  counts cookies_good 12
  ctl reload
  raw udp "c.test,opt=10:$cookie" | grep -q "option10=$cookie"
  counts cookies_good 13
  run raw udp --from 127.0.0.2 "d.test,opt=10:$cookie"
  assert_has "$output" "rcode=0 .*right=yes.*option10=${cookie:0:16}010000"
  assert_lacks "$output" "option10=$cookie"
  counts cookies_bad 1
}

@test "cookies: one of the wrong length is malformed, and an empty question is for a cookie" {
  serve
  local length
  for length in 0 1 7 9 15 41; do
    run raw udp "a.test,opt=10:$(printf '%0*d' $((2 * length)) 0 | head -c $((2 * length)))"
    assert_has "$output" 'rcode=1 '
  done
  run raw udp "a.test,opt=10:$(printf '%080d' 0)"
  assert_has "$output" 'rcode=0 .*right=yes.*option10=0000000000000000010000'
  run raw udp ",qd=0,opt=10:0102030405060708"
  assert_has "$output" 'rcode=0 .*qd=0 an=0 .*option10=0102030405060708010000'
  run raw udp ",qd=0,edns=0"
  assert_has "$output" 'rcode=1 '
  with_cookie +cookie +header-only .
  assert_has "$output" 'status: NOERROR'
  assert_has "$output" '^; COOKIE: [0-9a-f]{48} \(good\)'
}

@test "cookies: off, they are not looked at" {
  serve -o limits.cookies=false
  run raw udp a.test,opt=10:0102030405060708 b.test,opt=10:01
  assert_count "$output" 'rcode=0 .*right=yes' 2
  assert_lacks "$output" option10
  run raw udp ",qd=0,opt=10:0102030405060708"
  assert_has "$output" 'rcode=1 '
}

@test "cookies: named with the same secret takes ours, and we take its, while the secret is changed too" {
  command -v named >/dev/null || skip "no named"
  MORE="limits: { cookie_secret = \"$SECRET\"; };" serve
  local dir=$BATS_TEST_TMPDIR/named named ours its
  named=$(free_port)
  mkdir "$dir"
  printf '%s\n' "\$TTL 60" '@ SOA ns hostmaster 1 2 3 4 5' '@ NS ns' 'ns A 192.0.2.1' >"$dir/zone"
  cat >"$dir/named.conf" <<CONF
options { directory "$dir"; pid-file none; session-keyfile none; managed-keys-directory "$dir"; recursion no;
  dnssec-validation no; listen-on-v6 { none; }; listen-on port $named { 127.0.0.1; };
  cookie-algorithm siphash24; cookie-secret "$SECRET"; require-server-cookie yes; };
controls { };
zone "example.test" { type primary; file "$dir/zone"; };
CONF
  spawn named named -g -n 1 -c "$dir/named.conf"
  named_says() {
    dig @127.0.0.1 -p "$named" +tries=1 +timeout=1 +nobadcookie +cookie="$1" example.test SOA | grep -q "status: $2"
  }
  wait_for 10 named_says 0102030405060708 BADCOOKIE
  with_cookie +cookie a.test
  ours=$(cookie_of)
  named_says "$ours" NOERROR || fail "named does not take our cookie $ours"
  its=$(dig @127.0.0.1 -p "$named" +tries=1 +timeout=1 +nobadcookie +cookie example.test SOA |
    sed -nE 's/^; COOKIE: ([0-9a-f]{48}) \(good\)$/\1/p')
  with_cookie +cookie="$its" b.test
  assert_equal "$(cookie_of)" "$its" "the cookie of named"
  counts cookies_good 1
  # another secret now, and the old one for a while
  sed -i "s/cookie_secret = \"$SECRET\";/cookie_secret = \"445536bcd2513298075a5d379663c962\"; cookie_secret_also = \"$SECRET\";/" "$CONFIG"
  ctl reload
  with_cookie +cookie="$its" c.test
  counts cookies_good 2
  [[ -n $(cookie_of) && $(cookie_of) != "$its" ]] || fail "no new cookie: $output"
}

@test "cookies: who asks too much and knows cookies is told to bring one, and is served with it" {
  MORE='limits: { rate: { queries_per_second = 1; burst = 5; slip = 1; }; };' serve
  run raw udp --repeat 30 --wait-ms 1000 a.test
  assert_has "$output" 'flags=qr,tc,'
  # whatever was filled in since
  told() {
    run -0 dig @127.0.0.1 -p "$PORT" +tries=1 +timeout=$((4 * PATIENCE)) +cookie +nobadcookie a.test
    grep -q 'status: BADCOOKIE' <<<"$output"
  }
  wait_for 5 told
  assert_has "$output" '^; COOKIE: [0-9a-f]{48} \(good\)'
  assert_lacks "$output" 'flags: [a-z ]* tc'
  # dig comes back by itself
  run -0 dig @127.0.0.1 -p "$PORT" +tries=1 +timeout=$((4 * PATIENCE)) +cookie +badcookie a.test
  assert_has "$output" 'status: NOERROR'
  assert_has "$output" '^a\.test\..*A.10\.'
  assert_has "$output" '\(UDP\)'
}

@test "cookies: secrets are checked, and shown as they were given" {
  MORE="limits: { cookie_secret = \"${SECRET%?}\"; };" dotward_config "$(upstream up 853)"
  run -1 dotward -t -c "$CONFIG"
  assert_has "$output" 'limits\.cookie_secret = "[0-9a-f]*": 32 hexadecimal digits'
  MORE="limits: { cookie_secret_also = \"$SECRET\"; };" dotward_config "$(upstream up 853)"
  run -1 dotward -t -c "$CONFIG"
  assert_has "$output" 'limits\.cookie_secret_also: goes with limits\.cookie_secret'
  MORE="limits: { cookie_secret = \"${SECRET^^}\"; };" dotward_config "$(upstream up 853)"
  run -0 dotward -T -c "$CONFIG"
  assert_has "$output" "cookie_secret = \"$SECRET\";"
}
