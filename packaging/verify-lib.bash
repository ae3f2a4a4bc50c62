# What the scripts in verify.d share. They load it with
#
#   # needs: PACKAGE...        Debian packages, on lines of their own near the head of the script
#   # shellcheck source=packaging/verify-lib.bash
#   . "$(dirname "$0")/../verify-lib.bash"
#
# and then have: the top of the source tree in $verify_root; a folder of their own in $scratch, on the disk of VERIFY_WORK, that
# goes away with them; the packages that they need. All of it works alone or under packaging/verify. A script says what it
# checks with `check` or `ok` and `not_ok`, leaves what is to be undone to `at_exit`, and ends with `verify_end`.
#
#   VERIFY_WORK     where all of this lies (default: /var/tmp/dotward-verify); what is made once stays there
#   VERIFY_BASE     a tar of a minimal Debian: `verify_base` makes it
#   VERIFY_DEB VERIFY_DSC VERIFY_CHANGES
#                   the package, its source, and the list of both: `verify_package` builds them
#   VERIFY_DEB_NEXT the same package under a later version, to upgrade to: `verify_next_package` makes it
# shellcheck shell=bash
set -uo pipefail

verify_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
verify_suite=bookworm
: "${VERIFY_WORK:=/var/tmp/dotward-verify}"
: "${VERIFY_BASE:=}" "${VERIFY_DEB:=}" "${VERIFY_DSC:=}" "${VERIFY_CHANGES:=}" "${VERIFY_DEB_NEXT:=}"
export VERIFY_WORK VERIFY_BASE VERIFY_DEB VERIFY_DSC VERIFY_CHANGES VERIFY_DEB_NEXT
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

verify_passed=0
verify_failed=0
verify_undo=()

# --- Verdicts -----------------------------------------------------------------------------------------------
ok() {
  verify_passed=$((verify_passed + 1))
  printf 'ok %s\n' "$*"
}

not_ok() {
  verify_failed=$((verify_failed + 1))
  printf 'not ok %s\n' "$*"
}

# check WHAT COMMAND...: its words are shown when it fails.
check() {
  local what=$1 said=$scratch/said.$BASHPID
  shift
  if "$@" >"$said" 2>&1 </dev/null; then
    ok "$what"
  else
    not_ok "$what (status $?: $*)"
    tail -n "${VERIFY_LINES:-40}" "$said" | sed 's/^/# /'
    return 1
  fi
}

# Without what comes next the rest makes no sense.
verify_fatal() {
  not_ok "$*"
  exit 1
}

# The last command of a script: its status is the script's.
verify_end() {
  [ "$verify_failed" -eq 0 ] && [ "$verify_passed" -gt 0 ]
}

# --- What is to be undone -----------------------------------------------------------------------------------
# at_exit COMMAND...: the last is the first to be run.
at_exit() {
  verify_undo+=("$(printf '%q ' "$@")")
}

