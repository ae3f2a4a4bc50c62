#!/usr/bin/env bats
# The configuration as a person meets it: what is wrong and how to mend it, in one run; what counts when sources differ.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
  cd "$BATS_TEST_TMPDIR" || return
}

teardown() {
  lib_teardown
}

GOOD='upstreams = ( { name = "up"; addresses = [ "192.0.2.1" ]; auth_name = "up.test"; } );'

# file LINE...: broken.conf
file() {
  printf '%s\n' "$@" >broken.conf
}

# complains PATTERN...: -t fails and says all of these.
complains() {
  local pattern
  run -1 dotward -t -c broken.conf
  for pattern in "$@"; do
    assert_has "$output" "$pattern"
  done
}

# --- ten broken files (and what each message must name: the line, the value, the remedy) --------------------

@test "config: 1. a number out of range" {
  file "$GOOD" 'forward: {' '  timeout_ms = 400000;' '};'
  complains 'broken\.conf:3: forward\.timeout_ms = 400000: .*60000'
}

@test "config: 2. a key that does not exist, with the one that was meant" {
  file 'upstreams = (' '  { name = "up";' '    adress = [ "192.0.2.1" ];' '    auth_name = "up.test"; }' ');'
  complains 'broken\.conf:3: .*adress.*: no such key; did you mean "addresses"\?'
}

@test "config: 3. a number written as a text" {
  file "$GOOD" '' 'workers = "4";'
  complains 'broken\.conf:3: workers = "4": .*number'
}

@test "config: 4. one text where a list of texts belongs" {
  file 'upstreams = ( { name = "up";' '  addresses = "192.0.2.1"; auth_name = "up.test"; } );'
  complains 'broken\.conf:2: .*addresses = "192\.0\.2\.1": .*\[ "192\.0\.2\.1" \]'
}

@test "config: 5. a syntax error" {
  file "$GOOD" 'log: {' '  level = notice;' '};'
  complains 'broken\.conf:3: .*"notice"'
}

@test "config: 6. a number that libconfig would cut in silence" {
  file "$GOOD" 'limits: {' '  queries_in_flight = 99999999999;' '};'
  complains 'broken\.conf:3: .*99999999999.*: '
}

@test "config: 7. a pin that is none" {
  file 'upstreams = ( { name = "up"; addresses = [ "192.0.2.1" ];' '  pins = [ "sha256//tooshort=" ]; } );'
  complains 'broken\.conf:2: .*sha256//tooshort=.*: '
}

@test "config: 8. a network with bits behind its prefix, and what it should be" {
  file "$GOOD" 'access: {' '  allow = [ "10.0.0.1/8" ];' '};'
  complains 'broken\.conf:3: .*10\.0\.0\.1/8.*: .*10\.0\.0\.0/8'
}

@test "config: 9. an authority that cannot be read" {
  file 'upstreams = ( { name = "up"; addresses = [ "192.0.2.1" ]; auth_name = "up.test";' '  ca_file = "/nowhere/ca.pem"; } );'
  complains 'broken\.conf:2: .*ca_file = "/nowhere/ca\.pem": .*(No such file|not exist)'
}

@test "config: 10. no upstream at all" {
  file 'workers = 2;'
  complains 'no upstream.*upstreams = \(.*--upstream'
}

@test "config: 11. a word that is none of the possible" {
  file "$GOOD" 'forward: { policy = "random"; };'
  complains 'broken\.conf:2: forward\.policy = "random": .*sequential.*round-robin.*fastest.*hashed'
}

@test "config: 12. an address that is none" {
  file "$GOOD" 'listen = ( { address = "127.0.0.256"; } );'
  complains 'broken\.conf:2: .*127\.0\.0\.256'
}

@test "config: 13. two upstreams of one name" {
  file 'upstreams = (' '  { name = "up"; addresses = [ "192.0.2.1" ]; auth_name = "a.test"; },' '  { name = "up"; addresses = [ "192.0.2.2" ]; auth_name = "b.test"; }' ');'
  complains 'broken\.conf:3: .*"up".*'
}

@test "config: 14. a key given twice" {
  file "$GOOD" 'workers = 2;' 'workers = 3;'
  complains 'broken\.conf:3: .*(twice|line 2)'
}

@test "config: 15. a list that there is not, and a key that there is not" {
  file "$GOOD" 'upstreams_are = "x";' 'policy: { block_lists = ( { file = "/nowhere/x"; } ); };'
  complains 'broken\.conf:3: policy.block_lists.*cannot be read: No such file' 'broken\.conf:2: upstreams_are.*no such key'
}

@test "config: 15b. a route to an upstream that there is not" {
  file "$GOOD" 'routes = ( { domains = [ "corp.test" ]; upstreams = [ "upp" ]; } );'
  complains 'broken\.conf:2: routes.*"upp".*did you mean "up"'
}

