#!/usr/bin/env bash
# Installs the Debian packages that the build needs, but only those that are missing: a second run does nothing.
#   bash scripts/install_system_packages.sh [--with-tests] [--with-arm64] [--without-node]
#     --with-tests     also what the C++ tests need
#     --with-arm64     also what compiles for 64-bit Arm and runs that (scripts/test_arm64.sh)
#     --without-node   for the C++ part alone (scripts/test_gpu.sh): asks for no Node.js
set -euo pipefail

with_tests=no
with_arm64=no
with_node=yes
for argument in "$@"; do
  case $argument in
    --with-tests) with_tests=yes ;;
    --with-arm64) with_arm64=yes ;;
    --without-node) with_node=no ;;
    *) echo "There is no option $argument; there are --with-tests, --with-arm64 and --without-node." >&2; exit 2 ;;
  esac
done

missing=()
need() { # need PACKAGE COMMAND…: the package is needed if the command fails
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}
header() { echo "#include <$1>" | "${CXX:-g++}" -std=c++20 -fsyntax-only -x c++ -; }
header_or_file() { [ -e "/usr/include/$1" ] || header "$1"; }

if [ $with_node = yes ]; then
  if ! command -v node >/dev/null || ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(+a > 20 || (+a === 20 && +b >= 19) ? 0 : 1)'; then
    echo "Node.js 20.19 or newer is needed, with npm, and $(command -v node >/dev/null && node --version || echo 'no node') was found. Debian 12 has 18 alone: take the archive for Linux from nodejs.org (unpack it, put its bin folder first in PATH), or nvm." >&2
    exit 1
  fi
  if ! command -v npm >/dev/null; then
    echo "npm was not found beside node: install it (apt-get install npm on Debian)." >&2
    exit 1
  fi
fi

need "g++" command -v "${CXX:-g++}"
need cmake command -v cmake
need make eval 'command -v ninja || command -v make'
need libhwy-dev header_or_file hwy/highway.h
need nlohmann-json3-dev header_or_file nlohmann/json.hpp
if [ $with_tests = yes ]; then
  need doctest-dev header_or_file doctest/doctest.h
fi
if [ $with_arm64 = yes ]; then
  need g++-12-aarch64-linux-gnu command -v aarch64-linux-gnu-g++-12
  need qemu-user command -v qemu-aarch64
fi
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
  echo "This system lacks what Debian calls ${missing[*]}, and has no apt-get: install their equivalents, then run this again." >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "Missing packages: run 'apt-get install ${missing[*]}' as root, then run this again." >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "Installing Debian packages: ${missing[*]}"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
