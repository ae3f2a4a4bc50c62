#!/usr/bin/env bats
# Clients by TLS: those that people have, what is refused, tickets that any worker takes, a new certificate by reload, and handshakes
# that go nowhere.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load ctl

setup() {
  lib_check
  ctl_setup
  PORT=$(free_port)
  TLS_PORT=$(free_port)
  use_cert good
}

teardown() {
  lib_teardown
}

# tls_listen: an entry for LISTEN, with the certificate and key of the test and with TLS_KEYS.
tls_listen() {
  echo "{ address = \"127.0.0.1\"; port = $TLS_PORT; protocols = [ \"tls\" ];
    certificate = \"$BATS_TEST_TMPDIR/now.pem\"; key = \"$BATS_TEST_TMPDIR/now.key\"; ${TLS_KEYS:-} }"
}

# use_cert NAME: this one is the test's from now on; nobody but us may read its key.
use_cert() {
  cp "$CERTS/$1.pem" "$BATS_TEST_TMPDIR/now.pem"
  cp "$CERTS/$1.key" "$BATS_TEST_TMPDIR/now.key"
  chmod 600 "$BATS_TEST_TMPDIR/now.key"
}

# serve [OPTION]...: in clear text on PORT, by TLS on TLS_PORT.
serve() {
  faultup_start up
  LISTEN="{ address = \"127.0.0.1\"; port = $PORT; }, $(tls_listen)"
  dotward_config "$(upstream up "$up_port")"
  dotward_start "$@"
}

# tls_ask NAME [TYPE] [KDIG OPTION]...: kdig, who verifies the certificate.
tls_ask() {
  kdig @127.0.0.1 -p "$TLS_PORT" +tls-ca="$CERTS/ca.pem" +tls-host=upstream.test +timeout=$((4 * PATIENCE)) +retry=0 "$@"
}

# s_client [OPTION]...: openssl, and what it says of the handshake.
s_client() {
  timeout $((10 * PATIENCE)) openssl s_client -connect "127.0.0.1:$TLS_PORT" "$@" 2>&1 </dev/null
}

has_session() {
  [[ -s $BATS_TEST_TMPDIR/session ]]
}

# session_begin [OPTION]...: the same, until there is a ticket in the file "session".
session_begin() {
  rm -f "$BATS_TEST_TMPDIR/session"
  spawn s_client openssl s_client -connect "127.0.0.1:$TLS_PORT" -ign_eof -sess_out "$BATS_TEST_TMPDIR/session" "$@"
  local pid=$SPAWNED
  wait_for 5 has_session
  end "$pid" || true
}

counter() {
  json ".$1" stats
}

counted() {
  (($(counter "$1") >= $2))
}

# --- clients that people have -----------------------------------------------------------------------------

@test "tls: kdig and dig verify the certificate and are answered" {
  local user=()
  ! is_root || user=(-o 'user="nobody"')
  serve "${user[@]}"
  run -0 tls_ask one.test A
  assert_has "$output" 'TLS session \(TLS1\.3\)'
  assert_has "$output" '^one\.test\..*IN[[:space:]]A[[:space:]]10\.'
  run -0 dig @127.0.0.1 -p "$TLS_PORT" +tls-ca="$CERTS/ca.pem" +tls-hostname=upstream.test +tries=1 +short two.test A
  assert_has "$output" '^10\.'
  run -0 tls_ask +keepopen one.test A two.test AAAA three.test A
  assert_count "$output" '^[a-z]+\.test\. .*IN[[:space:]]A' 3
  assert_equal "$(counter queries_tls)" 5
  assert_equal "$(counter queries_tcp)" 0
  assert_equal "$(counter tls_failed)" 0
  run tls_ask one.test A +tls-host=other.test
  assert_has "$output" 'certificate'
}

@test "tls: an answer is padded to 468 octets where the question was, and not in clear text" {
  serve
  run -0 dig @127.0.0.1 -p "$TLS_PORT" +tls +tries=1 +ednsopt=12:0000 padded.test
  assert_has "$output" 'MSG SIZE +rcvd: 468$'
  run -0 dig @127.0.0.1 -p "$TLS_PORT" +tls +tries=1 plain.test
  assert_has "$output" 'MSG SIZE +rcvd: [0-9]{2}$'
  run -0 q +ednsopt=12:0000 padded.test
  assert_has "$output" 'MSG SIZE +rcvd: [0-9]{2}$'
  # refusals, too
  run -0 dig @127.0.0.1 -p "$TLS_PORT" +tls +tries=1 +ednsopt=12:0000 +opcode=2 padded.test
  assert_has "$output" 'status: NOTIMP'
  assert_has "$output" 'MSG SIZE +rcvd: 468$'
}

