#!/usr/bin/env bash
# Tests the page of an edge in a headless Chromium, with a running edge and cloud: about a minute, after
# the release preset is built.
#   scripts/test-page.sh [unittest ARGUMENT…]
#   scripts/test-page.sh --screenshot     also takes the README's picture, docs/images/page.png
set -euo pipefail
cd "$(dirname "$0")/.."

if [[ "${1:-}" == --screenshot ]]; then
  shift
  mkdir -p docs/images
  export CECOLLM_PAGE_SCREENSHOT=$PWD/docs/images/page.png
fi
scripts/setup.sh --page
scripts/build.sh release cecollm
CECOLLM_BINARY=$PWD/build/release/cecollm CECOLLM_SOURCE_DIR=$PWD \
  timeout 300 /usr/bin/python3 -B tests/page/page_test.py "$@"
