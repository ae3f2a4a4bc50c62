#!/usr/bin/env bats
# What dotwardctl explain says would become of a question is what becomes of it: a table of questions and clients, each explained
# first and then asked.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib
load ctl

setup() {
  lib_check
  ctl_setup
}

teardown() {
  lib_teardown
}

# explained WORD...: source, rcode, EDE, its text, step that decided, first upstream; tab by tab, "-" for what there is not.
explained() {
  ctl --json explain "$@" | jq -er '[.answer.source, .answer.rcode, .answer.ede, .answer.ede_text, .decided_by, .upstreams[0].name]
    | map(. // "-" | tostring) | @tsv'
}

# asked CLIENT NAME TYPE [DIG OPTION]...: rcode, EDE and its text of the answer, tab by tab.
asked() {
  local client=$1 rcode=- ede=- text=- silent=yes line
  shift
  while read -r line; do
    case $line in
    ';; ->>HEADER<<-'*)
      silent=no
      [[ $line =~ status:\ ([A-Z0-9]+) ]] && rcode=${BASH_REMATCH[1]}
      ;;
    '; EDE: '*)
      [[ $line =~ ^\;\ EDE:\ ([0-9]+)[^:]*(:\ \((.*)\))?$ ]] && ede=${BASH_REMATCH[1]} text=${BASH_REMATCH[3]:--}
      ;;
    esac
  done < <(q "$@" -b "$client")
  [[ $silent == no ]] || rcode=silence
  printf '%s\t%s\t%s\n' "$rcode" "$ede" "$text"
}

# came_from LINES CLIENT: where the answer to the last question of this client came from, as the query log says behind so many lines:
# "cache", "stale", or the upstream.
came_from() {
  wait_for 5 told_behind "$1" "$2" >/dev/null
  told_behind "$1" "$2" | sed -nE 's/.* source=([a-z]+)( .* upstream=([^ ]+))?.*/\1 \3/p' | tail -n 1 |
    sed -E 's/^upstream (.)/\1/; s/ $//'
}

told_behind() {
  dotward_log | tail -n "+$(($1 + 1))" | grep -F "answered client=$2@"
}

# Each row: client, name, type (with "+tcp"), where the answer is to come from, rcode, EDE. Explained, then asked; what is said, what
# is seen and what is written here must be the same. What is not known before it was asked ("?") is not compared with explain.
check_rows() {
  local client name type source rcode ede said seen rows=0 options words from before
  while read -r client name type source rcode ede; do
    [[ -n $client ]] || continue
    options=() words=()
    [[ $type != *+tcp ]] || options=(+tcp) words=(--tcp)
    said=$(explained "$name" "${type%+tcp}" --client "$client" "${words[@]}") || fail "explain $client $name $type: $said"
    before=$(dotward_log | wc -l)
    seen=$(asked "$client" "$name" "${type%+tcp}" "${options[@]}")
    from=$(came_from "$before" "$client")
    IFS=$'\t' read -r said_source said_rcode said_ede said_text said_step said_first <<<"$said"
    IFS=$'\t' read -r seen_rcode seen_ede seen_text <<<"$seen"
    assert_equal "$said_source $seen_rcode $seen_ede" "$source $rcode $ede" "$client $name $type (said: $said)"
    case $source in
    upstream:*) fail "write upstream and its name" ;;
    nowhere) assert_equal "$seen_rcode" silence "$client $name $type" ;;
    cache | stale)
      assert_equal "$said_rcode $said_ede $said_text" "$seen_rcode $seen_ede $seen_text" "$client $name $type"
      [[ $said_ede == 15 ]] || assert_equal "$from" "$source" "$client $name $type"
      ;;
    here)
      assert_equal "$said_rcode $said_ede $said_text" "$seen_rcode $seen_ede $seen_text" "$client $name $type"
      [[ $said_step != - ]] || fail "$client $name $type: nobody decided"
      ;;
    esac
    [[ $source != upstream ]] || assert_equal "$said_first" "$from" "$client $name $type"
    rows=$((rows + 1))
  done
  echo "# $rows rows" >&3
}

lists_make() {
  cd "$BATS_TEST_TMPDIR" || return
  printf '%s\n' ads.test ads.home.test ads.corp.test both.test >ads
  printf '%s\n' '0.0.0.0 track.test' '0.0.0.0 both.test' >trackers
  printf '%s\n' game.test >games
  printf '%s\n' '[Adblock]' '||none.test^' '@@||fine.none.test^' >nodata
  printf '%s\n' good.ads.test >good
  cat >zone <<'ZONE'
$TTL 300
@ SOA localhost. nobody.invalid. 1 3600 600 86400 60
@ NS localhost.
bad.zone.test CNAME .
*.bad.zone.test CNAME .
nothing.zone.test CNAME *.
pass.bad.zone.test CNAME rpz-passthru.
silent.zone.test CNAME rpz-drop.
slow.zone.test CNAME rpz-tcp-only.
data.zone.test A 192.0.2.7
ZONE
}

