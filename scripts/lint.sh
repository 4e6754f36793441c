#!/usr/bin/env bash
# Runs clang-tidy 14 with the repository's .clang-tidy over our own sources, each by itself: it is also
# where a source shows that it includes what it needs.
#   scripts/lint.sh                every source file but tests and model/torch_*: those answer to the
#                                  compiler's warnings (clang 14 cannot read libtorch's headers as C++20)
#   scripts/lint.sh --changed      those that differ from the last commit, or are not in it
#   scripts/lint.sh FILE…          these
set -euo pipefail
cd "$(dirname "$0")/.."
build=build/lint

tool=$(command -v clang-tidy-14 || command -v clang-tidy || true)
if [[ -z "$tool" ]] || ! "$tool" --version | grep -q 'version 14\.'; then
  echo "lint: needs clang-tidy 14; install it with scripts/setup.sh --lint" >&2
  exit 1
fi

case "${1:-}" in
  '') files=$(git ls-files --cached --others --exclude-standard -- '*.cpp' ':!tests' ':!model/torch_*') ;;
  --changed)
    files=$(git diff --name-only --diff-filter=d HEAD -- '*.cpp'
      git ls-files --others --exclude-standard -- '*.cpp')
    ;;
  -*)
    echo "usage: scripts/lint.sh [--changed | FILE…]" >&2
    exit 2
    ;;
  *) files=$(printf '%s\n' "$@") ;;
esac

[[ -z "$files" ]] && exit 0

# A tree that is configured, with what is generated, but not compiled.
{ cmake --preset release -B "$build" -DCMAKE_UNITY_BUILD=OFF &&
  cmake --build "$build" --target cecollm_wire; } > /dev/null

# Only what is compiled: clang-tidy guesses flags for anything else.
compiled=$(sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$build/compile_commands.json")
files=$(while read -r file; do
  [[ -n "$file" ]] && grep -qxF "$PWD/${file#"$PWD/"}" <<< "$compiled" && echo "$file"
done <<< "$files" || true)
[[ -z "$files" ]] && exit 0

# Quiet about files without findings.
check='output=$("$0" -p "$1" --quiet "$2" 2> /dev/null) || { printf "%s\n" "$output"; exit 1; }'
xargs -d '\n' -P "$(nproc)" -n 1 bash -c "$check" "$tool" "$build" <<< "$files"
