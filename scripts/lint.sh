#!/usr/bin/env bash
# Runs clang-tidy 14 with the repository's .clang-tidy over our own sources.
#   scripts/lint.sh                every source file but tests and model/torch_*: those answer to the
#                                  compiler's warnings (clang 14 cannot read libtorch's headers as C++20)
#   scripts/lint.sh --changed      those that differ from the last commit, or are not in it
#   scripts/lint.sh FILE…          these
# All of them are read in the batches in which they are compiled and without clang's analyzer, which
# takes a tenth of the time; single files each by itself and with everything, so that --changed also
# finds a source that does not include what it needs.
set -euo pipefail
cd "$(dirname "$0")/.."

tool=$(command -v clang-tidy-14 || command -v clang-tidy || true)
if [[ -z "$tool" ]] || ! "$tool" --version | grep -q 'version 14\.'; then
  echo "lint: needs clang-tidy 14; install it with scripts/setup.sh --lint" >&2
  exit 1
fi

# configure BUILD CMAKE-ARGUMENT…: a tree with what is generated, but not compiled.
configure() {
  { cmake --preset release -B "$@" && cmake --build "$1" --target cecollm_wire; } > /dev/null
}
# compiled BUILD: the sources of its compilations. clang-tidy guesses flags for anything else.
compiled() {
  sed -n 's/^ *"file": "\(.*\)",\{0,1\}$/\1/p' "$1/compile_commands.json"
}
# tidy BUILD CHECKS [CLANG-TIDY-ARGUMENT…]: over the files on standard input, quiet about files without
# findings.
tidy() {
  local check='output=$("${@:2}" "$1" 2> /dev/null) || { printf "%s\n" "$output"; exit 1; }'
  xargs -d '\n' -P "$(nproc)" -I '{}' bash -c "$check" tidy '{}' "$tool" -p "$1" --quiet "--checks=$2" "${@:3}"
}
# The sources of a batch are put in the place of their #include lines: some checks leave included files
# alone. What one of them calls by a name that another gives to a constant is no finding.
lint_batches() {
  local batch
  while read -r batch; do
    awk -F '"' '/^#include ".*\.cpp"$/ { while ((getline line < $2) > 0) print line; next } { print }' \
      "$batch" > "$batch.whole"
    mv "$batch.whole" "$batch"
  done < <(find build/lint-batches -path '*/Unity/*.cxx')
  compiled build/lint-batches | grep -v -e '_torch\.dir/' -e '/wire\.pb\.cc$' |
    tidy build/lint-batches '-readability-duplicate-include,-clang-analyzer-*' \
      --extra-arg=-Wno-shadow ||
    { echo "lint: scripts/lint.sh FILE shows a batch's finding in its source" >&2; return 1; }
}

case "${1:-}" in
  '')
    configure build/lint-batches -DCECOLLM_BUILD_TESTS=OFF
    lint_batches
    exit
    ;;
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

configure build/lint -DCMAKE_UNITY_BUILD=OFF
files=$(while read -r file; do
  compiled build/lint | grep -xF "$PWD/${file#"$PWD/"}"
done <<< "$files" || true)
[[ -z "$files" ]] && exit 0
tidy build/lint '' <<< "$files"
