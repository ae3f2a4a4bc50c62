#!/usr/bin/env bats
# Only an upstream that is who it should be gets a question; the others cost a SERVFAIL that says why. Nothing leaves in clear text.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

# The name asked for: so odd that it cannot be on the wire by chance, not even from another run of this suite at the same time.
SECRET=verysecretlabel-$$-$RANDOM$RANDOM

pin() {
  cat "$CERTS/$1.pin"
}

# serve CERTIFICATE [TEXT]: dotward in front of an upstream with this certificate, authenticated by TEXT.
serve() {
  faultup_start up --with "$1"
  dotward_config "$(upstream up "$up_port" "${2:-}")"
  dotward_start
}

by_name() {
  echo "auth_name = \"${1:-upstream.test}\"; ca_file = \"$CERTS/ca.pem\";"
}

by_pin() {
  local name text=
  for name in "$@"; do
    text+="${text:+, }\"$(pin "$name")\""
  done
  echo "pins = [ $text ];"
}

accepted() {
  assert_resolves "$SECRET.test"
  assert_equal "$(faultup_stat up queries)" 1 "questions the upstream saw"
  assert_equal "$(faultup_stat up plaintext)" 0 "clear text the upstream saw"
}

# refused WHY: SERVFAIL with an EDE that says why, a line in the log that does, and no question on the connection.
refused() {
  run -0 q "$SECRET.test" A
  assert_has "$output" 'status: SERVFAIL'
  assert_has "$output" "EDE: 2[23] .*$1"
  run -0 q "$SECRET.test" A +tcp
  assert_has "$output" 'status: SERVFAIL'
  assert_has "$(dotward_log)" "upstream down upstream=up address=127.0.0.1@$up_port why=.*$1"
  assert_equal "$(faultup_stat up queries)" 0 "questions the upstream saw"
  assert_equal "$(faultup_stat up plaintext)" 0 "clear text the upstream saw"
  [[ $(faultup_stat up connections) -gt 0 ]] || fail "it was not even tried"
}

@test "verify: the right name, signed by a trusted authority, resolves" {
  WORKERS=1
  serve good "$(by_name)"
  accepted
  assert_equal "$(faultup_stat up sni)" upstream.test
  assert_equal "$(faultup_stat up alpn_dot)" 1
}

@test "verify: a certificate for another name is refused" {
  serve wrong "$(by_name)"
  refused 'certificate is not for .*upstream\.test.*, but for .*other\.test'
}

@test "verify: an expired certificate is refused, and the local clock named" {
  serve expired "$(by_name)"
  refused 'certificate expired on .*local clock'
}

@test "verify: a certificate that is not yet valid is refused" {
  serve future "$(by_name)"
  refused 'certificate becomes valid only on .*local clock'
}

@test "verify: a self-signed certificate is refused" {
  serve self "$(by_name)"
  refused 'certificate is self-signed, not signed by a trusted authority'
}

@test "verify: a certificate of an untrusted authority is refused" {
  serve untrusted "$(by_name)"
  refused 'not signed by a trusted authority'
}

@test "verify: without ca_file the system's authorities count, and ours is none of them" {
  serve good 'auth_name = "upstream.test";'
  refused 'not signed by a trusted authority'
}

@test "verify: --ca-file on the command line gives the authority" {
  faultup_start up
  dotward_config "$(upstream up "$up_port" 'auth_name = "upstream.test";')"
  dotward_start --ca-file "$CERTS/ca.pem"
  accepted
}

@test "verify: a right pin is enough without a name, whoever signed" {
  serve untrusted "$(by_pin untrusted)"
  accepted
}

@test "verify: a right pin is enough for a self-signed certificate" {
  serve self "$(by_pin self)"
  accepted
}

@test "verify: one right pin among several is enough" {
  serve self "$(by_pin good wrong self)"
  accepted
}

@test "verify: a wrong pin is refused, and the server's own named" {
  serve good "$(by_pin wrong)"
  refused "no pin matches; the server's is $(pin good | sed 's/[+]/[+]/g')"
}

@test "verify: right pin and right name resolve" {
  serve good "$(by_name) $(by_pin good)"
  accepted
}

@test "verify: a right pin does not make up for a wrong name" {
  serve wrong "$(by_name) $(by_pin wrong)"
  refused 'certificate is not for '
}

@test "verify: a right name does not make up for a wrong pin" {
  serve good "$(by_name) $(by_pin wrong)"
  refused 'no pin matches'
}

