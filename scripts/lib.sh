# shellcheck shell=bash
# What the scripts share. Source it; it changes to the root of the project.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1

# Under cron or in a bare container there may be no home; ccache then keeps its cache here.
if [ -z "${HOME:-}" ] || [ ! -w "${HOME:-/nonexistent}" ]; then
  export CCACHE_DIR=${CCACHE_DIR:-$root/build/.ccache}
fi

# How many compilers run at once: a Torch unit takes 1.3 GB, and a machine that swaps is slower
# than one that waits.
compile_jobs() {
  local cores available_kb by_memory
  cores=$(nproc)
  available_kb=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
  by_memory=$((available_kb / 1600000))
  [ "$by_memory" -ge 1 ] || by_memory=1
  echo $((cores < by_memory ? cores : by_memory))
}

# configure PRESET BUILD_DIR: once; later builds let ninja see to it.
configure() {
  [ -f "$2/build.ninja" ] || cmake --preset "$1" -B "$2"
}

# The files of C++ here, tracked or new, none of them ignored.
source_files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -co --exclude-standard -- '*.h' '*.cc' '*.c' | sort -u |
      while read -r file; do [ ! -f "$file" ] || echo "$file"; done
  else
    find . -path './build*' -prune -o -path './runs' -prune -o \
      -type f \( -name '*.h' -o -name '*.cc' -o -name '*.c' \) -print | sed 's|^\./||' | sort
  fi
}

# run_tests BUILD CTEST-ARGUMENT…: results in BUILD/test-results.xml, output in test-output.txt. A
# test of whole processes that fails is run once more, alone (test-results-again.xml): a machine
# that stands still for some seconds breaks its bounds on time, and is not its fault.
# test_summary.py names those that passed only then.
run_tests() {
  local build=$1 again
  shift
  rm -f "$build"/test-results.xml "$build"/test-results-again.xml
  ctest --test-dir "$build" --no-tests=error --output-junit "$PWD/$build/test-results.xml" "$@" \
    -j 2 >"$build/test-output.txt" 2>&1 || true
  again=$(python3 scripts/test_summary.py --build "$build" --run-again "$build/test-results.xml")
  if [ -n "$again" ]; then
    ctest --test-dir "$build" --output-junit "$PWD/$build/test-results-again.xml" -R "$again" \
      >>"$build/test-output.txt" 2>&1 || true
  fi
}
