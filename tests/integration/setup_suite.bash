# Once per run: the certificates.
# shellcheck shell=bash
# shellcheck source=tests/integration/certs.bash
source "$(dirname "${BASH_SOURCE[0]}")/certs.bash"

setup_suite() {
  export CERTS=$BATS_SUITE_TMPDIR/certs
  certs_make
  # Workers that gave up root must come through to the certificates and to nothing else.
  chmod a+x "$BATS_RUN_TMPDIR" "$BATS_SUITE_TMPDIR"
}
