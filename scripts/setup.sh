#!/usr/bin/env bash
# Installs the Debian packages of scripts/packages.txt that are missing. Does nothing, offline and at
# once, where none is.
#   scripts/setup.sh          what building and testing need
#   scripts/setup.sh --lint   clang-format and clang-tidy as well
#   scripts/setup.sh --fuzz   Clang and its libFuzzer as well
#   scripts/setup.sh --monitoring   Prometheus as well
#   scripts/setup.sh --page   Chromium as well
set -euo pipefail
cd "$(dirname "$0")/.."

groups='^$'
for argument in "$@"; do
  case "$argument" in
    --lint) groups='^(lint)?$' ;;
    --fuzz) groups='^(fuzz)?$' ;;
    --monitoring) groups='^(monitoring)?$' ;;
    --page) groups='^(page)?$' ;;
    *)
      echo "setup: unknown argument '$argument'; usage: scripts/setup.sh [--lint | --fuzz | --monitoring | --page]" >&2
      exit 2
      ;;
  esac
done

wanted=()
while read -r package group _; do
  [[ -z "$package" || "$package" == \#* ]] && continue
  [[ "${group:-}" =~ $groups ]] && wanted+=("$package")
done < scripts/packages.txt

if ! command -v dpkg-query > /dev/null; then
  {
    echo "setup: this is not Debian, so nothing was installed. What the project needs is CAF 0.17.6,"
    echo "libtorch and the other libraries below, by their Debian 12 names; with them in place use"
    echo "'cmake --preset release' and 'cmake --build build/release', or work in a Debian 12 container."
    echo "  ${wanted[*]}"
  } >&2
  exit 1
fi

installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "${wanted[@]}" 2> /dev/null |
  sed -n 's/^ii  *//p' || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qxF "$package" <<< "$installed" || missing+=("$package")
done
[[ ${#missing[@]} -eq 0 ]] && exit 0

. /etc/os-release
if [[ "${ID:-}" != debian || "${VERSION_ID:-12}" != 12 ]]; then
  echo "setup: written for Debian 12; trying on ${PRETTY_NAME:-this system}" >&2
fi
as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo > /dev/null; then
    {
      echo "setup: ${#missing[@]} packages are missing and installing them needs root. As root, run:"
      echo "  apt-get update && apt-get install --no-install-recommends ${missing[*]}"
    } >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "setup: installing ${#missing[@]} packages: ${missing[*]}" >&2
"${as_root[@]}" apt-get update >&2
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install --yes --no-install-recommends "${missing[@]}" >&2
