#!/usr/bin/env bats
# Names that are answered here: records, a hosts file, special names, filtered types, ANY; and what is looked at in the answers
# of others: private addresses, and sections that nobody asked for.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load servers
load kept

# A real server, for answers with all their sections and signatures.
setup_file() {
  private_zone
  private_start
}

teardown_file() {
  end_all
}

setup() {
  lib_check
}

teardown() {
  lib_teardown
}

zone_text() {
  cat <<'ZONE'
$ORIGIN example.test.
$TTL 300
@ IN SOA ns hostmaster 2026010101 3600 900 604800 60
@ IN NS ns
ns IN A 192.0.2.53
public IN A 192.0.2.80
private IN A 192.168.1.1
mixed IN A 192.0.2.80
mixed IN A 10.0.0.1
private6 IN AAAA fd00::1
mapped IN AAAA ::ffff:192.0.2.1
zero IN A 0.0.0.0
hint IN HTTPS 1 . ipv4hint=192.168.1.1
alias IN CNAME private
alias2 IN CNAME public
mail IN MX 10 private
fine IN MX 10 public
brief 1 IN A 192.168.1.2
later IN A 192.168.1.3
sub.ok IN A 192.168.1.4
*.wild IN A 192.0.2.99
ZONE
}

private_zone() {
  zone_big() { :; }
  zone_make
}

# BIND that leaves nothing out.
private_start() {
  local dir
  dir=$(lib_dir)/named
  mkdir -p "$dir"
  named_port=$(free_port)
  cat >"$dir/named.conf" <<CONF
tls own { cert-file "$CERTS/good.pem"; key-file "$CERTS/good.key"; };
options {
  directory "$dir"; pid-file none; session-keyfile none; managed-keys-directory "$dir";
  recursion no; dnssec-validation no; notify no; minimal-responses no;
  listen-on-v6 { none; };
  listen-on port $named_port tls own { 127.0.0.1; };
};
controls { };
zone "example.test" { type primary; file "$ZONES/signed"; };
CONF
  spawn named named -g -n 1 -c "$dir/named.conf"
  server_up named "$named_port"
  echo "$named_port" >"$BATS_FILE_TMPDIR/named_port"
}

# here POLICY: serves with this policy, before a scripted upstream that counts.
here() {
  [[ -n ${up_port:-} ]] || faultup_start up
  MORE="${MORE:-} policy: { $1 };" dotward_config "$(upstream up "$up_port")"
}

# before_bind POLICY: the same before BIND.
before_bind() {
  MORE="${ROUTES:-} policy: { $1 }; cache: { ${CACHE:-} };" \
    dotward_config "$(upstream bind "$(<"$BATS_FILE_TMPDIR/named_port")")" ${OTHER:+"$OTHER"}
}

has_reloaded() {
  (($(dotward_log | grep -c ' reloaded generation=') >= $1))
}

reload() {
  local want
  want=$(($(dotward_log | grep -c ' reloaded generation=' || true) + 1))
  kill -HUP "$DOTWARD_PID"
  wait_for 10 has_reloaded "$want"
}

nobody_was_asked() {
  assert_equal "$(faultup_stat up queries)" 0 "questions upstream"
}

# counter NAME: of all workers, from what a dotward says on its way out.
counter() {
  "$DOTWARDCTL" --socket "$(lib_dir)/dotward.control" --json stats | sed -nE "s/.*\"$1\": ?([0-9]+).*/\\1/p"
}

short() {
  q "$@" +short
}

# many DIG OPTION... -- QUESTION...: all of them by one dig, in order.
many() {
  local options=()
  while [[ $1 != -- ]]; do
    options+=("$1")
    shift
  done
  shift
  printf '%s\n' "$@" >"$BATS_TEST_TMPDIR/questions"
  q -f "$BATS_TEST_TMPDIR/questions" "${options[@]}"
}

# says PATTERN NAME [TYPE] [OPTION]...: status, flags and records of an answer in one line.
says() {
  local pattern=$1 found
  shift
  found=$(q "$@" +noall +comments +answer +authority +additional | grep -v '^$' | tr '\n\t' '  ' | tr -s ' ')
  assert_has "$found" "$pattern"
}

# --- names of our own -------------------------------------------------------------------------------------

