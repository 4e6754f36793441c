#!/usr/bin/env bash
# Builds a sanitizer's preset and runs its fast tests, with a fake model in the place of libtorch.
#   scripts/sanitize.sh asan|tsan [CTEST ARGUMENT…]
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ "${1:-}" != asan && "${1:-}" != tsan ]]; then
  echo "usage: scripts/sanitize.sh asan|tsan [CTEST ARGUMENT…]" >&2
  exit 2
fi
preset=$1
shift
scripts/build.sh "$preset"
exec ctest --preset "$preset" --parallel 2 "$@"
