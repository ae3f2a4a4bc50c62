#!/usr/bin/env bats
# Upstreams by host name: looked up over TLS at bootstrap servers (unbound), before anybody is served and again when something has
# changed; and what becomes of questions while there is no address.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load servers

setup() {
  lib_check
  command -v unbound >/dev/null || skip "no unbound"
  SOCKET=$BATS_TEST_TMPDIR/dotward.control
}

teardown() {
  local status=0
  lib_teardown || status=$?
  ip netns del "here$$" 2>/dev/null || true
  return "$status"
}

ctl() {
  "$DOTWARDCTL" --socket "$SOCKET" --timeout "$((5 * PATIENCE))" "$@"
}

# Where bootstrap_start and dotward are: a command to run them with.
HERE=()

knows_host() {
  "${HERE[@]}" dig @127.0.0.1 -p "$1" +tls +tries=1 +timeout=1 upstream.test A 2>/dev/null | grep -Eq 'status: (NOERROR|NXDOMAIN)'
}

# bootstrap_start [--with CERTIFICATE] [ADDRESS]...: a bootstrap server at bootstrap_port that knows these addresses of upstream.test.
bootstrap_start() {
  local dir cert=good address
  if [[ ${1:-} == --with ]]; then
    cert=$2
    shift 2
  fi
  dir=$(lib_dir)/bootstrap
  mkdir -p "$dir"
  bootstrap_port=${bootstrap_port:-$(free_port)}
  {
    cat <<CONF
server:
  interface: 127.0.0.1@$bootstrap_port
  tls-port: $bootstrap_port
  tls-service-pem: "$CERTS/$cert.pem"
  tls-service-key: "$CERTS/$cert.key"
  directory: "$dir"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  module-config: "iterator"
  log-queries: yes
  local-zone: "." static
CONF
    for address in "$@"; do
      [[ $address == *:* ]] && echo "  local-data: \"upstream.test. 300 IN AAAA $address\""
      [[ $address == *:* ]] || echo "  local-data: \"upstream.test. 300 IN A $address\""
    done
    printf 'remote-control:\n  control-enable: no\n'
  } >"$dir/unbound.conf"
  : >"$(lib_dir)/bootstrap.log"
  spawn bootstrap "${HERE[@]}" unbound -d -c "$dir/unbound.conf"
  bootstrap_pid=$SPAWNED
  wait_for 10 knows_host "$bootstrap_port"
}

bootstrap_stop() {
  end "$bootstrap_pid" || true
}

# by_host [BOOTSTRAP]: an upstream at up_port, to be looked up there.
by_host() {
  echo "{ name = \"up\"; host = \"upstream.test\"; port = $up_port; ca_file = \"$CERTS/ca.pem\"; bootstrap = [ ${1:-$(named)} ]; }"
}

named() {
  echo "\"127.0.0.1@$bootstrap_port#upstream.test\""
}

pinned() {
  echo "\"127.0.0.1@$bootstrap_port#$(cat "$CERTS/$1.pin")\""
}

# Two upstreams at one port, of two addresses.
two_upstreams() {
  faultup_start up
  faultup_start other --address 127.0.0.2 --port "$up_port"
}

asked_at() {
  (($(faultup_stat "$1" queries) > ${2:-0}))
}

@test "hosts: looked up before the first question, in both families, and shown" {
  faultup_start up
  bootstrap_start 127.0.0.1 ::1
  dotward_config "$(by_host)"
  dotward_start
  wait_for 10 resolves first.test
  assert_has "$(dotward_log)" 'notice master: upstream up: its host was looked up host=upstream\.test addresses=127\.0\.0\.1,::1 next='
  # nobody was served before, and nothing had to be put right after; unless it takes longer than anybody waits for
  under_valgrind || assert_lacks "$(dotward_log)" 'generation=2|has no address'
  run -0 ctl upstreams
  assert_has "$output" "^up +127\.0\.0\.1@$up_port +up "
  assert_has "$output" '^host: up upstream\.test: 127\.0\.0\.1 ::1; asked for again in [45]m'
  assert_equal "$(ctl --json upstreams | jq -c '.hosts[] | [.upstream, .host, .addresses, .failure]')" \
    '["up","upstream.test",["127.0.0.1","::1"],null]'
}

