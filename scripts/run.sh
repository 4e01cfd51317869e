#!/usr/bin/env bash
# Builds and trains a Breakout teacher with its students on six local ranks; the scoreboard stands
# at the end.
#   scripts/run.sh [-n RANKS] [CONFIG] [option of `stillhouse train`]…
# A short one: scripts/run.sh --set stop.frames=200000
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)

ranks=6
config=$root/configs/breakout.yaml
if [ "${1:-}" = -n ]; then
  ranks=${2:?"-n needs a number"}
  shift 2
fi
case ${1:-} in
  -h | --help)
    sed -n '2,5s/^# \{0,1\}//p' "$0"
    exit 0
    ;;
  *.yaml | *.yml)
    config=$1
    shift
    ;;
esac

"$root/scripts/build.sh" stillhouse stillhouse-worker stillhouse_learner
exec "$root/scripts/launch.sh" -n "$ranks" train "$config" "$@"