verify_clean_up() {
  local status=$? i
  trap '' INT TERM HUP
  for ((i = ${#verify_undo[@]} - 1; i >= 0; i--)); do
    eval "${verify_undo[i]}" || :
  done
  exit "$status"
}

# verify_kill PID: asks it to end, waits for it, and makes it after ten seconds.
verify_kill() {
  local i
  kill "$1" 2>/dev/null || return 0
  for ((i = 0; i < 100; i++)); do
    kill -0 "$1" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$1" 2>/dev/null
  wait "$1" 2>/dev/null
  return 0
}

# await SECONDS COMMAND...: until it succeeds.
await() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.1
  done
}

# --- What is needed -----------------------------------------------------------------------------------------
# Nothing that is installed for a test may start: it would take port 53. Scripts run alone or beside each other, so one at a time.
verify_install() {
  local missing=() package
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Abbrev}' "$package" 2>/dev/null | grep -q '^ii' || missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  echo "-- installing ${missing[*]}"
  (
    flock 9
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
      printf '#!/bin/sh\nexit 101\n' >"$policy"
      chmod 755 "$policy"
      trap 'rm -f "$policy"' EXIT
    fi
    { apt-get -q -o DPkg::Lock::Timeout=300 update &&
      apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}"; } >"$VERIFY_WORK/apt.log" 2>&1
  ) 9>"$VERIFY_WORK/apt.lock" || { tail -n 20 "$VERIFY_WORK/apt.log" && return 1; }
}

# The packages on the `# needs:` lines of FILE.
verify_needs_of() {
  sed -n 's/^# needs: *//p' "$1"
}

# verify_asked: how many questions there were, of what "dotwardctl --json stats" says. Its first number of that name; others count parts.
verify_asked() {
  grep -oE '"queries": *[0-9]+' | grep -oE '[0-9]+' | sed -n 1p
}

# verify_once FILE COMMAND...: what makes FILE, unless it is there; one at a time.
verify_once() {
  local file=$1
  shift
  mkdir -p "$(dirname "$file")" || return
  (
    flock 9
    [ -s "$file" ] || { echo "-- making $file" && "$@"; }
  ) 9>"$file.lock"
}

# --- A minimal Debian ---------------------------------------------------------------------------------------
verify_sources() {
  local file
  for file in /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list; do
    [ -s "$file" ] && echo "$file" && return
  done
}

# The mirror of those.
verify_mirror() {
  sed -n -E 's/^(URIs:|deb( \[[^]]*\])?) +([^ ]+).*/\3/p' "$(verify_sources)" | head -n 1
}

verify_make_base() {
  verify_install mmdebstrap &&
    mmdebstrap --quiet --variant=minbase --include=ca-certificates "$verify_suite" "$1.new.tar" "$(verify_sources)" &&
    mv "$1.new.tar" "$1"
}

# verify_base: VERIFY_BASE, a tar of it, made once.
verify_base() {
  [ -z "$VERIFY_BASE" ] || [ ! -s "$VERIFY_BASE" ] || return 0
  VERIFY_BASE=$VERIFY_WORK/base.tar
  verify_once "$VERIFY_BASE" verify_make_base "$VERIFY_BASE"
}

# verify_unpack DIR: a root from it in DIR, which lies in $scratch; apt-get works there and starts no service.
verify_unpack() {
  verify_base && mkdir -p "$1" && tar -xf "$VERIFY_BASE" -C "$1" --numeric-owner --exclude='./dev/*' || return
  cp -L /etc/resolv.conf "$1/etc/resolv.conf" && printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d" &&
    chmod 755 "$1/usr/sbin/policy-rc.d" || return
  mount --bind /dev "$1/dev" && at_exit umount "$1/dev" && mount -t proc proc "$1/proc" && at_exit umount "$1/proc"
}

# --- The package --------------------------------------------------------------------------------------------
verify_build() {
  # shellcheck disable=SC2046  # a list
  verify_install $(verify_needs_of "$verify_root/packaging/build-deb") &&
    rm -rf "$VERIFY_WORK/package.new" && "$verify_root/packaging/build-deb" --output "$VERIFY_WORK/package.new" &&
    rm -rf "$VERIFY_WORK/package" && mv "$VERIFY_WORK/package.new" "$VERIFY_WORK/package"
}

# Of the tree as it is: a package that is older than a file of it is built anew.
verify_build_if_old() {
  local stamp=$VERIFY_WORK/package/stamp
  if [ -f "$stamp" ] && [ -z "$(cd "$verify_root" && find ./* -path './build*' -prune -o -path './autom4te.cache' -prune -o \
    -type f -newer "$stamp" -print -quit)" ]; then
    return 0
  fi
  echo '-- building the package'
  verify_build >"$VERIFY_WORK/build.log" 2>&1 || { tail -n 40 "$VERIFY_WORK/build.log" && return 1; }
  touch "$stamp"
}

verify_package() {
  if [ -z "$VERIFY_DEB" ] || [ -z "$VERIFY_DSC" ] || [ -z "$VERIFY_CHANGES" ]; then
    (flock 9 && verify_build_if_old) 9>"$VERIFY_WORK/package.lock" || return
    VERIFY_DEB=$(echo "$VERIFY_WORK"/package/dotward_*.deb)
    VERIFY_DSC=$(echo "$VERIFY_WORK"/package/dotward_*.dsc)
    VERIFY_CHANGES=$(echo "$VERIFY_WORK"/package/dotward_*.changes)
  fi
  [ -f "$VERIFY_DEB" ] && [ -f "$VERIFY_DSC" ] && [ -f "$VERIFY_CHANGES" ]
}

# The same files under a version that is later by "+next": something to upgrade to.
verify_next_package() {
  [ -z "$VERIFY_DEB_NEXT" ] || return 0
  local version root=$scratch/next
  verify_package || return
  version=$(dpkg-deb -f "$VERIFY_DEB" Version)+next
  rm -rf "$root" && dpkg-deb -R "$VERIFY_DEB" "$root" &&
    sed -i "s/^Version: .*/Version: $version/" "$root/DEBIAN/control" &&
    dpkg-deb --root-owner-group -Zgzip -z1 -b "$root" "$scratch/dotward_${version}_$(dpkg --print-architecture).deb" >/dev/null || return
  VERIFY_DEB_NEXT=$(echo "$scratch"/dotward_*+next_*.deb)
  rm -rf "$root"
}

# --- A DNS-over-TLS server with a throw-away CA -------------------------------------------------------------
# verify_certificates DIR: ca.pem, and server.pem and server.key for upstream.test, 127.0.0.1 and ::1.
verify_certificates() (
  verify_install gnutls-bin && mkdir -p "$1" && cd "$1" || exit
  printf 'cn = "throw-away CA"\nca\ncert_signing_key\nexpiration_days = 2\n' >ca.tmpl
  printf 'cn = "upstream.test"\ndns_name = "upstream.test"\nip_address = "127.0.0.1"\nip_address = "::1"\n' >server.tmpl
  printf 'tls_www_server\nexpiration_days = 2\n' >>server.tmpl
  {
    certtool --generate-privkey --key-type ecdsa --outfile ca.key &&
      certtool --generate-self-signed --load-privkey ca.key --template ca.tmpl --outfile ca.pem &&
      certtool --generate-privkey --key-type ecdsa --outfile server.key &&
      certtool --generate-certificate --load-privkey server.key --load-ca-privkey ca.key --load-ca-certificate ca.pem \
        --template server.tmpl --outfile server.pem
  } >certtool.log 2>&1 || { cat certtool.log && exit 1; }
  chmod 644 ca.pem
)

# verify_upstream_config DIR [ADDRESS [PORT]]: DIR/unbound.conf for a server with those certificates. It knows www.example
# (192.0.2.80) and *.load.example (192.0.2.81), with a TTL of five minutes; no other name exists. DIR is as the server sees it.
verify_upstream_config() {
  cat >"$1/unbound.conf" <<END
server:
  do-daemonize: no
  use-syslog: no
  logfile: ""
  username: ""
  chroot: ""
  directory: "$1"
  pidfile: ""
  interface: ${2:-127.0.0.1}@${3:-853}
  tls-port: ${3:-853}
  tls-service-key: "$1/server.key"
  tls-service-pem: "$1/server.pem"
  access-control: 0.0.0.0/0 allow
  access-control: ::0/0 allow
  module-config: "iterator"
  local-zone: "." static
  local-data: ". 300 IN SOA upstream.test. root.test. 1 3600 600 86400 300"
  local-data: ". 300 IN NS upstream.test."
  local-data: "www.example. 300 IN A 192.0.2.80"
  local-zone: "load.example." redirect
  local-data: "load.example. 300 IN A 192.0.2.81"
remote-control:
  control-enable: no
END
}

# --- The beginning of every script --------------------------------------------------------------------------
mkdir -p "$VERIFY_WORK" || exit 99
[ "$(id -u)" -eq 0 ] || { echo 'not ok needs root' && exit 1; }
scratch=$(mktemp -d "$VERIFY_WORK/$(basename "$0").XXXXXX") || exit 99
chmod 755 "$scratch"
at_exit rm -rf --one-file-system "$scratch"
trap verify_clean_up EXIT
trap 'exit 130' INT TERM HUP
# shellcheck disable=SC2046  # a list
verify_install $(verify_needs_of "$0") || verify_fatal 'what it needs could not be installed'
