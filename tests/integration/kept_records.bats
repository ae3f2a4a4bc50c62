#!/usr/bin/env bats
# Kept answers of real servers: what they say once is what all clients get, and they are not asked twice.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load servers
load kept

setup_file() {
  servers_start
}

teardown_file() {
  end_all
}

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

# asked_of SERVER NAME: how often its log says that the name was asked for. NSD keeps no such log.
asked_of() {
  grep -Eic "(query|info|from|packet).*[ \"(]$2" "$BATS_FILE_TMPDIR/$1.log" || true
}

# before SERVER: in front of that one.
before() {
  local port=$1_port
  SERVER=$1
  MORE='cache: { prefetch = false; };' dotward_config "$(upstream "$1" "${!port}")"
  dotward_start
}

# rdata of an answer by dig, and its TTL.
ttl_by_dig() {
  q "$@" +noall +answer | awk '{ print $2; exit }'
}

less_than() {
  (($(ttl_by_dig "${@:2}") < $1))
}

# once NAME TYPE...: asked many times, the server is asked once. The name is this test's own, of the wildcard.
once() {
  local name="$BATS_TEST_NUMBER-$1.wild.example.test" n
  for n in 1 2 3 4 5; do
    assert_equal "$(q "$name" A +short)" 192.0.2.99
  done
  assert_equal "$(asked_of "$SERVER" "$name")" 1 "questions for $name in the log of $SERVER"
}

@test "kept records: unbound is asked once" {
  before unbound
  once a
  once b
}

@test "kept records: BIND is asked once" {
  before named
  once a
  once b
}

@test "kept records: Knot behind dnsdist is asked once" {
  before dnsdist
  once a
  once b
}

# ages SERVER: the TTLs of a server that says the same each time go down.
ages() {
  before "$1"
  (($(ttl_by_dig mixed.example.test A) == 200))
  wait_for 10 less_than 199 mixed.example.test A
  run -0 q mixed.example.test A +noall +answer
  local alias address
  alias=$(awk '$4 == "CNAME" { print $2 }' <<<"$output")
  address=$(awk '$4 == "A" { print $2 }' <<<"$output")
  assert_equal $((alias - address)) 100 "the difference of both TTLs"
}

@test "kept records: TTLs along an alias go down together, from unbound" {
  ages unbound
}

@test "kept records: TTLs along an alias go down together, from BIND" {
  ages named
}

@test "kept records: TTLs along an alias go down together, from NSD" {
  ages nsd
}

@test "kept records: TTLs along an alias go down together, from Knot behind dnsdist" {
  ages dnsdist
}

@test "kept records: a short TTL is over and starts anew" {
  local server
  for server in unbound named nsd dnsdist; do
    unset PORT
    before "$server"
    assert_equal "$(ttl_by_dig brief.example.test A)" 2
    wait_for 10 less_than 2 brief.example.test A
    anew() {
      [[ $(ttl_by_dig brief.example.test A) == 2 ]]
    }
    wait_for 10 anew
    dotward_stop
  done
}

@test "kept records: TTL 0 is asked for each time" {
  before named
  local asked
  asked=$(asked_of named never.example.test)
  q never.example.test A >/dev/null
  q never.example.test A >/dev/null
  assert_equal "$(asked_of named never.example.test)" $((asked + 2))
  once a
}

# no_such SERVER: NXDOMAIN and NODATA, kept for the minimum of the zone's SOA, which is 60.
no_such() {
  before "$1"
  local name="absent-$BATS_TEST_NUMBER.example.test"
  run -0 q "$name"
  assert_has "$output" 'status: NXDOMAIN'
  run -0 q "$name"
  assert_has "$output" 'status: NXDOMAIN'
  assert_has "$output" '^example\.test\.\s+(60|5[0-9])\s+IN\s+SOA'
  [[ $1 == nsd ]] || assert_equal "$(asked_of "$1" "$name")" 1
  q nothing.example.test AAAA >/dev/null
  falls() {
    (($(q nothing.example.test AAAA +noall +authority | awk '$4 == "SOA" { print $2 }') < 59))
  }
  wait_for 10 falls
  run -0 q nothing.example.test AAAA
  assert_has "$output" 'status: NOERROR'
  assert_has "$output" 'ANSWER: 0, AUTHORITY: 1'
}

@test "kept records: NXDOMAIN and NODATA of unbound" {
  no_such unbound
}

@test "kept records: NXDOMAIN and NODATA of BIND" {
  no_such named
}

@test "kept records: NXDOMAIN and NODATA of NSD" {
  no_such nsd
}

@test "kept records: NXDOMAIN and NODATA of Knot behind dnsdist" {
  no_such dnsdist
}

# signed_apart SERVER: with DO there are signatures, without there are none, whoever comes first.
signed_apart() {
  before "$1"
  local n asked
  asked=$(asked_of "$1" www.example.test)
  for n in 1 2 3; do
    run -0 q www.example.test A
    assert_lacks "$output" 'RRSIG'
    run -0 q www.example.test A +dnssec
    assert_has "$output" 'RRSIG\s+A '
    run -0 q mail.example.test A +dnssec
    assert_has "$output" 'RRSIG\s+A '
    run -0 q mail.example.test A
    assert_lacks "$output" 'RRSIG'
    run -0 q absent.example.test A +dnssec
    assert_has "$output" 'NSEC '
    run -0 q absent.example.test A
    assert_lacks "$output" 'NSEC '
  done
  assert_equal "$(asked_of "$1" www.example.test)" $((asked + 2)) "questions for www, with and without DO"
}

@test "kept records: signatures for DO alone, from BIND" {
  signed_apart named
}

@test "kept records: signatures for DO alone, from Knot behind dnsdist" {
  signed_apart dnsdist
}

@test "kept records: a TXT set of 60 KB from the cache, by TCP" {
  before named
  local first
  first=$(q big.example.test TXT +tcp +short | sort)
  assert_equal "$(wc -l <<<"$first")" 98
  local asked
  asked=$(asked_of named big.example.test)
  assert_equal "$(q big.example.test TXT +tcp +short | sort)" "$first"
  run -0 q big.example.test TXT +ignore
  assert_has "$output" 'flags: qr (aa )?tc'
  assert_equal "$(q big.example.test TXT +short | sort)" "$first"
  assert_equal "$(asked_of named big.example.test)" "$asked"
}
