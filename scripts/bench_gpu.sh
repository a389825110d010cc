#!/usr/bin/env bash
# Measures this machine's GPU: every operation against its theoretical minimum time, whole training steps with Qwen2.5's
# shapes, and the same in PyTorch if python3 has it. Writes bench/results/gpu-CARD.json with commit, card, driver and
# clocks, and prints a table. Needs nvcc 12.8 or newer, cmake, g++ and python3, but no Node.js. Do not use the machine
# while it runs.
#
#   bash scripts/bench_gpu.sh [--output FILE]      about ten minutes
#   bash scripts/bench_gpu.sh --minutes 8          ends after eight minutes at the latest, with what was measured until then
#   bash scripts/bench_gpu.sh --emulated           tries this script where no GPU is; its times say nothing
#
# PARTS="steps repeat kernels pytorch" names what to run; MODELS=0.5B,1.5B measures those alone; SKIP_PYTORCH=1 leaves
# PyTorch out; CHEEMS_BUILD_JOBS=N compiles N files at once. build/gpu/gpu_report.json says for each prediction
# (bench/gpu_predictions.json) whether it held; test_gpu.sh adds to it, and says what a machine without internet needs.
set -euo pipefail
# shellcheck source=scripts/gpu/gpu_build.sh
source "$(dirname "${BASH_SOURCE[0]}")/gpu/gpu_build.sh"
# shellcheck source=scripts/gpu/gpu_parts.sh
source scripts/gpu/gpu_parts.sh

output=
while [ $# -gt 0 ]; do
  case $1 in
    --output) [ $# -ge 2 ] || stop "--output wants a file."; output=$2; shift 2 ;;
    --minutes) limit_minutes "${2:-}"; shift 2 ;;
    --emulated) use_emulation; shift ;;
    *) stop "There is no option $1; there are --output, --minutes and --emulated." ;;
  esac
done
command -v python3 >/dev/null || stop "python3 was not found; it joins the figures: apt-get install python3."
require_gpu
require_packages
begin_parts steps repeat kernels pytorch
build_targets "gpu_steps$suffix" "gpu_kernels$suffix" || {
  for part in $parts; do not_measured "$part" "the build failed"; done
  exit 1
}

sizes=()
first=(--models 0.5B)
if [ "$emulated" = yes ]; then
  sizes=(--tiny)
  first=(--tiny)
elif [ -n "${MODELS:-}" ]; then
  sizes=(--models "$MODELS")
fi

failed=()
# part NAME COMMAND…: the command writes $measured/NAME.json, which is complete after every row; progress goes to the
# screen. A failure is reported and the other parts continue; what was measured before it is kept.
part() {
  local name=$1 status=0
  shift
  echo "== $name"
  rm -f "$measured/$name.json" "$measured/$name.reason"
  limited "$@" || status=$?
  if [ "$status" -ne 0 ]; then
    failed+=("$name")
    local reason="it ended with status $status"
    [ "$status" -eq 124 ] && reason="not done when the time was over (--minutes)"
    if [ -e "$measured/$name.json" ]; then echo "== $name: $reason; what it had measured stays" >&2; else not_measured "$name" "$reason"; fi
  fi
  judge >/dev/null
}
# to_file FILE COMMAND…: writes its standard output to FILE once it has succeeded.
to_file() {
  local file=$1
  shift
  "$@" >"$file.new" && mv "$file.new" "$file"
}
clocks() {
  [ "$emulated" = yes ] || nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem,power.limit,temperature.gpu --format=csv -i 0
}

clocks >"$measured/clocks-before.csv"
if wanted steps; then part steps "$tree/gpu_steps$suffix" "${sizes[@]}" --output "$measured/steps.json"; fi
clocks >"$measured/clocks-after.csv" # right after the heaviest part, while the card is warm
if wanted repeat; then part repeat "$tree/gpu_steps$suffix" "${first[@]}" --steps 2 --repeat 3 --output "$measured/repeat.json"; fi
if wanted kernels; then part kernels "$tree/gpu_kernels$suffix" "${sizes[@]}" --output "$measured/kernels.json"; fi
if [ -n "${SKIP_PYTORCH:-}" ]; then
  echo "== pytorch: SKIPPED, because SKIP_PYTORCH is set"
elif ! wanted pytorch; then
  :
elif ! python3 -c 'import torch' 2>/dev/null; then
  echo "== pytorch: SKIPPED, because python3 has no torch"
else
  part pytorch python3 bench/gpu_pytorch.py "${sizes[@]}" --output "$measured/pytorch.json"
fi
if [ -e "$measured/steps.json" ] || [ -e "$measured/kernels.json" ]; then
  python3 bench/gpu_report.py "$measured" ${output:+--output "$output"} || failed+=(report)
fi
judge
if [ ${#failed[@]} -gt 0 ]; then
  echo "FAILED: ${failed[*]} (what could be measured is above and in the files)"
  exit 1
fi
