#!/usr/bin/env bats
# EDNS belongs to one hop: what a client says ends here, what the upstream gets is ours, what the client gets is made for it.
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

# 198.51.100.0/24
SUBNET=8:00011800c63364

@test "edns: every question upstream is padded to 128 octets, whatever the client sent" {
  serve
  raw udp a.test a-rather-longer-name-than-the-other.test b.test,edns=0 c.test,edns=0,opt=12:0000 d.test,edns=0,do=1 >/dev/null
  raw tcp e.test >/dev/null
  assert_equal "$(faultup_stat up queries)" 6
  assert_equal "$(faultup_stat up padded)" 6
}

@test "edns: a question longer than 128 octets is padded to the next multiple" {
  serve
  local label=abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi
  raw udp "$label.$label.test" "$label.$label.$label.test" >/dev/null
  assert_equal "$(faultup_stat up padded)" 2
}

@test "edns: padding can be turned off" {
  serve -o forward.padding=0
  raw udp a.test ab.test >/dev/null
  assert_equal "$(faultup_stat up unpadded)" 2
  assert_equal "$(faultup_stat up opt)" 2
}

@test "edns: keepalive is asked for" {
  serve
  assert_resolves a.test
  (($(faultup_stat up keepalive) >= 1))
}

@test "edns: an upstream's keepalive is honoured" {
  faultup_start up --keepalive 5
  WORKERS=1 dotward_config "$(upstream up "$up_port")"
  dotward_start
  assert_resolves a.test
  closed() {
    [[ $(faultup_stat up open) == 0 ]]
  }
  # half a second, where it would have been 9.5 s without
  wait_for 3 closed
  assert_resolves b.test
  assert_lacks "$(dotward_log)" 'upstream down'
}

@test "edns: an idle upstream connection is closed after the configured time" {
  faultup_start up
  dotward_config "$(upstream up "$up_port" "auth_name = \"upstream.test\"; ca_file = \"$CERTS/ca.pem\"; idle_timeout_ms = 300;")"
  dotward_start
  assert_resolves a.test
  closed() {
    [[ $(faultup_stat up open) == 0 ]]
  }
  wait_for 3 closed
  assert_resolves b.test
}

@test "edns: the upstream's keepalive does not reach the client" {
  faultup_start up --keepalive 50
  dotward_config "$(upstream up "$up_port")"
  dotward_start
  run -0 raw udp a.test,edns=0
  assert_lacks "$output" 'option11'
}

@test "edns: client subnet is stripped" {
  serve
  run -0 raw udp "a.test,edns=0,opt=$SUBNET"
  assert_has "$output" 'right=yes'
  assert_equal "$(faultup_stat up subnet)" 0
}

@test "edns: client subnet is forwarded if so configured" {
  serve -o 'forward.client_subnet="forward"'
  run -0 raw udp "a.test,edns=0,opt=$SUBNET"
  assert_has "$output" 'right=yes'
  assert_equal "$(faultup_stat up subnet)" 1
  run -0 raw udp "b.test,edns=0"
  assert_equal "$(faultup_stat up subnet)" 1 "no subnet is made up"
}

@test "edns: a client's cookie stays here" {
  serve
  run -0 raw udp "a.test,edns=0,opt=10:0102030405060708"
  assert_has "$output" 'right=yes'
  assert_equal "$(faultup_stat up cookie)" 0
}

@test "edns: unknown options are no harm and go nowhere" {
  serve
  run -0 raw udp "a.test,edns=0,opt=65001:cafe,opt=5:,opt=65002:"
  assert_has "$output" 'right=yes .*opt=yes'
  assert_lacks "$output" 'option65001'
}

@test "edns: no OPT for a client that sent none, one for a client that did" {
  serve
  run -0 raw udp a.test
  assert_has "$output" 'ar=0 .*right=yes whole=yes'
  run -0 raw udp a.test,edns=0
  assert_has "$output" 'ar=1 .*opt=yes size=1232 version=0 do=0'
  run -0 raw tcp a.test
  assert_has "$output" 'ar=0 '
  run -0 raw udp nxdomain.test
  assert_has "$output" 'rcode=3 .*ar=0 '
}

@test "edns: DO goes up and comes back" {
  serve
  run -0 raw udp a.test,edns=0,do=1
  assert_has "$output" 'do=1'
  assert_equal "$(faultup_stat up dnssec_ok)" 1
  run -0 raw udp a.test,edns=0
  assert_has "$output" 'do=0'
  assert_equal "$(faultup_stat up dnssec_ok)" 1
}

@test "edns: the client's spelling of the name comes back" {
  serve
  local name
  for name in ExAmPlE.tEsT EXAMPLE.TEST example.test eXaMpLe.TeSt; do
    run -0 raw udp "$name"
    assert_has "$output" "name=${name//./\\.}\\. .*right=yes"
    run -0 raw tcp "$name"
    assert_has "$output" "name=${name//./\\.}\\. .*right=yes"
  done
}

@test "edns: an Extended DNS Error of the upstream reaches the client that has EDNS" {
  serve
  run -0 raw udp ede-15.test,edns=0
  assert_has "$output" 'ede=15 ede_text="said so by the upstream"'
  run -0 raw udp ede-15.test
  assert_has "$output" 'ar=0 .*right=yes'
  run -0 q ede-9.test A
  assert_has "$output" 'EDE: 9 \(DNSKEY Missing\): \(said so by the upstream\)'
}

@test "edns: nothing of a client is seen upstream that would tell it apart" {
  serve
  raw udp a.test,flags=0x0100 b.test,edns=0,size=4096,flags=0x0100 c.test,edns=0,opt=3: >/dev/null
  assert_equal "$(faultup_stat up opt)" 3
  assert_equal "$(faultup_stat up padded)" 3
  assert_equal "$(faultup_stat up subnet)" 0
  assert_equal "$(faultup_stat up cookie)" 0
}
