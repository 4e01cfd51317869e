# shellcheck shell=bash
# Three hosts on one machine, for tests that source this file:
#
#   three_hosts_enter "$@"   first: runs the calling script again in namespaces of its own
#   three_hosts_up           makes hub (10.77.0.254) and node1, node2, node3 (10.77.0.1 to .3)
#   on_node K COMMAND…       runs a command on node K: its network, its host name
#   $work                    a folder for files, gone with the namespaces
#   $rsh_agent, $hostfile    for mpirun: reaches the nodes; two slots on each
#
# Processes, network, host names and mounts are private to the test. Everything in them ends with
# its first process, however that ends, so nothing has to be cleaned up and nothing leaks outside.

readonly skip_status=77  # ctest's SKIP_RETURN_CODE for these tests
readonly subnet=10.77.0.0/24

skip() {
  echo "SKIPPED: $*"
  exit $skip_status
}

three_hosts_enter() {
  if [ "${THREE_HOSTS_INSIDE:-}" = yes ]; then
    enter_inside
    return
  fi
  local tool why
  for tool in unshare nsenter ip mpirun; do
    command -v "$tool" >/dev/null || skip "needs the program $tool (scripts/install.sh)"
  done
  if ! why=$(unshare --pid --fork --kill-child --mount --mount-proc --net --uts \
    ip link add probe type bridge 2>&1); then
    skip "may not make namespaces or bridges here (needs root, or CAP_SYS_ADMIN and CAP_NET_ADMIN):" \
      "$why"
  fi
  THREE_HOSTS_INSIDE=yes exec unshare --pid --fork --kill-child --mount --mount-proc --net --uts \
    bash "$0" "$@"
}

# Mounts of this namespace alone: files, run-time folders and shared memory of the test.
enter_inside() {
  mount -t tmpfs tmpfs /run
  mount -t tmpfs tmpfs /dev/shm
  work=/run/test
  mkdir -p $work/tmp
  export TMPDIR=$work/tmp
  # mpirun must see the hosts of this test, not those of a job that the test may run in.
  unset "${!OMPI_@}" "${!PMIX_@}" "${!SLURM_@}"
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
}

three_hosts_up() {
  local node
  hostname hub
  printf '127.0.0.1 localhost\n10.77.0.254 hub\n' >$work/etc-hosts
  for node in 1 2 3; do echo "10.77.0.$node node$node" >>$work/etc-hosts; done
  mount --bind $work/etc-hosts /etc/hosts
  ip link set lo up
  ip link add bridge0 type bridge
  ip addr add 10.77.0.254/24 dev bridge0
  ip link set bridge0 up
  for node in 1 2 3; do add_node "$node"; done
  rsh_agent=$work/rsh
  hostfile=$work/hostfile
  # Called by mpirun as `rsh [options] HOST WORDS…`.
  cat >$rsh_agent <<'AGENT'
#!/bin/sh
while [ "${1#-}" != "$1" ]; do shift; done
node=$1
shift
exec nsenter --target "$(cat /run/test/"$node".pid)" --net --uts -- /bin/sh -c "$*"
AGENT
  chmod +x $rsh_agent
}

# Its network and host name live as long as one sleeping process.
add_node() {
  local node=$1 pid
  unshare --net --uts sh -c "hostname node$node && echo >$work/node$node.up && exec sleep infinity" &
  pid=$!
  echo $pid >$work/node"$node".pid
  until [ -e $work/node"$node".up ]; do sleep 0.01; done
  ip link add port"$node" type veth peer name eth0 netns $pid
  ip link set port"$node" master bridge0 up
  on_node "$node" ip link set lo up
  on_node "$node" ip addr add 10.77.0."$node"/24 dev eth0
  on_node "$node" ip link set eth0 up
  echo "node$node slots=2" >>$work/hostfile
}

on_node() {
  local node=$1
  shift
  nsenter --target "$(cat $work/node"$node".pid)" --net --uts -- "$@"
}

# wait_for SECONDS WHAT COMMAND…: until the command succeeds; fails the test when it never does.
wait_for() {
  local end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || fail "waited in vain for $what"
    sleep 0.1
  done
}

fail() {
  echo "FAILED: $*" >&2
  declare -F show_logs >/dev/null && show_logs >&2
  exit 1
}
