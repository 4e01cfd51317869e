#!/usr/bin/env bash
# Kills an mpirun that does not notice that everything it has started is over:
#   scripts/reap_launcher.sh PID [SECONDS]
# Ends with that mpirun. Open MPI 4.1's mpirun can stand still for ever when a process dies while it
# connects to it (its PMIx server says UNREACHABLE): the other ranks end, and nobody collects them.
# SECONDS (10) is how long that must last.
set -u
launcher=$1 patience=${2:-10} over=0

# state PID: R, S, Z, …; nothing for a process that is gone.
state() {
  local text
  text=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  text=${text##*) }
  echo "${text%% *}"
}

# True: it has started processes, all of them are over, and it has not collected one.
stuck() {
  local child any=
  for child in $(cat "/proc/$launcher"/task/*/children 2>/dev/null); do
    any=1
    [ "$(state "$child")" = Z ] || return 1
  done
  [ -n "$any" ]
}

while sleep 1 2>/dev/null; do
  case $(state "$launcher") in '' | Z) exit 0 ;; esac
  if stuck; then over=$((over + 1)); else over=0; fi
  if [ "$over" -ge "$patience" ]; then
    echo "mpirun stands still although all its processes are over: it is killed" >&2
    kill -KILL "$launcher" 2>/dev/null
    exit 0
  fi
done
