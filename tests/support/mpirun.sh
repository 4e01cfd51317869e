#!/usr/bin/env bash
# mpirun as tests need it: any user, more ranks than cores, no spinning. STILLHOUSE_TEST_MPIRUN
# holds further options.
set -euo pipefail
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
# As scripts/launch.sh has it. A process of its own, not one of mpirun's, which counts its children.
("$(dirname "$0")/../../scripts/reap_launcher.sh" $$ 5 </dev/null &)
# shellcheck disable=SC2086  # options, to be split
exec mpirun --bind-to none --oversubscribe --mca mpi_yield_when_idle 1 \
  --mca btl vader,self --mca pml ob1 ${STILLHOUSE_TEST_MPIRUN:-} "$@"
