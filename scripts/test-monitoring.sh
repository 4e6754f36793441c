#!/usr/bin/env bash
# Proves dashboards and rules on a real Prometheus that reads a running cloud and edges: about a
# minute, after the release preset is built.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh --monitoring
scripts/build.sh release cecollm
CECOLLM_BINARY=$PWD/build/release/cecollm CECOLLM_SOURCE_DIR=$PWD \
  timeout 170 /usr/bin/python3 -B tests/deploy/prometheus_proof.py "$@"
