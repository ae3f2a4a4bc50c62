#!/usr/bin/env bats
# Serving stale (RFC 8767): what has expired helps out when no fresh answer comes, and only then.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load kept

setup() {
  lib_check
  : "${DOTWARDCTL:?set DOTWARDCTL to the built dotwardctl}"
  command -v jq >/dev/null || skip "no jq"
}

teardown() {
  # A stopped one would not take the signal to end.
  [[ -z ${up_pid:-} ]] || kill -CONT "$up_pid" 2>/dev/null || true
  lib_teardown
}

# Every answer expires after a second; the wait is short, the TTL of stale answers too.
expiring() {
  CACHE="prefetch = false; stale_wait_ms = $((400 * PATIENCE)); ${CACHE:-}"
  cached --ttl 1 --soa-ttl 1 "$@"
}

# old NAME [TYPE]...: kept, and then expired.
old() {
  keep "$@"
  expire
}

silence_up() {
  kill -STOP "$up_pid"
}

wake_up() {
  kill -CONT "$up_pid"
}

# The upstream is gone, its port refuses.
end_up() {
  end "$up_pid"
}

# The same upstream once more, at its old port. Its serials begin anew, with what is given here: --ttl and so on.
restart_up() {
  : >"$(lib_dir)/up.log"
  faultup_start up --serial 1 --port "$up_port" "$@"
}

# stale NAME ...: the question is answered with what had expired.
stale() {
  ask "$@" edns=0
  has 'ede=3 '
}

fresh() {
  ask "$@" edns=0
  [[ $output == *' rcode=0 '* && $output != *' ede='* ]]
}

ms() {
  field ms | sed 's/^answer //'
}

# --- Must show --------------------------------------------------------------------------------------------

# All at its defaults: 1.8 s, 30 s.
@test "stale: within 1.9 s for the first, at once for the next, fresh within 30 s when the upstream is back" {
  FORWARD='policy = "sequential";'
  CACHE='prefetch = false;'
  cached --ttl 1
  old one.test TXT
  silence_up
  ask one.test TXT edns=0
  has 'rcode=0 .*text="serial-1".* ede=3 .* ttl=30-30 '
  [[ $output =~ \ ms=([0-9]+) ]]
  ((BASH_REMATCH[1] <= 1900 * PATIENCE)) || fail "the first after ${BASH_REMATCH[1]} ms"
  ((BASH_REMATCH[1] >= 1700)) || fail "not waited for a fresh one: ${BASH_REMATCH[1]} ms"
  local n
  for n in 1 2 3 4 5; do
    ask one.test TXT edns=0
    has 'rcode=0 .*text="serial-1".* ede=3 .* ttl=(29|30)-(29|30) '
    [[ $output =~ \ ms=([0-9]+) ]]
    ((BASH_REMATCH[1] < 900 * PATIENCE)) || fail "the next after ${BASH_REMATCH[1]} ms"
  done
  wake_up
  wait_for 30 fresh one.test TXT
  lacks 'text="serial-1"'
}

@test "stale: within 1.9 s when the upstream refuses connections, at once for the next" {
  FORWARD='policy = "sequential";'
  CACHE='prefetch = false;'
  cached --ttl 1
  old one.test TXT
  end_up
  local n
  for n in 1 2 3; do
    ask one.test TXT edns=0
    has 'rcode=0 .*text="serial-1".* ede=3 .* ttl=30-30 '
    [[ $output =~ \ ms=([0-9]+) ]]
    ((BASH_REMATCH[1] <= 1900 * PATIENCE)) || fail "after ${BASH_REMATCH[1]} ms"
  done
  restart_up
  wait_for 30 fresh one.test TXT
}

# --- what is given ----------------------------------------------------------------------------------------

@test "stale: an address, by dig" {
  expiring
  old one.test
  silence_up
  run -0 q one.test
  assert_has "$output" 'status: NOERROR'
  assert_has "$output" 'EDE: 3 \(Stale Answer\)'
  assert_has "$output" '^one\.test\.\s+30\s+IN\s+A\s+10\.'
  assert_counter cache_stale 1
}

