#!/usr/bin/env bash
# Builds the published addon, FOLDER/cheems_native.node: for glibc 2.31 and newer, stripped, and checked
# (scripts/release/check_binary.cjs).
#   bash scripts/release/build_release_addon.sh PLATFORM FOLDER      (PLATFORM: linux-x64 or linux-arm64)
# Built in build/release; a second run compiles what has changed.
set -euo pipefail
[ $# -eq 2 ] || { echo "Usage: bash scripts/release/build_release_addon.sh linux-x64|linux-arm64 FOLDER" >&2; exit 2; }
platform=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

[ -d node_modules ] || npm ci --ignore-scripts --no-audit --no-fund >&2 # the headers of Node-API
tree=build/release/$platform
bash scripts/release/configure_release.sh "$platform" "$tree" -DCHEEMS_ADDON_FOLDER="$PWD/$tree/addon"
jobs=$(node -p 'require("./scripts/build/run_cmake.cjs").fittingJobs()')
cmake --build "$tree" --parallel "$jobs" --target cheems_native >&2
case $platform in
  linux-x64) prefix=x86_64-linux-gnu- ;;
  linux-arm64) prefix=aarch64-linux-gnu- ;;
esac
"${prefix}strip" --strip-unneeded -o "$folder/cheems_native.node.new" "$tree/addon/cheems_native.node"
OBJDUMP=${prefix}objdump node scripts/release/check_binary.cjs "$folder/cheems_native.node.new" --glibc 2.31
mv "$folder/cheems_native.node.new" "$folder/cheems_native.node"
