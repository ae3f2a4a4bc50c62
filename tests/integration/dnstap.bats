#!/usr/bin/env bats
# dnstap, read by others: dnstap-ldns for files, fstrm_capture behind the socket. Every question is told once, what is told of it is
# right, and whatever becomes of the reader, a worker or the scribe costs no query, and no frame that was whole.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  command -v dnstap-ldns >/dev/null || skip "no dnstap-ldns"
  command -v fstrm_capture >/dev/null || skip "no fstrm_capture"
  lib_check
  [[ $(dotward --version) != *"without dnstap"* ]] || skip "built without dnstap"
  TAP=$BATS_TEST_TMPDIR/tap
  SOCKET=$BATS_TEST_TMPDIR/reader.sock
}

teardown() {
  local pid
  # one that was stopped hears no TERM
  for pid in ${READER_PID:-}; do
    kill -CONT "$pid" 2>/dev/null || true
  done
  lib_teardown
}

# serve [OPTION]...: with the scripted upstream.
serve() {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  dotward_start "$@"
}

# What an independent reader makes of a file: "TIME WHAT ADDRESS PROTOCOL BYTESb "NAME" CLASS TYPE" in each line.
frames() {
  dnstap-ldns -r "${1:-$TAP}"
}

# dnstap-ldns 0.2.1 was made before DOT had a number, and shows no such message in full: for it, it is TCP here.
without_dot() {
  LC_ALL=C sed -E 's/(\x08[\x07\x08]\x10[\x01\x02]\x18)\x03/\1\x02/g' "$1"
}

in_full() {
  without_dot "${1:-$TAP}" >"$BATS_TEST_TMPDIR/no-dot"
  dnstap-ldns -y -r "$BATS_TEST_TMPDIR/no-dot"
}

# dots FILE: how many messages say DOT.
dots() {
  LC_ALL=C grep -aoP '\x08[\x05-\x08]\x10[\x01\x02]\x18\x03' "$1" | wc -l
}

# The same, one message a line: TYPE PROTOCOL NAME QTYPE ID RCODE.
messages() {
  in_full "$@" | awk '
    /^  type:/ { what = $2 }
    /^  socket_protocol:/ { protocol = $2 }
    /->>HEADER<<-/ { rcode = $6; id = $8; gsub(",", "", rcode) }
    /^    ;[^;]/ { name = substr($1, 2); type = $3 }
    /^---|^\.\.\./ { if (what != "") print what, protocol, name, type, id, rcode; what = name = type = id = rcode = "" }
    END { if (what != "") print what, protocol, name, type, id, rcode }'
}

# reader [FILE]: somebody who reads at the socket, into a file, whole frames at once.
reader() {
  spawn reader fstrm_capture -t protobuf:dnstap.Dnstap -u "$SOCKET" -w "${1:-$TAP}"
  READER_PID=$SPAWNED
  wait_for 5 test -S "$SOCKET"
}

reader_is_there() {
  logged 'dnstap: a reader is there'
}

# told FILE COUNT PATTERN: so many frames are like this.
told() {
  (($(frames "$1" 2>/dev/null | grep -Ec -- "$3") == $2))
}