# forwarded PORT NAME: what asks dotward there has the answer.
forwarded() {
  dig @127.0.0.1 -p "$1" +tries=1 +timeout=2 +short "$2" 2>/dev/null | grep -q '^10\.'
}

# client_unbound, client_stubby, client_dnsdist PORT: forwards what it is asked there to dotward, whom it verifies.
client_unbound() {
  local dir
  dir=$(lib_dir)/client
  mkdir -p "$dir"
  cat >"$dir/unbound.conf" <<CONF
server:
  interface: 127.0.0.1@$1
  directory: "$dir"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  module-config: "iterator"
  do-not-query-localhost: no
  local-zone: "test." nodefault
  tls-cert-bundle: "$CERTS/ca.pem"
forward-zone:
  name: "."
  forward-tls-upstream: yes
  forward-addr: 127.0.0.1@$TLS_PORT#upstream.test
remote-control:
  control-enable: no
CONF
  spawn unbound unbound -d -c "$dir/unbound.conf"
}

client_stubby() {
  local dir
  dir=$(lib_dir)
  cat >"$dir/stubby.yml" <<CONF
resolution_type: GETDNS_RESOLUTION_STUB
dns_transport_list: [ GETDNS_TRANSPORT_TLS ]
tls_authentication: GETDNS_AUTHENTICATION_REQUIRED
tls_query_padding_blocksize: 128
tls_ca_file: "$CERTS/ca.pem"
appdata_dir: "$dir"
idle_timeout: 9000
listen_addresses: [ 127.0.0.1@$1 ]
upstream_recursive_servers:
  - address_data: 127.0.0.1
    tls_port: $TLS_PORT
    tls_auth_name: "upstream.test"
CONF
  spawn stubby stubby -C "$dir/stubby.yml"
}

client_dnsdist() {
  local dir
  dir=$(lib_dir)
  cat >"$dir/dnsdist.conf" <<CONF
setSecurityPollSuffix("")
setLocal("127.0.0.1:$1")
newServer({address="127.0.0.1:$TLS_PORT", tls="openssl", caStore="$CERTS/ca.pem", subjectName="upstream.test", validateCertificates=true,
  checkName="up.test."})
CONF
  spawn dnsdist dnsdist --supervised --disable-syslog -C "$dir/dnsdist.conf"
}

