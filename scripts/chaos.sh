#!/usr/bin/env bash
# Kills a real job again and again and checks that nothing was lost (docs/reliability.md):
#   scripts/chaos.sh [--kills N] [--seed S] [--durability async|sync] [--keep] [--json FILE] [--no-build]
# Builds with failpoints into build-chaos/ first. Exit 1 on any violation, with the command that
# does the same again; the run's directory is kept then.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

build=${STILLHOUSE_CHAOS_BUILD:-build-chaos}
compile=1
arguments=()
for argument in "$@"; do
  if [ "$argument" = --no-build ]; then compile=; else arguments+=("$argument"); fi
done
if [ -n "$compile" ]; then
  scripts/install.sh >/dev/null
  configure chaos "$build" >/dev/null
  ninja -C "$build" -j "$(compile_jobs)" stillhouse stillhouse-worker stillhouse_learner >/dev/null
fi
exec python3 scripts/chaos/chaos.py --build "$build" "${arguments[@]}"
