# Real DNS-over-TLS servers, from the distribution, run from a folder of their own and never as a system service:
# BIND, unbound and NSD speak TLS themselves, Knot DNS does behind dnsdist. All serve the same zone.
# shellcheck shell=bash
#
# Each NAME_start sets NAME_port (TLS, 127.0.0.1, certificate "good") when it answers.

# zone_make: example.test in $ZONES/plain, signed in $ZONES/signed.
zone_make() {
  ZONES=$(lib_dir)/zones
  mkdir -p "$ZONES"
  zone_text >"$ZONES/plain"
  zone_big >>"$ZONES/plain"
  (
    cd "$ZONES" || exit
    dnssec-keygen -q -a ECDSAP256SHA256 -K . example.test >/dev/null
    dnssec-keygen -q -a ECDSAP256SHA256 -f KSK -K . example.test >/dev/null
    dnssec-signzone -q -S -K . -o example.test -f signed plain >signzone.log 2>&1
  )
  chmod -R a+rX "$ZONES"
}

zone_text() {
  local long
  printf -v long '%0240d' 7
  cat <<ZONE
\$ORIGIN example.test.
\$TTL 300
@ IN SOA ns hostmaster 2026010101 3600 900 604800 60
@ IN NS ns
@ IN MX 10 mail
@ IN MX 20 mail.elsewhere.test.
@ IN CAA 0 issue "ca.example.test"
@ IN CAA 0 iodef "mailto:security@example.test"
ns IN A 192.0.2.53
mail IN A 192.0.2.25
mail IN AAAA 2001:db8::25
www IN A 192.0.2.80
www IN A 192.0.2.81
www IN AAAA 2001:db8::80
www IN HTTPS 1 . alpn="h2,h3" ipv4hint=192.0.2.80 ipv6hint=2001:db8::80
_dns IN SVCB 1 ns alpn=dot port=8530
alias IN CNAME www
far IN CNAME alias
brief 2 IN A 192.0.2.102
brief 2 IN TXT "soon over"
never 0 IN A 192.0.2.103
mixed 200 IN CNAME brief-end
brief-end 100 IN A 192.0.2.104
txt IN TXT "short"
long IN TXT "${long}" "second $long" "third $long" "a \"quoted\" part; and more"
_sip._udp IN SRV 10 60 5060 www
_sip._udp IN SRV 20 10 5061 mail
naptr IN NAPTR 100 10 "S" "SIP+D2U" "!^.*\$!sip:info@example.test!" _sip._udp
odd IN TYPE65280 \# 12 000102030405060708090aff
_853._tcp.ns IN TLSA 3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
host IN SSHFP 4 2 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
host IN HINFO "PDP-11" "UNIX"
1.2.0 IN PTR www
*.wild IN A 192.0.2.99
a\\.dot IN A 192.0.2.100
UpperCase IN A 192.0.2.101
nothing IN TXT "there is no address here"
ZONE
}

# A TXT set of 60 KB, in records of 600 bytes: no more of them than BIND takes by default.
zone_big() {
  local i text
  for ((i = 0; i < 98; i++)); do
    printf -v text '%0200d' "$i"
    echo "big IN TXT \"$text\" \"$text\" \"$text\""
  done
}

# answers_tls PORT: something that speaks DNS over TLS answers there.
answers_tls() {
  dig @127.0.0.1 -p "$1" +tls +tries=1 +timeout=1 example.test SOA 2>/dev/null | grep -q 'status: NOERROR'
}

server_up() {
  wait_for 10 answers_tls "$2" || {
    show_logs
    fail "$1 did not come up"
  }
}

unbound_start() {
  local dir
  dir=$(lib_dir)/unbound
  mkdir -p "$dir"
  unbound_port=$(free_port)
  cat >"$dir/unbound.conf" <<CONF
server:
  interface: 127.0.0.1@$unbound_port
  tls-port: $unbound_port
  tls-service-pem: "$CERTS/good.pem"
  tls-service-key: "$CERTS/good.key"
  directory: "$dir"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  do-daemonize: no
  identity: "unbound of the tests"
  version: "unbound under test"
  module-config: "iterator"
  do-not-query-localhost: no
  local-zone: "test." nodefault
  local-zone: "." refuse
  local-zone: "example.test." transparent
  minimal-responses: yes
  rrset-roundrobin: no
  verbosity: 1
  log-queries: yes
auth-zone:
  name: "example.test"
  zonefile: "$ZONES/signed"
  for-downstream: yes
  for-upstream: no
remote-control:
  control-enable: no
CONF
  spawn unbound unbound -d -c "$dir/unbound.conf"
  server_up unbound "$unbound_port"
}

