#!/usr/bin/env bash
# For a machine without a CUDA toolkit: fetches NVIDIA's compiler, runtime and cuBLAS as Python wheels into
# build/cuda-toolkit, from pip's package index; CMake looks there. Needs python3 with venv (apt-get install
# python3-venv) and about 2 GB of disk; installs nothing outside the checkout. Safe to run again.
#
#   bash scripts/setup_cuda.sh [--cuda 12|13] [--without-cublas]
#
#   --cuda 12|13      the major version, in place of the one that this machine's driver runs (13 where no driver is)
#   --without-cublas  fetches no cuBLAS (423 MB): kernels compile, but the plug-in does not link
#
# NVIDIA's wheels of version 12 hold no nvcc. For a driver of CUDA 12 they bring cuBLAS and the headers, and the
# compiler has to be on the machine: nvcc 12.8 or 12.9. CHEEMS_CUDA_VERSION=13.0 chooses another minor version.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

stop() { echo "$1" >&2; exit "${2:-1}"; }

major='' cublas=yes
while [ $# -gt 0 ]; do
  case $1 in
    --cuda) major=${2:-}; shift ;;
    --cuda=*) major=${1#--cuda=} ;;
    --without-cublas) cublas=no ;;
    -h | --help) sed -n '2,/^set /{/^set /!s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) stop "There is no option $1; there are --cuda 12|13 and --without-cublas." 2 ;;
  esac
  shift
  case $major in '' | 12 | 13) ;; *) stop "--cuda is 12 or 13, not $major." 2 ;; esac
done

# The CUDA version of the driver, from nvidia-smi's table ("CUDA Version: 12.4"); nothing if there is none, or the
# output is different.
driver=$(nvidia-smi 2>/dev/null | sed -n 's/.*CUDA Version: *\([0-9][0-9]*\.[0-9][0-9]*\).*/\1/p' | head -n 1) || driver=''
if [ -z "$major" ]; then
  case $driver in
    '') major=13 ;;
    1[0-1].* | [0-9].*) stop "This machine's driver runs CUDA $driver, and the kernels need 12 or 13: update the driver." ;;
    12.*) major=12 ;;
    *) major=13 ;;
  esac
elif [ -n "$driver" ] && [ "${driver%%.*}" -lt "$major" ]; then
  echo "This machine's driver runs CUDA $driver: what a toolkit of version $major compiles will not run here." >&2
fi

command -v python3 >/dev/null || stop "python3 was not found; it fetches the wheels. Install it with: apt-get install python3 python3-venv"
toolkit=build/cuda-toolkit
venv=build/cuda-wheels

# fetch PACKAGE…
fetch() {
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv" ||
    stop "python3 cannot make a virtual environment. Install it with: apt-get install python3-venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "$@" ||
    stop "The wheels could not be fetched (see above). A toolkit of NVIDIA's own, 12.8 or newer, serves as well: put its nvcc on the PATH."
  wheels=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/nvidia
}

# name_libraries FOLDER NAME…: creates names without a version, which linkers look for.
name_libraries() {
  local folder=$1 name versioned
  shift
  for name in "$@"; do
    versioned=$(find "$folder" -name "lib$name.so.*" | head -n 1)
    [ -z "$versioned" ] || ln -sfn "$(basename "$versioned")" "$folder/lib$name.so"
  done
}

fetch_13() {
  local version=${CHEEMS_CUDA_VERSION:-13.0}
  local packages=("nvidia-cuda-nvcc==$version.*" "nvidia-cuda-crt==$version.*" "nvidia-nvvm==$version.*"
    "nvidia-cuda-runtime==$version.*" "nvidia-cuda-cccl==$version.*")
  # cuobjdump (which reports the registers of a built kernel), the NVTX headers and cuBLAS have version numbers of their
  # own; any with this major version is fine.
  packages+=("nvidia-cuda-cuobjdump==13.*" "nvidia-nvtx==13.*")
  [ $cublas = no ] || packages+=("nvidia-cublas==13.*")
  fetch "${packages[@]}"
  wheels=$wheels/cu13
  [ -x "$wheels/bin/nvcc" ] || stop "The wheels hold no bin/nvcc in $wheels; this script knows the layout of version 13."
  [ -e "$wheels/lib64" ] || ln -s lib "$wheels/lib64" # where nvcc looks
  name_libraries "$wheels/lib" cudart cublasLt
  rm -rf "$toolkit"
  ln -sfn "$(realpath "$wheels")" "$toolkit"
}

# This machine's nvcc of version 12.
find_nvcc_12() {
  local file
  for file in "${CUDACXX:-}" "$(command -v nvcc)" "${CUDA_PATH:-}/bin/nvcc" "${CUDA_HOME:-}/bin/nvcc" /usr/local/cuda/bin/nvcc /usr/local/cuda-12*/bin/nvcc; do
    if [ -n "$file" ] && [ -x "$file" ] && "$file" --version 2>/dev/null | grep -Eq 'release 12\.([89]|1[0-9])'; then
      realpath -s "$file"
      return
    fi
  done
}

fetch_12() {
  local nvcc
  nvcc=$(find_nvcc_12)
  [ -n "$nvcc" ] || stop "${driver:+The driver here runs CUDA $driver. }NVIDIA's wheels of version 12 hold no nvcc, and none of 12.8 or 12.9 is on this machine. Install one (NVIDIA's packages cuda-nvcc-12-9 and cuda-cudart-dev-12-9) and run this again, or update the driver to 580 or newer, which runs version 13."
  rm -rf "$toolkit"
  mkdir -p "$toolkit/bin"
  printf '#!/bin/sh\nexec "%s" "$@"\n' "$nvcc" >"$toolkit/bin/nvcc"
  chmod +x "$toolkit/bin/nvcc"
  [ $cublas = yes ] || return 0
  fetch "nvidia-cublas-cu12==12.*" "nvidia-nvtx-cu12==12.*"
  name_libraries "$wheels/cublas/lib" cublasLt
  ln -s "$(realpath "$wheels")/cublas/include" "$toolkit/include"
  ln -s "$(realpath "$wheels")/cublas/lib" "$toolkit/lib64"
}

if [ -n "$driver" ]; then echo "CUDA $major: this machine's driver runs $driver."; else echo "CUDA $major: no driver is here."; fi
"fetch_$major"
"$toolkit/bin/nvcc" --version | tail -n 2
echo "The toolkit is in $toolkit. Build the CUDA backend with: npm run build (or node scripts/build/build_cuda.cjs, for it alone)"
