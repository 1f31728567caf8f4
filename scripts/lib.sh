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

# logged LOG COMMAND...: runs a command that talks much. Its output goes to LOG; every few seconds
# the newest line is shown, and when the command fails, all of the output is.
progress_interval_s=5
logged() {
  local log="$1" line shown=$SECONDS status=0
  shift
  mkdir -p "$(dirname "$log")"
  "$@" </dev/null 2>&1 | while IFS= read -r line || [ -n "$line" ]; do
    printf '%s\n' "$line"
    if [ $((SECONDS - shown)) -ge "$progress_interval_s" ]; then
      say "    … ${line:0:110}"
      shown=$SECONDS
    fi
  done >"$log" || status=$?
  if [ "$status" -ne 0 ]; then
    cat "$log" >&2
    say "error: failed with exit code $status: $*"
    return "$status"
  fi
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
