#!/usr/bin/env bash
# Runs libFuzzer over what reads bytes from outside; stops at the first finding.
#   scripts/fuzz.sh                     every target of tests/fuzz for 3 s
#   scripts/fuzz.sh TARGET [SECONDS]    one target, or "all"
# New inputs go to build/fuzz/corpus/TARGET and stay there for the next run; the seeds in
# tests/fuzz/corpus are not touched. A finding is written to build/fuzz/findings; once mended, keep it as
# tests/fuzz/corpus/TARGET/regression-WHAT, which the fast tests run.
# FUZZ_LOG names a directory for the logs of the runs [build/fuzz/logs].
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  sed -n '2,/^# FUZZ_LOG/s/^# \{0,1\}//p' "$0" >&2
  exit 2
}
names=()
for folder in tests/fuzz/corpus/*/; do names+=("$(basename "$folder")"); done
chosen=("${names[@]}")
if [[ $# -ge 1 && $1 != all ]]; then
  [[ -d tests/fuzz/corpus/$1 ]] || { echo "fuzz: no target '$1'; there are: ${names[*]}" >&2; usage; }
  chosen=("$1")
fi
seconds=${2:-3}
[[ $# -le 2 && $seconds =~ ^[0-9]+$ ]] || usage

scripts/setup.sh --fuzz
scripts/build.sh fuzz "${chosen[@]/#/fuzz_}"
logs=${FUZZ_LOG:-build/fuzz/logs}
mkdir -p "$logs" build/fuzz/findings
for name in "${chosen[@]}"; do
  mkdir -p "build/fuzz/corpus/$name"
  # Inputs beyond 64 KiB find nothing that shorter ones do not, and cost time.
  if ! ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1 \
    "build/fuzz/tests/fuzz/fuzz_$name" -max_total_time="$seconds" -max_len=65536 -timeout=10 \
    -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="build/fuzz/findings/$name-" \
    "build/fuzz/corpus/$name" "tests/fuzz/corpus/$name" > "$logs/$name.log" 2>&1; then
    tail -n 40 "$logs/$name.log" >&2
    echo "fuzz: $name has a finding, in build/fuzz/findings; the whole log is $logs/$name.log" >&2
    exit 1
  fi
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$logs/$name.log")
  covered=$(sed -n 's/.* cov: \([0-9]*\) ft: \([0-9]*\).*/\1 edges, \2 features/p' "$logs/$name.log" | tail -n 1)
  printf '%-20s %10s inputs in %s s, %s\n' "$name" "$executions" "$seconds" "$covered"
done
