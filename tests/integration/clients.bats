#!/usr/bin/env bats
# Whose answer it is: names, types, classes, DO, CD, RD, AD, EDNS and sizes, of clients that ask for what is kept.
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

# --- whose answer -----------------------------------------------------------------------------------------

@test "clients: a name is found in any spelling, and given back in the client's" {
  cached
  local name
  ask example.test
  for name in ExAmPlE.tEsT EXAMPLE.TEST example.test eXaMpLe.TeSt; do
    ask "$name"
    has "name=${name//./\\.}\\. .*right=yes"
    ask_tcp "$name"
    has "name=${name//./\\.}\\. .*right=yes"
    run -0 q "$name" A +noall +question +answer
    assert_has "$output" "^;${name//./\\.}\\.\\s+IN\\s+A"
    assert_has "$output" "^${name//./\\.}\\.\\s+[0-9]+\\s+IN\\s+A\\s+10\\."
  done
  upstream_saw 1
}

@test "clients: a name that was first asked in capitals" {
  cached
  ask EXAMPLE.TEST
  ask example.test
  has 'name=example\.test\. .*right=yes'
  upstream_saw 1
}

@test "clients: another name is another answer, be it ever so alike" {
  cached
  local name count=0
  for name in a.test b.test aa.test a.a.test a.tes test a-test a.test.a; do
    ask "$name"
    has 'right=yes'
    count=$((count + 1))
    upstream_saw "$count"
  done
  for name in a.test b.test aa.test a.a.test a.tes test a-test a.test.a; do
    ask "$name"
    has 'right=yes'
  done
  upstream_saw "$count"
}

@test "clients: the longest of names, and the root" {
  cached
  local label name
  printf -v label '%060d' 0
  name="$label.$label.$label.$label.test"
  ask "$name" TXT
  has 'text="serial-1"'
  ask "$name" TXT
  has 'text="serial-1"'
  upstream_saw 1
  assert_equal "$(q . TXT +short)" '"serial-2"'
  assert_equal "$(q . TXT +short)" '"serial-2"'
  upstream_saw 2
}

@test "clients: types are kept apart" {
  cached
  local type
  for type in A AAAA TXT MX TYPE65280; do
    q one.test "$type" >/dev/null
  done
  upstream_saw 5
  run -0 q one.test AAAA +short
  assert_has "$output" '^[0-9a-f]+:'
  run -0 q one.test A +short
  assert_has "$output" '^10\.'
  run -0 q one.test TXT +short
  assert_has "$output" '^"serial-3"$'
  run -0 q one.test MX
  assert_has "$output" 'ANSWER: 0, AUTHORITY: 1'
  upstream_saw 5
}

@test "clients: classes are kept apart" {
  cached
  ask one.test TXT
  has 'text="serial-1"'
  ask one.test TXT class=3
  has 'text="serial-2"'
  ask one.test TXT class=4
  has 'text="serial-3"'
  ask one.test TXT
  has 'text="serial-1"'
  ask one.test TXT class=3
  has 'text="serial-2"'
  upstream_saw 3
}

@test "clients: DO and CD are kept apart" {
  cached
  local serial=0 how
  ways=("edns=0" "edns=0,do=1" "edns=0,flags=0x0110" "edns=0,do=1,flags=0x0110")
  for how in "${ways[@]}"; do
    ask one.test TXT "$how"
    serial=$((serial + 1))
    has "text=\"serial-$serial\""
  done
  serial=0
  for how in "${ways[@]}"; do
    ask one.test TXT "$how"
    serial=$((serial + 1))
    has "text=\"serial-$serial\".* do=$((serial == 2 || serial == 4)) "
  done
  upstream_saw 4
  assert_equal "$(faultup_stat up dnssec_ok)" 2
  assert_equal "$(faultup_stat up checking_disabled)" 2
}

@test "clients: DO and CD by dig" {
  cached
  assert_equal "$(q one.test TXT +short)" '"serial-1"'
  assert_equal "$(q one.test TXT +short +dnssec)" '"serial-2"'
  assert_equal "$(q one.test TXT +short +cdflag)" '"serial-3"'
  assert_equal "$(q one.test TXT +short +noedns)" '"serial-1"'
  assert_equal "$(q one.test TXT +short +dnssec)" '"serial-2"'
  assert_equal "$(q one.test TXT +short +cdflag)" '"serial-3"'
  run -0 q one.test TXT +cdflag
  assert_has "$output" 'flags: qr rd ra cd;'
  run -0 q one.test TXT +dnssec
  assert_has "$output" 'EDNS: version: 0, flags: do; udp: 1232'
  upstream_saw 3
}

@test "clients: RD and CD come back as they were sent" {
  cached
  ask one.test flags=0x0110
  has 'flags=qr,rd,ra,cd, '
  ask one.test flags=0x0110
  has 'flags=qr,rd,ra,cd, '
  ask one.test
  ask one.test
  has 'flags=qr,rd,ra, '
  upstream_saw 2
}

