#!/usr/bin/env bash
# scripts/slurm/train.sbatch on a real Slurm: submit on one node, refuse, and, over three nodes, be
# told by Slurm that the time is up, checkpoint, requeue, resume, finish.
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

show_logs() { tail -n 60 "$work"/*.log; }

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
    configs/smoke.yaml --run-dir "$work/$name" --set stop.time=none --set actors.workers=2 \
    --set evaluation.final_episodes=4 "$@"
}

# ended JOB: it will not run again.
ended() {
  case $(job_state "$1") in COMPLETED | FAILED | CANCELLED | TIMEOUT | NODE_FAIL) ;; *) false ;; esac
}
restarts() { scontrol show job "$1" | sed -n 's/.*Restarts=\([0-9]*\).*/\1/p'; }
requeued() { [ "$(restarts "$1")" = 1 ]; }
exit_code() { scontrol show job "$1" | sed -n 's/.* ExitCode=\([0-9]*\):.*/\1/p'; }
expect_state() { [ "$(job_state "$1")" = "$2" ] || fail "job $1 is $(job_state "$1"), not $2"; }

export STILLHOUSE_MPI_OPTIONS="--mca btl tcp,self,vader --mca pml ob1"
all_hosts=node1=10.77.0.1,node2=10.77.0.2,node3=10.77.0.3

echo "-- three nodes: told by Slurm, checkpoint, requeue, resume, finish"
# Slurm looks at time limits every half minute: at one of these looks, less than 55 s of the minute
# are left.
updates=40000
main=$(submit main --nodes=3 --ntasks-per-node=2 --cpus-per-task=1 --time=1 \
  --signal=B:USR1@55 -- --set stop.frames=none --set stop.updates=$updates)
wait_for 75 "the requeue" requeued "$main"
# A requeued job waits two minutes for its turn; its second life gets all the time that it needs.
scontrol update jobid="$main" timelimit=10
scontrol update jobid="$main" StartTime=now
grep -q '"preempted"' "$work/main/status.json" || fail "status.json: $(cat "$work/main/status.json")"

wait_for 90 "the end of the resumed job" ended "$main"
expect_state "$main" COMPLETED
tests/support/check_run.py "$work/main" --hosts $all_hosts --attempts 2 --updates $updates ||
  fail "main"

echo "-- one node"
one=$(submit one --nodes=1 --ntasks-per-node=4 -- --set stop.frames=2000)
wait_for 60 "the end of the job on one node" ended "$one"
expect_state "$one" COMPLETED
tests/support/check_run.py "$work/one" --hosts node1=127.0.0.1 --frames 2000 || fail "one"

echo "-- a configuration that cannot work is refused by the plan, and not requeued"
bad=$(submit bad --nodes=3 --ntasks-per-node=2 -- --set replay.shards=0)
wait_for 30 "the refusal" ended "$bad"
[ "$(job_state "$bad") $(exit_code "$bad") $(restarts "$bad")" = "FAILED 2 0" ] ||
  fail "bad: $(job_state "$bad"), exit status $(exit_code "$bad"), $(restarts "$bad") restarts"
grep -q 'replay.shards' "$work/bad.log" || fail "bad.log does not name replay.shards"
[ ! -e "$work/bad" ] || fail "a refused job has made its run directory"
echo "done in $SECONDS s"
