#!/usr/bin/env bash
# Runs studies: whole jobs, one after the other, whose results add up over time.
#   scripts/study.sh learning [GAME…] [--frames N] [--seed S] [-n RANKS] [--set KEY=VALUE]…
# learning: trains configs/GAME.yaml and adds one row for each finished (game, seed) with its
# conditions to docs/results/learning.csv; what has a row under the same conditions is not run
# again, and an interrupted run goes on from its last checkpoint: the same command resumes a study.
# Without GAME: every game of configs/. MinAtar games stop at a million frames unless told
# otherwise, classic tasks where their preset does. --set tries other settings; the row names them.
#   scripts/study.sh tau|alpha|width|capacity|teacher_quality [--seeds N]
# Sweeps one number on the pole, N seeds (3), a minute or two each: rows in docs/results/study_*.csv, a
# table in docs/studies.md and a plot. What has its rows is not run again.
#   scripts/study.sh memory [--minutes N]
# Runs one job for half an hour and says whether its processes grow: docs/results/memory.csv.
#   scripts/study.sh scaling [--repeats N] [--render] [DIMENSION…]
# Measures how a job's costs grow with batch, students, shards, workers and connections, beside the
# machine's ceiling: docs/results/scaling.csv, the table in docs/scaling.md and plots.
#   scripts/study.sh breakdown [--seconds N] [--render]
# Samples running jobs and says where the time of an actor frame, a TD update and a student update
# goes: docs/results/breakdown.csv, the table in docs/performance.md and a plot.
# STILLHOUSE_BUILD names another build directory, STUDY_RESULTS another file of results.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build=${STILLHOUSE_BUILD:-$root/build}
results=${STUDY_RESULTS:-$root/docs/results/learning.csv}
minatar=(asterix breakout freeway seaquest space_invaders)
classic=(cart_pole acrobot mountain_car lunar_lander)

usage() {
  sed -n '2,20s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

# value OPTION ARGUMENTS…: complains when an option stands last.
value() {
  [ $# -ge 2 ] || { echo "study.sh: $1 needs a value" >&2; usage; }
}

# joined WORDS…: with "; " between them.
joined() {
  local text
  text=$(printf '%s; ' "$@")
  echo "${text%; }"
}

# is_minatar GAME
is_minatar() {
  grep -Eq '^ *(env: *\{ *)?id: *minatar/' "$root/configs/$1.yaml"
}

# learn GAME SEED FRAMES RANKS OVERRIDES…: one run and its row. Frames may be empty: the preset's.
learn() {
  local game=$1 seed=$2 frames=$3 ranks=$4 digest directory log plan started status=0
  shift 4
  local config=$root/configs/$game.yaml key arguments=(--set "run.seed=$seed") override title
  if [ -z "$frames" ] && is_minatar "$game"; then
    frames=1000000
  fi
  if [ -n "$frames" ]; then
    arguments+=(--set "stop={frames: $frames, distill_tail: 0.1}")
  fi
  for override in "$@"; do
    arguments+=(--set "$override")
  done
  title="$game, seed $seed${frames:+, $frames frames}${*:+, $*}"
  key=(--results "$results" --game "$game" --seed "$seed" --overrides "$(joined "$@")")
  plan=$("$build/stillhouse" plan "$config" -n "$ranks" "${arguments[@]}") || return
  if python3 "$root/scripts/study_row.py" has "${key[@]}" <<<"$plan"; then
    echo "$title: done already"
    return
  fi
  digest=$(grep -v '^#' <<<"$plan" | cksum | cut -d ' ' -f 1)
  directory=$root/runs/study/learning-$game-$seed-$digest
  log=$directory.log
  mkdir -p "$root/runs/study"
  echo "$title: runs; log: $log"
  started=$(date +%s)
  "$root/scripts/launch.sh" -n "$ranks" train "$config" --quiet --run-dir "$directory" \
    --resume auto "${arguments[@]}" >"$log" 2>&1 || status=$?
  if [ "$status" -eq 75 ]; then
    echo "study.sh: $title: stopped; the same command goes on" >&2
    exit 75
  elif [ "$status" -ne 0 ]; then
    echo "study.sh: $title: exit status $status; the log ends with:" >&2
    tail -n 5 "$log" >&2
    return 1
  fi
  python3 "$root/scripts/study_row.py" add "${key[@]}" --run "$directory" --ranks "$ranks" \
    --wall-s "$(($(date +%s) - started))"
}

case ${1:-} in
  tau | alpha | width | capacity | teacher_quality)
    exec python3 "$root/scripts/study_sweep.py" --build "$build" "$@"
    ;;
  memory)
    shift
    exec python3 "$root/scripts/study_memory.py" --build "$build" "$@"
    ;;
  scaling)
    shift
    exec python3 "$root/scripts/study_scaling.py" --build "$build" "$@"
    ;;
  breakdown)
    shift
    exec python3 "$root/scripts/study_breakdown.py" --build "$build" "$@"
    ;;
  learning) ;;
  *) usage ;;
esac
shift
games=() overrides=() seed=1 frames='' ranks=6
while [ $# -gt 0 ]; do
  case $1 in
    --frames) value "$@"; frames=$2; shift 2 ;;
    --seed) value "$@"; seed=$2; shift 2 ;;
    -n) value "$@"; ranks=$2; shift 2 ;;
    --set) value "$@"; overrides+=("$2"); shift 2 ;;
    -*) usage ;;
    *) games+=("$1"); shift ;;
  esac
done
[ ${#games[@]} -gt 0 ] || games=("${minatar[@]}" "${classic[@]}")
for game in "${games[@]}"; do
  [ -f "$root/configs/$game.yaml" ] || { echo "study.sh: no configs/$game.yaml" >&2; exit 2; }
done
for program in stillhouse stillhouse-worker stillhouse_learner.so; do
  [ -f "$build/$program" ] || { echo "study.sh: no $build/$program; scripts/build.sh" >&2; exit 2; }
done

failed=0
for game in "${games[@]}"; do
  learn "$game" "$seed" "$frames" "$ranks" "${overrides[@]}" || failed=1
done
exit "$failed"