@test "clients: a question without RD is not answered from the cache, nor for it" {
  cached
  ask one.test TXT
  has 'flags=qr,rd,ra, .*text="serial-1"'
  ask one.test TXT flags=0
  has 'flags=qr,ra, '
  lacks 'text="serial-1"'
  ask one.test TXT
  has 'flags=qr,rd,ra, .*text="serial-1"'
  ask two.test TXT flags=0
  lacks 'flags=[a-z,]*rd,'
  ask two.test TXT
  has 'flags=qr,rd,ra, '
  local serial
  serial=$(field text)
  ask two.test TXT
  assert_equal "$(field text)" "$serial"
}

@test "clients: AD is for who asked for it, whoever asked first" {
  cached --ad 1
  ask one.test
  has 'flags=qr,rd,ra, '
  ask one.test flags=0x0120
  has 'flags=qr,rd,ra,ad, '
  ask two.test flags=0x0120
  has 'flags=qr,rd,ra,ad, '
  ask two.test
  has 'flags=qr,rd,ra, '
  upstream_saw 2
  ask one.test edns=0 do=1
  has 'flags=qr,rd,ra,ad, '
  ask one.test edns=0 do=1
  has 'flags=qr,rd,ra,ad, '
  run -0 q one.test +adflag
  assert_has "$output" 'flags: qr rd ra ad;'
  run -0 q one.test +noadflag
  assert_has "$output" 'flags: qr rd ra;'
  upstream_saw 3
}

@test "clients: AD is not made up" {
  cached
  ask one.test flags=0x0120
  ask one.test flags=0x0120
  has 'flags=qr,rd,ra, '
  ask one.test edns=0 do=1
  ask one.test edns=0 do=1
  has 'flags=qr,rd,ra, '
  upstream_saw 2
}

@test "clients: OPT is for the client that sent one, and its own" {
  cached --keepalive 50
  ask one.test edns=0
  has 'ar=1 .*opt=yes size=1232 version=0 do=0'
  ask one.test
  has 'ar=0 .*right=yes whole=yes'
  ask_tcp one.test
  has 'ar=0 .*right=yes whole=yes'
  ask one.test edns=0 size=512
  has 'ar=1 .*opt=yes size=1232 version=0 do=0 .*whole=yes'
  ask two.test
  has 'ar=0 '
  ask two.test edns=0
  has 'ar=1 .*opt=yes size=1232'
  lacks option11
  upstream_saw 2
}

@test "clients: options of one client are nothing to the next" {
  cached
  ask one.test edns=0 opt=10:0102030405060708 opt=3: opt=65001:cafe
  ask one.test edns=0
  has 'right=yes'
  lacks 'option(3|10|65001)='
  ask one.test edns=0 opt=8:00011800c63364
  has 'right=yes'
  upstream_saw 1
}

@test "clients: EDNS version 1 is BADVERS, kept or not" {
  cached
  ask one.test edns=0
  ask one.test edns=1
  has 'xrcode=16'
  ask one.test edns=0
  upstream_saw 1
}

@test "clients: an Extended DNS Error of the upstream is kept with its answer" {
  cached
  ask ede-15.test edns=0
  has 'ede=15 ede_text="said so by the upstream"'
  ask ede-15.test edns=0
  has 'ede=15 ede_text="said so by the upstream" .*right=yes|right=yes.* ede=15 ede_text="said so by the upstream"'
  ask ede-15.test
  has 'ar=0 .*right=yes'
  run -0 q ede-15.test A
  assert_has "$output" 'EDE: 15 \(Blocked\): \(said so by the upstream\)'
  upstream_saw 1
}

@test "clients: an Extended DNS Error is kept for who has EDNS when who has none asked first" {
  cached
  ask ede-15.test
  ask ede-15.test edns=0
  has 'ede=15 ede_text="said so by the upstream"'
  upstream_saw 1
}

@test "clients: client subnets that go upstream are not mixed up" {
  FORWARD="$(forward_default) client_subnet = \"forward\";"
  cached
  # 198.51.100.0/24, 203.0.113.0/24
  local one=opt=8:00011800c63364 two=opt=8:00011800cb0071
  ask one.test TXT edns=0
  has 'text="serial-1"'
  ask one.test TXT edns=0 "$one"
  has 'text="serial-2"'
  ask one.test TXT edns=0 "$two"
  lacks 'text="serial-[12]"'
  ask one.test TXT edns=0
  has 'text="serial-1"'
  ask one.test TXT
  has 'text="serial-1"'
  assert_equal "$(faultup_stat up subnet)" 2
}

@test "clients: client subnets that go upstream do not share a question there" {
  FORWARD="$(patient_forward) client_subnet = \"forward\";"
  WORKERS=1
  cached --delay-ms 1000
  keeps
  upstream_forget
  run -0 raw udp --wait-ms 9000 one.test,TXT,edns=0,opt=8:00011800c63364 one.test,TXT,edns=0,opt=8:00011800cb0071 one.test,TXT,edns=0
  assert_equal "$(grep -o 'text="serial-[0-9]*"' <<<"$output" | sort -u | wc -l)" 3
  upstream_saw 3
}

