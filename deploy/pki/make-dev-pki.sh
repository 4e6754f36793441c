#!/bin/sh
# Makes certificates for development: a certificate authority, a cloud certificate and an edge
# certificate, valid for a few weeks. Not for production: the authority's key lies beside the rest.
set -eu

usage() {
  cat <<'END'
usage: make-dev-pki.sh [--force] [--days N] DIR [NAME|ADDRESS]...

Writes ca.pem, ca.key, cloud.pem, cloud.key, edge.pem, edge.key into DIR. The cloud certificate is
valid for localhost, 127.0.0.1, ::1 and the names and addresses given.

  --force   overwrite what is there
  --days N  validity, 30 by default

example: make-dev-pki.sh build/pki cloud.example 10.0.0.7
END
}

fail() {
  echo "make-dev-pki.sh: $*" >&2
  exit 2
}

force=no
days=30
while [ $# -gt 0 ]; do
  case $1 in
    --force) force=yes ;;
    --days) [ $# -ge 2 ] || fail "--days needs a number"; shift; days=$1 ;;
    -h | --help) usage; exit 0 ;;
    --*) fail "unknown option $1" ;;
    *) break ;;
  esac
  shift
done
case $days in '' | *[!0-9]*) fail "--days needs a number, not '$days'" ;; esac
[ $# -ge 1 ] || { usage >&2; exit 2; }
dir=$1
shift
command -v openssl >/dev/null || fail "openssl is not installed (Debian package openssl)"

if [ "$force" = no ]; then
  for name in ca cloud edge; do
    for file in "$dir/$name.pem" "$dir/$name.key"; do
      [ ! -e "$file" ] || fail "$file exists; --force overwrites it"
    done
  done
fi

names="DNS:localhost,IP:127.0.0.1,IP:::1"
for name in "$@"; do
  case $name in
    *[!0-9A-Za-z.:*-]* | '') fail "'$name' is no host name and no address" ;;
    *:* ) names="$names,IP:$name" ;;
    *[!0-9.]*) names="$names,DNS:$name" ;;
    *) names="$names,IP:$name" ;;
  esac
done

umask 077  # keys are made readable for the owner only, never fixed up later
mkdir -p "$dir"
work=$(mktemp -d "$dir/.pki.XXXXXX")
trap 'rm -rf "$work"' EXIT

# run LABEL COMMAND...: quiet unless it fails
run() {
  label=$1
  shift
  "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "$label failed"; }
}

run "making the authority" openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
  -sha256 -days "$days" -subj "/CN=CE-CoLLM development CA" \
  -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
  -addext "keyUsage=critical,keyCertSign,cRLSign" \
  -keyout "$work/ca.key" -out "$work/ca.pem"

# leaf NAME USAGE [SANS]
leaf() {
  {
    echo "basicConstraints=critical,CA:FALSE"
    echo "keyUsage=critical,digitalSignature"
    echo "extendedKeyUsage=$2"
    [ -z "${3:-}" ] || echo "subjectAltName=$3"
  } >"$work/$1.ext"
  run "making the key of $1" openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
    -sha256 -subj "/CN=$1" -keyout "$work/$1.key" -out "$work/$1.csr"
  run "signing $1" openssl x509 -req -sha256 -days "$days" -in "$work/$1.csr" \
    -CA "$work/ca.pem" -CAkey "$work/ca.key" -CAcreateserial \
    -extfile "$work/$1.ext" -out "$work/$1.pem"
}
leaf cloud serverAuth "$names"
leaf edge clientAuth

for name in ca cloud edge; do
  chmod 644 "$work/$name.pem"
  mv -f "$work/$name.key" "$work/$name.pem" "$dir/"
done
echo "$dir: ca.pem, cloud.pem and edge.pem with their keys, valid for $days days"
