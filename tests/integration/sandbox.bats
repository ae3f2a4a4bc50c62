#!/usr/bin/env bats
# What a worker can still do: the kernel's word for it, what it holds, and that it works all the same.
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

# status_of PID FIELD
status_of() {
  awk -v field="$2:" '$1 == field { print $2 }' "/proc/$1/status"
}

@test "sandbox: workers are sealed, without capabilities, and can get nothing new" {
  needs_sandbox
  serve
  local pid
  [[ -n $(workers) ]]
  for pid in $(workers); do
    assert_equal "$(status_of "$pid" Seccomp)" 2 "Seccomp of worker $pid"
    assert_equal "$(status_of "$pid" NoNewPrivs)" 1 "NoNewPrivs of worker $pid"
    assert_equal "$(status_of "$pid" CapEff)" 0000000000000000 "CapEff of worker $pid"
    # who is not root cannot empty it, and with no_new_privs it is worth nothing
    ! is_root || assert_equal "$(status_of "$pid" CapBnd)" 0000000000000000 "CapBnd of worker $pid"
    assert_has "$(cat "/proc/$pid/limits")" 'Max core file size +0 +0'
  done
  assert_equal "$(status_of "$DOTWARD_PID" Seccomp)" 2 "Seccomp of the master"
  assert_equal "$(status_of "$DOTWARD_PID" NoNewPrivs)" 1 "NoNewPrivs of the master"
  assert_resolves sealed.test
}

@test "sandbox: sandbox = false goes without, and the log says so" {
  [[ $(status_of self Seccomp) == 0 ]] || skip "we are sealed ourselves"
  serve -o sandbox=false
  local pid
  for pid in $(workers) "$DOTWARD_PID"; do
    assert_equal "$(status_of "$pid" Seccomp)" 0 "Seccomp of $pid"
  done
  assert_has "$(dotward_log)" 'warn master: sandbox = false'
  assert_resolves open.test
}

@test "sandbox: a worker holds its own sockets and nothing else" {
  is_root || skip "only root can look"
  WORKERS=4
  exec 57</etc/passwd
  serve
  exec 57<&-
  local pid fds
  for pid in $(workers); do
    fds=$(ls -l "/proc/$pid/fd")
    # two addresses, UDP and TCP, the way by which a log file comes, and perhaps a connection to the upstream already
    [[ $(grep -c 'socket:' <<<"$fds") == [56] ]] || fail "$fds"
    assert_lacks "$fds" '/etc/passwd|signalfd'
  done
}

@test "sandbox: an inherited descriptor does not reach the workers" {
  is_root || skip "only root can look"
  ! under_valgrind || skip "valgrind has descriptors of its own"
  serve
  local pid
  assert_resolves before.test
  for pid in $(workers); do
    assert_lacks "$(ls -l "/proc/$pid/fd")" 'pipe:|memfd|/tmp/.*\.conf'
  done
  dotward_stop
  # where a worker may be alone it keeps a pipe, to say that it has too much to do
  STEERING=auto serve
  for pid in $(workers); do
    assert_count "$(ls -l "/proc/$pid/fd")" 'pipe:' 1
    assert_has "$(ls -l "/proc/$pid/fd")" '^l-wx.*pipe:'
    assert_lacks "$(ls -l "/proc/$pid/fd")" 'memfd|/tmp/.*\.conf'
  done
}

@test "sandbox: limits.worker_memory bounds what a worker may ask for" {
  ! under_valgrind || skip "valgrind keeps limits to itself"
  serve -o 'limits.worker_memory="300M"'
  local pid
  for pid in $(workers); do
    if is_sanitized; then
      assert_has "$(cat "/proc/$pid/limits")" 'Max data size +unlimited'
    else
      assert_has "$(cat "/proc/$pid/limits")" 'Max data size +314572800 +314572800'
    fi
  done
  assert_lacks "$(cat "/proc/$DOTWARD_PID/limits")" 'Max data size +314572800'
  assert_resolves bounded.test
}

# Its leak checker and its shadow cannot live in limits.
is_sanitized() {
  grep -qa __asan_init "${DOTWARD##* }"
}

