# A dotward with an exporter: where it is, what it says, and whether its counters ever went backwards.
# shellcheck shell=bash disable=SC2154

metrics_setup() {
  command -v curl >/dev/null || skip "no curl"
  command -v jq >/dev/null || skip "no jq"
  METRICS_PORT=$(free_port)
}

# metrics_serve [KEY]...: keys of the group metrics besides enabled and port; dotward_start's options in OPTIONS.
metrics_serve() {
  faultup_start up
  metrics_config "$@"
  # shellcheck disable=SC2086 # several
  dotward_start ${OPTIONS:-}
}

metrics_config() {
  MORE="metrics: { enabled = true; port = $METRICS_PORT; $* }; ${EXTRA:-}" dotward_config "$(upstream up "$up_port")"
}

# get PATH [CURL OPTION]...: the body; fails unless the status is below 400.
get() {
  local path=$1
  shift
  curl -sS --fail-with-body --max-time $((5 * PATIENCE)) "$@" "http://127.0.0.1:$METRICS_PORT$path"
}

# status_of PATH [CURL OPTION]...: the number of the answer.
status_of() {
  local path=$1
  shift
  curl -s -o /dev/null --max-time $((5 * PATIENCE)) -w '%{http_code}' "$@" "http://127.0.0.1:$METRICS_PORT$path"
}

says() {
  [[ $(status_of "$1") == "$2" ]]
}

# metric NAME [LABEL PATTERN]: the sum over all samples of this name with these labels.
metric() {
  get /metrics | awk -v name="dotward_$1" -v labels="${2:-}" '
    $1 ~ "^" name "([{]|$)" && $0 ~ labels { sum += $NF; found = 1 }
    END { if (!found) exit 1; printf "%d\n", sum }'
}

metric_is() {
  [[ $(metric "$1" "$2") == "$3" ]]
}

helper_pid() {
  get /status.json | jq -r --arg name "$1" '.helpers[] | select(.name == $name).pid'
}

# A worker that serves, by pid.
worker_pid() {
  get /status.json | jq -r '[.workers[] | select(.state == "serving" and .pid != null).pid] | first'
}

# metrics_watch FOLDER: scrapes again and again until it is ended, each into a file of its own; one that fails leaves none.
metrics_watch() {
  local number=0 file
  mkdir -p "$1"
  while :; do
    printf -v file '%s/%08d' "$1" "$((number++))"
    if curl -s --fail --max-time 2 "http://127.0.0.1:$METRICS_PORT/metrics" >"$file.part"; then
      mv "$file.part" "$file"
    fi
    sleep 0.02
  done
}

# metrics_monotonic FOLDER: fails, and says which, if a counter was ever less than before; else how many scrapes there were.
metrics_monotonic() {
  cat "$1"/*[0-9] | awk '
    /^# TYPE dotward_build_info / { scrapes++ }
    /^#/ { next }
    {
      value = $NF
      key = substr($0, 1, length($0) - length(value) - 1)
      name = key
      sub(/[{].*/, "", name)
      if (name !~ /_(total|sum|count|bucket)$/)
        next
      if (key in last && value + 0 < last[key] + 0) {
        print key " went back from " last[key] " to " value
        back++
      }
      last[key] = value
    }
    END { print "scrapes=" scrapes " series=" length(last) " back=" back + 0; exit back > 0 }'
}