@test "names: records, aliases, wildcards and a hosts file, by UDP and TCP, and nobody is asked" {
  echo '192.168.1.20 printer.home printer' >"$BATS_TEST_TMPDIR/hosts"
  here "hosts_file = \"$BATS_TEST_TMPDIR/hosts\"; local_zones = [ \"home\" ];
    records = ( \"nas.home. 300 IN A 192.168.1.10\", \"*.dev.home. A 10.0.0.1\", \"www.home. CNAME nas.home.\",
      \"_sip._udp.home. SRV 1 2 5060 nas.home.\", \"nas.home. TXT \\\"a; b\\\" c\" );"
  dotward_start
  says 'NOERROR.* flags: qr aa rd ra;.*nas\.home\. 300 IN A 192\.168\.1\.10' nas.home A
  says 'NAS\.hOmE\. 300 IN A' NAS.hOmE A
  assert_equal "$(short nas.home A +tcp)" 192.168.1.10
  assert_equal "$(short nas.home TXT)" '"a; b" "c"'
  assert_equal "$(short _sip._udp.home SRV)" '1 2 5060 nas.home.'
  assert_equal "$(short x.y.dev.home)" 10.0.0.1
  assert_equal "$(short www.home)" $'nas.home.\n192.168.1.10'
  assert_equal "$(short printer)" 192.168.1.20
  assert_equal "$(short -x 192.168.1.20)" printer.home.
  assert_equal "$(short -x 192.168.1.10)" nas.home.
  says 'NOERROR.* ANSWER: 0, AUTHORITY: 1.*home\. 60 IN SOA' nas.home AAAA
  says 'NXDOMAIN.* ANSWER: 0, AUTHORITY: 1.*home\. 60 IN SOA' nothing.home
  says 'NOERROR.* ANSWER: 0, AUTHORITY: 1' dev.home
  nobody_was_asked
  # outside of zones of our own only the names themselves are ours
  assert_resolves www.test
  assert_equal "$(faultup_stat up queries)" 1 "questions upstream"
}

@test "names: what is too long for UDP is whole by TCP" {
  local i records=
  for ((i = 0; i < 100; i++)); do records+="\"many.home. A 10.0.1.$i\", "; done
  here "records = ( ${records%, } );"
  dotward_start
  says ' flags: qr aa tc rd ra;.* ANSWER: 0' many.home A +ignore
  assert_equal "$(short many.home | wc -l)" 100
  nobody_was_asked
}

@test "names: an alias that leads to a name of others is answered with what that one has" {
  before_bind 'records = ( "www.home. 60 CNAME web.home.", "web.home. 50 CNAME alias2.example.test.",
    "no.home. CNAME no.example.test.", "mx.home. CNAME example.test.", "priv.home. CNAME private.example.test." );
    rebind_protection = true; filter_types = [ "HTTPS" ];'
  dotward_start
  local n
  for n in fresh kept; do
    assert_equal "$(short WWW.home)" $'web.home.\nalias2.example.test.\npublic.example.test.\n192.0.2.80'
    says 'NOERROR.* qr aa rd ra; QUERY: 1, ANSWER: 4, AUTHORITY: 1.*WWW\.home\. 60 IN CNAME web\.home\..*public.example.test\. [0-9]+ IN A' \
      WWW.home
    says 'NXDOMAIN.*ANSWER: 1, AUTHORITY: 1.*no\.home\. 300 IN CNAME no\.example\.test\..*SOA ns\.example\.test\. hostmaster' no.home
    says 'ANSWER: [2-9].*mx\.home\. 300 IN CNAME example\.test\..*IN SOA ns\.example\.test\. host.*IN RRSIG' mx.home SOA +dnssec
  done
  assert_equal "$(short www.home A +tcp | tail -n 1)" 192.0.2.80
  assert_equal "$(counter cache_hits)" 6
  assert_equal "$(short www.home CNAME)" web.home.
  # what is said of the name it leads to goes for the alias, too
  blocked priv.home
  says 'ANSWER: 2, AUTHORITY: 1.*EDE: 17.*www\.home\. 60 IN CNAME web\.home\.' www.home HTTPS
}

