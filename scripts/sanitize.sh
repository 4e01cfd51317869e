#!/usr/bin/env bash
# Builds without LibTorch, with sanitizers, and runs the tests:
#   scripts/sanitize.sh [address|thread] [--full] [-R REGEX]
# `address` (the default) is AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer over
# the unit tests and the simulator, in build-asan/; `thread` is ThreadSanitizer over the tests in
# which threads meet, whole jobs under mpirun among them, in build-tsan/. --full, for the night:
# every test that needs no LibTorch, under either.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
  sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

kind=address full=
select=()
while [ $# -gt 0 ]; do
  case $1 in
    address | thread) kind=$1 ;;
    --full) full=1 ;;
    -R)
      [ $# -ge 2 ] || usage
      select+=(-R "$2")
      shift
      ;;
    *) usage ;;
  esac
  shift
done

# What a process costs, and how much a model learns in a given time, is measured where nothing is
# instrumented.
measures='TorchIsMapped|RanksThatWaitSleep|BurnsNoProcessor|CostsTheTeacherNothing|PlaysInLittleMemory|CartPoleIsSolved'
case $kind in
  address)
    preset=asan build=build-asan targets=(unit_tests)
    [ -z "$full" ] || targets=(all)
    [ -n "$full" ] || select+=(-L '^(unit|simulation)$')
    ;;
  thread)
    preset=tsan build=build-tsan targets=(threaded_tests)
    [ -z "$full" ] || targets=(all)
    [ -n "$full" ] || select+=(-L '^threads$')
    ;;
esac

scripts/install.sh
configure "$preset" "$build"
ninja -C "$build" -j "$(compile_jobs)" "${targets[@]}"

suppressions=$root/scripts/sanitizers
# Programs and the learner's module hold the same static libraries, each its own copy: no error.
export ASAN_OPTIONS=fast_unwind_on_malloc=0:detect_stack_use_after_return=1:strict_string_checks=1:detect_odr_violation=0
export LSAN_OPTIONS=suppressions=$suppressions/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=suppressions=$suppressions/tsan.supp:halt_on_error=1:second_deadlock_stack=1
export OMPI_MCA_pml=ob1 OMPI_MCA_btl=vader,self
if [ "$(id -u)" -eq 0 ]; then
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
fi
run_tests "$build" -E "$measures" "${select[@]}"
exec python3 scripts/test_summary.py --build "$build" --json "$build/test-counts.json" \
  "$build/test-results.xml"
