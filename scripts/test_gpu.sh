#!/usr/bin/env bash
# Tests the CUDA backend on this machine's GPU, without Node.js: every operation and whole models (the reference cases
# in float32 and bfloat16, repeats with equal bits), training runs that are killed and resumed, and compute-sanitizer's
# memcheck and racecheck over a part of the tests. Needs nvcc 12.8 or newer, cmake, g++. Ends with "N passed, N failed",
# and fails if any test failed.
#
#   bash scripts/test_gpu.sh                 about ten minutes, most of it compilation and compute-sanitizer
#   bash scripts/test_gpu.sh --minutes 8     ends after eight minutes at the latest, with what was measured until then
#   bash scripts/test_gpu.sh --emulated      tries this script where no GPU is: the kernels are executed on the CPU
#
# PARTS="plugin tests resume sanitizer" names what to run; CHEEMS_BUILD_JOBS=N compiles N files at once; KILLS=N (6)
# kills a run. Logs are in build/test-logs/gpu. build/gpu/gpu_report.json says for each prediction
# (bench/gpu_predictions.json) whether it held; bench_gpu.sh adds to it.
#
# For a machine without internet, run scripts/setup_cuda.sh and scripts/gpu/pack_system_packages.sh on another one, and
# copy build/cuda-wheels, build/cuda-toolkit and build/system-packages to it.
set -uo pipefail
# shellcheck source=scripts/gpu/gpu_build.sh
source "$(dirname "${BASH_SOURCE[0]}")/gpu/gpu_build.sh"
# shellcheck source=scripts/gpu/gpu_parts.sh
source scripts/gpu/gpu_parts.sh

while [ $# -gt 0 ]; do
  case $1 in
    --emulated) use_emulation; shift ;;
    --minutes) limit_minutes "${2:-}"; shift 2 ;;
    *) stop "There is no option $1; there are --minutes and --emulated." ;;
  esac
done
logs=build/test-logs/gpu
[ "$emulated" = yes ] && logs=build/test-logs/gpu-emulated
rm -rf "$logs"
mkdir -p "$logs"
passed=0
failed=0
begin_parts plugin tests resume sanitizer

finish() {
  judge
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
  exit $?
}
pass() {
  passed=$((passed + 1))
  echo "== $1: passed"
}
fail() {
  failed=$((failed + 1))
  echo "== $1: FAILED${2:+: $2}"
}

# The number before WORD in doctest's summary line.
doctest_count() { sed -n "s/^\[doctest\] test cases:.* \([0-9][0-9]*\) $2.*/\1/p" "$1"; }

run_doctest() {
  local log="$logs/tests.log" started=$SECONDS status=0 good bad
  limited "$1" --no-colors=true >"$log" 2>&1 || status=$?
  if [ "$status" -eq 124 ]; then
    not_measured tests "not done when the time was over (--minutes)"
    return
  fi
  good=$(doctest_count "$log" passed)
  bad=$(doctest_count "$log" failed)
  if [ -z "$good" ] || { [ "$status" -ne 0 ] && [ "${bad:-0}" -eq 0 ]; }; then
    fail tests "the program broke off (status $status); the end of $log:"
    tail -n 60 "$log"
    measure tests "{\"passed\": ${good:-0}, \"failed\": 1, \"broke_off\": true}"
    return
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
  head -n 1 "$log"
  echo "== tests: $good passed, $bad failed in $((SECONDS - started)) s"
  measure tests "{\"passed\": $good, \"failed\": $bad, \"seconds\": $((SECONDS - started))}"
  [ "$bad" -eq 0 ] || cat "$log"
}

milliseconds() { echo $(($(date +%s%N) / 1000000)); }
steps_of() { grep -h '^step' "$@" | sort -u; }

# same_run NAME FOLDER LOG…: whether FOLDER's last checkpoint and the steps in the logs equal those of the undisturbed
# run, bit for bit.
same_run() {
  local name=$1 folder=$2 file
  shift 2
  for file in model.safetensors optimizer.safetensors; do
    cmp "$calm/checkpoint-$steps/$file" "$folder/checkpoint-$steps/$file" || { fail "$name" "$file differs from that of a run that nobody killed"; return 1; }
  done
  diff <(steps_of "$calm.log") <(steps_of "$@") || { fail "$name" "losses differ from those of a run that nobody killed"; return 1; }
  pass "$name"
}

# begun_or_ended PID LOG: waits until the run has its model.
begun_or_ended() {
  until grep -q '^begins' "$2" || ! kill -0 "$1" 2>/dev/null; do sleep 0.01; done
}

# kill_and_resume OPTIMIZER_STATE: an undisturbed run, the same again, and the same killed at random moments.
kill_and_resume() {
  local state=$1 wanted=${KILLS:-6} kills=0 attempt=0 pid log began duration
  local calm=$logs/calm-$state killed=$logs/killed-$state again=$logs/again-$state
  local run=("$tree/gpu_resume$suffix") arguments=("$steps" "$every" "$state" "$hidden")
  "${run[@]}" "$calm" "${arguments[@]}" >"$calm.log" 2>&1 &
  pid=$!
  begun_or_ended $pid "$calm.log"
  began=$(milliseconds)
  wait $pid || { fail "run with $state optimizer state" "see $calm.log"; tail -n 5 "$calm.log"; return; }
  duration=$(($(milliseconds) - began + 1))
  "${run[@]}" "$again" "${arguments[@]}" >"$again.log" 2>&1 || { fail "repeated run with $state optimizer state" "see $again.log"; return; }
  same_run "two runs of $steps steps, $state optimizer state, have equal bits" "$again" "$again.log" || return
  while :; do
    attempt=$((attempt + 1))
    log=$killed-$attempt.log
    "${run[@]}" "$killed" "${arguments[@]}" >"$log" 2>&1 &
    pid=$!
    if [ "$kills" -lt "$wanted" ]; then
      begun_or_ended $pid "$log"
      # Within the first two fifths of the whole run's time, so that it must be resumed several times.
      sleep "$(awk -v most="$duration" -v random=$RANDOM 'BEGIN { print most * 0.4 * random / 32768 / 1000 }')"
      if ! grep -q '^finished' "$log" && kill -9 $pid 2>/dev/null; then
        wait $pid 2>/dev/null
        kills=$((kills + 1))
        continue
      fi
    fi
    wait $pid || { fail "kill and resume, $state optimizer state" "life $attempt ended by itself, see $log"; tail -n 5 "$log"; return; }
    break
  done
  [ "$kills" -ge 2 ] || { fail "kill and resume, $state optimizer state" "only $kills kills came in time"; return; }
  same_run "killed $kills times and resumed, $state optimizer state: equal bits" "$killed" "$killed"-*.log
}