@test "stale: NXDOMAIN is marked as such" {
  expiring
  old nxdomain.test
  silence_up
  ask nxdomain.test edns=0
  has 'rcode=3 .*an=0 ns=1 .* ede=19 .* ttl=30-30 '
  run -0 q nxdomain.test
  assert_has "$output" 'status: NXDOMAIN'
  assert_has "$output" 'EDE: 19 \(Stale NXDOMAIN Answer\)'
}

@test "stale: NODATA" {
  expiring
  old nodata.test
  silence_up
  ask nodata.test edns=0
  has 'rcode=0 .*an=0 ns=1 .* ede=3 .* ttl=30-30 '
}

@test "stale: the TTL is stale_answer_ttl_s, of each record" {
  CACHE='stale_answer_ttl_s = 7;'
  expiring
  old optfirst.test
  silence_up
  ask optfirst.test
  has 'rcode=0 .*right=no.* ttl=7-7 |rcode=0 .* ttl=7-7 '
}

@test "stale: by TCP, and without EDNS no Extended DNS Error" {
  expiring
  old one.test
  silence_up
  ask_tcp one.test
  has 'rcode=0 .* ar=0 .*right=yes whole=yes ttl=30-30 '
  ask_tcp one.test edns=0
  has 'rcode=0 .*right=yes .* ede=3 '
}

@test "stale: id, spelling and flags are the client's" {
  expiring
  old one.test
  silence_up
  ask OnE.tEsT id=0xbeef edns=0
  has 'id=0xbeef rcode=0 .*flags=qr,rd,ra, .* name=OnE\.tEsT\. .*right=yes .* ede=3 '
}

@test "stale: a large answer is cut short for UDP and whole for TCP" {
  expiring
  old big-30000.test TXT
  silence_up
  ask big-30000.test TXT edns=0
  has 'flags=qr,tc,rd,ra, .*an=0 '
  ask_tcp big-30000.test TXT edns=0
  has 'rcode=0 .* ede=3 .* whole=yes ttl=30-30 '
  (($(sed -nE 's/.* bytes=([0-9]+).*/\1/p' <<<"$output") > 29000))
}

@test "stale: an answer with DO is not for who did not ask for it" {
  FORWARD="policy = \"sequential\"; timeout_ms = $(patient 1000); attempt_timeout_ms = $(patient 500);"
  expiring
  old one.test edns=0 do=1
  silence_up
  stale one.test do=1
  ask one.test edns=0
  has 'rcode=2 .*ede=2[23] '
}

@test "stale: an Extended DNS Error that was there gives way to that of staleness" {
  expiring
  old ede-15.test edns=0
  silence_up
  ask ede-15.test edns=0
  has 'rcode=0 .*ede=3 '
}

@test "stale: all that wait for one name get it" {
  expiring
  old one.test
  silence_up
  run -0 raw udp --wait-ms 5000 --repeat 50 one.test,edns=0
  assert_count "$output" 'rcode=0 .*right=yes .* ede=3 ' 50
}

@test "stale: of another name, one after the other, from any worker" {
  WORKERS=3
  expiring
  keep one.test
  keep two.test
  keep three.test
  expire
  silence_up
  local name n
  for name in one two three; do
    for n in 1 2 3 4; do
      stale "$name.test"
      has 'right=yes'
    done
  done
}

# --- when it is given -------------------------------------------------------------------------------------

@test "stale: not as long as a fresh answer comes in time" {
  FORWARD=$(patient_forward)
  CACHE='prefetch = false;'
  cached --ttl 1 --delay-ms 500
  keeps
  old one.test TXT
  ask one.test TXT edns=0
  lacks 'ede='
  lacks 'text="serial-1"'
  has 'rcode=0 .* ttl=1-1 '
  assert_counter cache_stale 0
}

