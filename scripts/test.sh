#!/usr/bin/env bash
# Builds everything and runs the tests:
#   scripts/test.sh [-R REGEX] [-L LABEL-REGEX]
# Labels: unit, conformance, simulation, mpi, system.
# Results stay in build/test-results.xml. Exit 1 when a test failed.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

select=()
while getopts 'R:L:h' option; do
  case $option in
    R) select+=(-R "$OPTARG") ;;
    L) select+=(-L "$OPTARG") ;;
    *)
      sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
      exit 2
      ;;
  esac
done

scripts/build.sh
if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
# Tests that need the machine for themselves say so (RUN_SERIAL); ctest's status is in the results.
run_tests build "${select[@]}"
exec python3 scripts/test_summary.py --build build build/test-results.xml
