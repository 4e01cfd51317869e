# shellcheck shell=bash
# A Slurm cluster on the three hosts of three_hosts.sh, which is sourced before this file:
#
#   slurm_cluster_up     slurmctld on the hub, one slurmd on each of node1, node2, node3
#   job_field JOB NAME   a field of `scontrol show job`
#   job_state JOB        "RUNNING", "COMPLETED", …
#
# Real daemons with keys, spool and state in $work; they end with the namespaces.

slurm_cluster_needs() {
  local tool
  for tool in munged slurmctld slurmd sbatch scontrol; do
    command -v "$tool" >/dev/null || skip "needs the program $tool (scripts/install.sh)"
  done
}

slurm_cluster_up() {
  export SLURM_CONF=$work/slurm.conf
  start_munge
  write_slurm_conf
  mkdir -p $work/slurm/state
  slurmctld -i
  local node
  for node in 1 2 3; do
    mkdir -p $work/slurm/node$node
    # Through nsenter alone: a fresh /sys, as `ip netns exec` makes one, is the end of slurmd.
    on_node $node slurmd -N node$node
  done
  wait_for 20 "three idle nodes" three_nodes_idle
}

three_nodes_idle() { [ "$(sinfo -h -N -t idle -o %N | wc -l)" = 3 ]; }

start_munge() {
  mkdir -p $work/munge
  chmod 700 $work/munge
  (umask 077 && head -c 128 /dev/urandom >$work/munge/key)
  chmod 711 $work/munge
  munged --key-file=$work/munge/key --socket=$work/munge/socket --pid-file=$work/munge/pid \
    --log-file=$work/munge/log --seed-file=$work/munge/seed
}

write_slurm_conf() {
  cat >$SLURM_CONF <<CONF
ClusterName=test
SlurmctldHost=hub(10.77.0.254)
AuthType=auth/munge
AuthInfo=socket=$work/munge/socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
ReturnToService=2
SlurmctldPidFile=$work/slurm/slurmctld.pid
SlurmctldLogFile=$work/slurmctld.log
SlurmdPidFile=$work/slurm/%n/slurmd.pid
SlurmdLogFile=$work/slurmd-%n.log
SlurmdSpoolDir=$work/slurm/%n
TmpFS=$work/slurm/%n
StateSaveLocation=$work/slurm/state
KillWait=5
JobRequeue=1
RequeueExit=99
SlurmdTimeout=30
NodeName=node1 NodeAddr=10.77.0.1 CPUs=4 RealMemory=4000
NodeName=node2 NodeAddr=10.77.0.2 CPUs=4 RealMemory=4000
NodeName=node3 NodeAddr=10.77.0.3 CPUs=4 RealMemory=4000
PartitionName=main Nodes=node[1-3] Default=YES MaxTime=INFINITE State=UP
CONF
}

job_field() { scontrol show job "$1" | sed -n "s/.*[[:space:]]$2=\([^[:space:]]*\).*/\1/p" | head -n 1; }
job_state() { job_field "$1" JobState; }