@test "hosts: a bootstrap server by pin, by address, and as the second of two" {
  faultup_start up
  bootstrap_start --with self 127.0.0.1
  dotward_config "$(by_host "\"127.0.0.1@$(free_port)\", $(pinned self)")"
  dotward_start
  wait_for 10 resolves pin.test
  dotward_stop
  bootstrap_stop
  bootstrap_start --with ip 127.0.0.1
  dotward_config "$(by_host "\"127.0.0.1@$bootstrap_port\"")"
  dotward_start
  wait_for 10 resolves address.test
}

# refused BOOTSTRAP WHY
refused() {
  dotward_config "$(by_host "$1")"
  dotward_start
  wait_for 10 logged "warn master: upstream up: has no address, its host cannot be looked up host=upstream\.test why=\".*$2"
  run -0 q first.test
  assert_has "$output" 'status: SERVFAIL'
  dotward_stop
  assert_lacks "$(cat "$(lib_dir)/bootstrap.log")" 'upstream\.test\. '
}

@test "hosts: who is not verified is asked nothing, and why is said" {
  faultup_start up
  bootstrap_port=$(free_port)
  spawn bootstrap "$HELPERS/faultup" --cert "$CERTS/wrong.pem" --key "$CERTS/wrong.key" --port "$bootstrap_port"
  wait_for 5 grep -q '^port=' "$(lib_dir)/bootstrap.log"
  refused "$(named)" 'certificate is not for .*upstream\.test'
  refused "$(pinned good)" 'no pin matches'
  refused "\"127.0.0.1@$bootstrap_port\"" 'certificate is not for .*127\.0\.0\.1'
}

@test "hosts: without a bootstrap server it starts, says so, and answers at once; when there is one, it serves" {
  local begun
  faultup_start up
  bootstrap_port=$(free_port)
  dotward_config "$(by_host)"
  # nobody is asked by -t
  run -0 dotward -t -c "$CONFIG"
  dotward_start
  wait_for 10 logged 'up: has no address, its host cannot be looked up .*why=".*: Connection refused" next='
  begun=$(now_ms)
  run -0 q first.test
  (($(now_ms) - begun < 1000 * PATIENCE)) || fail "SERVFAIL after $(($(now_ms) - begun)) ms"
  assert_has "$output" 'status: SERVFAIL'
  assert_has "$output" 'EDE: 22 .*up: no address of upstream\.test is known yet'
  run -0 ctl upstreams
  assert_has "$output" '^problem: up upstream\.test: no address is known yet; it cannot be looked up: .*: Connection refused'
  bootstrap_start 127.0.0.1
  wait_for 20 resolves "second$RANDOM.test"
  # a line for each change, however often it was tried
  assert_count "$(dotward_log)" 'has no address' 1
  assert_count "$(dotward_log)" 'its host was looked up' 1
  assert_has "$(dotward_log)" 'upstreams have new addresses generation=2'
}

@test "hosts: a bootstrap server that says nothing does not keep it from starting, and the others serve" {
  local begun
  faultup_start up
  faultup_start mute --mute-accept 1
  bootstrap_port=$mute_port
  FORWARD="handshake_timeout_ms = 60000; timeout_ms = 60000;" dotward_config "$(by_host)" "$(upstream fixed "$up_port")"
  begun=$(now_ms)
  dotward_start
  (($(now_ms) - begun < 5000 * PATIENCE)) || fail "it took $(($(now_ms) - begun)) ms"
  assert_resolves one.test
  # a child is at it still; it ends with us
  dotward_stop
}

@test "hosts: new addresses are put to use under load, and no question is lost" {
  two_upstreams
  bootstrap_start 127.0.0.1
  dotward_config "$(by_host)"
  dotward_start
  wait_for 10 resolves before.test
  bootstrap_stop
  bootstrap_start 127.0.0.2
  # a bootstrap server more: asked anew, and by the old address until it is known
  dotward_config "$(by_host "$(named), $(pinned good)")"
  QPS=500 pace_begin --seconds $((2 * PATIENCE))
  run -0 ctl reload
  wait_for 10 asked_at other
  pace_end
  assert_nothing_lost
  assert_has "$(dotward_log)" 'its host was looked up host=upstream\.test addresses=127\.0\.0\.2 '
  assert_lacks "$(dotward_log)" 'has no address'
  run -0 ctl upstreams
  assert_has "$output" '^host: up upstream\.test: 127\.0\.0\.2;'
  assert_lacks "$output" '^up +127\.0\.0\.1@'
}