@test "config: a profile there is not is refused by name" {
  file 'upstreams = ( { name = "up"; addresses = [ "192.0.2.1" ]; auth_name = "up.test";' '  profile = "clear"; } );'
  complains 'broken\.conf:2: .*clear.*write one of "strict", "opportunistic"'
}

@test "config: all complaints in one run, in the order of the file" {
  file 'workers = "x";' 'upstreams = ( { name = "up"; addresses = [ "nonsense" ]; } );' 'forward: { attempts = 0; };' 'loq: { };'
  complains 'broken\.conf:1: ' 'broken\.conf:2: ' 'broken\.conf:3: ' 'broken\.conf:4: .*"log"'
  assert_equal "$(grep -o 'broken\.conf:[0-9]*' <<<"$output" | sort -u | wc -l)" 4
  assert_equal "$(grep -o 'broken\.conf:[0-9]*' <<<"$output")" "$(grep -o 'broken\.conf:[0-9]*' <<<"$output" | sort)"
}

@test "config: a broken file is not served" {
  file "$GOOD" 'workers = -1;'
  run -1 dotward -f -c broken.conf
  assert_has "$output" 'broken\.conf:2: workers = -1: '
}

@test "config: a file that is not there, and a folder" {
  run -1 dotward -t -c nowhere.conf
  assert_has "$output" 'nowhere\.conf: .*No such file'
  mkdir folder
  run -1 dotward -t -c folder
  assert_has "$output" 'folder: .*([Dd]irectory|folder)'
}

@test "config: an included file is named where it is wrong" {
  file "$GOOD" '@include "more.conf"'
  printf '%s\n' '' 'wrokers = 2;' >more.conf
  run -1 dotward -t -c "$PWD/broken.conf"
  assert_has "$output" 'more\.conf:2: wrokers.*did you mean "workers"'
}

# --- what is right ----------------------------------------------------------------------------------------

@test "config: -t accepts a good file" {
  echo "$GOOD" >good.conf
  run -0 dotward -t -c good.conf
}

@test "config: the shipped file is good" {
  local shipped
  shipped=$(dirname "$BATS_TEST_DIRNAME")/../etc/dotward.conf
  [[ -e $shipped ]] || shipped=$SRCDIR/etc/dotward.conf
  run -0 dotward -t -c "$shipped"
  assert_lacks "$output" 'no such key|has no effect'
}

@test "config: -T prints what can be read back, to the same" {
  dotward_config "$(upstream one 8531)" "$(upstream two 8532 "pins = [ \"$(cat "$CERTS/good.pin")\" ];")"
  run -0 dotward -T -c "$CONFIG" -o forward.timeout_ms=54321 -o 'access.deny=["10.1.0.0/16"]'
  printf '%s\n' "$output" >printed.conf
  run -0 dotward -t -c printed.conf
  dotward -T -c printed.conf >again.conf
  run -0 diff printed.conf again.conf
  assert_has "$(cat printed.conf)" 'timeout_ms = 54321'
  assert_has "$(cat printed.conf)" '10\.1\.0\.0/16'
  assert_has "$(cat printed.conf)" "$(sed 's/[+]/[+]/g' "$CERTS/good.pin")"
}

# effective KEY [OPTION]...: the line of -T that sets the key.
effective() {
  local key=$1
  shift
  dotward -T "$@" 2>/dev/null | grep -E "^[[:space:]]*$key = " | sed 's/^[[:space:]]*//; s/;.*//'
}

@test "config: environment wins over the file, the command line over both" {
  printf '%s\n' "$GOOD" 'log: { level = "error"; };' >good.conf
  assert_equal "$(effective level -c good.conf)" 'level = "error"'
  assert_equal "$(DOTWARD_LOG_LEVEL=warn effective level -c good.conf)" 'level = "warn"'
  assert_equal "$(DOTWARD_LOG_LEVEL=warn effective level -c good.conf --log-level info)" 'level = "info"'
  assert_equal "$(DOTWARD_LOG_LEVEL=warn effective level -c good.conf -o log.level=debug)" 'level = "debug"'
}

@test "config: lists of a later source replace those of an earlier" {
  echo "$GOOD" >good.conf
  run -0 dotward -T -c good.conf --upstream '192.0.2.7@8530#seven.test'
  assert_has "$output" '192\.0\.2\.7'
  assert_has "$output" 'seven\.test'
  assert_lacks "$output" '"192\.0\.2\.1"'
  DOTWARD_UPSTREAM='192.0.2.8#eight.test' run -0 dotward -T -c good.conf
  assert_has "$output" 'eight\.test'
  DOTWARD_UPSTREAM='192.0.2.8#eight.test' run -0 dotward -T -c good.conf --upstream '192.0.2.7#seven.test' --upstream '192.0.2.9#nine.test'
  assert_lacks "$output" 'eight\.test'
  assert_has "$output" 'seven\.test'
  assert_has "$output" 'nine\.test'
}

