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

# Where the answer to the last question came from, as the query log says.
came_from() {
  dotward_log | tail -n 20 | sed -nE 's/.* answered client=.* from="(.*)"$/\1/p' | tail -n 1
}

# Each row: client, name, type (with "+tcp"), where the answer is to come from, rcode, EDE. Explained, then asked; what is said, what
# is seen and what is written here must be the same. What is not known before it was asked ("?") is not compared with explain.
check_rows() {
  local client name type source rcode ede said seen rows=0 options words from
  while read -r client name type source rcode ede; do
    [[ -n $client ]] || continue
    options=() words=()
    [[ $type != *+tcp ]] || options=(+tcp) words=(--tcp)
    said=$(explained "$name" "${type%+tcp}" --client "$client" "${words[@]}") || fail "explain $client $name $type: $said"
    seen=$(asked "$client" "$name" "${type%+tcp}" "${options[@]}")
    from=$(came_from)
    IFS=$'\t' read -r said_source said_rcode said_ede said_text said_step said_first <<<"$said"
    IFS=$'\t' read -r seen_rcode seen_ede seen_text <<<"$seen"
    assert_equal "$said_source $seen_rcode $seen_ede" "$source $rcode $ede" "$client $name $type (said: $said)"
    case $source in
    upstream:*) fail "write upstream and its name" ;;
    nowhere) assert_equal "$seen_rcode" silence "$client $name $type" ;;
    cache | stale)
      assert_equal "$said_rcode $said_ede $said_text" "$seen_rcode $seen_ede $seen_text" "$client $name $type"
      assert_equal "$from" "$source" "$client $name $type"
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

serve_everything() {
  local name ups=()
  for name in rest corp family; do
    faultup_start "$name"
    local port=${name}_port
    ups+=("$(upstream "$name" "${!port}")")
  done
  WORKERS=1 MORE='
    access: { allow = [ "127.0.0.0/8" ]; deny = [ "127.0.66.0/24", "127.1.0.0/16" ]; };
    routes = ( { domains = [ "corp.test", "10.in-addr.arpa" ]; upstreams = [ "corp" ]; },
      { domains = [ "out.corp.test" ]; upstreams = [ "rest" ]; },
      { domains = [ "." ]; upstreams = [ "rest" ]; } );
    clients = (
      { name = "kids"; networks = [ "127.0.7.0/24" ]; upstreams = [ "family" ]; },
      { name = "tv"; networks = [ "127.0.7.9" ]; },
      { name = "guests"; networks = [ "127.0.9.0/24", "127.1.9.0/24" ]; upstreams = [ "family" ]; },
      { name = "lab"; networks = [ "127.0.8.0/24" ]; upstreams = [ "family" ]; routes = false; },
      { name = "plain"; networks = [ "127.0.10.0/24" ]; routes = false; } );
    cache: { failure_ttl_s = 300; };
    log: { queries = true; };' dotward_config "${ups[@]}"
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
ROWS
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
  FORWARD='policy = "sequential"; timeout_ms = 1000; attempt_timeout_ms = 300; connect_timeout_ms = 200; handshake_timeout_ms = 300;' \
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