@test "stale: not for what never expired" {
  expiring
  up_set ttl 300
  keep one.test
  silence_up
  ask one.test edns=0
  has 'right=yes'
  lacks 'ede='
  assert_counter cache_stale 0
}

@test "stale: for SERVFAIL of the upstream" {
  expiring
  old one.test
  up_set mode servfail
  stale one.test
  has 'rcode=0 .*right=yes'
  stale one.test
  has 'rcode=0 .*right=yes'
}

@test "stale: for REFUSED of the upstream" {
  expiring
  old one.test
  up_set mode refused
  stale one.test
  has 'rcode=0 .*right=yes'
}

@test "stale: not for NXDOMAIN, which is an answer" {
  expiring
  old one.test
  keeps
  up_set mode nxdomain
  ask one.test edns=0
  has 'rcode=3 '
  lacks 'ede='
}

@test "stale: for an upstream that stalls, closes, or lies" {
  expiring
  local mode
  for mode in stall close reset wrong-id garbage; do
    keep "one.$mode"
  done
  expire
  for mode in stall close reset wrong-id garbage; do
    up_set mode "$mode"
    stale "one.$mode"
    has 'rcode=0 .*right=yes'
  done
}

@test "stale: what was never kept is SERVFAIL with a reason" {
  expiring
  old one.test
  keeps
  silence_up
  ask other.test edns=0
  has 'rcode=2 .*ede=2[23] '
  ask one.test AAAA edns=0
  has 'rcode=2 .*ede=2[23] '
}

@test "stale: what had TTL 0 does not help out" {
  expiring
  up_set ttl 0
  keep one.test
  keeps
  silence_up
  ask one.test edns=0
  has 'rcode=2 .*ede=2[23] '
}

@test "stale: a failure that was kept does not help out" {
  CACHE='failure_ttl_s = 1;'
  expiring --mode servfail
  ask one.test
  has 'rcode=2 '
  keeps
  silence_up
  reason() {
    ask one.test edns=0
    [[ $output == *'rcode=2 '*' ede=2'[23]' '* ]]
  }
  wait_for 10 reason
}

@test "stale: stale_s = 0 turns it off" {
  CACHE='stale_s = 0;'
  expiring
  old one.test
  keeps
  silence_up
  ask one.test edns=0
  has 'rcode=2 .*ede=2[23] '
  assert_counter cache_stale 0
}

@test "stale: not beyond stale_s" {
  CACHE='stale_s = 4; failure_ttl_s = 1;'
  expiring
  old one.test
  silence_up
  stale one.test
  over() {
    ask one.test edns=0
    [[ $output == *'rcode=2 '*' ede=2'[23]' '* ]]
  }
  wait_for 15 over
}

@test "stale: the cache turned off has nothing to help out with" {
  CACHE='size = "0";'
  expiring
  keep one.test
  silence_up
  ask one.test edns=0
  has 'rcode=2 .*ede=2[23] '
}

@test "stale: stale_wait_ms = 0 gives it at once, and renews it" {
  FORWARD=$(patient_forward)
  CACHE="prefetch = false; stale_wait_ms = 0; stale_answer_ttl_s = 1;"
  cached --ttl 1
  old one.test TXT
  up_set delay-ms 300
  up_set ttl 300
  stale one.test TXT
  has 'text="serial-1"'
  wait_for 10 fresh one.test TXT
  lacks 'text="serial-1"'
}

# --- and then ---------------------------------------------------------------------------------------------

@test "stale: the late answer renews what is kept, without another question" {
  FORWARD=$(patient_forward)
  CACHE="prefetch = false; stale_wait_ms = $((1000 * PATIENCE));"
  cached --ttl 1
  old one.test TXT
  upstream_forget
  up_set ttl 300
  up_set delay-ms $((2500 * PATIENCE))
  stale one.test TXT
  has 'text="serial-1"'
  wait_for 10 fresh one.test TXT
  lacks 'text="serial-1"'
  ask one.test TXT
  lacks 'text="serial-1"'
  upstream_saw 1
}