@test "dnstap: a file: each question once, what client and upstream said, right in every part" {
  serve -o "dnstap.file=$TAP" -o 'dnstap.identity="here"' -o 'dnstap.version="v1"'
  raw udp a.test nxdomain.b.test >/dev/null
  raw tcp c.test >/dev/null
  q -t AAAA d.test >/dev/null
  raw udp a.test >/dev/null # from the cache
  dotward_stop
  run -0 messages
  assert_count "$output" '^CLIENT_QUERY ' 5
  assert_count "$output" '^CLIENT_RESPONSE ' 5
  assert_count "$output" '^FORWARDER_QUERY ' 4
  assert_count "$output" '^FORWARDER_RESPONSE ' 4
  assert_count "$output" '^CLIENT_QUERY UDP a\.test\. A ' 2
  assert_count "$output" '^CLIENT_RESPONSE UDP a\.test\. A [0-9]+ NOERROR$' 2
  assert_count "$output" '^FORWARDER_QUERY .*a\.test\. A ' 1
  assert_count "$output" '^CLIENT_RESPONSE UDP nxdomain\.b\.test\. A [0-9]+ NXDOMAIN$' 1
  assert_count "$output" '^FORWARDER_RESPONSE .*nxdomain\.b\.test\. A [0-9]+ NXDOMAIN$' 1
  assert_count "$output" '^CLIENT_QUERY TCP c\.test\. A ' 1
  assert_count "$output" '^CLIENT_RESPONSE TCP c\.test\. A ' 1
  assert_count "$output" '^CLIENT_QUERY UDP d\.test\. AAAA ' 1
  # a query and its response have one id: the client's there, the connection's here
  local what
  for what in CLIENT FORWARDER; do
    assert_equal "$(grep "^${what}_QUERY" <<<"$output" | cut -d' ' -f2-5 | sort)" \
      "$(grep "^${what}_RESPONSE" <<<"$output" | cut -d' ' -f2-5 | sort)" "$what: pairs"
  done
  local whole
  whole=$(in_full)
  assert_equal "$(dots "$TAP")" 8 "messages over TLS"
  assert_count "$whole" '^identity: "here"$' 18
  assert_count "$whole" '^version: "v1"$' 18
  assert_count "$whole" "response_port: $PORT\$" 10
  assert_count "$whole" "response_port: $up_port\$" 8
  assert_count "$whole" 'query_address: "127.0.0.1"' 18
  assert_count "$whole" 'query_time: !!timestamp 20' 18
  assert_count "$whole" 'response_time: !!timestamp 20' 9
  # and it is said that it ends there
  assert_equal "$(tail -c 12 "$TAP" | od -An -tx1 | tr -d ' \n')" 000000000000000400000003
}

@test "dnstap: messages are as they were on the wire: padded where it is read along with nobody, with the id and spelling of each side" {
  serve -o "dnstap.file=$TAP"
  raw udp MiXeD.test >/dev/null
  dotward_stop
  run -0 frames
  assert_has "$output" ' CQ 127\.0\.0\.1 UDP 28b "MiXeD\.test\." IN A'
  assert_has "$output" ' CR 127\.0\.0\.1 UDP [0-9]+b "MiXeD\.test\." IN A'
  assert_has "$output" ' FQ 127\.0\.0\.1 .* 128b "[Mm][Ii][Xx][Ee][Dd]\.test\." IN A'
}

@test "dnstap: only what is wanted, of one question in so many, and nothing of who is not to be in the log" {
  MORE='clients = ( { name = "silent"; networks = [ "127.0.0.5/32" ]; log = false; } );' serve -o "dnstap.file=$TAP" -o dnstap.forwarder=false
  raw udp a.test >/dev/null
  raw udp --from 127.0.0.5 hidden.test >/dev/null
  dotward_stop
  assert_equal "$(frames | awk '{print $3}' | sort | tr '\n' ' ')" "CQ CR "
  rm "$TAP"
  dotward_start -o "dnstap.file=$TAP" -o dnstap.client=false
  raw udp b.test >/dev/null
  raw udp --from 127.0.0.5 hidden2.test >/dev/null
  dotward_stop
  assert_equal "$(frames | awk '{print $3}' | sort | tr '\n' ' ')" "FQ FR "
  rm "$TAP"
  WORKERS=1 dotward_config "$(upstream up "$up_port")"
  dotward_start -o "dnstap.file=$TAP" -o dnstap.sample=4
  local names=() i
  for i in {1..64}; do names+=("n$i.test"); done
  raw udp --wait-ms 4000 "${names[@]}" >/dev/null
  dotward_stop
  i=$(frames | grep -c ' CQ ')
  ((i >= 14 && i <= 18)) || fail "$i of 64"
  # with all its messages
  assert_equal "$(frames | awk '{print $7}' | sort | uniq -c | awk '{print $1}' | sort -u)" 4
}