@test "verify: a right pin does not make up for an untrusted authority when a name is given too" {
  serve untrusted "$(by_name) $(by_pin untrusted)"
  refused 'not signed by a trusted authority'
}

@test "verify: with neither name nor pin the certificate must name the address" {
  serve ip "ca_file = \"$CERTS/ca.pem\";"
  accepted
}

@test "verify: with neither name nor pin a certificate for a name is refused" {
  serve good "ca_file = \"$CERTS/ca.pem\";"
  refused 'certificate is not for .*127\.0\.0\.1'
}

@test "verify: an upstream that fails verification does not stop the next" {
  faultup_start up --with expired
  faultup_start second
  dotward_config "$(upstream up "$up_port")" "$(upstream second "$second_port")"
  dotward_start
  assert_resolves "$SECRET.test"
  assert_equal "$(faultup_stat up queries)" 0
  assert_equal "$(faultup_stat second queries)" 1
}

@test "verify: TLS 1.2 upstreams are spoken to" {
  faultup_start up --tls 1.2
  WORKERS=1 dotward_config "$(upstream up "$up_port")"
  dotward_start
  accepted
  assert_equal "$(faultup_stat up tls12)" 1
}

@test "verify: TLS 1.3 upstreams are spoken to" {
  faultup_start up --tls 1.3
  WORKERS=1 dotward_config "$(upstream up "$up_port")"
  dotward_start
  accepted
  assert_equal "$(faultup_stat up tls13)" 1
}

@test "verify: a certificate that is refused over TLS 1.2 gets no question either" {
  faultup_start up --with wrong --tls 1.2
  dotward_config "$(upstream up "$up_port")"
  dotward_start
  refused 'certificate is not for '
}

# --- the wire ---------------------------------------------------------------------------------------------

# capture: everything on loopback into wire.pcap; sets CAPTURE.
capture() {
  is_root || skip "a capture of the wire needs root"
  command -v tcpdump >/dev/null || skip "no tcpdump"
  spawn tcpdump tcpdump -i lo -U -Z root -w "$BATS_TEST_TMPDIR/wire.pcap" "udp or tcp"
  CAPTURE=$SPAWNED
  wait_for 5 grep -q 'listening on' "$BATS_TEST_TMPDIR/tcpdump.log"
}

# How many packets that neither come from nor go to the client's port hold the secret name.
clear_text() {
  tcpdump -r "$BATS_TEST_TMPDIR/wire.pcap" -A "$1" 2>/dev/null | grep -c "$SECRET" || true
}

# captured_client N: the client's own N packets that hold the name are in the file, and so is all that went before the last.
captured_client() {
  (($(clear_text "port $PORT") >= $1))
}

# ask_on_the_wire CERTIFICATE TEXT: one dotward, one question, whatever comes of it.
ask_on_the_wire() {
  serve "$1" "$2"
  q "$SECRET.test" A >/dev/null
  end "$DOTWARD_PID"
  end "$up_pid"
}

@test "verify: no question is on the wire in clear text, accepted or refused" {
  capture
  PORT=$(free_port)
  ask_on_the_wire good "$(by_name)"
  ask_on_the_wire wrong "$(by_name)"
  ask_on_the_wire expired "$(by_name)"
  ask_on_the_wire self "$(by_name)"
  ask_on_the_wire untrusted "$(by_name)"
  ask_on_the_wire good "$(by_pin wrong)"
  ask_on_the_wire untrusted "$(by_pin untrusted)"
  # The capture is able to show it: the client's own questions are there, seven and their answers.
  wait_for 5 captured_client 14
  end "$CAPTURE"
  assert_equal "$(clear_text "not port $PORT")" 0 "packets beyond the client that hold the name"
  # and the upstreams' side was captured, too
  tcpdump -r "$BATS_TEST_TMPDIR/wire.pcap" "tcp port $up_port" 2>/dev/null | grep -q . || fail "no upstream traffic captured"
}

@test "verify: no question is on the wire in clear text when the upstream refuses to speak TLS" {
  capture
  faultup_start up --alert 1
  dotward_config "$(upstream up "$up_port")"
  dotward_start
  run -0 q "$SECRET.test" A
  assert_has "$output" 'status: SERVFAIL'
  wait_for 5 captured_client 2
  end "$CAPTURE"
  assert_equal "$(clear_text "not port $PORT")" 0 "packets beyond the client that hold the name"
  assert_equal "$(faultup_stat up plaintext)" 0
}
