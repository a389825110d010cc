#!/usr/bin/env bash
# For a GPU machine on which nothing can be installed: copies the Debian packages that the C++ build needs (Highway,
# nlohmann-json, doctest) from this machine into build/system-packages. Copy that folder together with the checkout;
# scripts/test_gpu.sh and scripts/bench_gpu.sh look there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
command -v dpkg >/dev/null || { echo "dpkg was not found: this script copies the packages of a Debian system." >&2; exit 1; }
packages=(libhwy-dev libhwy1 nlohmann-json3-dev doctest-dev)
folder=build/system-packages
rm -rf "$folder"
mkdir -p "$folder"
for package in "${packages[@]}"; do
  files=$(dpkg -L "$package" 2>/dev/null) || { echo "$package is not installed here: run 'bash scripts/install_system_packages.sh --with-tests --without-node' first." >&2; exit 1; }
  while IFS= read -r file; do
    case $file in
      /usr/share/doc/* | /usr/share/lintian/*) continue ;;
    esac
    if [ -f "$file" ] || [ -L "$file" ]; then cp -P --parents "$file" "$folder"; fi
  done <<<"$files"
done
# Debian's doctest has absolute paths in its CMake files; the others are relative. shellcheck disable=SC2016
sed -i 's|set(_IMPORT_PREFIX "/usr")|get_filename_component(_IMPORT_PREFIX "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)|' "$folder/usr/lib/cmake/doctest/doctestTargets.cmake"
echo "$(du -sh "$folder" | cut -f 1) in $folder."