# --- size -------------------------------------------------------------------------------------------------

# truncated_upstream MODE: TC goes through, each time anew.
truncated_upstream() {
  cached --mode "$1"
  keeps
  upstream_forget
  ask one.test TXT
  has 'flags=qr,tc,'
  ask one.test TXT
  has 'flags=qr,tc,'
  (($(faultup_stat up queries) >= 2)) || fail "it was kept"
  up_set mode
  ask one.test TXT
  has 'flags=qr,rd,ra, .*text='
}

@test "clients: a truncated answer of the upstream is not kept" {
  truncated_upstream tc
}

@test "clients: nor is one that has some of its records" {
  truncated_upstream tc-1
}

# truncated SIZE [DIG OPTION]...: a kept answer of 5000 bytes is TC and empty by UDP with that size.
truncated() {
  run -0 q big-5000.test TXT +ignore "$@"
  assert_has "$output" 'flags: qr tc rd ra;'
  assert_has "$output" 'QUERY: 1, ANSWER: 0, AUTHORITY: 0, '
  assert_has "$output" 'status: NOERROR'
}

@test "clients: an answer that does not fit is cut short for UDP and whole for TCP" {
  cached
  local sum
  ask_tcp big-5000.test TXT
  sum=$(field sum)
  truncated +bufsize=512
  truncated +bufsize=1232
  truncated +bufsize=4096
  truncated +noedns
  ask_tcp big-5000.test TXT
  has 'flags=qr,rd,ra, .*whole=yes'
  assert_equal "$(field sum)" "$sum"
  # dig comes back by TCP of its own accord
  run -0 q big-5000.test TXT
  assert_has "$output" 'ANSWER: 2[0-9],'
  assert_has "$output" '\(TCP\)'
  upstream_saw 1
}

@test "clients: UDP first, cut short, then TCP is a hit" {
  cached
  truncated
  ask_tcp big-5000.test TXT
  has 'flags=qr,rd,ra, .*whole=yes'
  upstream_saw 1
}

@test "clients: one kept answer fits one client and not the other" {
  cached
  ask_tcp txt-900.test TXT
  ask txt-900.test TXT
  has 'flags=qr,tc,rd,ra, .*an=0 '
  ask txt-900.test TXT edns=0 size=800
  has 'flags=qr,tc,rd,ra, .*an=0 .*opt=yes'
  ask txt-900.test TXT edns=0 size=1232
  has 'flags=qr,rd,ra, .*an=1 .*opt=yes'
  ask txt-900.test TXT edns=0 size=65535
  has 'flags=qr,rd,ra, .*an=1 .*opt=yes'
  upstream_saw 1
}

@test "clients: udp_answer_size bounds kept answers" {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  dotward_start -o limits.udp_answer_size=4096
  ask_tcp txt-3000.test TXT
  ask txt-3000.test TXT edns=0 size=4096
  has 'flags=qr,rd,ra, .*an=1 .*whole=yes'
  ask txt-3000.test TXT edns=0 size=2048
  has 'flags=qr,tc,rd,ra, .*an=0 '
  upstream_saw 1
}

# whole_again MESSAGE: byte for byte what came first, from the cache, with and without EDNS.
whole_again() {
  local sum bytes
  ask_tcp "$1" TXT
  has 'rcode=0 .*whole=yes'
  sum=$(field sum)
  bytes=$(field bytes)
  ask_tcp "$1" TXT
  has 'rcode=0 .*whole=yes'
  assert_equal "$(field sum)" "$sum" "sum of $1"
  assert_equal "$(field bytes)" "$bytes" "bytes of $1"
}

@test "clients: answers of all sizes up to 64 KB are given again byte for byte" {
  cached
  local size count=0
  for size in 1 255 256 1000 4000 8000 16000 20000 32000 40000; do
    whole_again "txt-$size.test"
    count=$((count + 1))
    upstream_saw "$count"
  done
  for size in 1000 4096 16384 30000 50000 60000 65000 65535; do
    whole_again "big-$size.test"
    count=$((count + 1))
    upstream_saw "$count"
  done
  (($(field bytes) > 65200)) || fail "the largest was of $(field bytes) bytes only"
  ask_tcp big-65535.test TXT edns=0
  has 'opt=yes.*whole=yes'
  upstream_saw "$count"
}

@test "clients: large answers in the smallest of caches" {
  CACHE='size = "1M";'
  cached
  local n
  # more than fit: what is given is right, kept or not
  for ((n = 0; n < 60; n++)); do
    ask_tcp "big-60000.n$((n % 30)).test" TXT
    has 'rcode=0 .*whole=yes'
  done
  whole_again big-60000.last.test
  assert_resolves one.test
}

@test "clients: the log names nobody for a hit" {
  cached
  ask secret-name.test
  ask secret-name.test
  assert_lacks "$(dotward_log)" 'secret-name'
  upstream_saw 1
}
