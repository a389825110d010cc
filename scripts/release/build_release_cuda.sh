#!/usr/bin/env bash
# Builds the published CUDA plug-in, FOLDER/libcheems_cuda.so: machine code for the GPUs of
# native/backends/cuda/release_architectures.txt and PTX for 8.0, for glibc 2.31 and newer, stripped, and checked.
#   bash scripts/release/build_release_cuda.sh FOLDER
# Needs a CUDA toolkit, and fetches version 13 if there is none (scripts/setup_cuda.sh); the plug-in then needs a driver
# for CUDA 13 (580 or newer). Built in build/release; a second run compiles what has changed.
set -euo pipefail
[ $# -eq 1 ] || { echo "Usage: bash scripts/release/build_release_cuda.sh FOLDER" >&2; exit 2; }
mkdir -p "$1"
folder=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

node -e 'process.exit(require("./scripts/build/find_nvcc.cjs").findNvcc() === undefined ? 1 : 0)' || bash scripts/setup_cuda.sh --cuda 13 >&2
tree=build/release/linux-x64-cuda
sysroot=$PWD/build/release/sysroot-amd64
headers=$sysroot/usr/include
# nvcc's C++ compiler gets the same options as all others get from release_toolchain.cmake.
flags="-Xcompiler=--sysroot=$sysroot -Xcompiler=-nostdinc++ -Xcompiler=-isystem,$headers/c++/12"
flags+=" -Xcompiler=-isystem,$headers/x86_64-linux-gnu/c++/12 -Xcompiler=-isystem,$headers/c++/12/backward"
bash scripts/release/configure_release.sh linux-x64 "$tree" -DCHEEMS_ADDON=OFF -DCHEEMS_TESTS=OFF -DCHEEMS_CUDA=ON \
  -DCHEEMS_CUDA_IMAGES=RELEASE -DCHEEMS_PLUGIN_OUTPUT="$PWD/$tree/plugin" "-DCMAKE_CUDA_FLAGS=$flags"
jobs=$(node -p 'require("./scripts/build/run_cmake.cjs").fittingJobs()')
cmake --build "$tree" --parallel "$jobs" --target cheems_cuda >&2
x86_64-linux-gnu-strip --strip-unneeded -o "$folder/libcheems_cuda.so.new" "$tree/plugin/libcheems_cuda.so"
OBJDUMP=x86_64-linux-gnu-objdump node scripts/release/check_binary.cjs "$folder/libcheems_cuda.so.new" --glibc 2.31
mv "$folder/libcheems_cuda.so.new" "$folder/libcheems_cuda.so"
