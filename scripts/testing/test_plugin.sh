#!/usr/bin/env bash
# A part of scripts/test.sh: compiles and links the real kernels into libcheems_cuda.so, for this machine's GPUs or
# compute capability 8.0, and fails if one spills registers. Needs no GPU. If there is no CUDA toolkit, one is fetched;
# if that fails, a line that begins with SKIPPED says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

has_nvcc() { node -e 'process.exit(require("./scripts/build/find_nvcc.cjs").findNvcc() === undefined ? 1 : 0)'; }

if ! has_nvcc && ! said=$(timeout 600 bash scripts/setup_cuda.sh 2>&1); then
  echo "$said"
  echo "SKIPPED: no real kernel was compiled or linked, for no CUDA toolkit is here and none could be fetched: $(tail -n 1 <<<"$said")"
  exit 0
fi
CHEEMS_CUDA=ON node scripts/build/build_cuda.cjs
node scripts/gpu/compile_kernels.cjs --library build/Release/libcheems_cuda.so