@test "sandbox: a violation is an obituary that says what signal it was" {
  needs_sandbox
  serve
  KILLS=yes
  local pid
  pid=$(workers | cut -d' ' -f1)
  kill -SYS "$pid"
  # The signal without a system call behind it; the calls themselves are in tests/unit/test_seal.c.
  wait_for 3 logged "worker died slot=[01] pid=$pid signal=31 \(Bad system call\) call=unknown"
  assert_resolves after.test
}

# violates KIND CALL: a question that makes its worker do what it may not; the worker dies, the others serve, the log names it.
violates() {
  needs_faults
  needs_sandbox
  is_sanitized && [[ $1 == open ]] && skip "sanitizers open files"
  serve
  KILLS=yes
  raw udp --wait-ms 200 "$1.begin.fault.test" >/dev/null || true
  wait_for 3 logged "worker died slot=[01] pid=[0-9]+ signal=31 \\(Bad system call\\) call=$2 "
  assert_resolves after.test
}

@test "sandbox: a worker that executes a program dies, and the log names the call" {
  violates exec execve
}

@test "sandbox: a worker that opens a file dies, and the log names the call" {
  violates open 'open(at)?'
}

@test "sandbox: without it neither happens" {
  needs_faults
  serve -o sandbox=false
  raw udp --wait-ms 4000 open.begin.fault.test >/dev/null
  assert_lacks "$(dotward_log)" 'worker died'
}

@test "sandbox: a worker that leaks dies of it before the machine does" {
  needs_faults
  is_sanitized && skip "sanitizers have no limit of memory"
  ! under_valgrind || skip "valgrind keeps limits to itself"
  serve -o 'limits.worker_memory="100M"'
  KILLS=yes
  raw udp --wait-ms 200 leak.begin.fault.test >/dev/null || true
  wait_for 10 logged 'worker died slot=[01] pid=[0-9]+ signal=6 \(Aborted\)'
  assert_resolves after.test
}

@test "sandbox: a reload and its workers are in it, too" {
  needs_sandbox
  serve
  local old pid
  old=$(workers)
  kill -HUP "$DOTWARD_PID"
  wait_for 5 logged 'reloaded generation=2'
  renewed() {
    [[ " $(workers) " != *" ${old%% *} "* ]] && (($(workers | wc -w) == 2))
  }
  wait_for 10 renewed
  for pid in $(workers); do
    assert_equal "$(status_of "$pid" Seccomp)" 2 "Seccomp of worker $pid"
  done
  # the master is not sealed a second time: each seal costs time at every system call
  if grep -q Seccomp_filters "/proc/$DOTWARD_PID/status"; then
    assert_equal "$(status_of "$DOTWARD_PID" Seccomp_filters)" $((1 + $(status_of self Seccomp_filters))) "filters of the master"
  fi
  assert_resolves again.test
}

@test "sandbox: a log file in a folder that only root may write is opened anew for all workers" {
  is_root || skip "not root"
  mkdir -m 700 "$BATS_TEST_TMPDIR/closed"
  local file=$BATS_TEST_TMPDIR/closed/here.log i
  DOTWARD_NAME=closed/here
  serve -o 'user="nobody"' -o log.queries=true -o "log.target=file:$file" --log-level debug
  for i in 1 2 3; do
    mv "$file" "$file.$i"
    kill -USR1 "$DOTWARD_PID"
    reopened() {
      grep -q 'log reopened' "$file" 2>/dev/null
    }
    wait_for 5 reopened
    both_write() {
      resolves "round-$i.test"
      grep -q "worker 0: q=.*round-$i" "$file" && grep -q "worker 1: q=.*round-$i" "$file"
    }
    wait_for 10 both_write
  done
  assert_lacks "$(cat "$file.1")" 'round-2'
  # a successor writes to the newest, too
  KILLS=yes
  kill -KILL "$(workers | cut -d' ' -f1)"
  both_write_again() {
    resolves successor.test
    grep -q 'worker 0: q=.*successor' "$file" && grep -q 'worker 1: q=.*successor' "$file"
  }
  wait_for 10 both_write_again
}
