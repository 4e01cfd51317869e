#!/usr/bin/env bash
# The job over three hosts by plain mpirun with a hostfile: who listens where, and what is said
# when that cannot work.
#   three_hosts_test.sh BUILD
set -euo pipefail
source "$(dirname "$0")/../support/three_hosts.sh"
root=$(cd "$(dirname "$0")/../.." && pwd)
three_hosts_enter "$@"
export STILLHOUSE_BUILD=$1
three_hosts_up

show_logs() { tail -n 40 "$work"/*.log; }

# train NAME NETWORK OPTIONS…: the job from node1, its output in NAME.log.
train() {
  local name=$1 network=$2
  shift 2
  on_node 1 timeout --kill-after=10 90 "$root/scripts/launch.sh" -n 6 --hostfile "$hostfile" \
    --mca plm_rsh_agent "$rsh_agent" --mca plm_rsh_no_tree_spawn 1 \
    --mca btl tcp,self,vader --mca pml ob1 --network "$network" \
    train "$root/configs/smoke.yaml" --run-dir "$work/$name" \
    --set stop.time=none --set stop.frames=4000 --set actors.workers=2 \
    --set evaluation.final_episodes=4 "$@" >"$work/$name.log" 2>&1
}

# expect_in FILE TEXT…: every text stands in the file.
expect_in() {
  local file=$1 text
  shift
  for text in "$@"; do
    grep -qF -- "$text" "$file" || fail "$(basename "$file") does not say: $text"
  done
}

# A worker that can reach no shard says what it tried. It gives up after 10 s: meanwhile, the rest.
STILLHOUSE_TOKEN=x on_node 3 "$STILLHOUSE_BUILD/stillhouse-worker" \
  --connect 10.77.0.2:7,10.77.0.99:7 >"$work/lost.log" 2>&1 &
lost=$!

check=("$root/tests/support/check_run.py" --frames 4000
  --hosts node1=10.77.0.1,node2=10.77.0.2,node3=10.77.0.3)

echo "-- auto: the address of each host's name"
train auto $subnet --set actors.listen=auto || fail "auto: exit status $?"
"${check[@]}" "$work/auto" || fail "auto"

echo "-- an interface and a port"
train port eth0 --set actors.listen=eth0:7000 || fail "port: exit status $?"
"${check[@]}" "$work/port" || fail "port"
expect_in "$work/port/endpoints.json" 10.77.0.2:7000 10.77.0.3:7000

echo "-- a subnet, though one host has another network, which leads nowhere"
on_node 2 ip link add other type veth peer name other-end
on_node 2 ip addr add 192.168.99.2/24 dev other
on_node 2 ip link set other up
on_node 2 ip link set other-end up
train subnet $subnet || fail "subnet: exit status $?"
"${check[@]}" "$work/subnet" || fail "subnet"

echo "-- an address that other hosts cannot reach is refused before anything starts"
status=0
train loopback $subnet --set actors.listen=127.0.0.1:0 || status=$?
[ $status = 2 ] || fail "loopback: exit status $status, expected 2"
expect_in "$work/loopback.log" \
  "127.0.0.1 of node2 cannot be reached from the job's other hosts" \
  "127.0.0.1 of node3 cannot be reached from the job's other hosts"
[ ! -e "$work/loopback" ] || fail "a refused job has made its run directory"

echo "-- a worker without a shard says what it tried"
status=0
wait $lost || status=$?
[ $status = 1 ] || fail "worker: exit status $status, expected 1"
expect_in "$work/lost.log" "no shard has answered for 10 s" \
  "10.77.0.2:7: Connection refused (" "10.77.0.99:7: " " attempt"
grep FATAL "$work/lost.log"
echo "done in $SECONDS s"
