#!/usr/bin/env bash
# For machines where Debian 12's packages cannot be installed, such as a GPU machine with another
# system and libtorch from elsewhere: takes the libraries along as files and unpacks them beside the
# system instead of into it.
#   scripts/offline.sh fetch DIR            on a Debian 12 machine with network: package files into DIR
#   scripts/offline.sh unpack DIR PREFIX    on the other machine; needs dpkg-deb only
#   source PREFIX/environment               then CMake, programs and tests find what was unpacked
# libtorch, its BLAS, compilers, CMake and Ninja are not among them: the other machine has its own.
set -euo pipefail

# Beside the libraries of scripts/packages.txt: what these load at run time, and tools.
runtime=(
  libcaf-core0.17 libcaf-io0.17 libcaf-openssl0.17 libcpp-httplib0.11 libbrotli1 libbrotli-dev libhwy1 libfmt9
  libspdlog1.10 libssl3 libtomlplusplus3 libpcre2-8-0 libpcre2-16-0 libpcre2-32-0 libpcre2-posix3
  libutf8proc2 libprotobuf32 libprotobuf-lite32 libprotoc32 libprometheus-cpp-core1.0
  libprometheus-cpp-pull1.0 libprometheus-cpp-push1.0 civetweb libcivetweb-dev libcivetweb1 libcurl4
  zlib1g-dev googletest libbenchmark1debian pkgconf pkgconf-bin libpkgconf3 liblzma5
)
own='^(build-essential|cmake|ninja-build|git|ca-certificates|curl|libtorch-dev|libopenblas0-pthread|iproute2|dpkg-dev|file|python3.*|nftables)$'

fetch() {
  local packages=("${runtime[@]}")
  while read -r package group _; do
    [[ -z "$package" || "$package" == \#* || -n "${group:-}" || "$package" =~ $own ]] && continue
    packages+=("$package")
  done < "$(dirname "$0")/packages.txt"
  mkdir -p "$1"
  (cd "$1" && apt-get download "${packages[@]}")
}

unpack() {
  mkdir -p "$2"
  local prefix
  prefix=$(cd "$2" && pwd)
  for package in "$1"/*.deb; do
    dpkg-deb -x "$package" "$prefix"
  done
  local libraries
  libraries=$(echo "$prefix"/usr/lib/*-linux-gnu)
  cat > "$prefix/environment" << END
export PATH="\$PATH:$prefix/usr/bin"
export CMAKE_PREFIX_PATH="$prefix/usr\${CMAKE_PREFIX_PATH:+:\$CMAKE_PREFIX_PATH}"
export PKG_CONFIG_SYSROOT_DIR="$prefix"
export PKG_CONFIG_LIBDIR="$libraries/pkgconfig:$prefix/usr/share/pkgconfig"
export LD_LIBRARY_PATH="$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
export LIBRARY_PATH="$libraries\${LIBRARY_PATH:+:\$LIBRARY_PATH}"
END
}

case "${1:-}" in
  fetch) [[ $# -eq 2 ]] && fetch "$2" && exit ;;
  unpack) [[ $# -eq 3 ]] && unpack "$2" "$3" && exit ;;
esac
echo "usage: scripts/offline.sh fetch DIR | unpack DIR PREFIX" >&2
exit 2