@test "names: a reload takes up new records and hosts, and a file that cannot be read leaves all as it was" {
  local hosts=$BATS_TEST_TMPDIR/hosts
  echo '10.0.0.1 one.home' >"$hosts"
  here "hosts_file = \"$hosts\"; records = ( \"two.home. A 10.0.0.2\" );"
  dotward_start
  assert_equal "$(short one.home) $(short two.home)" '10.0.0.1 10.0.0.2'
  printf '10.0.0.11 one.home\nnonsense\n10.0.0.3 three.home\n' >"$hosts"
  here "hosts_file = \"$hosts\"; records = ( \"two.home. A 10.0.0.22\" );"
  reload
  assert_equal "$(short one.home) $(short two.home) $(short three.home)" '10.0.0.11 10.0.0.22 10.0.0.3'
  logged 'hosts:2: no address at its beginning; the line is skipped'
  rm "$hosts"
  kill -HUP "$DOTWARD_PID"
  wait_for 10 logged 'policy\.hosts_file.*cannot be read: No such file'
  assert_equal "$(short one.home) $(short two.home)" '10.0.0.11 10.0.0.22'
  here ""
  reload
  assert_resolves two.home
}

@test "names: what is wrong with a record is said with its place" {
  here 'records = ( "nas.home A 10.0.0.1" );'
  run -1 dotward -t -c "$CONFIG"
  assert_has "$output" 'dotward\.conf:[0-9]+: policy\.records\.\[0\] = "nas\.home A 10\.0\.0\.1": a relative name'
  here 'records = ( "a.home. CNAME b.", "a.home. A 10.0.0.1" );'
  run -1 dotward -t -c "$CONFIG"
  assert_has "$output" 'a CNAME can have no other record beside it'
}

# --- special names ----------------------------------------------------------------------------------------

@test "names: special names are answered here, unless a route leads there" {
  faultup_start up
  faultup_start corp
  MORE='routes = ( { domains = [ "corp.test", "1.10.in-addr.arpa" ]; upstreams = [ "corp" ]; } );' \
    dotward_config "$(upstream up "$up_port")" "$(upstream corp "$corp_port")"
  SPECIAL=true dotward_start
  assert_equal "$(short localhost)" 127.0.0.1
  assert_equal "$(short x.localhost AAAA)" ::1
  assert_equal "$(short -x 127.0.0.1)" localhost.
  run -0 many -- www.test x.invalid x.onion x.alt x.local x.home.arpa x.resolver.arpa 1.2.3.10.in-addr.arpa \
    1.16.172.in-addr.arpa 9.8.d.f.ip6.arpa
  assert_count "$output" 'status: NXDOMAIN' 10
  assert_count "$output" 'flags: qr aa rd ra; .* AUTHORITY: 1,' 10
  assert_count "$output" '10800\s+IN\s+SOA\s+.* nobody\.invalid\. ' 10
  says 'NOERROR.* ANSWER: 0' _dns.resolver.arpa SVCB
  nobody_was_asked
  assert_equal "$(counter answered_special)" 14
  assert_resolves www.corp.test
  q -x 10.1.0.1 >/dev/null
  assert_equal "$(faultup_stat corp queries)" 2 "questions for what is routed"
  q 10.in-addr.arpa DS >/dev/null
  assert_equal "$(faultup_stat up queries)" 1 "questions that are the parent's"
}

# --- types ------------------------------------------------------------------------------------------------

@test "names: filtered types are not there, and say why" {
  here 'filter_types = [ "AAAA", "TYPE65" ];'
  dotward_start
  says 'NOERROR.* ANSWER: 0, AUTHORITY: 1.*EDE: 17 \(Filtered\).*SOA' www.test AAAA
  says 'NOERROR.* ANSWER: 0.*EDE: 17' www.test HTTPS
  nobody_was_asked
  assert_resolves www.test
  assert_equal "$(counter filtered_type)" 2
}

