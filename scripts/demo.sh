#!/usr/bin/env bash
# Edge and cloud on this machine tell a story together, from a fresh Debian 12 on.
#   scripts/demo.sh [ARGUMENT…]     arguments of `cecollm demo`; see scripts/demo.sh --help
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh
scripts/build.sh release cecollm >&2
exec build/release/cecollm demo "$@"