named_start() {
  local dir plain
  dir=$(lib_dir)/named
  mkdir -p "$dir"
  named_port=$(free_port)
  plain=$(free_port)
  cat >"$dir/named.conf" <<CONF
tls own { cert-file "$CERTS/good.pem"; key-file "$CERTS/good.key"; };
options {
  directory "$dir";
  pid-file none;
  session-keyfile none;
  managed-keys-directory "$dir";
  recursion no;
  querylog yes;
  dnssec-validation no;
  notify no;
  minimal-responses yes;
  version "named under test";
  server-id "named of the tests";
  listen-on-v6 { none; };
  listen-on port $plain { 127.0.0.1; };
  listen-on port $named_port tls own { 127.0.0.1; };
  allow-transfer { none; };
};
controls { };
zone "example.test" { type primary; check-names ignore; file "$ZONES/signed"; };
CONF
  spawn named named -g -n 1 -c "$dir/named.conf"
  server_up named "$named_port"
}

nsd_start() {
  local dir
  dir=$(lib_dir)/nsd
  mkdir -p "$dir"
  nsd_port=$(free_port)
  cat >"$dir/nsd.conf" <<CONF
server:
  ip-address: 127.0.0.1@$nsd_port
  port: $nsd_port
  tls-port: $nsd_port
  tls-service-key: "$CERTS/good.key"
  tls-service-pem: "$CERTS/good.pem"
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: ""
  database: ""
  zonelistfile: "$dir/zone.list"
  xfrdfile: "$dir/xfrd.state"
  xfrdir: "$dir"
  pidfile: ""
  identity: "nsd of the tests"
  minimal-responses: yes
  tcp-timeout: 10
remote-control:
  control-enable: no
zone:
  name: example.test
  zonefile: "$ZONES/signed"
CONF
  spawn nsd nsd -d -c "$dir/nsd.conf"
  server_up nsd "$nsd_port"
}

# Knot DNS in clear text on loopback, behind dnsdist which speaks TLS.
knot_start() {
  local dir
  dir=$(lib_dir)/knot
  mkdir -p "$dir"
  knot_port=$(free_port)
  cat >"$dir/knot.conf" <<CONF
server:
  rundir: "$dir"
  listen: 127.0.0.1@$knot_port
  identity: "knot of the tests"
  version: "knot under test"
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
database:
  storage: "$dir"
log:
  - target: stderr
    any: warning
zone:
  - domain: example.test
    file: "$ZONES/signed"
    zonefile-sync: -1
    journal-content: none
CONF
  spawn knot knotd -c "$dir/knot.conf"
}

dnsdist_start() {
  local dir
  knot_start
  dir=$(lib_dir)/dnsdist
  mkdir -p "$dir"
  dnsdist_port=$(free_port)
  cat >"$dir/dnsdist.conf" <<CONF
setSecurityPollSuffix("")
setLocal("127.0.0.1:$(free_port)")
addTLSLocal("127.0.0.1:$dnsdist_port", "$CERTS/good.pem", "$CERTS/good.key")
addAction(AllRule(), LogAction("", false, true, false, false))
newServer({address="127.0.0.1:$knot_port", name="knot", checkName="example.test.", tcpOnly=true})
CONF
  spawn dnsdist dnsdist --supervised --disable-syslog -C "$dir/dnsdist.conf"
  server_up dnsdist "$dnsdist_port"
}

# servers_start: all of them, for a setup_file.
servers_start() {
  lib_check
  zone_make
  unbound_start
  named_start
  nsd_start
  dnsdist_start
  export ZONES unbound_port named_port nsd_port dnsdist_port
}
