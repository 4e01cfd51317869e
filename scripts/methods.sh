#!/usr/bin/env bash
# Runs the methods of configs/methods/: every row, with its control.
#   scripts/methods.sh [--quick] [--seeds N] [ROW…]
# ROW: a row (L1), or a preset without its ending (L1-kl_teacher). Without ROW: all of them.
# --quick only proves that each row runs and moves its student (verdict `ran`); it writes no figures.
# The full run adds a line a seed to docs/results/methods.csv and writes the finished rows into the
# table of docs/methods.md, where it is also said how a row is added. What has its line is not run
# again: the same command goes on with an interrupted study.
# STILLHOUSE_BUILD names another build directory, METHODS_RESULTS another file of results (no table
# is written then).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=${STILLHOUSE_BUILD:-$root/build}
case ${1:-} in
  -h | --help)
    sed -n '2,11s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
esac
for program in stillhouse stillhouse-worker stillhouse_learner.so; do
  [ -f "$build/$program" ] || { echo "methods.sh: no $build/$program; scripts/build.sh" >&2; exit 2; }
done
exec python3 "$root/scripts/methods/methods.py" --root "$root" --build "$build" \
  ${METHODS_RESULTS:+--results "$METHODS_RESULTS"} "$@"
