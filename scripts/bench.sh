#!/usr/bin/env bash
# Builds and runs the benchmarks and merges what they measured into bench/results.json:
#   scripts/bench.sh [--quick] [NAME…]
# NAME is a program (env, inference, replay, actor, connections, learner) or the beginning of a figure's name
# (env.minatar/breakout); without one everything runs. --quick measures shortly: good for seeing
# that it works, not for claims.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

quick=()
names=()
for argument in "$@"; do
  case $argument in
    --quick) quick=(--quick) ;;
    -h | --help)
      sed -n '2,6s/^# \{0,1\}//p' "$0"
      exit 0
      ;;
    -*)
      echo "bench.sh: unknown option $argument" >&2
      exit 2
      ;;
    *) names+=("$argument") ;;
  esac
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
  "${quick[@]}" -- "${names[@]}"
