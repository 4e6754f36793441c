#!/usr/bin/env bash
# Configures and builds one preset of CMakePresets.json into build/PRESET.
#   scripts/build.sh PRESET [TARGET…]     PRESET: release, debug, asan, tsan or fuzz
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ $# -lt 1 || "$1" == -* ]]; then
  echo "usage: scripts/build.sh release|debug|asan|tsan|fuzz [TARGET…]" >&2
  exit 2
fi
preset=$1
shift

# libtorch's headers take up to 2 GB a compiler process.
jobs=$(nproc)
memory_jobs=$(awk '/^MemAvailable/ { print int($2 / 2097152) }' /proc/meminfo)
((memory_jobs < jobs)) && jobs=$((memory_jobs > 0 ? memory_jobs : 1))

options=()
command -v ccache > /dev/null && options+=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
cmake --preset "$preset" "${options[@]}"
if [[ $# -gt 0 ]]; then
  cmake --build --preset "$preset" --parallel "$jobs" --target "$@"
else
  cmake --build --preset "$preset" --parallel "$jobs"
fi
