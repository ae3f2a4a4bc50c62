# What 31-podman and 32-kubernetes share: podman and buildah with a store of their own, and limits that a machine with low hard
# limits can give.
# shellcheck shell=bash disable=SC2154

engine=(podman --log-level=fatal)
export CONTAINERS_CONF=$scratch/containers.conf CONTAINERS_STORAGE_CONF=$scratch/storage.conf

podman_settings() {
  mkdir -p "$scratch/store" "$scratch/run"
  cat >"$CONTAINERS_STORAGE_CONF" <<END
[storage]
driver = "overlay"
graphroot = "$scratch/store"
runroot = "$scratch/run"
END
  cat >"$CONTAINERS_CONF" <<'END'
[containers]
default_ulimits = ["nofile=16384:16384", "nproc=4096:4096"]
netns = "none"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
END
}

podman_close() {
  "${engine[@]}" pod rm -af
  "${engine[@]}" rm -af
  umount -q "$scratch/store/overlay"
} >/dev/null 2>&1

# Called before anything is run.
podman_open() {
  verify_base && podman_settings && at_exit podman_close &&
    "${engine[@]}" import --quiet --change 'ENV PATH=/usr/sbin:/usr/bin:/sbin:/bin' "$VERIFY_BASE" docker.io/library/debian:bookworm-slim >/dev/null
}

# Without --format docker the health check would be lost. The other isolations want more of control groups than a container
# or an old machine has.
podman_build() {
  buildah bud --isolation chroot --pull-never --format docker -t "$image" "$verify_root"
}

# podman_image: the image of this tree; built, unless the last that was built is not older than anything that it is made of.
podman_image() {
  local saved=$VERIFY_WORK/image.tar
  if [ -s "$saved" ] && [ -z "$(cd "$verify_root" && find Dockerfile bootstrap configure.ac Makefile.am m4 src packaging/image* \
    -newer "$saved" -print -quit)" ]; then
    "${engine[@]}" load --quiet -i "$saved"
  else
    podman_build && podman_save
  fi
}

podman_save() {
  rm -f "$VERIFY_WORK/image.new" && "${engine[@]}" save --quiet -o "$VERIFY_WORK/image.new" "$image" && mv "$VERIFY_WORK/image.new" "$VERIFY_WORK/image.tar"
}
