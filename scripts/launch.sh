#!/usr/bin/env bash
# Starts the job under mpirun with what is recommended for it:
#   scripts/launch.sh -n N [--hostfile FILE | --host LIST | --mca KEY VALUE]… train CONFIG …
# What stands before the command goes to mpirun, the rest to build/stillhouse.
# STILLHOUSE_BUILD names another build directory.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

usage() {
  sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

ranks=
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
    --host | --hostfile)
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

if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# glibc otherwise gives gradient-sized blocks back after every update and fetches them again.
export MALLOC_TRIM_THRESHOLD_=${MALLOC_TRIM_THRESHOLD_:-268435456}
export MALLOC_MMAP_THRESHOLD_=${MALLOC_MMAP_THRESHOLD_:-268435456}

# Default binding puts all threads of a rank on one core; ranks that wait must not burn one;
# after a forwarded SIGTERM mpirun kills within a second unless told to give time for a clean end.
exec mpirun -n "$ranks" \
  --bind-to none \
  --oversubscribe \
  --mca mpi_yield_when_idle 1 \
  --mca odls_base_sigkill_timeout 30 \
  "${mpi[@]}" \
  "${STILLHOUSE_BUILD:-$root/build}/stillhouse" "$@"
