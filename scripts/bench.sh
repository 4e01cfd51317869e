#!/usr/bin/env bash
# Builds and runs the benchmarks and merges what they measured into bench/results.json:
#   scripts/bench.sh [--quick | --long] [--compare FILE] [NAME…]
# NAME is a program (env, inference, replay, actor, connections, learner) or the beginning of a
# figure's name (env.minatar/breakout); without one everything runs. --quick measures shortly: good
# for seeing that it works, not for claims. --long adds figures that need whole runs. --compare
# fails when a ratio is worse by more than a tenth than in FILE, an earlier bench/results.json.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
  sed -n '2,7s/^# \{0,1\}//p' "$0"
}

options=()
names=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick | --long) options+=("$1") ;;
    --compare)
      [ $# -ge 2 ] || { usage >&2; exit 2; }
      options+=(--compare "$(realpath "$2")")
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    -*)
      echo "bench.sh: unknown option $1" >&2
      exit 2
      ;;
    *) names+=("$1") ;;
  esac
  shift
done

scripts/build.sh benches
export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 OMP_WAIT_POLICY=passive
if grep -qw avx512f /proc/cpuinfo; then
  export OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-SKYLAKEX} ATEN_CPU_CAPABILITY=avx512
elif grep -qw avx2 /proc/cpuinfo; then
  export OPENBLAS_CORETYPE=${OPENBLAS_CORETYPE:-HASWELL}
fi
export MALLOC_TRIM_THRESHOLD_=268435456 MALLOC_MMAP_THRESHOLD_=268435456

exec python3 scripts/bench_merge.py --programs build/bench --results bench/results.json \
  "${options[@]}" -- "${names[@]}"
