#!/usr/bin/env bash
# Reads broken input under AddressSanitizer and UBSan, for the night (docs/fuzzing.md):
#   scripts/fuzz.sh [--inputs N] [--seed N] [--target NAME] [--jobs N] [--release]
# N inputs (10000000 by default) of every target, in build-asan/; --release takes build/, some ten
# times as fast. What is found is kept in build-asan/fuzz/, with the command that reads it again.
# The seed is the day by default, so that every night reads other inputs. Exit 1 when an input did
# harm.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

usage() {
  sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

inputs=10000000 seed=$(date +%Y%m%d) target= jobs=$(nproc) build=build-asan preset=asan
while [ $# -gt 0 ]; do
  case $1 in
    --inputs | --seed | --target | --jobs)
      [ $# -ge 2 ] || usage
      declare "${1#--}=$2"
      shift
      ;;
    --release) build=build preset=release ;;
    *) usage ;;
  esac
  shift
done

configure "$preset" "$build"
ninja -C "$build" -j "$(compile_jobs)" fuzz_test

export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:detect_odr_violation=0:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
targets=${target:-$("$build/tests/fuzz_test" --list)}
status=0
# shellcheck disable=SC2086
printf '%s\n' $targets | xargs -P "$jobs" -I NAME \
  "$build/tests/fuzz_test" --target=NAME "--inputs=$inputs" "--seed=$seed" || status=1
exit "$status"
