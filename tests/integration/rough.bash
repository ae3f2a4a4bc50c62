# The upstreams that a question has to survive: what faultup is told for each. For rough.bats and tests/bench/rough.
# shellcheck shell=bash disable=SC2034

ROUGH=(closes-each closes-idle cuts-length resets jitter deaf joins no-tickets)

# rough_settings WHICH: one setting a line.
rough_settings() {
  case $1 in
  closes-each) echo --close-after=1 ;;                   # closes after every answer
  closes-idle) echo --idle-close-ms=1500 ;;              # closes after 1.5 s idle
  cuts-length) printf '%s\n' --mode=close-length --mode-percent=2 ;; # closes in the middle of a length
  resets) printf '%s\n' --mode=reset --mode-percent=2 ;; # resets at random
  jitter) echo --jitter-ms=200 ;;                        # answers out of order
  deaf) echo --deaf-after=100 ;;                         # stops reading
  joins) printf '%s\n' --join --jitter-ms=3 ;;           # all answers of a moment in one record
  no-tickets) printf '%s\n' --tls=1.2 --no-tickets ;;    # TLS 1.2, nothing to resume
  *) return 1 ;;
  esac
}
