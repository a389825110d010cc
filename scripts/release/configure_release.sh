#!/usr/bin/env bash
# Configures a build tree for a release: for one platform, against Debian 11's C library, so that glibc 2.31 or newer is
# enough. Everything that it fetches is in build/release. A second run only does what is missing.
#   bash scripts/release/configure_release.sh PLATFORM TREE [CMAKE OPTION…]      (PLATFORM: linux-x64 or linux-arm64)
#
# Reasons: Debian 12's g++ with a folder of Debian 11's C library needs no root permissions, cross-compiles in the same
# way, and is the compiler that the tests use. Debian 11's own is too old for this engine's C++20; Zig's is Clang with
# another C++ library.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
stop() { echo "$1" >&2; exit 1; }

case ${1:-} in
  linux-x64) architecture=amd64 compiler=x86_64-linux-gnu-g++-12 package=g++-12 ;;
  linux-arm64) architecture=arm64 compiler=aarch64-linux-gnu-g++-12 package=g++-12-aarch64-linux-gnu ;;
  *) echo "Usage: bash scripts/release/configure_release.sh linux-x64|linux-arm64 TREE [CMAKE OPTION…]" >&2; exit 2 ;;
esac
tree=${2:?the folder of the build}
shift 2
command -v "$compiler" >/dev/null || stop "$compiler was not found, which compiles for this kind of machine: apt-get install $package (on Debian 12)"
sysroot=$root/build/release/sysroot-$architecture
bash "$root/scripts/release/fetch_sysroot.sh" "$architecture" "$sysroot" >&2
generator=()
[ -e "$tree/CMakeCache.txt" ] || { command -v ninja >/dev/null && generator=(-G Ninja); }
# Keeps this machine's paths out of the binary.
cmake -S "$root" -B "$tree" "${generator[@]}" --log-level=WARNING --toolchain "$root/scripts/release/release_toolchain.cmake" -DCHEEMS_ARCHITECTURE=$architecture \
  -DCHEEMS_SYSROOT="$sysroot" -DCHEEMS_CUDA=OFF -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE="-O3 -DNDEBUG -ffile-prefix-map=$root=." "$@"
