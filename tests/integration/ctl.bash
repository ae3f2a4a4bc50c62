# A dotward with one upstream, and dotwardctl at its socket.
# shellcheck shell=bash disable=SC2154

ctl_setup() {
  : "${DOTWARDCTL:?set DOTWARDCTL to the built dotwardctl}"
  command -v jq >/dev/null || skip "no jq"
  SOCKET=$BATS_TEST_TMPDIR/dotward.control
  unset DOTWARD_SOCKET
}

serve() {
  faultup_start up
  dotward_config "$(upstream up "$up_port")"
  dotward_start "$@"
}

# ctl WORD...: dotwardctl at the socket of this test.
ctl() {
  "$DOTWARDCTL" --socket "$SOCKET" --timeout "$((5 * PATIENCE))" "$@"
}

# json FILTER WORD...: one value of the JSON answer.
json() {
  local filter=$1
  shift
  ctl --json "$@" | jq -er "$filter"
}