@test "stale: while it is given, the upstream is not asked for every client" {
  FORWARD=$(patient_forward)
  expiring
  old one.test
  upstream_forget
  up_set mode stall
  local n
  for ((n = 0; n < 20; n++)); do
    stale one.test
  done
  # one question for each worker at most
  (($(faultup_stat up queries) <= 2)) || fail "asked $(faultup_stat up queries) times"
}

@test "stale: a SERVFAIL is not asked for by every client either" {
  expiring
  old one.test
  upstream_forget
  up_set mode servfail
  local n
  for ((n = 0; n < 20; n++)); do
    stale one.test
  done
  (($(faultup_stat up queries) <= 2)) || fail "asked $(faultup_stat up queries) times"
}

# back NAME...: a fresh answer comes once stale_answer_ttl_s is over, and is kept.
back() {
  wait_for 15 fresh "$@"
  up_set mode
  ask "$@" edns=0
  lacks 'ede='
}

@test "stale: fresh when a silent upstream is back" {
  CACHE='stale_answer_ttl_s = 2;'
  expiring
  old one.test TXT
  silence_up
  stale one.test TXT
  stale one.test TXT
  wake_up
  up_set ttl 300
  back one.test TXT
  lacks 'text="serial-1"'
}

@test "stale: fresh when a dead upstream is back" {
  CACHE='stale_answer_ttl_s = 2;'
  expiring
  old one.test
  end_up
  stale one.test
  stale one.test
  restart_up
  back one.test
  has ' ttl=(300|299)-'
}

@test "stale: fresh when SERVFAIL is over" {
  CACHE='stale_answer_ttl_s = 2;'
  expiring
  old one.test TXT
  up_set mode servfail
  stale one.test TXT
  stale one.test TXT
  up_set mode
  up_set ttl 300
  back one.test TXT
  lacks 'text="serial-1"'
}

@test "stale: NXDOMAIN gives way to a name that is there now" {
  CACHE='stale_answer_ttl_s = 2;'
  expiring --mode nxdomain
  keep one.test
  expire
  silence_up
  ask one.test edns=0
  has 'rcode=3 .* ede=19 '
  wake_up
  up_set mode
  up_set ttl 300
  back one.test
  has 'right=yes'
}

@test "stale: with a second upstream that answers, nothing is stale" {
  faultup_start up --serial 1 --ttl 1
  faultup_start second --serial 1 --ttl 1
  CACHE='prefetch = false;' FORWARD="policy = \"sequential\"; attempt_timeout_ms = $(patient 300);" \
    serve_cached "$(upstream up "$up_port")" "$(upstream second "$second_port")"
  old one.test
  keeps
  silence_up
  ask one.test edns=0
  has 'rcode=0 .*right=yes'
  lacks 'ede='
  (($(faultup_stat second queries) > 0))
  assert_counter cache_stale 0
}

@test "stale: two upstreams that both fail" {
  faultup_start up --serial 1 --ttl 1
  faultup_start second --serial 1 --mode servfail
  CACHE="prefetch = false; stale_wait_ms = $((800 * PATIENCE));" \
    serve_cached "$(upstream up "$up_port")" "$(upstream second "$second_port")"
  old one.test
  silence_up
  stale one.test
  has 'rcode=0 .*right=yes'
}

@test "stale: it is served again after workers died" {
  KILLS=yes
  expiring
  old one.test
  silence_up
  stale one.test
  local pid before
  before=$(workers)
  for pid in $before; do
    kill -KILL "$pid"
  done
  others() {
    has_workers 2 && [[ $(workers) != "$before" ]] && [[ $(dotward_log | grep -c 'worker born') == 4 ]]
  }
  wait_for 10 others
  stale one.test
  has 'rcode=0 .*right=yes'
}
