# What all integration tests stand on: processes by pid, ports, dotward, and the scripted upstream.
# shellcheck shell=bash
#
# From outside: DOTWARD (the binary, or a command that runs it: "valgrind ... dotward"), DOTWARDCTL (the binary), HELPERS (folder
# of faultup, dload and rawdns).
# PATIENCE (a factor, default 1) stretches every time limit, for sanitizers and valgrind.
# SANDBOX=no runs every dotward with sandbox = false, and skips what tests the sandbox: valgrind cannot install system call filters.
#
# Rules: a process is known by its pid and ended by it; nothing waits by sleeping for a guessed time, only for something that
# can be seen, with a limit; what a failed test leaves in its logs is shown.

bats_require_minimum_version 1.5.0

export PATIENCE=${PATIENCE:-1}

# For every dotward that is to serve. The names that tests ask for are special (RFC 6761 section 6.2) and would be asked nowhere;
# a test about special names says SPECIAL=true.
SANDBOX_OPTION=()
[[ ${SANDBOX:-yes} == yes ]] || SANDBOX_OPTION=(-o sandbox=false)

# Where the files of this test, or of this file's servers, go.
lib_dir() {
  echo "${BATS_TEST_TMPDIR:-$BATS_FILE_TMPDIR}"
}

lib_check() {
  local tool
  for tool in djournal faultup dload dpace dtalk rawdns; do
    [[ -x ${HELPERS:?set HELPERS to the folder of the built helpers}/$tool ]] || {
      echo "$HELPERS/$tool is missing" >&2
      return 1
    }
  done
  : "${DOTWARD:?set DOTWARD to the binary to test}"
}

# now_ms: milliseconds since the epoch, without a process.
now_ms() {
  local t=${EPOCHREALTIME/[.,]/}
  echo "${t%???}"
}

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
  local until=$(($(now_ms) + $1 * PATIENCE * 1000))
  shift
  until "$@"; do
    if (($(now_ms) > until)); then
      echo "waited in vain for: $*" >&2
      return 1
    fi
    sleep 0.02
  done
}

# patient MS: a limit of dotward's own, stretched like ours, as far as the configuration goes.
patient() {
  local ms=$(($1 * PATIENCE))
  echo $((ms < 60000 ? ms : 60000))
}

free_port() {
  "$HELPERS/rawdns" port
}

# --- processes --------------------------------------------------------------------------------------------

# spawn NAME COMMAND...: starts it with its output in NAME.log; sets SPAWNED to its pid.
spawn() {
  local name=$1 dir
  dir=$(lib_dir)
  shift
  "$@" </dev/null >>"$dir/$name.log" 2>&1 3>&- &
  SPAWNED=$!
  echo "$SPAWNED $name" >>"$dir/pids"
}

