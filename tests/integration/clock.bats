#!/usr/bin/env bats
# A machine whose clock is wrong when it starts: what is said, what is let pass, and what becomes of it when the clock is put right.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
  needs_faults
  # Forty years back, which is before this was written.
  export DOTWARD_FAULT_CLOCK=-1262304000
}

teardown() {
  unset DOTWARD_FAULT_CLOCK
  lib_teardown
}

NAMED="auth_name = \"upstream.test\"; ca_file = \"$CERTS/ca.pem\";"

# serve CERTIFICATE TEXT
serve() {
  faultup_start up --with "$1"
  WORKERS=1 dotward_config "$(upstream up "$up_port" "$2")"
  dotward_start -o cache.size=\"0\"
}

# The worker's clock is put right, by a question that does it.
put_right() {
  q clock.begin.fault.test A >/dev/null
}

refused() {
  run -0 q "$1" A
  assert_has "$output" 'status: SERVFAIL'
  assert_equal "$(faultup_stat up queries)" 0 "questions the upstream saw"
}

@test "clock: one that is wrong is named, in the log and to the client" {
  serve good "$NAMED"
  refused one.test
  assert_has "$output" 'EDE: .*becomes valid only on .*local clock 19[0-9-]+ [0-9:]+ UTC, which is wrong: dotward was built on 20'
  assert_has "$(dotward_log)" 'upstream down .*local clock 19.*which is wrong'
}

@test "clock: when it is put right, all is well" {
  serve good "$NAMED"
  refused one.test
  put_right
  wait_for 10 resolves two.test
}

@test "clock: bootstrap lets dates pass, and looks at them again when it can" {
  serve good "$NAMED clock_bootstrap = true;"
  assert_resolves one.test
  assert_resolves two.test
  assert_equal "$(faultup_stat up handshakes)" 1
  assert_count "$(dotward_log)" 'upstream is verified but for its dates, as the clock is wrong upstream=up' 1
  put_right
  assert_resolves three.test
  assert_equal "$(faultup_stat up handshakes)" 2
  assert_equal "$(faultup_stat up resumed)" 0 "sessions resumed whose dates nobody has looked at"
  assert_resolves four.test
  assert_equal "$(faultup_stat up handshakes)" 2
  assert_count "$(dotward_log)" 'but for its dates' 1
  assert_lacks "$(dotward_log)" 'upstream down'
}

@test "clock: what was let pass and has expired is refused when the clock is put right" {
  serve expired "$NAMED clock_bootstrap = true;"
  assert_resolves one.test
  put_right
  run -0 q two.test A
  assert_has "$output" 'status: SERVFAIL'
  assert_has "$output" 'certificate expired on'
}

@test "clock: bootstrap lets nothing else pass" {
  serve untrusted "$NAMED clock_bootstrap = true;"
  refused one.test
  dotward_stop
  faultup_start up --with wrong
  dotward_config "$(upstream up "$up_port" "$NAMED clock_bootstrap = true;")"
  dotward_start -o cache.size=\"0\"
  refused two.test
}

@test "clock: bootstrap is of no consequence while the clock is right" {
  unset DOTWARD_FAULT_CLOCK
  serve expired "$NAMED clock_bootstrap = true;"
  refused one.test
  assert_has "$output" 'certificate expired on'
  assert_lacks "$output" 'which is wrong'
}