@test "tls: unbound, stubby and dnsdist forward to it" {
  serve
  local client ports=() port
  for client in unbound stubby dnsdist; do
    command -v "$client" >/dev/null || continue
    port=$(free_port)
    ports+=("$port")
    "client_$client" "$port"
  done
  for port in "${ports[@]}"; do
    wait_for 10 forwarded "$port" "one-$port.test"
    forwarded "$port" "two-$port.test"
  done
  counted queries_tls $((2 * ${#ports[@]}))
  under_valgrind || assert_equal "$(counter tls_failed)" 0 # dnsdist gives up on slow ones
}

# --- what is refused --------------------------------------------------------------------------------------

@test "tls: clear text, other protocols and old versions are refused, and idle connections end in order" {
  serve -o limits.tcp_idle_timeout_ms=300 -o log.level=info
  run "$HELPERS/rawdns" tcp 127.0.0.1 "$TLS_PORT" --until-close one.test
  assert_lacks "$output" 'rcode='
  assert_has "$output" '^(closed|reset)'
  wait_for 2 counted tls_failed 1
  assert_equal "$(counter queries)" 0
  logged 'TLS client lost in the handshake why="'
  assert_has "$(s_client -alpn h2)" 'alert no application protocol'
  assert_has "$(s_client -alpn h2,dot)" 'ALPN protocol: dot'
  assert_has "$(s_client)" '^New, TLSv1\.3'
  assert_has "$(s_client -tls1_2)" '^New, TLSv1\.2, Cipher is ECDHE-ECDSA-(AES|CHACHA)'
  assert_has "$(s_client -tls1_1 -cipher DEFAULT@SECLEVEL=0)" 'alert protocol version'
  # openssl says "closed" when close_notify comes, and else "read:errno"
  assert_has "$(s_client -ign_eof)" '^closed$'
}

@test "tls: with client_ca, only clients that one of its authorities knows are answered" {
  TLS_KEYS="client_ca = \"$CERTS/ca.pem\";" serve -o log.level=info
  run tls_ask one.test A +noall +answer
  assert_lacks "$output" 'IN[[:space:]]A[[:space:]]10\.'
  run tls_ask one.test A +noall +answer +tls-certfile="$CERTS/untrusted.pem" +tls-keyfile="$CERTS/untrusted.key"
  assert_lacks "$output" 'IN[[:space:]]A[[:space:]]10\.'
  wait_for 2 counted tls_failed 2
  assert_equal "$(counter tls_handshakes)" 0
  run -0 tls_ask one.test A +noall +answer +tls-certfile="$CERTS/client.pem" +tls-keyfile="$CERTS/client.key"
  assert_has "$output" 'IN[[:space:]]A[[:space:]]10\.'
  assert_equal "$(counter queries_tls)" 1
  logged 'TLS client lost in the handshake why="'
}

# --- tickets ----------------------------------------------------------------------------------------------

# Who served handshakes like PATTERN, each once.
workers_that() {
  dotward_log | sed -nE "s/.* debug (worker [0-9]+): TLS client connected .*$1.*/\1/p" | sort -u
}

assert_resumed() {
  assert_has "$(s_client "$@" -sess_in "$BATS_TEST_TMPDIR/session")" '^Reused, '
}

@test "tls: a session is resumed in whatever worker, and after reload and upgrade" {
  WORKERS=4 serve -o log.level=debug
  local n
  session_begin
  for n in 1 2 3 4 5 6 7 8; do
    assert_resumed
  done
  # all eight in one worker by chance is one case in 16 384
  (($(workers_that resumed=yes | wc -l) > 1)) || fail "$(dotward_log)"
  assert_equal "$(counter tls_resumed)" 8
  ctl reload
  assert_resumed
  ctl upgrade
  assert_resumed
  session_begin -tls1_2
  assert_resumed -tls1_2
  assert_resumed -tls1_2
}

@test "tls: a ticket does not let in a client whose authority a reload took away" {
  cp "$CERTS/ca.pem" "$BATS_TEST_TMPDIR/client_ca.pem"
  TLS_KEYS="client_ca = \"$BATS_TEST_TMPDIR/client_ca.pem\";" serve
  local shown=(-cert "$CERTS/client.pem" -key "$CERTS/client.key")
  session_begin "${shown[@]}"
  assert_resumed "${shown[@]}"
  cp "$CERTS/untrusted-ca.pem" "$BATS_TEST_TMPDIR/client_ca.pem"
  ctl reload
  assert_lacks "$(s_client "${shown[@]}" -sess_in "$BATS_TEST_TMPDIR/session")" '^Reused, '
  assert_equal "$(counter tls_resumed)" 1
}

# --- a new certificate ------------------------------------------------------------------------------------

# behind NAME: another dotward, which asks the first one over TLS; it is the one that PORT and so on mean from now on.
behind() {
  BACK_PID=$DOTWARD_PID
  DOTWARD_NAME=$1
  PORT=$(free_port)
  LISTEN="{ address = \"127.0.0.1\"; port = $PORT; }"
  dotward_config "$(upstream back "$TLS_PORT" "${2:-}")"
  dotward_start -o log.level=info
}

@test "tls: an expired certificate is replaced by a reload, and no connection is dropped" {
  use_cert expired
  serve
  logged 'warn .*certificate ".*now.pem" expired on .*reload'
  run tls_ask one.test A
  assert_has "$output" 'certificate'
  # a client that does not mind speaks with it all the while
  local back=$SOCKET
  behind front "auth_name = \"upstream.test\"; ca_file = \"$CERTS/ca.pem\"; profile = \"opportunistic\";"
  pace_begin --seconds $((2 * PATIENCE)) --slow-ms 100
  wait_for 5 logged 'upstream connected'
  use_cert good
  "$DOTWARDCTL" --socket "$back" reload
  run -0 tls_ask one.test A
  "$DOTWARDCTL" --socket "$back" reload
  pace_end
  assert_nothing_lost
  SOCKET=${CONFIG%.conf}.control
  under_valgrind || assert_equal "$(counter upstream_failures)" 0
  under_valgrind || assert_equal "$(counter upstream_timeouts)" 0
}

@test "tls: a bad certificate at a reload changes nothing" {
  serve
  cp "$CERTS/wrong.key" "$BATS_TEST_TMPDIR/now.key"
  run -1 ctl reload
  assert_has "$output" 'listen 127.0.0.1@[0-9]+: key ".*now.key" does not belong to certificate ".*now.pem"'
  run -0 tls_ask one.test A
}

# --- handshakes that go nowhere ---------------------------------------------------------------------------

# loris COUNT: so many connections that begin a handshake and say nothing more, until loris_end.
loris() {
  ulimit -n "$(ulimit -Hn)"
  LORIS=()
  local n fd
  for ((n = 0; n < $1; n++)); do
    exec {fd}<>"/dev/tcp/127.0.0.1/$TLS_PORT"
    printf '\x16\x03\x01' >&"$fd"
    LORIS+=("$fd")
  done
}

loris_end() {
  local fd
  for fd in "${LORIS[@]}"; do
    exec {fd}>&-
  done
}

@test "tls: handshakes that stand still give way, and keep nobody out" {
  WORKERS=1 serve -o limits.tls_handshakes=32 -o limits.tcp_clients_per_address=1000 -o limits.tls_handshake_timeout_ms=60000
  loris 200
  local before
  before=$(now_ms)
  run -0 tls_ask one.test A +noall +answer
  assert_has "$output" 'IN[[:space:]]A[[:space:]]10\.'
  echo "# answered after $(($(now_ms) - before)) ms" >&3
  (($(counter tls_failed) >= 169)) # all but those that may stay, and the one that came last
  run -0 q other.test
  loris_end
}

# --- where to ask -----------------------------------------------------------------------------------------

@test "ddr: who asks in clear text is told of the TLS listener" {
  serve
  run -0 q _dns.resolver.arpa SVCB +noall +answer
  assert_has "$output" "^_dns\\.resolver\\.arpa\\..*SVCB[[:space:]]1 upstream\\.test\\. alpn=\"dot\" port=$TLS_PORT ipv4hint=127\\.0\\.0\\.1$"
  run -0 q _DNS.Resolver.ARPA A
  assert_has "$output" 'status: NOERROR.*'
  assert_has "$output" 'ANSWER: 0'
  run -0 q foo.resolver.arpa A
  assert_has "$output" 'ANSWER: 0'
  assert_equal "$(counter upstream_asked)" 0
}

# --- the configuration ------------------------------------------------------------------------------------

# complaint: what -t says of one listener with TLS_KEYS that are all of it.
complaint() {
  LISTEN="{ address = \"127.0.0.1\"; $1 }"
  dotward_config "$(upstream up "$up_port")"
  run -1 dotward -t -c "$CONFIG"
}

@test "tls: what is wrong with certificate and key is said before anybody is served" {
  up_port=$(free_port)
  complaint 'protocols = [ "tls" ];'
  assert_has "$output" 'dotward.conf:1: listen.\[0\]: "tls" needs a certificate; add certificate = '
  assert_has "$output" 'dotward.conf:1: listen.\[0\]: "tls" needs the key of its certificate'
  complaint "certificate = \"$CERTS/good.pem\";"
  assert_has "$output" 'dotward.conf:1: listen.\[0\]: certificate is for TLS; write protocols = \[ "tls" \]'
  complaint "protocols = [ \"tcp\", \"tls\" ]; certificate = \"$CERTS/good.pem\"; key = \"$CERTS/good.key\";"
  assert_has "$output" 'listen.\[0\].protocols: "tls" stands alone'
  complaint "protocols = [ \"tls\" ]; certificate = \"$CERTS/none.pem\"; key = \"$CERTS/good.key\";"
  assert_has "$output" 'dotward.conf:1: listen.\[0\].certificate = ".*none.pem": cannot be read'
  complaint "protocols = [ \"tls\" ]; certificate = \"$CERTS/good.pem\"; key = \"$CERTS/wrong.key\";"
  assert_has "$output" 'listen 127.0.0.1@853: key ".*wrong.key" does not belong to certificate ".*good.pem"'
  complaint "protocols = [ \"tls\" ]; certificate = \"$CERTS/good.key\"; key = \"$CERTS/good.key\";"
  assert_has "$output" 'listen 127.0.0.1@853: certificate ".*good.key" cannot be loaded'
  complaint "protocols = [ \"tls\" ]; certificate = \"$CERTS/good.pem\"; key = \"$CERTS/good.pem\";"
  assert_has "$output" 'listen 127.0.0.1@853: key ".*good.pem" cannot be loaded'
  use_cert expired
  LISTEN=$(tls_listen)
  dotward_config "$(upstream up "$up_port")"
  run -0 dotward -t -c "$CONFIG"
  assert_has "$output" 'certificate ".*now.pem" expired on 20[0-9-]+ .*UTC'
  assert_has "$output" 'good$'
}

