# For the tests of the cache: a dotward in front of one scripted upstream, and how to tell a kept answer from a fresh one.
# shellcheck shell=bash disable=SC2154
#
# That an answer was kept is proved by the upstream, which was not asked, never by a stopwatch. With --serial each of its answers
# says a number of its own.

# cached [FAULTUP SETTING]...: serves, with the part of the configuration that CACHE says.
cached() {
  faultup_start up --serial 1 "$@"
  serve_cached "$(upstream up "$up_port")"
}

# serve_cached UPSTREAM...
serve_cached() {
  MORE="${MORE:-} cache: { ${CACHE:-} };" dotward_config "$@"
  dotward_start
}

# Time enough for an upstream that takes some: for tests with --delay-ms and the like. Asked once, however long it takes.
patient_forward() {
  echo "policy = \"sequential\"; hedge = false; timeout_ms = $(patient 8000); attempt_timeout_ms = $(patient 8000);"
}

question() {
  local IFS=,
  echo "$*"
}

# ask NAME [TYPE] [KEY=VALUE]...: one question by UDP, as rawdns takes it; what it shows is in $output.
ask() {
  run -0 raw udp --wait-ms 5000 "$(question "$@")"
}

ask_tcp() {
  run -0 raw tcp --wait-ms 5000 "$(question "$@")"
}

# has PATTERN: what the last answer was.
has() {
  assert_has "$output" "$1"
}

lacks() {
  assert_lacks "$output" "$1"
}

# upstream_saw N: so many questions in all since the start (or since upstream_forget).
upstream_saw() {
  assert_equal "$(faultup_stat up queries)" "$1" "questions upstream"
}

upstream_forget() {
  faultup_say up reset >/dev/null
}

# up_set SETTING VALUE
up_set() {
  faultup_say up set "$@" >/dev/null
}

has_seen() {
  [[ $(faultup_stat up queries) == "$1" ]]
}

# The least TTL in $output.
ttl() {
  sed -nE 's/.* ttl=([0-9]+)-.*/\1/p' <<<"$output"
}

# NAME=... field of the last answer.
field() {
  sed -nE "s/.* $1=([^ ]*).*/\1/p" <<<"$output"
}

# counter NAME: of all workers.
counter() {
  "$DOTWARDCTL" --socket "$(lib_dir)/dotward.control" --timeout "$((5 * PATIENCE))" --json stats | jq -er ".$1"
}

assert_counter() {
  assert_equal "$(counter "$1")" "$2" "$1"
}

# keep NAME [TYPE] [KEY=VALUE]...: asks, so that the answer is kept.
keep() {
  ask "$@"
  has 'rcode=[03] '
}

# The cache is at work: what a test shows not to be kept is not kept for its own sake.
keeps() {
  local before
  ask ttl-300.keeps.test
  before=$(faultup_stat up queries)
  ask ttl-300.keeps.test
  upstream_saw "$before"
}

# True once the upstream is asked for this again: it was in the cache and is no more.
asked_again() {
  local before
  before=$(faultup_stat up queries)
  raw udp --wait-ms 5000 "$1" >/dev/null
  [[ $(faultup_stat up queries) != "$before" ]]
}

# expire [SECONDS]: until all answers kept so far, whose TTL is that of a new one or less, have expired. A witness tells.
WITNESS=0
expire() {
  WITNESS=$((WITNESS + 1))
  local name="witness-$WITNESS.test"
  ask "$name"
  wait_for "${1:-10}" asked_again "$name"
}