@test "dnstap: load: every question of thousands is told once, none twice" {
  serve -o "dnstap.file=$TAP" -o limits.rate.queries_per_second=0
  local count=2000
  "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions "$count" --window 50 >"$BATS_TEST_TMPDIR/load" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/load")"
  dotward_stop
  run -0 messages
  assert_equal "$(grep '^CLIENT_QUERY ' <<<"$output" | cut -d' ' -f3 | sort -u | wc -l)" "$(grep -c '^CLIENT_QUERY ' <<<"$output")" "different names, of all"
  (($(grep -c '^CLIENT_QUERY ' <<<"$output") >= count)) || fail "$(grep -c '^CLIENT_QUERY ' <<<"$output") of $count"
  assert_equal "$(grep '^CLIENT_QUERY' <<<"$output" | cut -d' ' -f2-5 | sort)" "$(grep '^CLIENT_RESPONSE' <<<"$output" | cut -d' ' -f2-5 | sort)"
  assert_equal "$(grep '^FORWARDER_QUERY' <<<"$output" | cut -d' ' -f2-5 | sort)" "$(grep '^FORWARDER_RESPONSE' <<<"$output" | cut -d' ' -f2-5 | sort)"
  assert_has "$(dotward_log)" ' dnstap_dropped=0 '
}

@test "dnstap: the socket of a reader, that is restarted, and what was asked meanwhile comes when it is back" {
  reader "$BATS_TEST_TMPDIR/first"
  serve -o "dnstap.socket=$SOCKET"
  assert_resolves before.test
  wait_for 5 reader_is_there
  end "$READER_PID"
  told "$BATS_TEST_TMPDIR/first" 1 'CQ .*before\.test' || fail "$(frames "$BATS_TEST_TMPDIR/first")"
  assert_resolves meanwhile.test
  reader "$BATS_TEST_TMPDIR/second"
  assert_resolves after.test
  reader_is_back() {
    (($(dotward_log | grep -c 'dnstap: a reader is there') == 2))
  }
  wait_for 5 reader_is_back
  dotward_stop
  end "$READER_PID"
  run -0 frames "$BATS_TEST_TMPDIR/second"
  assert_count "$output" ' CQ .*"meanwhile\.test\."' 1
  assert_count "$output" ' CR .*"meanwhile\.test\."' 1
  assert_count "$output" ' CQ .*"after\.test\."' 1
  assert_count "$output" ' FR .*"after\.test\."' 1
}

@test "dnstap: a reader that stops reading costs messages, which are counted, and no query" {
  reader
  serve -o "dnstap.socket=$SOCKET" -o limits.rate.queries_per_second=0
  assert_resolves before.test
  wait_for 5 reader_is_there
  kill -STOP "$READER_PID"
  # more than spools and the socket have room for
  "$HELPERS/dload" udp 127.0.0.1 "$PORT" --questions 10000 --window 50 >"$BATS_TEST_TMPDIR/load" 2>&1 || fail "$(cat "$BATS_TEST_TMPDIR/load")"
  assert_resolves after.test
  kill -CONT "$READER_PID"
  dotward_stop
  local lost
  lost=$(dotward_log | sed -nE 's/.* dnstap_dropped=([0-9]+).*/\1/p' | tail -n 1)
  ((lost > 0)) || fail "nothing was lost: $(dotward_log)"
  assert_has "$(dotward_log)" 'dnstap: .*lost='
}

