#!/usr/bin/env bats
# Tickets of TLS sessions outlive connections, workers, configurations and binaries, and are used once.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

# serve [TEXT]: with TEXT added to the upstream's entry; one question is asked, so that there is a ticket.
serve() {
  faultup_start up "${UP[@]}"
  WORKERS=${WORKERS:-1} dotward_config "$(upstream up "$up_port" "auth_name = \"upstream.test\"; ca_file = \"$CERTS/ca.pem\"; ${1:-}")"
  dotward_start -o cache.size=\"0\"
  assert_resolves first.test
  # of several each opens its own, in its own time
  ((${WORKERS:-1} == 1)) || return 0
  assert_equal "$(faultup_stat up handshakes)" 1
  assert_equal "$(faultup_stat up resumed)" 0
}

UP=()
asked=0

# Asks until the upstream has seen so many handshakes: the next connection is opened for a question at the latest.
has_shaken() {
  asked=$((asked + 1))
  resolves "again$asked.test" && (($(faultup_stat up handshakes) >= $1))
}

# closes: the upstream closes all connections, and dotward opens another.
closes() {
  local want=$(($(faultup_stat up handshakes) + 1))
  faultup_say up close
  wait_for 5 has_shaken "$want"
}

# All handshakes but so many were resumed.
assert_resumed_but() {
  local handshakes
  handshakes=$(faultup_stat up handshakes)
  assert_equal "$((handshakes - $(faultup_stat up resumed)))" "$1" "full handshakes of $handshakes"
}

# The same by both counts, and no ticket came twice.
assert_all_resumed_but() {
  assert_resumed_but "$1"
  (($(faultup_stat up offered) >= $(faultup_stat up resumed))) || fail "the upstream does not count offers"
  assert_equal "$(faultup_stat up offered_again)" 0 "tickets offered twice"
}

has_died() {
  (($(dotward_log | grep -c 'worker died') >= $1))
}

@test "resume: a connection after a close needs no certificates, time and again" {
  serve
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    closes
  done
  assert_all_resumed_but 1
  run -0 "$DOTWARDCTL" -s "$BATS_TEST_TMPDIR/dotward.control" --json stats
  assert_has "$output" "\"upstream_resumed\": *$(faultup_stat up resumed)[,}]"
}

@test "resume: a worker killed: its successor's first handshake is resumed" {
  KILLS=yes
  serve
  for round in 1 2 3; do
    kill -KILL "$(workers)"
    wait_for 5 has_died "$round"
    wait_for 5 has_shaken $((round + 1))
  done
  assert_all_resumed_but 1
}

@test "resume: after a reload" {
  serve
  for round in 1 2 3; do
    kill -HUP "$DOTWARD_PID"
    wait_for 10 logged " reloaded generation=$((round + 1))"
    wait_for 5 has_shaken $((round + 1))
  done
  assert_all_resumed_but 1
}

@test "resume: after an upgrade of the binary" {
  [[ $DOTWARD != *' '* ]] || skip "what runs dotward here is not dotward itself"
  serve
  kill -USR2 "$DOTWARD_PID"
  wait_for 15 logged ' handed over pid='
  DOTWARD_PID=$(dotward_log | sed -nE 's/.* handed over pid=([0-9]+).*/\1/p' | tail -n 1)
  wait_for 5 has_shaken 2
  assert_all_resumed_but 1
}

@test "resume: tickets of one worker are tickets of all, and each is used once" {
  KILLS=yes WORKERS=4
  serve
  QPS=400 pace_begin --seconds $((3 * PATIENCE)) --kill "$DOTWARD_PID" --every-ms $((100 * PATIENCE))
  pace_end
  assert_nothing_lost
  (($(faultup_stat up handshakes) >= 10)) || fail "hardly any connections"
  # The first workers all begin at once, when there may be no ticket for some.
  local full=$(($(faultup_stat up handshakes) - $(faultup_stat up resumed)))
  echo "# handshakes $(faultup_stat up handshakes), full $full, offered $(faultup_stat up offered)" >&3
  ((full <= 4)) || fail "$full full handshakes"
  assert_equal "$(faultup_stat up offered_again)" 0 "tickets offered twice"
}

@test "resume: TLS 1.2, whose server gives no other ticket to who comes with one: it is good for more than once" {
  UP=(--tls 1.2)
  serve
  for _ in 1 2 3 4; do
    closes
  done
  assert_resumed_but 1
  assert_equal "$(faultup_stat up offered_again)" 3
}

@test "resume: TLS 1.2 with session ids, as tickets are not for every server" {
  UP=(--tls 1.2 --no-tickets --session-ids)
  serve
  for _ in 1 2 3; do
    closes
  done
  assert_resumed_but 1
  assert_equal "$(faultup_stat up offered)" 0
}

@test "resume: TLS 1.2, a server that forgot its tickets: each handshake is full, then resumed from a new one" {
  UP=(--tls 1.2)
  serve
  closes
  faultup_say up forget
  closes
  assert_resumed_but 2
  closes
  closes
  assert_resumed_but 2
}

@test "resume: an upstream that forgot its tickets: a full handshake, and no client notices" {
  serve
  faultup_say up forget
  closes
  assert_equal "$(faultup_stat up resumed)" 0
  closes
  assert_all_resumed_but 2
  assert_lacks "$(dotward_log)" 'upstream down'
}

@test "resume: not with resumption = false" {
  serve 'resumption = false;'
  closes
  closes
  assert_all_resumed_but 3
  assert_equal "$(faultup_stat up offered)" 0
}

@test "resume: a reload that trusts otherwise verifies anew" {
  serve
  sed -i "s|auth_name = \"upstream.test\";|pins = [ \"$(cat "$CERTS/good.pin")\" ];|" "$CONFIG"
  kill -HUP "$DOTWARD_PID"
  wait_for 10 logged ' reloaded generation=2'
  wait_for 5 has_shaken 2
  assert_all_resumed_but 2
  sed -i "s|pins = .* \];|auth_name = \"other.test\";|" "$CONFIG"
  kill -HUP "$DOTWARD_PID"
  wait_for 10 logged ' reloaded generation=3'
  run -0 q verify.test A
  assert_has "$output" 'status: SERVFAIL'
  assert_has "$output" 'certificate is not for .*other.test'
}