@test "config: no file is needed, on the command line" {
  faultup_start up
  PORT=$(free_port)
  CONFIG=/dev/null
  dotward_start_bare --listen "127.0.0.1@$PORT" --upstream "127.0.0.1@$up_port#upstream.test" --ca-file "$CERTS/ca.pem" -o user= -o workers=1
  assert_resolves bare.test
}

@test "config: no file is needed, in the environment" {
  faultup_start up
  PORT=$(free_port)
  export DOTWARD_LISTEN="127.0.0.1@$PORT" DOTWARD_UPSTREAM="127.0.0.1@$up_port#upstream.test" DOTWARD_CA_FILE="$CERTS/ca.pem" DOTWARD_LOG_LEVEL=info
  dotward_start_bare -o user= -o workers=1
  assert_resolves bare.test
}

# Without -c: only what is given counts.
dotward_start_bare() {
  spawn_dotward -o "control.socket=$BATS_TEST_TMPDIR/control" "$@"
  wait_for 10 dotward_is_ready_or_dead
  logged 'ready ' || fail "did not start: $(dotward_log)"
}

@test "config: a wrong value on the command line is named as it was written" {
  echo "$GOOD" >good.conf
  run -1 dotward -t -c good.conf -o forward.timeout_ms=1000000
  assert_has "$output" '-o.*forward\.timeout_ms.*60000'
  run -1 dotward -t -c good.conf -o forward.timeuot_ms=1000
  assert_has "$output" 'timeuot_ms.*did you mean .*timeout_ms'
  run -1 dotward -t -c good.conf --listen 300.1.1.1
  assert_has "$output" '--listen.*300\.1\.1\.1'
  run -1 dotward -t -c good.conf --upstream 'not-an-address#x.test'
  assert_has "$output" '--upstream.*not-an-address'
  DOTWARD_LOG_LEVEL=loud run -1 dotward -t -c good.conf
  assert_has "$output" 'DOTWARD_LOG_LEVEL.*loud'
}

@test "config: --version and --help" {
  run -0 dotward --version
  assert_has "$output" '^dotward [0-9]+\.[0-9]+'
  run -0 dotward --help
  assert_has "$output" '--listen'
  assert_has "$output" '--upstream'
  run dotward --no-such-option
  [[ $status != 0 ]]
  assert_has "$output" 'no-such-option'
}

@test "config: --ask asks and says by its exit status" {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  dotward_start
  run -0 dotward --ask "127.0.0.1@$PORT" asked.test
  run -0 dotward --ask "127.0.0.1@$PORT" asked.test AAAA
  run dotward --ask "127.0.0.1@$PORT" nxdomain.test
  [[ $status != 0 ]]
  run dotward --ask "127.0.0.1@$PORT" servfail.test
  [[ $status != 0 ]]
  run dotward --ask "127.0.0.1@$(free_port)" asked.test
  [[ $status != 0 ]]
}

@test "config: check-health is not taken in by the cache, and --alive asks no upstream" {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  dotward_start
  run -0 dotward check-health -c "$CONFIG"
  assert_has "$output" "^127\.0\.0\.1@$PORT: healthy: "
  run -0 q cached.test
  end "$up_pid" || true
  run -1 dotward check-health "127.0.0.1@$PORT"
  assert_has "$output" ': unhealthy: SERVFAIL \(.*up 127\.0\.0\.1'
  run -0 q cached.test
  assert_has "$output" 'status: NOERROR'
  run -0 dotward check-health --alive "127.0.0.1@$PORT"
  run -1 dotward check-health --alive "127.0.0.1@$(free_port)"
  run -2 dotward check-health --json
}

@test "config: priorities of TLS are obeyed" {
  faultup_start up --tls 1.2
  dotward_config "$(upstream up "$up_port" "auth_name = \"upstream.test\"; ca_file = \"$CERTS/ca.pem\"; tls_priority = \"NORMAL:-VERS-ALL:+VERS-TLS1.3\";")"
  dotward_start
  run -0 q a.test
  assert_has "$output" 'status: SERVFAIL'
  dotward_stop
  dotward_config "$(upstream up "$up_port" "auth_name = \"upstream.test\"; ca_file = \"$CERTS/ca.pem\"; tls_priority = \"NONSENSE\";")"
  run -1 dotward -f -c "$CONFIG"
  assert_has "$output" 'NONSENSE'
}