@test "dnstap: whoever dies leaves whole frames: workers and the scribe at once, and the file is one stream after all" {
  KILLS=yes
  serve -o "dnstap.file=$TAP" --log-level info
  local i
  for i in 1 2 3 4; do
    assert_resolves "w$i.test"
    # both workers and the scribe
    # shellcheck disable=SC2046
    kill -KILL $(workers) $(scribes)
    wait_for 5 resolves "after$i.test"
  done
  wait_for 5 has_workers 2
  dotward_stop
  run -0 frames
  # a scribe that dies between writing and saying so has written twice
  for i in 1 2 3 4; do
    assert_has "$output" " CQ .*\"w$i\\.test\\.\""
    assert_has "$output" " CR .*\"w$i\\.test\\.\""
  done
  assert_has "$(dotward_log)" 'dnstap: scribe died'
}

@test "dnstap: a file is gone on with: by a reload, by the next dotward, and behind half a frame" {
  serve -o "dnstap.file=$TAP"
  assert_resolves one.test
  kill -HUP "$DOTWARD_PID"
  wait_for 5 logged 'reloaded '
  assert_resolves two.test
  dotward_stop
  # half a frame, as a crash of the machine leaves it
  printf '\0\0\1\0half' >>"$TAP"
  dotward_start -o "dnstap.file=$TAP"
  assert_resolves three.test
  dotward_stop
  run -0 frames
  local name
  for name in one two three; do
    assert_count "$output" " CQ .*\"$name\\.test\\.\"" 1
  done
  # one START and one STOP in all of it
  assert_equal "$(grep -aoc 'protobuf:dnstap.Dnstap' "$TAP")" 1
}

@test "dnstap: a file is opened anew on SIGUSR1, and both halves are whole" {
  serve -o "dnstap.file=$TAP"
  assert_resolves one.test
  wait_for 5 told "$TAP" 1 'CQ .*one\.test'
  mv "$TAP" "$TAP.1"
  kill -USR1 "$DOTWARD_PID"
  wait_for 5 test -s "$TAP"
  assert_resolves two.test
  dotward_stop
  assert_equal "$(frames "$TAP.1" | grep -c ' CQ ')" 1
  assert_equal "$(frames | grep -c ' CQ ')" 1
  assert_equal "$(tail -c 12 "$TAP.1" | od -An -tx1 | tr -d ' \n')" 000000000000000400000003
}

@test "dnstap: what cannot be is refused: both at once, a file of something else; a reload leaves the old in place" {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  run -1 dotward -t -c "$CONFIG" -o "dnstap.file=$TAP" -o "dnstap.socket=$SOCKET"
  assert_has "$output" 'dnstap\.file.*leave one of them out'
  run -1 dotward -t -c "$CONFIG" -o "dnstap.file=$TAP" -o dnstap.client=false -o dnstap.forwarder=false
  assert_has "$output" 'dnstap\.client = false'
  run -1 dotward -t -c "$CONFIG" -o dnstap.socket=sock
  assert_has "$output" 'dnstap\.socket.*whole path'
  echo "a log of something else, which is long enough to be looked at" >"$BATS_TEST_TMPDIR/other"
  run -1 dotward -f -c "$CONFIG" -o "dnstap.file=$BATS_TEST_TMPDIR/other"
  assert_has "$output" 'dnstap\.file.*move it away'
  assert_has "$(cat "$BATS_TEST_TMPDIR/other")" '^a log of something else'
  MORE="dnstap: { file = \"$TAP\"; };" dotward_config "$(upstream up "$up_port")"
  dotward_start
  sed -i "s|file = \"$TAP\"|file = \"$BATS_TEST_TMPDIR/other\"|" "$CONFIG"
  kill -HUP "$DOTWARD_PID"
  wait_for 5 logged 'reload refused.*move it away'
  assert_resolves still.test
  sed -i "s|file = \"$BATS_TEST_TMPDIR/other\"|file = \"$TAP.2\"|" "$CONFIG"
  kill -HUP "$DOTWARD_PID"
  wait_for 5 logged 'reloaded '
  assert_resolves now.test
  dotward_stop
  assert_equal "$(frames | grep -c ' CQ .*still')" 1
  assert_equal "$(frames "$TAP.2" | grep -c ' CQ .*now')" 1
}