serve_everything() {
  local name ups=()
  for name in rest corp family; do
    faultup_start "$name"
    local port=${name}_port
    ups+=("$(upstream "$name" "${!port}")")
  done
  lists_make
  local more='
    access: { allow = [ "127.0.0.0/8" ]; deny = [ "127.0.66.0/24", "127.1.0.0/16" ]; };
    policy: {
      block_lists = ( { name = "ads"; file = "LISTS/ads"; },
        { name = "trackers"; file = "LISTS/trackers"; answer = "null"; reason = "filtered"; },
        { name = "games"; file = "LISTS/games"; answer = "refused"; },
        { name = "empty"; file = "LISTS/nodata"; answer = "nodata"; },
        { name = "zone"; file = "LISTS/zone"; format = "rpz"; } );
      allow_lists = ( { name = "good"; file = "LISTS/good"; } );
      records = ( "nas.home.test. 300 IN A 192.168.1.10", "nas.home.test. 300 IN TXT \"disks\"",
        "www.home.test. 300 IN CNAME nas.home.test.", "*.dev.home.test. 300 IN A 192.168.1.11",
        "ads.home.test. 300 IN A 192.168.1.12", "out.home.test. 300 IN CNAME www.test.", "no.home.test. 300 IN CNAME game.test." );
      local_zones = [ "home.test" ];
      filter_types = [ "HTTPS" ];
      rebind_protection = true;
      rebind_allow = [ "test" ];
    };
    routes = ( { domains = [ "corp.test", "10.in-addr.arpa" ]; upstreams = [ "corp" ]; },
      { domains = [ "out.corp.test" ]; upstreams = [ "rest" ]; },
      { domains = [ "." ]; upstreams = [ "rest" ]; } );
    clients = (
      { name = "kids"; networks = [ "127.0.7.0/24" ]; upstreams = [ "family" ]; },
      { name = "tv"; networks = [ "127.0.7.9" ]; },
      { name = "guests"; networks = [ "127.0.9.0/24", "127.1.9.0/24" ]; upstreams = [ "family" ]; block_lists = [ "games" ]; },
      { name = "lab"; networks = [ "127.0.8.0/24" ]; upstreams = [ "family" ]; routes = false; },
      { name = "plain"; networks = [ "127.0.10.0/24" ]; routes = false; block_lists = [ ]; allow_lists = [ ]; } );
    cache: { failure_ttl_s = 300; };
    log: { queries = true; };'
  WORKERS=1 MORE=${more//LISTS/$BATS_TEST_TMPDIR} dotward_config "${ups[@]}"
  dotward_start
}

@test "explain: what it says is what the server does, row by row" {
  serve_everything
  check_rows <<'ROWS'
127.0.0.1   www.test             A         upstream NOERROR  -
127.0.0.1   www.test             A         cache    NOERROR  -
127.0.0.2   WWW.Test             A         cache    NOERROR  -
127.0.0.1   www.test             A+tcp     cache    NOERROR  -
127.0.0.1   www.test             AAAA      upstream NOERROR  -
127.0.0.1   www.test             AAAA+tcp  cache    NOERROR  -
127.0.0.1   www.test             TXT+tcp   upstream NOERROR  -
127.0.7.1   www.test             A         upstream NOERROR  -
127.0.7.2   www.test             A         cache    NOERROR  -
127.0.9.1   www.test             A         cache    NOERROR  -
127.0.7.9   www.test             A         cache    NOERROR  -
127.0.7.9   tv.test              A         upstream NOERROR  -
127.0.0.1   tv.test              A         cache    NOERROR  -
127.0.7.1   tv.test              A+tcp     upstream NOERROR  -
127.0.8.1   www.test             A         upstream NOERROR  -
127.0.8.2   www.test             A         cache    NOERROR  -
127.0.10.1  www.test             A         upstream NOERROR  -
127.0.0.1   www.corp.test        A         upstream NOERROR  -
127.0.0.3   www.corp.test        A         cache    NOERROR  -
127.0.7.1   www.corp.test        A         upstream NOERROR  -
127.0.9.1   www.corp.test        A+tcp     cache    NOERROR  -
127.0.8.1   www.corp.test        A         upstream NOERROR  -
127.0.10.1  www.corp.test        A         upstream NOERROR  -
127.0.10.1  www.corp.test        A         cache    NOERROR  -
127.0.0.1   corp.test            TYPE65280 upstream NOERROR  -
127.0.0.1   notcorp.test         A         upstream NOERROR  -
127.0.0.1   out.corp.test        A         upstream NOERROR  -
127.0.0.1   a.b.out.corp.test    A         upstream NOERROR  -
127.0.0.1   1.2.3.10.in-addr.arpa PTR      upstream NOERROR  -
127.0.7.1   1.2.3.10.in-addr.arpa PTR      upstream NOERROR  -
127.0.0.1   nxdomain.test        A         upstream NXDOMAIN -
127.0.0.1   nxdomain.test        A         cache    NXDOMAIN -
127.0.7.1   nxdomain.test        A         upstream NXDOMAIN -
127.0.0.1   nodata.test          A         upstream NOERROR  -
127.0.0.1   nodata.test          A+tcp     cache    NOERROR  -
127.0.0.1   servfail.test        A         upstream SERVFAIL -
127.0.0.1   servfail.test        A         cache    SERVFAIL -
127.0.0.1   servfail.corp.test   A         upstream SERVFAIL -
127.0.0.1   refused.test         A         upstream REFUSED  -
127.0.0.1   refused.test         A+tcp     cache    REFUSED  -
127.0.66.1  www.test             A         here     REFUSED  18
127.0.66.1  www.test             A+tcp     here     REFUSED  18
127.0.66.9  nobody.knows.test    TXT       here     REFUSED  18
127.0.66.1  www.corp.test        A         here     REFUSED  18
127.1.2.3   www.test             A         here     REFUSED  18
127.1.9.3   www.test             A         here     REFUSED  18
127.1.9.3   www.test             AAAA+tcp  here     REFUSED  18
127.255.0.1 www.test             A         cache    NOERROR  -
127.0.0.1   ads.test             A         here     NXDOMAIN 15
127.0.0.1   WWW.Ads.Test         AAAA+tcp  here     NXDOMAIN 15
127.0.7.1   x.y.ads.test         A         here     NXDOMAIN 15
127.0.0.1   good.ads.test        A         upstream NOERROR  -
127.0.0.1   www.good.ads.test    A         upstream NOERROR  -
127.0.9.1   ads.test             A         upstream NOERROR  -
127.0.9.1   ads.test             A         cache    NOERROR  -
127.0.7.1   ads.test             A         here     NXDOMAIN 15
127.0.10.1  ads.test             A         upstream NOERROR  -
127.0.0.1   ads.corp.test        A         here     NXDOMAIN 15
127.0.0.1   track.test           A         here     NOERROR  17
127.0.0.1   track.test           AAAA      here     NOERROR  17
127.0.0.1   track.test           MX        here     NOERROR  17
127.0.0.1   www.track.test       A         upstream NOERROR  -
127.0.0.1   both.test            A         here     NXDOMAIN 15
127.0.0.1   game.test            A         here     REFUSED  15
127.0.9.1   game.test            A+tcp     here     REFUSED  15
127.0.10.1  game.test            A         upstream NOERROR  -
127.0.0.1   none.test            A         here     NOERROR  15
127.0.0.1   fine.none.test       A         upstream NOERROR  -
127.0.0.1   bad.zone.test        A         here     NXDOMAIN 15
127.0.0.1   a.bad.zone.test      A         here     NXDOMAIN 15
127.0.0.1   pass.bad.zone.test   A         upstream NOERROR  -
127.0.0.1   nothing.zone.test    A         here     NOERROR  15
127.0.0.1   data.zone.test       A         here     NOERROR  15
127.0.0.1   slow.zone.test       A+tcp     upstream NOERROR  -
127.0.0.1   nas.home.test        A         here     NOERROR  -
127.0.0.1   nas.home.test        TXT+tcp   here     NOERROR  -
127.0.0.1   nas.home.test        AAAA      here     NOERROR  -
127.0.9.1   www.home.test        A         here     NOERROR  -
127.0.0.1   x.dev.home.test      A         here     NOERROR  -
127.0.0.1   out.home.test        A         cache    NOERROR  -
127.0.0.1   no.home.test         A         here     REFUSED  15
127.0.0.1   not.home.test        A         here     NXDOMAIN -
127.0.0.1   ads.home.test        A         here     NOERROR  -
127.0.0.1   www.test             HTTPS     here     NOERROR  17
127.0.0.1   ads.test             HTTPS     here     NXDOMAIN 15
127.0.0.1   www.test             ANY+tcp   here     NOERROR  -
127.0.0.1   nas.home.test        ANY+tcp   here     NOERROR  -
127.0.66.1  nas.home.test        A         here     REFUSED  18
127.0.66.1  ads.test             A         here     REFUSED  18
127.0.0.1   www.example.org      TXT       upstream NOERROR  -
ROWS
  # an answer from outside is looked at when it has come, and again when it is remembered
  assert_equal "$(explained www.example.org A | cut -f 1)" upstream
  assert_equal "$(asked 127.0.0.1 www.example.org A)" $'NOERROR\t15\tprivate address for a public name'
  check_rows <<'ROWS'
127.0.0.1   www.example.org      A         cache    NOERROR  15
127.0.0.1   silent.zone.test     A         nowhere  silence  -
ROWS
  # tells its client to come by TCP, and dig does
  assert_equal "$(json '.answer.source + " " + .decided_by' explain slow.zone.test)" "here lists"
}

@test "explain: for people, and what it leaves behind" {
  serve_everything
  run -0 ctl explain WWW.corp.test aaaa --client 127.0.7.5
  assert_has "$output" '^WWW\.corp\.test\. AAAA from 127\.0\.7\.5 by udp$'
  assert_has "$output" '^group: +kids, by 127\.0\.7\.0/24$'
  assert_has "$output" '^access: +goes on: access\.allow 127\.0\.0\.0/8$'
  assert_has "$output" '^route: +corp\.test\.$'
  assert_has "$output" "^upstreams: +1\. corp 127\.0\.0\.1@$corp_port untried; policy sequential$"
  assert_has "$output" '^cache: +has nothing$'
  assert_has "$output" "^answer: +the upstream's$"
  run -0 ctl explain www.test --client 127.0.66.1
  assert_has "$output" '^access: +is refused: access\.deny 127\.0\.66\.0/24$'
  assert_has "$output" '^answer: +REFUSED, EDE 18 client not allowed$'
  assert_lacks "$output" '^(kind|route|cache|upstreams):'
  run -0 ctl explain www.good.ads.test
  assert_has "$output" '^lists: +goes on: allow list good, which has what is below good\.ads\.test\.$'
  run -0 ctl explain ads.test
  assert_has "$output" '^lists: +is answered here: block list ads, which has ads\.test\.$'
  assert_has "$output" '^answer: +NXDOMAIN, EDE 15 blocked by ads$'
  run -0 ctl explain www.test --client 192.0.2.1
  assert_has "$output" '^access: +is refused: in no network of access\.allow$'
  # nothing was asked, and nothing counts
  assert_equal "$(faultup_stat rest queries) $(faultup_stat corp queries) $(json .queries stats)" "0 0 0"
  assert_resolves www.test
  run -0 ctl explain www.test
  assert_has "$output" '^upstreams: +1\. rest .* up [0-9.]+ms; policy sequential$'
  assert_has "$output" '^cache: +has it for [0-9]+ s$'
  assert_has "$output" '^answer: +NOERROR from the cache$'
  assert_has "$output" '^ +www\.test\. [0-9]+ IN A [0-9.]+$'
  assert_equal "$(json '.entries[0].asked' cache lookup www.test A)" 0
  assert_equal "$(json .cache_hits stats)" 0
}

@test "explain: an expired answer is told of, and upstreams that are down come last" {
  FORWARD="policy = \"sequential\"; timeout_ms = $(patient 1000); attempt_timeout_ms = $(patient 300); connect_timeout_ms = $(patient 200); handshake_timeout_ms = $(patient 300);" \
    MORE='cache: { stale_wait_ms = 0; };' serve_one
  assert_resolves ttl-1.test
  expired() { [[ $(json .cache explain ttl-1.test) == expired ]]; }
  wait_for 5 expired
  assert_equal "$(json .answer.source explain ttl-1.test)" stale
  assert_equal "$(json .answer.ede explain ttl-1.test)" 3
  run -0 q ttl-1.test
  assert_has "$output" 'EDE: 3 '
}

serve_one() {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  dotward_start
}

@test "explain: what makes no sense is told so" {
  serve_one
  run -2 ctl explain
  assert_has "$output" 'usage: explain NAME \[TYPE\]'
  run -2 ctl explain www..test
  assert_has "$output" 'no domain name'
  run -2 ctl explain www.test NOTYPE
  assert_has "$output" 'no type .*NOTYPE'
  run -2 ctl explain www.test --client example
  assert_has "$output" 'no address of a client.*example'
  run -2 ctl explain www.test A MX
  assert_has "$output" 'usage: explain'
  run -0 ctl explain --client ::1 --tcp www.test
  assert_has "$output" '^www\.test\. A from ::1 by tcp$'
}
