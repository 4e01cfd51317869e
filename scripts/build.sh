#!/usr/bin/env bash
# Installs what is missing and builds into build/ (Release). Arguments are ninja targets:
#   scripts/build.sh [TARGET…]
set -euo pipefail
# shellcheck source=scripts/lib.sh
. "$(dirname "$0")/lib.sh"

scripts/install.sh
configure release build
ninja -C build -j "$(compile_jobs)" "$@"
