#!/usr/bin/env bash
# Measures this machine's GPU: every operation against its floor, whole training steps of Qwen2.5's shapes, and PyTorch beside them
# where python3 has it. Writes bench/results/gpu-CARD.json with commit, card, driver and clocks, and prints a table. Needs nvcc 12.8 or
# newer, cmake, g++ and python3; no Node.js. Leave the machine alone while it runs.
#
#   bash scripts/bench_gpu.sh [--output FILE]      about ten minutes
#   bash scripts/bench_gpu.sh --emulated           tries this script where no GPU is; its times say nothing
#
# MODELS=0.5B,1.5B measures those alone; SKIP_PYTORCH=1 leaves PyTorch out; CHEEMS_BUILD_JOBS=N compiles N files at once.
set -euo pipefail
# shellcheck source=scripts/gpu_build.sh
source "$(dirname "${BASH_SOURCE[0]}")/gpu_build.sh"

output=
while [ $# -gt 0 ]; do
  case $1 in
    --output) [ $# -ge 2 ] || stop "--output wants a file."; output=$2; shift 2 ;;
    --emulated) use_emulation; shift ;;
    *) stop "There is no option $1; there are --output and --emulated." ;;
  esac
done
command -v python3 >/dev/null || stop "python3 was not found; it joins the figures: apt-get install python3."
require_gpu
require_packages
build_targets "gpu_steps$suffix" "gpu_kernels$suffix" || exit 1

parts=$tree/bench
rm -rf "$parts"
mkdir -p "$parts"
sizes=()
if [ "$emulated" = yes ]; then sizes=(--tiny); elif [ -n "${MODELS:-}" ]; then sizes=(--models "$MODELS"); fi

# part NAME COMMAND…: its JSON in NAME.json, its progress on the screen. What fails is said and the rest goes on.
failed=()
part() {
  local name=$1
  shift
  echo "== $name"
  "$@" >"$parts/$name.json" || { failed+=("$name"); echo "== $name FAILED" >&2; }
}
clocks() {
  [ "$emulated" = yes ] || nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem,power.limit,temperature.gpu --format=csv -i 0
}

clocks >"$parts/clocks-before.csv"
part steps "$tree/gpu_steps$suffix" "${sizes[@]}"
clocks >"$parts/clocks-after.csv" # right after the heaviest part, while the card is warm
part kernels "$tree/gpu_kernels$suffix" "${sizes[@]}"
if [ -n "${SKIP_PYTORCH:-}" ]; then
  echo "== pytorch: SKIPPED, because SKIP_PYTORCH is set"
elif ! python3 -c 'import torch' 2>/dev/null; then
  echo "== pytorch: SKIPPED, because python3 has no torch"
else
  part pytorch python3 bench/gpu_pytorch.py "${sizes[@]}"
fi
python3 bench/gpu_report.py "$parts" ${output:+--output "$output"}
if [ ${#failed[@]} -gt 0 ]; then
  echo "FAILED: ${failed[*]} (what could be measured is above and in the file)"
  exit 1
fi
