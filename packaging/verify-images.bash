# What 30-docker, 31-podman and 32-kubernetes share, beyond verify-lib.bash: a network of their own, the upstream in it, and what
# is asked of a container whatever engine runs it.
#
# The network is a namespace, and so is that of whoever asks from elsewhere. The engine's command is in the array $engine. All
# waiting is for something that can be seen.
# shellcheck shell=bash disable=SC2154  # the scripts and verify-lib.bash have those

net=dotward-verify-$$
upstream_address=10.99.0.1 # in no container, but every container can reach it
unbound_pid=''
image=localhost/dotward:verify

# --- The network ---------------------------------------------------------------------------------------------
inside() {
  nsenter --net="/run/netns/$net" "$@"
}

# "ip netns exec" would hide the control groups.
network_open() {
  ip netns add "$net" && at_exit ip netns delete "$net" && inside ip link set lo up &&
    inside ip address add "$upstream_address/32" dev lo
}

# --- The upstream --------------------------------------------------------------------------------------------
upstream_prepare() {
  verify_certificates "$scratch/upstream" && verify_upstream_config "$scratch/upstream" 0.0.0.0
}

# As long as it runs, its process is $unbound_pid; not by way of `inside`, as the pid would be that of a shell then.
upstream_start() {
  nsenter --net="/run/netns/$net" unbound -d -c "$scratch/upstream/unbound.conf" >>"$scratch/unbound.log" 2>&1 </dev/null &
  unbound_pid=$!
  await 10 upstream_listens || { cat "$scratch/unbound.log" && return 1; }
}

upstream_listens() {
  [ -n "$(inside ss -Hltn 'sport = 853')" ]
}

upstream_stop() {
  [ -z "$unbound_pid" ] || verify_kill "$unbound_pid"
  unbound_pid=''
}
at_exit upstream_stop

# --- Images --------------------------------------------------------------------------------------------------
# At most 60 MB over its base, which is nothing.
image_is_small() {
  local bytes
  bytes=$("${engine[@]}" image inspect --format '{{.Size}}' "$image") || return
  echo "# the image has $bytes bytes"
  [ "$bytes" -lt 60000000 ]
}

# run OPTION... -- ARGUMENT...: a container as careful people run it; sets $container.
run() {
  local options=()
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  container=$("${engine[@]}" run -d --cap-drop=ALL --security-opt=no-new-privileges --read-only \
    --tmpfs /run/dotward:mode=1777,size=64k -v "$scratch/upstream/ca.pem:/ca.pem:ro" -e DOTWARD_CA_FILE=/ca.pem \
    "${network[@]}" "${options[@]}" "$image" "$@")
}

# in_container COMMAND...: one of the image's programs, in the container that runs.
in_container() {
  "${engine[@]}" exec "$container" "$@"
}

drop() {
  "${engine[@]}" rm -f "$container" >/dev/null
}

field() {
  "${engine[@]}" inspect --format "$1" "$container"
}

logged() {
  local said
  said=$("${engine[@]}" logs "$container" 2>&1 >/dev/null) && grep -Eq -- "$1" <<<"$said" # stderr, and nothing else
}

# asks ADDRESS PORT NAME [OPTION...]: what dig is told there, in one line.
asks() {
  local address=$1 port=$2
  shift 2
  inside dig "@$address" -p "$port" +short +tries=1 +time=3 "$@"
}

is_answered() {
  local want=$1
  shift
  [ "$(asks "$@")" = "$want" ]
}

awaits_answer() {
  await 15 is_answered 192.0.2.80 "$@" www.example || { "${engine[@]}" logs "$container" && return 1; }
}

has_no_rights() {
  local pid status
  pid=$(field '{{.State.Pid}}')
  status=$(cat "/proc/$pid/status" "/proc/$pid/task/$pid/children")
  grep -q '^Uid:.*5353.*5353.*5353.*5353' <<<"$status" && grep -q '^CapEff:.*0000000000000000$' <<<"$status" &&
    grep -q '^CapBnd:.*0000000000000000$' <<<"$status" && grep -q '^NoNewPrivs:.*1$' <<<"$status" && grep -q '^Seccomp:.*2$' <<<"$status"
}

has_no_shell() {
  ! "${engine[@]}" run --rm --network none --entrypoint /bin/sh "$image" -c true
}

refuses_nonsense() {
  local said
  said=$("${engine[@]}" run --rm --network none -e DOTWARD_UPSTREAM=nonsense "$image" 2>&1) && return 1
  echo "$said"
  grep -q 'DOTWARD_UPSTREAM.*nonsense' <<<"$said"
}

# A question is asked while the upstream has stopped, then the engine stops the container, then the upstream goes on.
stops_in_order() {
  local asked stopping since=$SECONDS status before
  before=$(questions) || return
  kill -STOP "$unbound_pid" || return
  inside dig "@$1" -p "$2" +short +tries=1 +time=9 drain.load.example >"$scratch/drained" 2>&1 &
  asked=$!
  await 5 more_questions "$before" || return
  "${engine[@]}" stop -t 10 "$container" >/dev/null &
  stopping=$!
  await 5 logged 'master: draining'
  kill -CONT "$unbound_pid"
  wait "$asked"
  wait "$stopping"
  status=$(field '{{.State.ExitCode}}')
  echo "status $status after $((SECONDS - since)) s, the question in flight: $(cat "$scratch/drained")"
  [ "$status" -eq 0 ] && [ "$(cat "$scratch/drained")" = 192.0.2.81 ]
}

questions() {
  local said
  said=$(in_container /usr/sbin/dotwardctl --json stats) && verify_asked <<<"$said"
}

more_questions() {
  [ "$(questions)" -gt "$1" ]
}
