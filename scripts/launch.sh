#!/usr/bin/env bash
# Starts the job under mpirun with what is recommended for it:
#   scripts/launch.sh -n N [--hostfile FILE | --host LIST | --mca KEY VALUE | -x NAME]…
#     [--network SUBNET|INTERFACE] train CONFIG …
# What stands before the command goes to mpirun, the rest to build/stillhouse. --network is for
# several hosts: MPI and the shards use that network alone (docs/slurm.md).
# STILLHOUSE_BUILD names another build directory. SIGINT, SIGTERM and SIGUSR1: checkpoint, then end
# with 75 (a second SIGINT or SIGTERM: end at once); SIGUSR2: checkpoint.
# A rank that dies does not end the job (docs/operations.md).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

usage() {
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

ranks=
network=
mpi=()
while [ $# -gt 0 ]; do
  case $1 in
    -n | -np)
      [ $# -ge 2 ] || usage
      ranks=$2
      shift 2
      ;;
    --mca)
      [ $# -ge 3 ] || usage
      mpi+=("$1" "$2" "$3")
      shift 3
      ;;
    --network)
      [ $# -ge 2 ] || usage
      network=$2
      mpi+=(--mca btl_tcp_if_include "$2" --mca oob_tcp_if_include "$2")
      shift 2
      ;;
    --host | --hostfile | -x)
      [ $# -ge 2 ] || usage
      mpi+=("$1" "$2")
      shift 2
      ;;
    -*) usage ;;
    *) break ;;
  esac
done
if [ -z "$ranks" ] || [ $# -eq 0 ]; then
  usage
fi

if [ -n "$network" ] && [ "$1" = train ] && [ $# -ge 2 ]; then
  # Right after CONFIG, so that a --set of the caller's still decides.
  set -- train "$2" --set "actors.listen=$network" "${@:3}"
fi

if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# glibc otherwise gives gradient-sized blocks back after every update and fetches them again.
export MALLOC_TRIM_THRESHOLD_=${MALLOC_TRIM_THRESHOLD_:-268435456}
export MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_:-268435456}

# With --enable-recovery the others live when a rank dies, and mpirun always returns 0: rank 0 writes
# the job's exit status here. Where it runs on another host, name a file on a shared file system.
own_file=
if [ -z "${STILLHOUSE_STATUS_FILE:-}" ]; then
  own_file=$(mktemp)
  trap 'rm -f "$own_file"' EXIT
  export STILLHOUSE_STATUS_FILE=$own_file
fi
: >"$STILLHOUSE_STATUS_FILE"

# Default binding puts all threads of a rank on one core; ranks that wait must not burn one.
# mpirun waits STILLHOUSE_TERM_GRACE seconds before SIGTERM and again before SIGKILL, also when a
# rank ended with another status than 0, so it is short: stops are asked for in another way (below).
# It dies with this script, and has a process group of its own, so that a terminal's Ctrl-C comes
# here alone.
set -m
setpriv --pdeathsig TERM mpirun -n "$ranks" \
  --bind-to none \
  --oversubscribe \
  --enable-recovery \
  --mca mpi_yield_when_idle 1 \
  --mca odls_base_sigkill_timeout "${STILLHOUSE_TERM_GRACE:-1}" \
  -x MALLOC_TRIM_THRESHOLD_ -x MALLOC_MMAP_THRESHOLD_ -x STILLHOUSE_STATUS_FILE \
  "${mpi[@]}" \
  "${STILLHOUSE_BUILD:-$root/build}/stillhouse" "$@" </dev/null &
job=$!
"$root/scripts/reap_launcher.sh" "$job" </dev/null >/dev/null &
guard=$!
disown "$guard"  # bash says nothing of its end

# mpirun hands SIGUSR1 on at once and sets no limit: that is how a stop is asked for, whatever
# signal asked for it. A second SIGINT or SIGTERM does not ask.
signal=USR1
tell() { kill -"$1" "$job" 2>/dev/null || true; }
trap 'tell $signal; signal=TERM' INT TERM
trap 'tell USR1' USR1
trap 'tell USR2' USR2

# A trap cuts `wait` short.
while :; do
  status=0
  wait "$job" || status=$?
  kill -0 "$job" 2>/dev/null || break
done
kill "$guard" 2>/dev/null || true
if [ -s "$STILLHOUSE_STATUS_FILE" ]; then
  status=$(cat "$STILLHOUSE_STATUS_FILE")
elif [ "$status" -eq 0 ]; then
  echo "launch.sh: rank 0 has left no exit status on this host; status.json may know more" >&2
  status=1
fi
exit "$status"
