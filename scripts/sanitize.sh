#!/usr/bin/env bash
# Builds what needs no Torch with sanitizers and runs its tests:
#   scripts/sanitize.sh [address|thread] [-R REGEX]
# `address` (the default) is AddressSanitizer, LeakSanitizer and UndefinedBehaviorSanitizer in
# build-asan/; `thread` is ThreadSanitizer in build-tsan/.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

kind=address
case ${1:-} in
  address | thread)
    kind=$1
    shift
    ;;
esac
case $kind in
  address) preset=asan build=build-asan ;;
  thread) preset=tsan build=build-tsan ;;
esac
select=()
while getopts 'R:h' option; do
  case $option in
    R) select+=(-R "$OPTARG") ;;
    *)
      sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
      exit 2
      ;;
  esac
done

scripts/install.sh
configure "$preset" "$build"
ninja -C "$build" -j "$(compile_jobs)"

suppressions=$root/scripts/sanitizers
export ASAN_OPTIONS=fast_unwind_on_malloc=0:detect_stack_use_after_return=1:strict_string_checks=1
export LSAN_OPTIONS=suppressions=$suppressions/lsan.supp:print_suppressions=0
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=suppressions=$suppressions/tsan.supp:halt_on_error=1:second_deadlock_stack=1
export OMPI_MCA_pml=ob1 OMPI_MCA_btl=vader,self
rm -f "$build/test-results.xml"
ctest --test-dir "$build" -j 2 --no-tests=error -L '^(unit|simulation)$' \
  --output-junit "$PWD/$build/test-results.xml" "${select[@]}" \
  >"$build/test-output.txt" 2>&1 || true
exec python3 scripts/test_summary.py --build "$build" --json "$build/test-counts.json" \
  "$build/test-results.xml"
