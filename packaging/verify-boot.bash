# Machines for 20-systemd, 21-sysvinit and 23-living: a Debian with an init system as its process 1, in a container without a network
# but its own loopback. They load it behind verify-lib.bash, and then have
#
#   $machine         the root of the machine, in $scratch
#   inside COMMAND…  runs it there; inside_sh TEXT: by its shell
#   /t               there: certificates, the servers and the load of the tests, the packages
#
# The upstreams are in the machine, too: unbound with a throw-away CA, a real server, on port 853, and on port 8853 the tests' own
# server, whose answers can be computed, for names below test: what dpace asks for, so that a wrong answer is seen.
# shellcheck shell=bash disable=SC2154  # verify-lib.bash

machine=$scratch/machine
leader=''
# slow-N names are answered after N milliseconds; this is how many questions are in flight at 1000 a second
slow_ms=50

# boot_tar NAME PACKAGE...: the path of a tar of Debian with these packages and those that dotward depends on; made once.
boot_tar() {
  local name=$1 depends
  shift
  depends=$(dpkg-deb -f "$VERIFY_DEB" Pre-Depends Depends | sed 's/^[^:]*: *//; s/,/\n/g' | sed -E 's/^ *([a-z0-9.+-]+).*/\1/' | sort -u | xargs)
  boot_tar_file=$VERIFY_WORK/$name-$(cksum <<<"$* $depends" | cut -d ' ' -f 1).tar
  # shellcheck disable=SC2086  # a list
  verify_base && verify_once "$boot_tar_file" boot_make_tar "$boot_tar_file" "$@" $depends
}

