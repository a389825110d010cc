#!/usr/bin/env bash
# Tests the linux-arm64 engine on this machine: cross-compiled like its release, and run under qemu's processor
# emulation.
#   bash scripts/test_arm64.sh            every C++ test, and the release's addon in Node for arm64: the rewards of this machine
#   bash scripts/test_arm64.sh --short    the tests of what hangs on the processor: numbers, threads, SIMD kernels, mapped files
# If the cross-compiler or qemu cannot be installed, a line that begins with SKIPPED says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
case ${1:-} in
  '' | --short) ;;
  *) echo "There is no option $1; there is --short." >&2; exit 2 ;;
esac

if ! said=$(bash scripts/install_system_packages.sh --with-arm64 2>&1); then
  echo "SKIPPED: nothing was tested for arm64, because its compiler or qemu is missing: ${said##*$'\n'}"
  exit 0
fi

tree=build/release/linux-arm64
# The emulator finds Debian 11's libraries there.
export QEMU_LD_PREFIX=$PWD/build/release/sysroot-arm64
bash scripts/release/configure_release.sh linux-arm64 "$tree" -DCHEEMS_ADDON_FOLDER="$PWD/$tree/addon"
jobs=$(node -p 'require("./scripts/build/run_cmake.cjs").fittingJobs()')
if [ "${1:-}" = --short ]; then
  cmake --build "$tree" --parallel "$jobs" --target cheems_processor_tests
  time qemu-aarch64 "$tree/cheems_processor_tests"
  exit
fi
cmake --build "$tree" --parallel "$jobs" --target cheems_native_tests
time qemu-aarch64 "$tree/cheems_native_tests"

bash scripts/release/build_release_addon.sh linux-arm64 build/release/arm64-package
[ -e dist/index.js ] || npm run --silent build:ts
node scripts/testing/score_on_arm64.cjs build/release/arm64-package/cheems_native.node
