#!/usr/bin/env bash
# Installs what building and testing need and this Debian 12 lacks. Quick when nothing is missing.
set -euo pipefail

# libtorch-dev brings protobuf, glog and gflags, which its CMake files ask for.
packages=(
  build-essential g++ cmake ninja-build ccache mold pkg-config
  libtorch-dev libopenblas0-pthread libopenblas-dev
  libopenmpi-dev openmpi-bin
  libboost-dev libboost-system-dev
  libonnx-dev libprotobuf-dev
  libyaml-cpp-dev libspdlog-dev libfmt-dev nlohmann-json3-dev libcli11-dev libzstd-dev
  libbox2d-dev
  libgtest-dev libgmock-dev libbenchmark-dev
  clang-format clang-tidy
  python3 python3-matplotlib iproute2 git
  slurmctld slurmd slurm-client munge
)

# Node.js runs exported models in another runtime, in a test; one from elsewhere will do.
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)

missing=()
for package in "${packages[@]}"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "install.sh: neither root nor sudo; please install: ${missing[*]}" >&2
    exit 2
  fi
  as_root=(sudo)
fi
echo "install.sh: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -q
"${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
