#!/usr/bin/env bash
# clang-tidy over every unit that needs no Torch (clang 14 reads Torch's headers only as C++17):
#   scripts/tidy.sh [FILE…]
# Warnings are errors; the checks are in .clang-tidy.
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

scripts/install.sh
configure release build
if [ $# -gt 0 ]; then
  files=("$@")
else
  # Units of the compilation database outside learner/ (but with learner/protocol), once each.
  mapfile -t files < <(python3 - "$root" <<'PY'
import json, os, sys
root = sys.argv[1]
seen = set()
for entry in json.load(open("build/compile_commands.json")):
    path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), root)
    torch = path.startswith("learner/") and not path.startswith("learner/protocol/")
    torch = torch or path.startswith("tests/learner/") and not path.startswith("tests/learner/protocol/")
    torch = torch or " -isystem /usr/include/torch" in entry["command"] or "libtorch" in entry["command"]
    if not torch and not path.startswith("..") and not path.startswith("build"):
        seen.add(path)
print("\n".join(sorted(seen)))
PY
)
fi
printf '%s\n' "${files[@]}" |
  xargs -P "$(compile_jobs)" -n 1 clang-tidy -p build --quiet \
    --extra-arg=-Wno-unknown-warning-option --warnings-as-errors='*'
