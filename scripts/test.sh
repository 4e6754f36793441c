#!/usr/bin/env bash
# Builds the release preset and runs its tests, from a fresh Debian 12 on.
#   scripts/test.sh [CTEST ARGUMENT…]          the fast tests
#   scripts/test.sh --slow [CTEST ARGUMENT…]   the others, which carry the label "slow"
set -euo pipefail
cd "$(dirname "$0")/.."

preset=release
if [[ "${1:-}" == --slow ]]; then
  preset=release-slow
  shift
fi
scripts/setup.sh
scripts/build.sh release
exec ctest --preset "$preset" --parallel 2 "$@"
