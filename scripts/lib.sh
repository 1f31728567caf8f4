# What the commands in scripts/ share. Sourced, never run. Keep to bash 3.2, which is macOS's.
# shellcheck shell=bash

set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
PATH="$root/node_modules/.bin:$PATH"

say() {
  printf '%s\n' "$*" >&2
}

fail() {
  say "error: $*"
  exit 1
}

# usage_error WHAT: for arguments that make no sense. The script sets `usage` before it sources this.
usage_error() {
  say "error: $1"
  say "${usage:?}"
  exit 2
}

# logged LOG COMMAND...: runs a command that talks much. Its output goes to LOG. How far it is shows on
# one line of a terminal; without one, the newest line does every few seconds. When the command fails,
# all of the output is shown.
progress_interval_s=5
logged() {
  local log="$1" line shown=$SECONDS status=0 terminal=""
  shift
  mkdir -p "$(dirname "$log")"
  if [ -t 2 ] && [ "${TERM:-dumb}" != dumb ]; then terminal="$(tput cols 2>/dev/null || echo 80)"; fi
  "$@" </dev/null 2>&1 | while IFS= read -r line || [ -n "$line" ]; do
    printf '%s\n' "$line"
    if [ -z "$line" ]; then
      continue
    elif [ -n "$terminal" ]; then
      show_progress "$terminal" "$line"
    elif [ $((SECONDS - shown)) -ge "$progress_interval_s" ]; then
      say "    … ${line:0:110}"
      shown=$SECONDS
    fi
  done >"$log" || status=$?
  if [ -n "$terminal" ]; then printf '\r\033[K' >&2; fi
  if [ "$status" -ne 0 ]; then
    cat "$log" >&2
    say "error: failed with exit code $status: $*"
    return "$status"
  fi
}

# show_progress COLUMNS LINE: ninja's lines, "[41/192] Building …", as a bar, others as they are.
progress_width=24
show_progress() {
  local columns="$1" text="  ... $2" built all bar rest
  if [[ "$2" =~ ^\[([0-9]+)/([0-9]+)\]\ (.*) ]]; then
    built="${BASH_REMATCH[1]}"
    all="${BASH_REMATCH[2]}"
    printf -v bar '%*s' $((built * progress_width / all)) ""
    printf -v rest '%*s' $((progress_width - ${#bar})) ""
    text="  [${bar// /#}${rest// /.}]  $built of $all  ${BASH_REMATCH[3]##*/}"
  fi
  printf '\r\033[K%s' "${text:0:$((columns - 1))}" >&2
}

# locked NAME COMMAND...: one such command at a time in this working tree, as two of ours may build
# at once. Where there is no flock (macOS) it is up to the user.
locked() {
  local lock="$root/build/$1.lock" handle=9
  shift
  mkdir -p "$root/build"
  if ! command -v flock >/dev/null; then
    "$@"
    return
  fi
  (
    flock -n "$handle" || {
      say "  waiting for another command that is doing the same"
      flock "$handle"
    }
    # The lock ends with this shell, not with a server that the command may leave behind.
    "$@" 9>&-
  ) 9>"$lock"
}

# The conditions that wrangler resolves imports with unless told others, see scripts/build.
# shellcheck disable=SC2034
default_conditions="workerd,worker,browser"

# Prints the toolchain that EDGEROOM_TOOLCHAIN chooses.
chosen_toolchain() {
  case "${EDGEROOM_TOOLCHAIN:-wasi}" in
    wasi | emscripten) echo "${EDGEROOM_TOOLCHAIN:-wasi}" ;;
    *) fail "EDGEROOM_TOOLCHAIN is '$EDGEROOM_TOOLCHAIN'; it is wasi or emscripten" ;;
  esac
}

# Of EDGEROOM_BEHAVIOUR, which says what kind of room is built: the sources are there.
check_behaviour() {
  local sources="${EDGEROOM_BEHAVIOUR:-};" source
  while [ -n "$sources" ]; do
    source="${sources%%;*}"
    sources="${sources#*;}"
    case "$source" in
      "") continue ;;
      /*) ;;
      *) source="$root/$source" ;;
    esac
    [ -f "$source" ] || fail "EDGEROOM_BEHAVIOUR names a source that is not there: $source"
  done
}

# Prints "process parent" for all processes. A small Debian has no ps.
process_parents() {
  if [ -r /proc/self/stat ]; then
    # The name, in parentheses, may hold anything.
    cat /proc/[0-9]*/stat 2>/dev/null | sed -n 's/^\([0-9]*\) (.*) [A-Za-z] \([0-9]*\) .*/\1 \2/p'
  else
    ps -axo pid=,ppid=
  fi
}

# process_tree PROCESS: prints it and all that descend from it.
process_tree() {
  process_parents | awk -v root="$1" '
    { parent[$1] = $2 }
    END {
      for (process in parent) {
        for (p = process; p in parent && p != root; p = parent[p]);
        if (p == root) print process
      }
    }'
}

# end_tree PROCESS: ends it and all that descend from it, those that do not listen by force.
stop_grace_s=5
end_tree() {
  local family started=$SECONDS process left=1
  family="$(process_tree "$1")"
  for process in $family; do kill "$process" 2>/dev/null || true; done
  while [ -n "$left" ]; do
    left=""
    for process in $family; do
      if kill -0 "$process" 2>/dev/null; then left=1; fi
    done
    [ $((SECONDS - started)) -lt "$stop_grace_s" ] || break
    sleep 0.1
  done
  for process in $family; do kill -KILL "$process" 2>/dev/null || true; done
}

# set_up PART...: scripts/setup, which a signal to the calling script ends as well. It runs in the
# background because a shell that waits for a command in the foreground hears no signal. Input is
# kept for sudo, which asks for a password where there is a terminal.
setup_pid=""
set_up() {
  trap 'end_set_up 130' INT
  trap 'end_set_up 143' TERM HUP
  "$root/scripts/setup" "$@" <&0 &
  setup_pid=$!
  wait "$setup_pid"
  trap - INT TERM HUP
}

end_set_up() {
  trap '' INT TERM HUP
  end_tree "$setup_pid"
  exit "$1"
}
