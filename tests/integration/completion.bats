#!/usr/bin/env bats
# Completion in bash and zsh offers what the programs take: verbs and options, keys and the words they may be, levels and types.
# shellcheck shell=bash disable=SC2154,SC2153,SC2030,SC2031,SC2317
load lib

setup() {
  lib_check
  FOLDER=$BATS_TEST_DIRNAME/../../packaging/completion
  # As a user calls them: by name.
  BIN=$BATS_TEST_TMPDIR/bin
  mkdir "$BIN"
  printf '#!/bin/sh\nexec %s "$@"\n' "$DOTWARD" >"$BIN/dotward"
  ln -s "$DOTWARDCTL" "$BIN/dotwardctl"
  chmod +x "$BIN/dotward"
}

# bash_offers WORD...: what bash offers for the last one.
bash_offers() {
  # shellcheck disable=SC2016  # for the other bash
  PATH=$BIN:$PATH bash --norc -c '. "$1/dotward.bash"; shift; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    spec=$(complete -p "$1"); function=${spec#*-F }; "${function%% *}" "$1" "${!#}"; printf "%s\n" "${COMPREPLY[@]}"' - "$FOLDER" "$@" | sort
}

zsh_offers() {
  command -v zsh >/dev/null || skip 'zsh is not installed'
  timeout $((20 * PATIENCE)) zsh -f "$BATS_TEST_DIRNAME/zsh-offers" "$FOLDER" "$BIN" "$1" 3>&- | sort
}

# What they must say, from the programs and not from the completions.
verbs() {
  "$DOTWARDCTL" --verbs | cut -d' ' -f1 | sort -u
}

options() {
  "$@" --help | sed -nE '/^ {2,6}-/s/^ *((-[A-Za-z]), )?(--[a-z-]+).*/\2 \3/p' | tr ' ' '\n' | grep . | sort
}

# A key may hold dots and brackets for completion, but no list.
keys() {
  dotward --keys | cut -f1,2 | grep -v '\[' | grep -vP '\t(list|group)$' | cut -f1 | sort
}

levels() {
  dotward --keys | awk -F'\t' '$1 == "log.level" { print $3 }' | tr ' ' '\n' | sort
}

@test "completion: bash offers every verb, what follows it, and every option of dotwardctl" {
  assert_equal "$(bash_offers dotwardctl '')" "$(verbs)"
  assert_equal "$(bash_offers dotwardctl -j sta)" $'stats\nstatus'
  assert_equal "$(bash_offers dotwardctl -s /x cache '')" "$("$DOTWARDCTL" --verbs | sed -nE 's/^cache ([a-z]+).*/\1/p' | sort -u)"
  assert_equal "$(bash_offers dotwardctl cache flush '')" $'--all\n--subtree'
  assert_equal "$(bash_offers dotwardctl cache lookup name AA)" AAAA
  assert_equal "$(bash_offers dotwardctl cache flush --subtree '')" ''
  assert_equal "$(bash_offers dotwardctl explain name A '')" $'--client\n--tcp'
  assert_equal "$(bash_offers dotwardctl explain --client '')" ''
  assert_equal "$(bash_offers dotwardctl log '')" "$(levels)"
  assert_equal "$(bash_offers dotwardctl status -)" "$(options "$DOTWARDCTL")"
}

@test "completion: bash offers every option of dotward, every key, and the words a key may be" {
  assert_equal "$(bash_offers dotward -)" "$(options dotward)"
  (($(keys | wc -l) > 50))
  assert_equal "$(bash_offers dotward -o '')" "$(keys | sed 's/$/=/')"
  assert_equal "$(bash_offers dotward -f -o forward.policy = '')" $'fastest\nhashed\nround-robin\nsequential'
  assert_equal "$(bash_offers dotward -o forward.policy = ha)" hashed
  assert_equal "$(bash_offers dotward -o forward.hedge = '')" $'false\ntrue'
  assert_equal "$(bash_offers dotward --log-level '')" "$(levels)"
  assert_equal "$(bash_offers dotward '')" $'check-health\ncheck-live'
  assert_equal "$(bash_offers dotward --ask 127.0.0.1 name M)" MX
  : >"$BATS_TEST_TMPDIR/some.conf"
  assert_equal "$(bash_offers dotward -c "$BATS_TEST_TMPDIR/so")" "$BATS_TEST_TMPDIR/some.conf"
}

@test "completion: every type that is offered is one that dotward knows" {
  local type count=0
  # ANY is no type of records, and has a key of its own
  for type in $(bash_offers dotwardctl cache lookup name '' | grep -vx ANY); do
    dotward -T --upstream 192.0.2.1 -o "policy.filter_types=[\"$type\"]" >/dev/null || fail "$type"
    count=$((count + 1))
  done
  ((count > 10))
}

@test "completion: zsh offers the same" {
  assert_equal "$(zsh_offers 'dotwardctl ')" "$(verbs)"
  assert_equal "$(zsh_offers 'dotwardctl -j cache flush ')" $'--all\n--subtree'
  assert_equal "$(zsh_offers 'dotwardctl log ')" "$(levels)"
  assert_equal "$(zsh_offers 'dotwardctl explain name A ')" $'--client\n--tcp'
  assert_equal "$(zsh_offers 'dotwardctl -')" "$(options "$DOTWARDCTL")"
  assert_equal "$(zsh_offers 'dotward -')" "$(options dotward)"
  assert_equal "$(zsh_offers 'dotward -o ')" "$(keys)"
  assert_equal "$(zsh_offers 'dotward -o forward.policy=')" $'fastest\nhashed\nround-robin\nsequential'
  assert_equal "$(zsh_offers 'dotward check-live name ')" "$(bash_offers dotwardctl cache lookup name '')"
}
