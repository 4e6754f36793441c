#!/bin/sh
# Makes certificates for production: an authority, once, and from it a certificate a node. The
# authority's key stays in a directory of its own, encrypted, best on a machine that is no node.
set -eu

usage() {
  cat <<'END'
usage: make-pki.sh authority [--days N] [--passphrase-file FILE] AUTHORITY
       make-pki.sh node [--days N] [--passphrase-file FILE] [--renew] AUTHORITY DIR cloud|edge NAME
                        [HOST|ADDRESS]...

authority  writes ca.pem and the encrypted ca.key into the directory AUTHORITY. 3650 days.
node       writes ca.pem and either cloud.pem and cloud.key or edge.pem and edge.key into DIR, which
           is what the node called NAME gets. 90 days. A cloud needs the hosts and addresses by which
           edges reach it; an edge takes none. The name is what the peer sees as its identity.

  --days N                validity
  --passphrase-file FILE  holds the passphrase of ca.key; without it openssl asks
  --renew                 make a new key and certificate in the place of those in DIR

example: make-pki.sh authority authority
         make-pki.sh node authority pki-cloud cloud cloud-1 cloud.example 10.0.0.7
         make-pki.sh node authority pki-shop-17 edge shop-17
END
}

fail() {
  echo "make-pki.sh: $*" >&2
  exit 2
}

[ $# -ge 1 ] || { usage >&2; exit 2; }
action=$1
shift
case $action in
  authority) days=3650 ;;
  node) days=90 ;;
  -h | --help) usage; exit 0 ;;
  *) fail "unknown action '$action': authority or node" ;;
esac
passphrase=
renew=no
while [ $# -gt 0 ]; do
  case $1 in
    --days) [ $# -ge 2 ] || fail "--days needs a number"; shift; days=$1 ;;
    --passphrase-file) [ $# -ge 2 ] || fail "--passphrase-file needs a file"; shift; passphrase=$1 ;;
    --renew) renew=yes ;;
    --*) fail "unknown option $1" ;;
    *) break ;;
  esac
  shift
done
case $days in '' | *[!0-9]* | 0*) fail "--days needs a number, not '$days'" ;; esac
[ -z "$passphrase" ] || [ -r "$passphrase" ] || fail "cannot read $passphrase"
command -v openssl >/dev/null || fail "openssl is not installed (Debian package openssl)"
umask 077  # keys are made readable for the owner only, never fixed up later

if [ "$action" = authority ]; then
  [ $# -eq 1 ] || { usage >&2; exit 2; }
  authority=$1
  [ ! -e "$authority/ca.key" ] || fail "$authority/ca.key exists; an authority is made once"
  mkdir -p "$authority"
  work=$(mktemp -d "$authority/.pki.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -aes-256-cbc \
    ${passphrase:+-pass "file:$passphrase"} -out "$work/ca.key" 2>"$work/log" ||
    { cat "$work/log" >&2; fail "making the key failed"; }
  openssl req -x509 -sha256 -days "$days" -key "$work/ca.key" \
    ${passphrase:+-passin "file:$passphrase"} -subj "/CN=CE-CoLLM CA" \
    -addext "basicConstraints=critical,CA:TRUE,pathlen:0" \
    -addext "keyUsage=critical,keyCertSign,cRLSign" -out "$work/ca.pem" 2>"$work/log" ||
    { cat "$work/log" >&2; fail "making the authority failed"; }
  chmod 644 "$work/ca.pem"
  mv -f "$work/ca.pem" "$work/ca.key" "$authority/"
  echo "$authority: ca.pem and ca.key, valid for $days days"
  exit 0
fi

[ $# -ge 4 ] || { usage >&2; exit 2; }
authority=$1 dir=$2 role=$3 node=$4
shift 4
case $role in cloud) usage=serverAuth ;; edge) usage=clientAuth ;; *) fail "'$role' is neither cloud nor edge" ;; esac
case $node in *[!0-9A-Za-z._-]* | '') fail "'$node' is no name of a node: a-z, 0-9, . _ -" ;; esac
[ "$role" = edge ] || [ $# -ge 1 ] || fail "a cloud needs the hosts and addresses that edges use"
[ "$role" = cloud ] || [ $# -eq 0 ] || fail "an edge takes no hosts: nobody connects to it"
[ -r "$authority/ca.key" ] || fail "cannot read $authority/ca.key; make it with: make-pki.sh authority $authority"
names=
for name in "$@"; do
  case $name in
    *[!0-9A-Za-z.:*-]* | '') fail "'$name' is no host name and no address" ;;
    *:*) kind=IP ;;
    *[!0-9.]*) kind=DNS ;;
    *) kind=IP ;;
  esac
  names="$names${names:+,}$kind:$name"
done
if [ "$renew" = no ] && { [ -e "$dir/$role.pem" ] || [ -e "$dir/$role.key" ]; }; then
  fail "$dir/$role.pem exists; --renew replaces it"
fi
mkdir -p "$dir"
work=$(mktemp -d "$dir/.pki.XXXXXX")
trap 'rm -rf "$work"' EXIT
{
  echo "basicConstraints=critical,CA:FALSE"
  echo "keyUsage=critical,digitalSignature"
  echo "extendedKeyUsage=$usage"
  [ -z "$names" ] || echo "subjectAltName=$names"
} >"$work/extensions"
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -subj "/CN=$node" \
  -keyout "$work/$role.key" -out "$work/request" 2>"$work/log" ||
  { cat "$work/log" >&2; fail "making the key of $node failed"; }
openssl x509 -req -sha256 -days "$days" -in "$work/request" -CA "$authority/ca.pem" \
  -CAkey "$authority/ca.key" ${passphrase:+-passin "file:$passphrase"} \
  -set_serial "0x$(openssl rand -hex 16 | sed 's/^./1/')" -extfile "$work/extensions" \
  -out "$work/$role.pem" 2>"$work/log" || { cat "$work/log" >&2; fail "signing $node failed"; }
cp "$authority/ca.pem" "$work/ca.pem"
chmod 644 "$work/ca.pem" "$work/$role.pem"
mv -f "$work/ca.pem" "$work/$role.key" "$work/$role.pem" "$dir/"
echo "$dir: ca.pem, $role.pem and $role.key for $node, valid for $days days"
