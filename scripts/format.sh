#!/usr/bin/env bash
# Formats our C++ with clang-format 14 and the repository's .clang-format.
#   scripts/format.sh            rewrites files
#   scripts/format.sh --check    changes nothing, fails where something would change
set -euo pipefail
cd "$(dirname "$0")/.."

arguments=(-i)
case "${1:-}" in
  '') ;;
  --check) arguments=(--dry-run -Werror) ;;
  *)
    echo "usage: scripts/format.sh [--check]" >&2
    exit 2
    ;;
esac

# Another version formats differently.
tool=$(command -v clang-format-14 || command -v clang-format || true)
if [[ -z "$tool" ]] || ! "$tool" --version | grep -q 'version 14\.'; then
  echo "format: needs clang-format 14; install it with scripts/setup.sh --lint" >&2
  exit 1
fi
git ls-files -z --cached --others --exclude-standard -- '*.cpp' '*.hpp' |
  xargs -0 sh -c 'for file; do [ -e "$file" ] && printf "%s\0" "$file"; done' sh |
  xargs -0 -r -n 16 -P "$(nproc)" "$tool" "${arguments[@]}"