# sanitize TOOL SECONDS DOCTEST_ARGUMENT…
sanitize() {
  local tool=$1 seconds=$2 log="$logs/$1.log" started=$SECONDS status=0 more=()
  shift 2
  # Tests request devices that do not exist; the runtime's refusals are not errors.
  [ "$tool" = memcheck ] && more=(--report-api-errors no)
  limited timeout "$seconds" compute-sanitizer --tool "$tool" "${more[@]}" --error-exitcode 99 "$tree/cheems_gpu_tests" --no-colors=true "$@" >"$log" 2>&1 || status=$?
  if grep -qi 'device not supported' "$log"; then
    not_measured "$tool" "compute-sanitizer does not support this (perhaps virtualized) device"
  elif [ $status -eq 0 ] && grep -q 'ERROR SUMMARY: 0 errors\|RACECHECK SUMMARY: 0 hazards' "$log"; then
    pass "$tool over $(doctest_count "$log" passed) test cases in $((SECONDS - started)) s"
    measure "$tool" "{\"failed\": 0, \"cases\": $(doctest_count "$log" passed), \"seconds\": $((SECONDS - started))}"
  elif [ $status -eq 124 ] && time_is_over; then
    not_measured "$tool" "not done when the time was over (--minutes)"
  elif [ $status -eq 124 ]; then
    fail "$tool" "not done after $seconds s; see $log"
    not_measured "$tool" "not done after $seconds s"
  else
    measure "$tool" "{\"failed\": 1, \"status\": $status}"
    fail "$tool" "status $status; the end of $log:"
    tail -n 40 "$log"
  fi
}

run_sanitizers() {
  if [ "$emulated" = yes ]; then
    echo "== compute-sanitizer: SKIPPED under --emulated (scripts/test.sh runs the same tests under AddressSanitizer, and the execution itself looks for races)"
  elif ! command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck; do not_measured $tool "compute-sanitizer was not found (it comes with the CUDA toolkit, package cuda-sanitizer)"; done
  else
    # Left out: whole models (the same kernels again), and tests of large sizes, because the tool is a hundred times
    # slower and would take an hour.
    local large='device: *,*traffic*,*floor*,*past the exponential*,*every width*,*every head size*,*hundreds of times*,*more frequent*,*larger than all staging*,*not to be had*,normal numbers*,stochastic rounding*'
    sanitize memcheck 400 "--test-case-exclude=$large"
    # Only kernels with shared memory can have these races.
    sanitize racecheck 400 '--test-case=cuda attention: every path*,cuda attention: heads and groups*,rmsnorm on the device: narrow*,cuda ranking_loss: few*,cuda linear: forward*,cuda linear: gradients*,cuda reward_head: rewards*,embedding on the device: ragged*,cuda grad_norm: every size*,rope on the device: rows enough*'
  fi
}

require_gpu
require_packages
if [ "$emulated" = yes ]; then
  tests=cheems_cuda_emulated_tests steps=8 every=1 hidden=64
else
  tests=cheems_gpu_tests steps=400 every=10 hidden=256
fi
# The library that users get, next to the addon, and its images if the toolkit can list them.
check_plugin() {
  local library=build/Release/libcheems_cuda.so images=
  [ "$emulated" = yes ] && return
  rm -f "$library"
  if ! build_targets cheems_cuda || [ ! -e "$library" ]; then
    fail plugin "$library was not built"
    measure plugin '{"present": 0}'
    return
  fi
  command -v cuobjdump >/dev/null && images=$(cuobjdump --list-elf --list-ptx "$library" | grep -o 'sm_[0-9]*[a-z]*\.\(cubin\|ptx\)' | sort -u | tr '\n' ' ')
  measure plugin "{\"present\": 1, \"images\": \"$images\"}"
  pass "plugin: $library ${images:+with $images}"
}
run_resume() {
  local before=$failed state
  for state in bfloat16 float32; do
    time_is_over && { not_measured resume "no time was left (--minutes)"; return; }
    kill_and_resume $state
  done
  measure resume "{\"failed\": $((failed - before))}"
}

build_targets "$tests" "gpu_resume$suffix" || {
  fail build
  for part in $parts; do not_measured "$part" "the build failed"; done
  finish
}
if wanted plugin; then check_plugin; fi
if wanted tests; then run_doctest "$tree/$tests"; fi
if wanted resume; then run_resume; fi
if wanted sanitizer; then run_sanitizers; else for tool in memcheck racecheck; do [ -e "$measured/$tool.json" ] || cp "$measured/sanitizer.reason" "$measured/$tool.reason" 2>/dev/null; done; fi
finish
