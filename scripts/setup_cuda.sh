#!/usr/bin/env bash
# For a machine without a CUDA toolkit: fetches NVIDIA's compiler, runtime and cuBLAS as Python wheels into build/cuda-toolkit,
# from the package index that pip is set up with; CMake looks there. Needs python3 with venv (apt-get install python3-venv)
# and about 2 GB of disk; installs nothing outside the checkout. Safe to run again.
#
#   bash scripts/setup_cuda.sh [--without-cublas]
#
# CHEEMS_CUDA_VERSION=13.0 chooses another toolkit of major version 13. Without cuBLAS (423 MB) kernels compile, but the plug-in
# does not link.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

version=${CHEEMS_CUDA_VERSION:-13.0}
toolkit=build/cuda-toolkit
packages=("nvidia-cuda-nvcc==$version.*" "nvidia-cuda-crt==$version.*" "nvidia-nvvm==$version.*" "nvidia-cuda-runtime==$version.*"
  "nvidia-cuda-cccl==$version.*")
# cuBLAS counts its versions by itself; any of major version 13 has the calls that are made.
packages+=("nvidia-cublas==13.*")
case "${1:-}" in
  --without-cublas) unset 'packages[-1]' ;;
  '') ;;
  *) echo "There is no option $1; the only one is --without-cublas." >&2; exit 2 ;;
esac

command -v python3 >/dev/null || { echo "python3 was not found; it fetches the wheels. Install it with: apt-get install python3 python3-venv" >&2; exit 1; }
venv=build/cuda-wheels
[ -x "$venv/bin/pip" ] || python3 -m venv "$venv" ||
  { echo "python3 cannot make a virtual environment. Install it with: apt-get install python3-venv" >&2; exit 1; }
"$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "${packages[@]}" ||
  { echo "The wheels could not be fetched (see above). A toolkit of NVIDIA's own, 12.8 or newer, serves as well: put its nvcc on the PATH." >&2; exit 1; }

wheels=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nvidia/cu13
[ -x "$wheels/bin/nvcc" ] || { echo "The wheels hold no bin/nvcc in $wheels; this script knows the layout of version 13." >&2; exit 1; }
# nvcc expects lib64, and linkers a name without a version.
[ -e "$wheels/lib64" ] || ln -s lib "$wheels/lib64"
for library in cudart cublasLt; do
  versioned=$(find "$wheels/lib" -name "lib$library.so.*" | head -n 1)
  [ -z "$versioned" ] || ln -sfn "$(basename "$versioned")" "$wheels/lib/lib$library.so"
done
ln -sfn "$(realpath "$wheels")" "$toolkit"
"$toolkit/bin/nvcc" --version | tail -n 2
echo "The toolkit is in $toolkit. Build with: node scripts/build_addon.cjs (or cmake -S . -B build/cmake && cmake --build build/cmake)"
