# Completion of dotward and dotwardctl for bash; needs no other package. What it offers it asks the programs themselves
# (dotward --keys, dotwardctl --verbs, --help), so it is as true as they are.
# shellcheck shell=bash

_dotward_types='A AAAA ANY CAA CNAME DNSKEY DS HTTPS MX NAPTR NS PTR SOA SRV SSHFP SVCB TLSA TXT'

# Options of a program, as its --help has them.
_dotward_options() {
  "$1" --help 2>/dev/null | sed -nE 's/^ {2,6}((-[A-Za-z]), )?(--[a-z-]+)( .*)?$/\2 \3/p'
}

_dotward_offer() {
  local line
  while IFS= read -r line; do
    COMPREPLY+=("$line")
  done < <(compgen "$@")
}

# Keys, with "=" behind; those that are lists or groups cannot be set in one word.
_dotward_keys() {
  "$1" --keys 2>/dev/null | awk -F'\t' '$1 !~ /\[/ && $2 != "list" && $2 != "group" { print $1 "=" }'
}

# The words that a key may be.
_dotward_values() {
  "$1" --keys 2>/dev/null | awk -F'\t' -v key="$2" '$1 == key { print $3 }'
}

# What -o takes. bash cuts words at "=", unless it was told otherwise.
_dotward_assignment() {
  local program=$1 text=$2
  case $text in
  *=*)
    _dotward_offer -W "$(_dotward_values "$program" "${text%%=*}")" -- "${text#*=}"
    [[ $COMP_WORDBREAKS == *=* ]] || COMPREPLY=("${COMPREPLY[@]/#/${text%%=*}=}")
    ;;
  *)
    _dotward_offer -W "$(_dotward_keys "$program")" -- "$text"
    compopt -o nospace 2>/dev/null
    ;;
  esac
}

# The words of the line up to the cursor, with what was cut at "=" put together again.
_dotward_words() {
  local i
  DOTWARD_WORDS=()
  for ((i = 1; i <= COMP_CWORD; i++)); do
    if ((i > 1)) && [[ ${COMP_WORDS[i]} == = || ${COMP_WORDS[i - 1]} == = ]]; then
      DOTWARD_WORDS[-1]+=${COMP_WORDS[i]}
    else
      DOTWARD_WORDS+=("${COMP_WORDS[i]}")
    fi
  done
}

_dotward() {
  local program=$1 last previous='' words=() word
  local -a DOTWARD_WORDS
  COMPREPLY=()
  _dotward_words
  last=${DOTWARD_WORDS[-1]}
  ((${#DOTWARD_WORDS[@]} < 2)) || previous=${DOTWARD_WORDS[-2]}
  case $previous in
  -o | --option) _dotward_assignment "$program" "$last" && return ;;
  -c | --config | --ca-file) _dotward_offer -f -- "$last" && return ;;
  --log-level) _dotward_offer -W "$(_dotward_values "$program" log.level)" -- "$last" && return ;;
  --listen | --upstream | --ask) return ;;
  esac
  if [[ $last == -* ]]; then
    _dotward_offer -W "$(_dotward_options "$program")" -- "$last"
    return
  fi
  # Behind "check-live NAME" and "--ask ADDRESS NAME" comes a type.
  for word in "${DOTWARD_WORDS[@]}"; do
    case $word in
    check-live | check-health) words=("$word") ;;
    --ask) words=(--ask) ;;
    -*) ;;
    *) words+=("$word") ;;
    esac
  done
  case "${words[0]} ${#words[@]}" in
  'check-live 1' | 'check-live 2' | 'check-health '* | '--ask '[123]) ;;
  'check-live 3' | '--ask 4') _dotward_offer -W "$_dotward_types" -- "$last" ;;
  *) ((COMP_CWORD != 1)) || _dotward_offer -W 'check-health check-live' -- "$last" ;;
  esac
}

# What may follow the words typed so far, by the table of verbs: literal words as they are, TYPE and LEVEL in capitals.
_dotward_next() {
  "$1" --verbs 2>/dev/null | awk -v typed="$2" '
    function bare(token) { gsub(/[][]/, "", token); sub(/=.*/, "", token); return token }
    function is_word(token) { return bare(token) !~ /^[A-Z]+$/ }
    BEGIN { n = split(typed, words, " ") }
    {
      at = 0
      for (i = 1; i <= n; i++) {
        do at++; while (at <= NF && $at ~ /^\[--/)
        if (at > NF || (is_word($at) ? bare($at) != words[i] : words[i] ~ /^-/)) next
      }
      for (i = 1; i <= at; i++) if ($i ~ /^\[--/) print bare($i)
      for (i = at + 1; i <= NF; i++) {
        print bare($i)
        if ($i !~ /^\[/) next
      }
    }' | sort -u
}

_dotwardctl() {
  local program=$1 last word skip='' typed='' next='' token
  local -a DOTWARD_WORDS
  COMPREPLY=()
  _dotward_words
  last=${DOTWARD_WORDS[-1]}
  for word in "${DOTWARD_WORDS[@]:0:${#DOTWARD_WORDS[@]}-1}"; do
    case $skip$word in
    -s | --socket | -t | --timeout | --client) skip=$word ;;
    --subtree | --all | --probe | [!-]*) typed+=" $word" ;;
    *) skip= ;;
    esac
  done
  case $skip in
  -s | --socket) _dotward_offer -f -- "$last" && return ;;
  -t | --timeout | --client) return ;;
  esac
  for token in $(_dotward_next "$program" "$typed"); do
    case $token in
    TYPE) next+=" $_dotward_types" ;;
    LEVEL) next+=" $(_dotward_values "${program%ctl}" log.level)" ;;
    [A-Z]*) ;;
    *) next+=" $token" ;;
    esac
  done
  [[ $last != -* ]] || next+=" $(_dotward_options "$program")"
  _dotward_offer -W "$next" -- "$last"
}

complete -F _dotward dotward
complete -F _dotwardctl dotwardctl
