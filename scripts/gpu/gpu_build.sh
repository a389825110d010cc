# Sourced by test_gpu.sh and bench_gpu.sh: finds what a GPU build needs, and builds without Node.js. Sets `tree` (the
# build folder), `suffix` (of the programs' names) and `emulated`.
# shellcheck shell=bash disable=SC2034

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
emulated=no
tree=build/gpu
suffix=

# Runs on the CPU instead, with tiny sizes: to test the scripts themselves without a GPU.
use_emulation() {
  emulated=yes
  tree=build/gpu-emulated
  suffix=_emulated
}

stop() {
  echo "$1" >&2
  exit 1
}

# Ends with an error if something is missing that this script cannot install.
require_gpu() {
  [ "$emulated" = yes ] && return 0
  command -v nvidia-smi >/dev/null || stop "No NVIDIA driver is installed here (nvidia-smi was not found), so nothing can run on a GPU. The same kernels, executed on the CPU, are tested by 'bash scripts/test.sh'."
  local gpus
  gpus=$(nvidia-smi --query-gpu=name,driver_version --format=csv,noheader 2>&1) || stop "nvidia-smi does not work here: $(head -n 1 <<<"$gpus")"
  [ -n "$gpus" ] || stop "The NVIDIA driver sees no GPU."
  echo "== $(head -n 1 <<<"$gpus" | sed 's/, /, driver /')"
  if ! command -v nvcc >/dev/null && [ ! -x "${CUDA_PATH:-/usr/local/cuda}/bin/nvcc" ] && [ ! -x build/cuda-toolkit/bin/nvcc ] && [ -z "${CUDACXX:-}" ]; then
    stop "nvcc was not found (on the PATH, in CUDA_PATH or /usr/local/cuda): install a CUDA toolkit, 12.8 or newer, or run 'bash scripts/setup_cuda.sh', which fetches one into build/cuda-toolkit."
  fi
}

require_packages() {
  if [ -d build/system-packages/usr ]; then # pack_system_packages.sh: for machines where nothing can be installed
    export CPATH="$PWD/build/system-packages/usr/include${CPATH:+:$CPATH}"
    export CMAKE_PREFIX_PATH="$PWD/build/system-packages/usr${CMAKE_PREFIX_PATH:+:$CMAKE_PREFIX_PATH}"
  fi
  bash scripts/install_system_packages.sh --with-tests --without-node ||
    stop "(Where nothing can be installed: run 'bash scripts/gpu/pack_system_packages.sh' on a Debian machine that has the packages, and bring its build/system-packages along.)"
}

# Compiling this C++ needs up to about 1 GiB per compiler, and nvcc about the same for the largest kernels.
build_jobs() {
  local jobs
  jobs=$(($(awk '/MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo)))
  ((jobs < 1)) && jobs=1
  ((jobs > $(nproc))) && jobs=$(nproc)
  echo "${CHEEMS_BUILD_JOBS:-$jobs}"
}

# build_targets TARGET…: names without the suffix. Output goes to $tree/build.log, the end of it here on failure.
build_targets() {
  local started=$SECONDS generator=() cuda=ON
  [ "$emulated" = yes ] && cuda=OFF
  mkdir -p "$tree"
  [ -e "$tree/CMakeCache.txt" ] || { command -v ninja >/dev/null && generator=(-G Ninja); }
  if cmake -S . -B "$tree" "${generator[@]}" -DCHEEMS_ADDON=OFF -DCHEEMS_CUDA=$cuda >"$tree/build.log" 2>&1 &&
    cmake --build "$tree" --parallel "$(build_jobs)" --target "$@" >>"$tree/build.log" 2>&1; then
    echo "== built $* in $((SECONDS - started)) s"
    return 0
  fi
  echo "== the build of $* FAILED after $((SECONDS - started)) s; the end of $tree/build.log:"
  tail -n 40 "$tree/build.log"
  return 1
}
