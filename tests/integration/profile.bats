#!/usr/bin/env bats
# What an upstream may be asked for in its entry: opportunistic privacy, a version of TLS, a certificate of our own.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

# serve CERTIFICATE TEXT: dotward in front of an upstream with this certificate, and TEXT in its entry.
serve() {
  faultup_start up --with "$1" "${UP[@]}"
  WORKERS=1 dotward_config "$(upstream up "$up_port" "$2")"
  dotward_start -o cache.size=\"0\"
}

UP=()
NAMED="auth_name = \"upstream.test\"; ca_file = \"$CERTS/ca.pem\";"

counter() {
  "$DOTWARDCTL" -s "$BATS_TEST_TMPDIR/dotward.control" --json stats | sed -nE "s/.*\"$1\": *([0-9]+).*/\1/p"
}

@test "profile: opportunistic asks whoever it may be, over TLS, and says so once" {
  serve self "$NAMED profile = \"opportunistic\";"
  for round in 1 2 3; do
    assert_resolves "round$round.test"
    faultup_say up close
  done
  assert_count "$(dotward_log)" 'warn.* upstream is not verified, and asked nevertheless upstream=up .*why=.*self-signed' 1
  assert_equal "$(faultup_stat up plaintext)" 0 "clear text the upstream saw"
  assert_equal "$(faultup_stat up resumed)" 0 "sessions resumed that were never verified"
  (($(counter upstream_doubted) >= 2)) || fail "doubts are not counted"
}

@test "profile: opportunistic verifies who can be verified" {
  serve good "$NAMED profile = \"opportunistic\";"
  assert_resolves one.test
  assert_lacks "$(dotward_log)" 'not verified'
  assert_equal "$(counter upstream_doubted)" 0
}

@test "profile: opportunistic is for one upstream, not for the next" {
  faultup_start up --with self
  faultup_start other --with self
  dotward_config "$(upstream other "$other_port" "$NAMED")" "$(upstream up "$up_port" "$NAMED profile = \"opportunistic\";")"
  dotward_start
  assert_resolves one.test
  assert_equal "$(faultup_stat other queries)" 0
  assert_has "$(dotward_log)" 'upstream down upstream=other .*self-signed'
}

@test "profile: opportunistic does not go without TLS" {
  UP=(--alert 1)
  serve self "$NAMED profile = \"opportunistic\";"
  run -0 q one.test A
  assert_has "$output" 'status: SERVFAIL'
  assert_equal "$(faultup_stat up plaintext)" 0 "clear text the upstream saw"
  assert_equal "$(faultup_stat up queries)" 0
}

@test "profile: tls_min = 1.3 does not speak to an older one" {
  UP=(--tls 1.2)
  serve good "$NAMED tls_min = \"1.3\";"
  run -0 q one.test A
  assert_has "$output" 'status: SERVFAIL'
  assert_equal "$(faultup_stat up queries)" 0
  faultup_say up set tls 1.3
  wait_for 5 resolves two.test
  assert_equal "$(faultup_stat up tls13)" 1
}

@test "profile: an upstream that wants to know who asks is shown the certificate" {
  UP=(--client-ca "$CERTS/ca.pem")
  serve good "$NAMED client_certificate = \"$CERTS/client.pem\"; client_key = \"$CERTS/client.key\";"
  assert_resolves one.test
  assert_equal "$(faultup_stat up showed)" 1 "certificates shown to the upstream"
  # A resumed session is still that client's.
  faultup_say up close
  wait_for 5 resolves two.test
}

@test "profile: without a certificate such an upstream is not to be had" {
  UP=(--client-ca "$CERTS/ca.pem" --tls 1.2)
  serve good "$NAMED"
  run -0 q one.test A
  assert_has "$output" 'status: SERVFAIL'
  assert_equal "$(faultup_stat up queries)" 0
}

@test "profile: a client certificate without its key, or with another one, is told at the start" {
  dotward_config "$(upstream up 853 "$NAMED client_certificate = \"$CERTS/good.pem\";")"
  run dotward -t -c "$CONFIG"
  assert_equal "$status" 1
  assert_has "$output" 'upstreams.\[0\].client_certificate.*give client_key, too'
  dotward_config "$(upstream up 853 "$NAMED client_certificate = \"$CERTS/good.pem\"; client_key = \"$CERTS/wrong.key\";")"
  run dotward -t -c "$CONFIG"
  assert_equal "$status" 1
  assert_has "$output" 'upstream up: client_certificate ".*good.pem" with client_key ".*wrong.key" cannot be used'
}

@test "profile: connections come from source_address, in the sandbox and after a reload" {
  serve good "$NAMED source_address = \"127.0.0.7\";"
  assert_resolves one.test
  assert_equal "$(faultup_stat up peer)" 127.0.0.7
  sed -i 's/127\.0\.0\.7/127.0.0.8/' "$CONFIG"
  kill -HUP "$DOTWARD_PID"
  wait_for 10 logged ' reloaded generation=2'
  assert_resolves two.test
  assert_equal "$(faultup_stat up peer)" 127.0.0.8
  assert_equal "$(faultup_stat up resumed)" 0 "sessions that tell the upstream who 127.0.0.8 was before"
}

@test "profile: a source_address that is not ours, or of another family, is told at the start" {
  dotward_config "$(upstream up 853 "$NAMED source_address = \"192.0.2.77\";")"
  run dotward -t -c "$CONFIG"
  assert_equal "$status" 1
  assert_has "$output" 'upstream up: source_address "192.0.2.77" is no address of this machine'
  run dotward -f -c "$CONFIG"
  assert_equal "$status" 1
  assert_has "$output" 'is no address of this machine'
  dotward_config "$(upstream up 853 "$NAMED source_address = \"::1\";")"
  run dotward -t -c "$CONFIG"
  assert_equal "$status" 1
  assert_has "$output" '127.0.0.1 cannot be reached from ::1'
}
