#!/usr/bin/env bash
# scripts/slurm/train.sbatch on a real Slurm. Over three nodes: told by Slurm that its time is up,
# checkpoint, requeue, resume, finish. On one node; and a configuration that the plan refuses.
#   slurm_test.sh BUILD
set -euo pipefail
source "$(dirname "$0")/../support/three_hosts.sh"
source "$(dirname "$0")/../support/slurm_cluster.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
slurm_cluster_needs
three_hosts_enter "$@"
export STILLHOUSE_BUILD=$1
three_hosts_up
slurm_cluster_up
cd "$root"

show_logs() {
  tail -n 60 "$work"/*.log
  scontrol show job
}

# submit NAME SBATCH-OPTIONS… -- TRAIN-OPTIONS…: the job's number; its output in NAME.log.
submit() {
  local name=$1 options=()
  shift
  while [ "$1" != -- ]; do
    options+=("$1")
    shift
  done
  shift
  sbatch --parsable "${options[@]}" --output="$work/$name.log" scripts/slurm/train.sbatch \
    "$work/config.yaml" --run-dir "$work/$name" --set actors.workers=2 \
    --set evaluation.final_episodes=4 "$@"
}

ended() {
  case $(job_state "$1") in COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL) ;; *) false ;; esac
}
restarts() { job_field "$1" Restarts; }
# Until its last node is done with it, it is COMPLETING; what is asked of it before is overwritten.
requeued() { [ "$(restarts "$1") $(job_state "$1")" = "1 PENDING" ]; }
expect_state() { [ "$(job_state "$1")" = "$2" ] || fail "job $1 is $(job_state "$1"), not $2"; }

# The first life of the job is never done by itself.
sed '/^  frames: 20000$/d; s/^  time: 8s .*/  updates: 1000000000/' configs/smoke.yaml \
  >"$work/config.yaml"
grep -q 'updates: 1000000000' "$work/config.yaml" || fail "configs/smoke.yaml has another stop"
export STILLHOUSE_MPI_OPTIONS="--mca btl tcp,self,vader --mca pml ob1"

echo "-- three nodes: told by Slurm, checkpoint, requeue"
# Slurm looks at time limits every half minute: the signal comes 15 s after the start or, at the
# latest, half a minute later.
main=$(submit main --nodes=3 --ntasks-per-node=2 --time=2 --signal=B:USR1@105 --)
wait_for 90 "the requeue" requeued "$main"
grep -q '"preempted"' "$work/main/status.json" || fail "status.json: $(cat "$work/main/status.json")"

echo "-- resume, finish"
updates=$(python3 -c '
import json, sys
print(2000 + max(json.loads(line).get("updates", 0) for line in open(sys.argv[1])))' \
  "$work/main/progress.jsonl")
sed -i "s/updates: 1000000000/updates: $updates/" "$work/config.yaml"
# A requeued job waits two minutes for its turn; its second life gets all the time that it needs.
scontrol update jobid="$main" timelimit=10
# A node takes back the credentials of a requeued job's first life for the whole of that second: a
# second life that begins within it is refused.
sleep 2
scontrol update jobid="$main" StartTime=now
wait_for 90 "the end of the resumed job" ended "$main"
expect_state "$main" COMPLETED
tests/support/check_run.py "$work/main" --attempts 2 --updates "$updates" \
  --hosts node1=10.77.0.1,node2=10.77.0.2,node3=10.77.0.3 || fail "main"

echo "-- one node"
one=$(submit one --nodes=1 --ntasks-per-node=4 -- --set stop.updates=400)
wait_for 60 "the end of the job on one node" ended "$one"
expect_state "$one" COMPLETED
tests/support/check_run.py "$work/one" --hosts node1=127.0.0.1 --updates 400 || fail "one"

echo "-- an array job lends workers; a cancelled job leaves a checkpoint and does not come back"
# alive N: the newest line of the progress log counts N workers.
alive() { tail -n 1 "$work/lent/progress.jsonl" | grep -q "\"actors_alive\":$1,"; }
lent=$(submit lent --nodes=1 --ntasks-per-node=4 -- --set stop.updates=1000000000 \
  --set actors.listen=eth0)
wait_for 30 "two workers of its own" alive 2
array=$(sbatch --parsable --array=0-1 --output="$work/actors-%a.log" scripts/slurm/actors.sbatch \
  "$work/lent")
wait_for 30 "two workers more" alive 4
scancel "$array"
wait_for 30 "them to leave" alive 2
scancel "$lent"
wait_for 40 "the end of the cancelled job" ended "$lent"
expect_state "$lent" CANCELLED
wait_for 30 "the checkpoint" grep -q '"preempted"' "$work/lent/status.json"
[ "$(restarts "$lent")" = 0 ] || fail "the cancelled job was requeued"

echo "-- a configuration that cannot work is refused by the plan, and not requeued"
bad=$(submit bad --nodes=3 --ntasks-per-node=2 -- --set replay.shards=0)
wait_for 30 "the refusal" ended "$bad"
expect_state "$bad" FAILED
[ "$(job_field "$bad" ExitCode) $(restarts "$bad")" = "2:0 0" ] ||
  fail "bad: exit code $(job_field "$bad" ExitCode), $(restarts "$bad") restarts"
grep -q 'replay.shards' "$work/bad.log" || fail "bad.log does not name replay.shards"
[ ! -e "$work/bad" ] || fail "a refused job has made its run directory"
echo "done in $SECONDS s"