# In a shell of its own (verify_once), so what is mounted is unmounted here. `boot_download`: packages that lie ready in /packages.
boot_make_tar() {
  local file=$1 root=$scratch/making status=0
  shift
  if ! mkdir "$root" || ! verify_unpack "$root" || ! boot_fill "$root" "$@"; then
    status=1
  fi
  umount "$root/proc" "$root/dev"
  [ "$status" -eq 0 ] || { tail "$scratch/apt" && return 1; }
  rm -f "$root/usr/sbin/policy-rc.d" "$root"/var/cache/apt/archives/*.deb
  tar -C "$root" -cf "$file.new" . && mv "$file.new" "$file" && rm -rf --one-file-system "$root"
}

boot_fill() {
  local root=$1
  shift
  {
    # downloads first: a package may be one that changes how names are resolved
    chroot "$root" apt-get -q update && mkdir "$root/packages" &&
      { [ -z "${boot_download:-}" ] || chroot "$root" sh -c "cd /packages && apt-get -q -o APT::Sandbox::User=root download $boot_download"; } &&
      chroot "$root" apt-get -q install -y --no-install-recommends "$@"
  } >"$scratch/apt" 2>&1
}

# The servers and the load, from the sources of the tests.
boot_helpers() {
  local from=$verify_root/tests/integration
  gcc -O1 -D_GNU_SOURCE -o "$1/dpace" "$from"/dpace.c "$from"/oracle.c -lm &&
    gcc -O1 -D_GNU_SOURCE -o "$1/faultup" "$from"/faultup{,_answer,_conn,_later,_ticket}.c "$from"/oracle.c -lgnutls
}

# boot_prepare TAR: everything but switching it on.
boot_prepare() {
  mkdir -p "$machine" && tar -xf "$1" -C "$machine" --numeric-owner && mkdir "$machine/t" || return
  verify_certificates "$machine/t" && boot_helpers "$machine/t" && chmod 755 "$machine/t" || return
  verify_upstream_config "$machine/t"
  sed -i "s|$machine||g" "$machine/t/unbound.conf"
  cp "$VERIFY_DEB" "$machine/t/dotward.deb" && cp "$VERIFY_DEB_NEXT" "$machine/t/next.deb" || return
  # neither may take port 53, or a name from us
  rm -f "$machine"/etc/systemd/system/multi-user.target.wants/{unbound,dnsmasq}.service "$machine"/etc/rc?.d/*{unbound,dnsmasq}
  rm -f "$machine/etc/resolv.conf" # or a link
  echo 'nameserver 127.0.0.1' >"$machine/etc/resolv.conf"
  boot_config "$machine/t/good.conf"
}

# boot_config FILE [LINE...]: dotward's configuration in the machine, with more lines.
boot_config() {
  local file=$1
  shift
  cat >"$file" <<'END'
listen = ( { address = "127.0.0.1"; }, { address = "::1"; } );
upstreams = (
  { name = "real"; addresses = [ "127.0.0.1" ]; auth_name = "upstream.test"; ca_file = "/t/ca.pem"; },
  { name = "scripted"; addresses = [ "127.0.0.1@8853" ]; auth_name = "upstream.test"; ca_file = "/t/ca.pem"; } );
routes = ( { domains = [ "test" ]; upstreams = [ "scripted" ]; } );
workers = 2;
END
  printf '%s\n' "$@" >>"$file"
}

inside() {
  nsenter -t "$leader" -a -- env -C / -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TERM=dumb "$@"
}

inside_sh() {
  inside sh -c "$1"
}

# boot_up COMMAND: on, and the servers; COMMAND succeeds there when it has booted.
boot_up() {
  local nspawn
  # before all others: how long a start takes is not to be a matter of who else is at work here
  nice -n -10 systemd-nspawn --quiet -D "$machine" --boot --register=no --keep-unit --private-network --machine="verify-$$" --console=passive \
    --kill-signal="${boot_kill_signal:-SIGRTMIN+3}" >"$scratch/console" 2>&1 </dev/null &
  nspawn=$!
  at_exit verify_kill "$nspawn"
  await 20 boot_find_leader "$nspawn" || { cat "$scratch/console" && return 1; }
  await 60 inside sh -c "$1" || { cat "$scratch/console" && return 1; }
  inside_sh 'ip link set lo up'
  inside /usr/sbin/unbound -d -c /t/unbound.conf >"$scratch/unbound.log" 2>&1 </dev/null &
  inside /t/faultup --cert /t/server.pem --key /t/server.key --port 8853 >"$scratch/faultup.log" 2>&1 </dev/null &
  await 10 boot_serve_upstreams || { cat "$scratch"/{unbound,faultup}.log && return 1; }
}

boot_find_leader() {
  leader=$(ps -o pid= --ppid "$1" | tr -d ' ')
  [ -n "$leader" ]
}

boot_serve_upstreams() {
  [ "$(inside ss -Hltn | grep -cE ':(853|8853) ')" -ge 2 ]
}

# --- Asking -------------------------------------------------------------------------------------------------
# resolves [DIG OPTION...]: www.example, within two seconds, at the first try.
resolves() {
  local address=@127.0.0.1
  case ${1:-} in @*) address=$1 && shift ;; esac
  [ "$(inside dig "$address" +tries=1 +time=2 +short "$@" www.example A)" = 192.0.2.80 ]
}

# load_begin SECONDS: a thousand questions a second, each its own, some of them in flight at any moment. Lost is what was not
# answered within the five seconds that clients usually wait.
load_begin() {
  inside /t/dpace 127.0.0.1 53 --qps 1000 --seconds "$1" --deadline-ms 5000 --slow-ms "$slow_ms" --prefix "p$((load_count = ${load_count:-0} + 1))" \
    >"$scratch/load" 2>&1 &
  load_pid=$!
  sleep 0.5
}

# load_end WHAT: none of them was lost.
load_end() {
  wait "$load_pid"
  if grep -q '"wrong":0,.*"lost":0,' "$scratch/load" && grep -q '"right":[1-9]' "$scratch/load"; then
    ok "$1: $(load_figures)"
  else
    not_ok "$1: $(cat "$scratch/load")"
  fi
}

load_figures() {
  grep -oE '"(sent|asked|right|wrong|lost|p99_ms|p99_us|max_ms)":[0-9.]+' "$scratch/load" | tr -d '"' | xargs
}