# True while the process runs (a zombie does not).
alive() {
  local line
  { read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
  [[ ${line##*) } != [ZX]* ]]
}

dead() {
  ! alive "$1"
}

# end PID: TERM, and KILL for one that does not go. Returns its exit status.
end() {
  kill -TERM "$1" 2>/dev/null
  if ! wait_for 10 dead "$1"; then
    kill -KILL "$1" 2>/dev/null
  fi
  wait "$1" 2>/dev/null
}

# A master that came of an upgrade is nobody's child here; the log knows it.
end_heirs() {
  local pid
  while read -r pid; do
    if alive "$pid" && [[ $(tr '\0' ' ' <"/proc/$pid/cmdline") == *"$(lib_dir)"* ]]; then
      end "$pid" || true
    fi
  done < <(sed -nE 's/.* upgrading .*pid=([0-9]+).*/\1/p' "$(lib_dir)"/*.log 2>/dev/null)
}

# Ends all that was spawned, the last first, and waits for it.
end_all() {
  local dir pid name
  dir=$(lib_dir)
  [[ -e $dir/pids ]] || return 0
  while read -r pid name; do
    if alive "$pid"; then
      end "$pid" || true
    fi
  done < <(tac "$dir/pids")
  rm -f "$dir/pids"
}

show_logs() {
  local log
  for log in "$(lib_dir)"/*.log; do
    [[ -s $log ]] || continue
    echo "--- ${log##*/}"
    tail -n 40 "$log"
  done
}

# A sanitizer, an assertion or valgrind had something to say, or a worker died that nobody killed (a test that kills sets KILLS).
FINDINGS='ERROR: (Address|Leak|Memory)Sanitizer|runtime error:|assertion failed|==[0-9]+== (Invalid|Conditional|.*definitely lost)'
assert_no_findings() {
  local log found=0
  for log in "$(lib_dir)"/*.log; do
    [[ -e $log ]] || continue
    if grep -Eq "$FINDINGS" "$log"; then
      echo "finding in ${log##*/}:"
      grep -E -A 20 "$FINDINGS" "$log" | head -n 60
      found=1
    fi
    if [[ -z ${KILLS:-} ]] && grep -q 'worker died' "$log"; then
      echo "a worker died in ${log##*/}"
      found=1
    fi
  done
  return "$found"
}

# For teardown() of every file.
lib_teardown() {
  local status=0
  end_heirs
  end_all
  assert_no_findings || status=1
  if [[ -z ${BATS_TEST_COMPLETED:-} || $status != 0 ]]; then
    show_logs
  fi
  return "$status"
}

# --- what a test claims -----------------------------------------------------------------------------------

fail() {
  echo "$*" >&2
  return 1
}

assert_equal() {
  [[ $1 == "$2" ]] || {
    printf '%s\n' "${3:-values differ}" "  expected: $2" "  found:    $1" >&2
    return 1
  }
}

# assert_has TEXT PATTERN: an extended regular expression that must be found.
assert_has() {
  grep -Eq -- "$2" <<<"$1" || {
    printf 'not found: %s\nin:\n%s\n' "$2" "$1" >&2
    return 1
  }
}

assert_lacks() {
  if grep -Eq -- "$2" <<<"$1"; then
    printf 'should not be there: %s\nin:\n%s\n' "$2" "$1" >&2
    return 1
  fi
}

assert_count() {
  local found
  found=$(grep -Ec -- "$2" <<<"$1")
  assert_equal "$found" "$3" "lines with: $2, in: $1"
}

# --- the scripted upstream --------------------------------------------------------------------------------

# ports_told LOG: how many it has named; 0 before there is a log.
ports_told() {
  { cat "$1" 2>/dev/null || :; } | grep -c '^port=' || :
}

another_port() {
  (($(ports_told "$1") > ${2:-0}))
}

# faultup_start NAME [--SETTING VALUE]...: sets NAME_port, NAME_control and NAME_pid. With the certificate "good", unless told otherwise.
faultup_start() {
  local name=$1 cert=good log line before
  log=$(lib_dir)/$1.log
  # one of this name may have been there before, in the same log
  before=$(ports_told "$log")
  shift
  if [[ ${1:-} == --with ]]; then
    cert=$2
    shift 2
  fi
  spawn "$name" "$HELPERS/faultup" --cert "$CERTS/$cert.pem" --key "$CERTS/$cert.key" "$@"
  wait_for 5 another_port "$log" "$before"
  line=$(grep '^port=' "$log" | tail -n 1)
  [[ $line =~ port=([0-9]+)\ control=([0-9]+) ]]
  printf -v "${name}_port" %s "${BASH_REMATCH[1]}"
  printf -v "${name}_control" %s "${BASH_REMATCH[2]}"
  printf -v "${name}_pid" %s "$SPAWNED"
}

# faultup_say NAME stat | reset | close | set SETTING VALUE
faultup_say() {
  local control=${1}_control
  shift
  "$HELPERS/rawdns" control "${!control}" "$@"
}

# faultup_stat NAME KEY: one number or text of its statistics.
faultup_stat() {
  faultup_say "$1" stat | sed -nE "s/.*\"$2\":\"?([^,\"}]*).*/\1/p"
}

# --- dotward ----------------------------------------------------------------------------------------------

# upstream NAME PORT [TEXT]: an entry for the configuration; TEXT in place of the authentication by name.
upstream() {
  local how=${3:-auth_name = \"upstream.test\"; ca_file = \"$CERTS/ca.pem\";}
  echo "{ name = \"$1\"; addresses = [ \"127.0.0.1\" ]; port = $2; $how }"
}

# The limits of a test's dotward: short, so that nobody waits, and stretched by PATIENCE. Without hedging, unless HEDGE says so:
# many count what the upstream is asked.
forward_default() {
  local key
  echo "policy = \"sequential\"; hedge = ${HEDGE:-false};"
  while read -r key; do
    echo "${key% *} = $(patient "${key#* }");"
  done <<<'timeout_ms 2000
attempt_timeout_ms 600
connect_timeout_ms 500
connect_patience_ms 250
handshake_timeout_ms 500'
}

# dotward_config UPSTREAM...: writes dotward.conf with these upstreams. It listens on both loopback addresses, on PORT (set if it
# is not), or as LISTEN says; WORKERS, CONTROL (socket) and FORWARD may say otherwise than the defaults, MORE is added at the end.
# A test is to meet every worker, so all are given questions, unless STEERING says otherwise.
dotward_config() {
  local upstreams
  printf -v upstreams '%s, ' "$@"
  PORT=${PORT:-$(free_port)}
  CONFIG=$(lib_dir)/${DOTWARD_NAME:-dotward}.conf
  local listen="{ address = \"127.0.0.1\"; port = $PORT; }, { address = \"::1\"; port = $PORT; }"
  cat >"$CONFIG" <<CONFIG
listen = ( ${LISTEN:-$listen} );
upstreams = ( ${upstreams%, } );
workers = ${WORKERS:-2};
steering = "${STEERING:-all}";
user = "";
control: { socket = "${CONTROL-$(lib_dir)/${DOTWARD_NAME:-dotward}.control}"; };
forward: { ${FORWARD:-$(forward_default)} };
${MORE:-}
CONFIG
}

# Runs dotward in the foreground, as a test that expects it to end.
dotward() {
  local command
  read -ra command <<<"$DOTWARD"
  "${command[@]}" "$@"
}

# The log of the dotward started last. It lies by itself, so that a test can read what the daemon says.
dotward_log() {
  cat "$(lib_dir)/${DOTWARD_NAME:-dotward}.log"
}

# As a filter: leaves out the warning that SANDBOX=no brings with it, where that is said.
without_sandbox_warning() {
  if [[ ${SANDBOX:-yes} == yes ]]; then
    cat
  else
    sed '/sandbox = false/d'
  fi
}

logged() {
  grep -Eq -- "$1" "$(lib_dir)/${DOTWARD_NAME:-dotward}.log"
}

# spawn_dotward OPTION...: sets DOTWARD_PID. What a test says itself comes later than SANDBOX, and wins.
spawn_dotward() {
  local command patient=()
  read -ra command <<<"$DOTWARD"
  # who is slow does not hang
  ((PATIENCE == 1)) || patient=(-o watchdog_ms=$((5000 * PATIENCE)))
  spawn "${DOTWARD_NAME:-dotward}" "${command[@]}" -f -o "policy.special_names=${SPECIAL:-false}" "${SANDBOX_OPTION[@]}" \
    "${patient[@]}" "$@"
  DOTWARD_PID=$SPAWNED
}

dotward_is_ready_or_dead() {
  logged 'ready |"event":"ready"' || dead "$DOTWARD_PID"
}

# dotward_start [OPTION]...: with dotward.conf, until it serves. Sets DOTWARD_PID, the master.
dotward_start() {
  : >"$(lib_dir)/${DOTWARD_NAME:-dotward}.log"
  spawn_dotward -c "$CONFIG" "$@"
  wait_for 10 dotward_is_ready_or_dead
  logged 'ready |"event":"ready"' || fail "dotward did not start: $(dotward_log)"
}

# Stops it and says whether it did so in order.
dotward_stop() {
  local status=0
  end "$DOTWARD_PID" || status=$?
  return "$status"
}

# The workers' pids, from the kernel. Other children of the master have names of their own.
workers() {
  local children pid name pids=()
  read -r children <"/proc/$DOTWARD_PID/task/$DOTWARD_PID/children" || true
  for pid in $children; do
    name=
    { read -r name <"/proc/$pid/comm"; } 2>/dev/null || true
    [[ $name == dotward-* ]] || pids+=("$pid")
  done
  echo "${pids[*]}"
}

# The pids of those who write what workers say.
scribes() {
  local children pid name
  read -r children <"/proc/$DOTWARD_PID/task/$DOTWARD_PID/children" || true
  for pid in $children; do
    name=
    { read -r name <"/proc/$pid/comm"; } 2>/dev/null || true
    [[ $name != dotward-scribe ]] || echo "$pid"
  done
}

# worker_count: how many there are, those of a generation that drains included.
worker_count() {
  workers | wc -w
}

has_workers() {
  [[ $(worker_count) == "$1" ]]
}

# Skips the test unless this build commits faults when asked to.
needs_faults() {
  [[ $(dotward --version) == *"(fault injection)"* ]] || skip "needs a build with --enable-fault-injection"
}

# Is dotward run by valgrind? It has descriptors of its own, and keeps limits of memory to itself.
under_valgrind() {
  [[ $DOTWARD == *valgrind* ]]
}

# Skips what is about how much is done in what time: under valgrind everything is twenty times slower, and what measures it is not.
needs_speed() {
  ! under_valgrind || skip "valgrind is too slow for that"
}

needs_sandbox() {
  [[ ${SANDBOX:-yes} == yes ]] || skip "SANDBOX=$SANDBOX"
}

# pace_begin [DPACE OPTION]...: asks steadily in the background; pace_end waits for it and shows what it saw in $output.
pace_begin() {
  "$HELPERS/dpace" 127.0.0.1 "$PORT" --qps $((${QPS:-2000} / PATIENCE)) --slow-ms 50 --deadline-ms $((2000 * PATIENCE)) "$@" \
    >"$(lib_dir)/pace" 2>&1 3>&- &
  PACE_PID=$!
}

pace_end() {
  wait "$PACE_PID" || true
  output=$(<"$(lib_dir)/pace")
  echo "# $output" >&3
}

# seen KEY: a number of the line in $output.
seen() {
  sed -nE "s/.*\"$1\":([-0-9.]+).*/\1/p" <<<"$output"
}

# Every question was answered, rightly and in time.
assert_nothing_lost() {
  assert_has "$output" '"wrong":0,.*"lost":0,'
  (($(seen right) > 0)) || fail "nothing was asked: $output"
}

# q NAME [TYPE] [DIG OPTION]...: dig at dotward over UDP, one try, IPv4 unless @ADDRESS is given.
q() {
  local at=@127.0.0.1 item
  for item in "$@"; do
    [[ $item == @* ]] && at=
  done
  # shellcheck disable=SC2086
  dig $at -p "$PORT" +tries=1 +timeout=$((4 * PATIENCE)) +nocookie "$@"
}

# raw udp|tcp [OPTION]... MESSAGE...: rawdns at dotward.
raw() {
  local how=$1
  shift
  "$HELPERS/rawdns" "$how" "${RAW_ADDRESS:-127.0.0.1}" "$PORT" "$@"
}

# resolves NAME: the computed address comes.
resolves() {
  raw udp --wait-ms 4000 "$1" | grep -q 'right=yes'
}

assert_resolves() {
  local found
  found=$(raw udp --wait-ms 4000 "$1") || true
  assert_has "$found" 'rcode=0 .*right=yes'
}

has_ipv6() {
  grep -q ' lo$' /proc/net/if_inet6 2>/dev/null
}

is_root() {
  [[ $(id -u) == 0 ]]
}