@test "names: ANY gets one small record, whoever has the name" {
  here 'records = ( "nas.home. A 10.0.0.1" );'
  dotward_start
  local size
  run -0 many +notcp -- 'www.test ANY' 'example.com ANY' 'nas.home ANY' '. ANY'
  assert_count "$output" 'ANSWER: 1, AUTHORITY: 0' 4
  assert_count "$output" '3789\s+IN\s+HINFO\s+"RFC8482" ""' 4
  # header, the longest question, an OPT without options, a record of 21 octets
  while read -r size; do
    ((size <= 12 + 17 + 11 + 23)) || fail "$size octets"
  done < <(sed -nE 's/.*MSG SIZE +rcvd: ([0-9]+)/\1/p' <<<"$output")
  nobody_was_asked
  assert_equal "$(counter refused_any) $(counter answered_local)" '3 1'
  here 'refuse_any = false;'
  reload
  q www.test ANY +notcp >/dev/null
  assert_equal "$(faultup_stat up queries)" 1 "questions upstream"
}

# --- rebinding --------------------------------------------------------------------------------------------

blocked() {
  says 'NOERROR.* ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 1.*EDE: 15 \(Blocked\)' "$@"
}

@test "names: private addresses for public names are held back, wherever they stand" {
  before_bind 'rebind_protection = true; rebind_allow = [ "OK.example.test" ];'
  dotward_start
  assert_equal "$(short public.example.test)" 192.0.2.80
  assert_equal "$(short fine.example.test MX)" '10 public.example.test.'
  # the last one in its additional section
  run -0 many -- private.example.test 'private.example.test A +dnssec' 'private.example.test A +tcp' mixed.example.test \
    'private6.example.test AAAA' 'mapped.example.test AAAA' zero.example.test 'hint.example.test HTTPS' alias.example.test \
    'mail.example.test MX'
  assert_count "$output" 'status: NOERROR' 10
  assert_count "$output" 'ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 1' 10
  assert_count "$output" 'EDE: 15 \(Blocked\)' 10
  assert_equal "$(counter rebind_blocked)" 10
  assert_equal "$(short sub.ok.example.test)" 192.168.1.4
}

@test "names: what was kept before is held back as well, fresh or stale, from a reload on" {
  CACHE='prefetch = false; stale_wait_ms = 0;'
  faultup_start up
  before_bind ''
  dotward_start
  assert_equal "$(short later.example.test)" 192.168.1.3
  assert_equal "$(short brief.example.test)" 192.168.1.2
  # nobody there any more: what there is comes from the cache
  faultup_start gone
  end "$gone_pid" || true
  MORE="policy: { rebind_protection = true; }; cache: { $CACHE };" dotward_config "$(upstream bind "$gone_port")"
  reload
  blocked later.example.test
  wait_for 10 expired brief.example.test
  blocked brief.example.test
  MORE="policy: { rebind_protection = false; }; cache: { $CACHE };" dotward_config "$(upstream bind "$gone_port")"
  reload
  assert_equal "$(short later.example.test)" 192.168.1.3
  says 'EDE: 3 \(Stale.*192\.168\.1\.2' brief.example.test
}

# expired NAME: dotward has had to give it stale.
expired() {
  q "$1" >/dev/null
  (($(counter cache_stale) > 0))
}

@test "names: names that are routed may have private addresses" {
  OTHER=$(upstream corp "$(<"$BATS_FILE_TMPDIR/named_port")")
  ROUTES='routes = ( { domains = [ "example.test" ]; upstreams = [ "corp" ]; } );'
  before_bind 'rebind_protection = true;'
  dotward_start
  assert_equal "$(short private.example.test)" 192.168.1.1
}

# --- minimal responses ------------------------------------------------------------------------------------

@test "names: minimal responses leave out what nobody asked for, fresh and kept" {
  before_bind ''
  dotward_start
  says 'ANSWER: 1, AUTHORITY: 1, ADDITIONAL: 2' public.example.test
  before_bind 'minimal_responses = true;'
  reload
  local n
  for n in kept fresh; do
    says 'ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1 .*IN A 192\.0\.2\.80' public.example.test
  done
  says 'ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1 ' fine.example.test MX
  says 'ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1 ' fine.example.test MX
  says 'NXDOMAIN.*ANSWER: 0, AUTHORITY: 1, .*SOA' nothing.example.test
  says 'NOERROR.*ANSWER: 0, AUTHORITY: 1, .*SOA' public.example.test MX
  # with DO: without a proof nothing is left, a wildcard's proof stays
  says 'ANSWER: 2, AUTHORITY: 0, ADDITIONAL: 1 ' public.example.test A +dnssec
  says 'ANSWER: 2, AUTHORITY: [2-9].*NSEC' x.wild.example.test A +dnssec
}
