#!/usr/bin/env bash
# Edges and a cloud under load with faults: is a descriptor, memory or a request lost? An hour, unless
# told otherwise; figures go to bench/results/soak.
#   scripts/soak.sh                   as they are kept in the repository
#   scripts/soak.sh --seconds 120     shorter; scripts/soak.sh --help names all flags
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh
scripts/build.sh release cecollm >&2
exec python3 -B bench/soak/soak.py "$@"