@test "hosts: a reload keeps the addresses, and a new host has its own before it is asked" {
  faultup_start up
  bootstrap_start 127.0.0.1
  dotward_config "$(upstream fixed "$up_port")"
  dotward_start
  dotward_config "$(by_host)"
  QPS=300 pace_begin --seconds 1
  run -0 ctl reload
  pace_end
  under_valgrind || assert_nothing_lost
  wait_for 10 resolves one.test
  bootstrap_stop
  run -0 ctl reload
  assert_resolves two.test
  assert_count "$(dotward_log)" 'its host was looked up' 1
  assert_lacks "$(dotward_log)" 'has no address|cannot be looked up'
}

@test "hosts: an upgrade keeps the addresses" {
  [[ $DOTWARD != *' '* ]] || skip "what runs dotward here is not dotward itself"
  faultup_start up
  bootstrap_start 127.0.0.1
  dotward_config "$(by_host)"
  dotward_start
  wait_for 10 logged 'its host was looked up'
  bootstrap_stop
  kill -USR2 "$DOTWARD_PID"
  wait_for 15 logged ' handed over pid='
  assert_resolves after.test
  assert_lacks "$(dotward_log)" 'has no address'
  wait_for 10 logged 'its host cannot be looked up, the addresses known are used on .*Connection refused'
  assert_resolves later.test
}

@test "hosts: check-live looks them up and checks each address" {
  two_upstreams
  bootstrap_start 127.0.0.1 127.0.0.2
  dotward_config "$(by_host)" "{ name = \"none\"; host = \"nowhere.test\"; ca_file = \"$CERTS/ca.pem\"; bootstrap = [ $(named) ]; }"
  run --separate-stderr -1 dotward check-live -c "$CONFIG" "${SANDBOX_OPTION[@]}"
  assert_has "$output" "^up +127\.0\.0\.1@$up_port +good "
  assert_has "$output" "^up +127\.0\.0\.2@$up_port +good "
  assert_has "$output" '^none +nowhere\.test +no-address '
  assert_has "$output" '^problem: none nowhere\.test: 127\.0\.0\.1@[0-9]+: there is no nowhere\.test'
  assert_has "$output" '^2 of 3 addresses are good'
  dotward_start
  run -0 ctl --json upstreams --probe
  assert_equal "$(jq -c '[.addresses[] | [.upstream, .host, .state]]' <<<"$output")" \
    '[["up","upstream.test","good"],["up","upstream.test","good"],["none","nowhere.test","no-address"]]'
}

# dotward and the bootstrap server in a network namespace of their own.
@test "hosts: when the network changes they are looked up anew" {
  is_root || skip "needs root"
  command -v ip >/dev/null || skip "no ip"
  ip netns add "here$$" 2>/dev/null || skip "network namespaces cannot be made here"
  ip -n "here$$" link add cable type veth peer name end || skip "no veth here"
  ip -n "here$$" link set lo up
  HERE=(ip netns exec "here$$")
  up_port=853
  bootstrap_start 127.0.0.1
  dotward_config "$(by_host)"
  DOTWARD="ip netns exec here$$ $DOTWARD" dotward_start
  wait_for 10 logged 'its host was looked up host=upstream\.test addresses=127\.0\.0\.1 '
  bootstrap_stop
  bootstrap_start 127.0.0.3 ::1
  ip -n "here$$" addr add 198.51.100.1/24 dev cable
  ip -n "here$$" link set end up
  ip -n "here$$" link set cable up
  wait_for 10 logged 'the network changed'
  wait_for 10 logged 'its host was looked up host=upstream\.test addresses=127\.0\.0\.3,::1 '
  wait_for 10 logged 'upstreams have new addresses generation=2'
}
