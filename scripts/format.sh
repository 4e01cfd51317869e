#!/usr/bin/env bash
# Formats every C++ file; with --check only says which files are not formatted, and exits 1.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

mapfile -t files < <(source_files)
case ${1:-} in
  '') clang-format -i "${files[@]}" ;;
  --check)
    unformatted=()
    for file in "${files[@]}"; do
      clang-format --dry-run -Werror "$file" >/dev/null 2>&1 || unformatted+=("$file")
    done
    if [ ${#unformatted[@]} -gt 0 ]; then
      printf 'not formatted (scripts/format.sh does it): %s\n' "${unformatted[@]}" >&2
      exit 1
    fi
    ;;
  *)
    echo "usage: scripts/format.sh [--check]" >&2
    exit 2
    ;;
esac
