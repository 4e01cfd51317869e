#!/usr/bin/env bash
# Runs an ONNX model with ONNX Runtime under Node.js, for `stillhouse export --onnx-runner`:
#   scripts/onnx_runner.sh (MODEL OBSERVATIONS Q SHAPE)…
# SHAPE is an observation's, "4,10,10". The runtime is installed into build/onnx-runtime at the first
# call, in the versions that tests/system/onnx/package-lock.json pins; no package's scripts run.
#   scripts/onnx_runner.sh --install    only installs
# STILLHOUSE_ONNX_RUNTIME names another folder than build/onnx-runtime.
set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
pins=$scripts/../tests/system/onnx
runtime=${STILLHOUSE_ONNX_RUNTIME:-$scripts/../build/onnx-runtime}

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  echo "onnx_runner.sh: node and npm are missing; scripts/install.sh installs them" >&2
  exit 2
fi

# The lock file is copied last: what was interrupted is done again. One process at a time.
mkdir -p "$runtime"
if ! cmp -s "$pins/package-lock.json" "$runtime/installed-lock.json"; then
  exec 9>"$runtime/.lock"
  flock 9
  if ! cmp -s "$pins/package-lock.json" "$runtime/installed-lock.json"; then
    cp "$pins/package.json" "$pins/package-lock.json" "$runtime/"
    if ! (cd "$runtime" && npm ci --ignore-scripts --no-audit --no-fund >install.log 2>&1); then
      cat "$runtime/install.log" >&2
      echo "onnx_runner.sh: npm could not install ONNX Runtime (above)" >&2
      exit 1
    fi
    # Only this machine's kind of binaries is needed.
    find "$runtime/node_modules/onnxruntime-node/bin" -mindepth 2 -maxdepth 2 -type d \
      ! -name linux -exec rm -rf {} +
    cp "$pins/package-lock.json" "$runtime/installed-lock.json"
  fi
  exec 9>&-
fi
[ "${1:-}" = --install ] && exit 0
exec node "$scripts/onnx_runner.mjs" "$runtime" "$@"
