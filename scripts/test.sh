#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every quick test that needs no GPU (scripts/test_long.sh has the
# long ones), or the parts that are named. Ends with one line, "N passed, N failed", and fails if any test or build
# failed. Builds are incremental. Output of the steps goes to build/test-logs/; the parts about failures are also
# printed here.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

usage() {
  cat <<'TEXT'
bash scripts/test.sh [PART…]    without a part: all of them but quick, each test once

  ts         the TypeScript tests, with the addon and the emulated device built before them
  cpp        the engine's C++ tests
  cuda       the CUDA kernels executed on the CPU; where nvcc is, compiled for a GPU too
  sanitize   the engine's C++ tests and short fuzz runs under ASan and UBSan
  quick      what a change breaks first, in under two minutes after a build: the engine's C++ tests, each CUDA kernel's own tests, and
             the TypeScript tests that start no process and load no engine

What is built stays in build/, and a second run builds what changed. docs/development.md tells how one kernel is tested in seconds.
TEXT
}

parts=()
for argument in "$@"; do
  case $argument in
    ts | cpp | cuda | sanitize | quick) parts+=("$argument") ;;
    -h | --help) usage; exit 0 ;;
    *) echo "There is no part $argument; there are ts, cpp, cuda, sanitize and quick (bash scripts/test.sh --help)." >&2; exit 2 ;;
  esac
done
[ ${#parts[@]} -gt 0 ] || parts=(ts cpp cuda sanitize)
# has PART…: whether one of them was requested.
has() {
  local wanted part
  for wanted in "$@"; do for part in "${parts[@]}"; do [ "$part" != "$wanted" ] || return 0; done; done
  return 1
}

logs=build/test-logs
mkdir -p "$logs"
rm -f "$logs"/*.status
began=$SECONDS
passed=0
failed=0
times=()
not_tested=()
# A compiler of this C++ takes up to about 1 GiB.
jobs=$(($(awk '/MemTotal/ {print int($2 / 1048576)}' /proc/meminfo)))
((jobs < 1)) && jobs=1
((jobs > $(nproc))) && jobs=$(nproc)

# Tests create hundreds of temporary folders, which are deleted together with this folder.
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/cheems-tests-XXXXXX")
export TMPDIR
chmod 755 "$TMPDIR" # some tests read it as another user
trap 'rm -rf "$TMPDIR"' EXIT

finish() {
  if [ ${#times[@]} -gt 0 ]; then
    echo "== seconds by the clock, and of all cores together"
    printf '%7s %7s  %s\n' "${times[@]}" total '' "$((SECONDS - began)) s by the clock"
  fi
  if [ ${#not_tested[@]} -gt 0 ]; then
    echo "== not tested here"
    printf '%s\n' "${not_tested[@]}"
  fi
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
  exit $?
}

# timed NAME COMMAND…: runs it with its output in NAME.log, and writes its status and seconds to NAME.status.
timed() {
  local name=$1 status TIMEFORMAT='%0R %0U %0S'
  shift
  { time "$@" >"$logs/$name.log" 2>&1; } 2>"$logs/$name.times"
  status=$?
  echo "$status $(tail -n 1 "$logs/$name.times")" >"$logs/$name.status"
  return $status
}

# note NAME: adds its line to the table, and sets $status and $seconds.
note() {
  local user system
  read -r status seconds user system <"$logs/$1.status"
  times+=("$seconds" "$((user + system))" "$1")
}

# step NAME COMMAND…: runs it; a failure is counted and shows the end of its log. Lines that begin with SKIPPED say what
# it left out.
step() {
  local name=$1 status seconds line
  timed "$@"
  note "$name"
  while IFS= read -r line; do not_tested+=("$name: ${line#SKIPPED: }"); done < <(grep -h '^SKIPPED' "$logs/$name.log")
  if [ "$status" -eq 0 ]; then
    echo "== $name: done in $seconds s"
    return 0
  fi
  failed=$((failed + 1))
  echo "== $name FAILED after $seconds s; the end of $logs/$name.log:"
  tail -n 40 "$logs/$name.log"
  return 1
}

install_npm_packages() {
  local stamp=node_modules/.installed-lock
  cmp -s package-lock.json "$stamp" && return 0
  # The engine is built below, once for all steps.
  npm ci --ignore-scripts --no-audit --no-fund && cp package-lock.json "$stamp"
}

compile_typescript() {
  npx --no-install tsc -p tsconfig.json || return 1
  # Otherwise files compiled from deleted sources would still run and be packed.
  local file source
  while IFS= read -r file; do
    source=${file#dist/}
    source=${source%.d.ts}
    [ -e "lib/${source%.js}.ts" ] || { echo "removing $file, whose source is gone"; rm "$file"; }
  done < <(find dist -name '*.js' -o -name '*.d.ts')
}

# build_cpp TREE TARGET…
build_cpp() {
  local tree=$1 generator=() options=()
  shift
  [ -e "$tree/CMakeCache.txt" ] || { command -v ninja >/dev/null && generator=(-G Ninja); }
  [ "$tree" != build/sanitize ] || options=(-DCHEEMS_SANITIZE=ON "-DCHEEMS_PLUGIN_FOLDER=$PWD/build/cmake/plugins")
  cmake -S . -B "$tree" "${generator[@]}" "${options[@]}" && cmake --build "$tree" --parallel "$jobs" --target "$@"
}

# The number before WORD in doctest's summary line.
doctest_count() { sed -n "s/^\[doctest\] test cases:.* \([0-9][0-9]*\) $2.*/\1/p" "$1"; }

# start_doctest NAME PROGRAM ARGUMENT…: runs it in parallel with the next steps; report_doctest NAME reports its result.
started=()
start_doctest() {
  timed "$@" --no-colors=true &
  started+=("$1")
}

# report_doctest NAME, after wait. The sanitized run repeats cases that are already counted if cpp has run.
report_doctest() {
  local name=$1 log="$logs/$1.log" status=1 seconds=0 good bad
  note "$name"
  good=$(doctest_count "$log" passed)
  bad=$(doctest_count "$log" failed)
  # A program that crashed has no summary, or a status that its summary does not explain.
  if [ -z "$good" ] || { [ "$status" -ne 0 ] && [ "${bad:-0}" -eq 0 ]; }; then
    echo "== $name BROKE OFF (status $status); the end of $log:"
    tail -n 60 "$log"
    failed=$((failed + 1))
    return
  fi
  [ "$name" = cpp-tests-sanitized ] && has cpp || passed=$((passed + good))
  failed=$((failed + bad))
  echo "== $name: $good passed, $bad failed in $seconds s"
  [ "$bad" -eq 0 ] || cat "$log"
}

# The TypeScript tests that start no process and load no engine, judged by their source.
quick_typescript_tests() {
  find dist -name '*.test.js' -exec grep -LE 'child_process|worker_threads|/testing/(engine|endpoint|kill|small)|/engine/engine(\.js)?"|RewardModel|LanguageModel' {} +
}

# run_ava [FILE…]
run_ava() {
  local log="$logs/typescript-tests.log" status seconds good bad line
  timed typescript-tests npx --no-install ava --tap "$@"
  note typescript-tests
  good=$(sed -n 's/^# pass \([0-9]*\)$/\1/p' "$log" | tail -n 1)
  bad=$(sed -n 's/^# fail \([0-9]*\)$/\1/p' "$log" | tail -n 1)
  passed=$((passed + ${good:-0}))
  if [ "$status" -ne 0 ] && [ "${bad:-0}" -eq 0 ]; then
    bad=1 # a test process that crashed or timed out
    tail -n 40 "$log"
  fi
  failed=$((failed + ${bad:-0}))
  echo "== typescript-tests: ${good:-0} passed, ${bad:-0} failed in $seconds s"
  awk '/^not ok/ { show = 1 } /^ok|^#/ { show = 0 } show' "$log"
  while IFS= read -r line; do not_tested+=("$line"); done < <(sed -n 's/^ok [0-9]* - \(.*\) # SKIP.*/typescript-tests: \1/p' "$log")
}

with_tests=()
! has cpp cuda sanitize quick || with_tests=(--with-tests)
bash scripts/install_system_packages.sh "${with_tests[@]}" || { failed=$((failed + 1)); finish; }
step npm-packages install_npm_packages || finish
typescript=yes
if has ts quick; then
  step typescript-build compile_typescript || typescript=no
fi
if has ts; then
  step addon-build node scripts/build/build_addon.cjs
  step figures-in-documents node bench/tables.cjs --check # 0.1 s
  step format bash scripts/format.sh --check
  # Which room imports which, and that no export is unused: about 3 s each.
  step rooms-of-lib npx --no-install depcruise lib --config .dependency-cruiser.cjs --output-type err
  step unused-exports npx --no-install knip --no-progress
fi

# One build for everything that is requested. The TypeScript tests train on the emulated device, and the loader's tests
# load it.
targets=()
! has ts sanitize || targets+=(cheems_cuda_emulated)
! has cpp quick || targets+=(cheems_native_tests)
! has cpp || targets+=(operation_times) # benchmarks are compiled too, so that they keep compiling
! has cuda quick || targets+=(cheems_cuda_emulated_tests)
! has cuda || targets+=(gpu_steps_emulated gpu_kernels_emulated gpu_resume_emulated kernel_traffic)
if [ ${#targets[@]} -gt 0 ] && step cpp-build build_cpp build/cmake "${targets[@]}"; then
  # Tests that leave cores idle (the emulated device is one thread) run in parallel with the next steps.
  ! has cpp quick || start_doctest cpp-tests build/cmake/cheems_native_tests
  if has cuda; then
    # Gradients in bfloat16 of every family, a fifth of the time, are in test_long.sh; in float32 they are here.
    start_doctest cuda-emulated-tests build/cmake/cheems_cuda_emulated_tests --test-case-exclude='device: gradients in bfloat16*'
    # Runs the GPU benchmarks with tiny sizes.
    for program in gpu_steps gpu_kernels; do step "$program" "build/cmake/${program}_emulated" --tiny; done
  elif has quick; then
    # Without whole models, which use only kernels that have their own tests.
    start_doctest cuda-emulated-tests build/cmake/cheems_cuda_emulated_tests --test-case-exclude='device:*,heads*,cuda generation*'
  fi
fi
# The real kernels with nvcc, about 50 s on two cores if they have changed; a register spill or a stack frame is a
# failure.
! has cuda || step cuda-plugin bash scripts/testing/test_plugin.sh
# 64-bit Arm under qemu: tests that depend on the processor (15 s on one core, after a build of half a minute); the rest
# is in test_long.sh.
! has cpp || step arm64-tests bash scripts/test_arm64.sh --short
if has sanitize && step sanitized-build build_cpp build/sanitize cheems_native_tests cheems_fuzzers; then
  # A plug-in has its own operator new, on the same malloc: the engine's operator delete frees what the plug-in
  # allocated.
  export ASAN_OPTIONS=detect_leaks=1:alloc_dealloc_mismatch=0 UBSAN_OPTIONS=print_stacktrace=1
  # The golden-bit tests run the same code on larger inputs: test_long.sh includes them.
  start_doctest cpp-tests-sanitized build/sanitize/cheems_native_tests --test-case-exclude='golden bits*'
  for fuzzer in build/sanitize/fuzz_*; do
    [ -x "$fuzzer" ] && [ -f "$fuzzer" ] && step "$(basename "$fuzzer")" "$fuzzer" --inputs 4000 --seed 1
  done
fi
if has ts quick; then
  # Type errors still produce JavaScript, so the tests can run; the failure is already counted.
  [ "$typescript" = yes ] || echo "== the TypeScript tests run on what the compiler could make"
  if has ts; then run_ava; else mapfile -t quick_tests < <(quick_typescript_tests) && run_ava "${quick_tests[@]}"; fi
fi
wait
for name in "${started[@]}"; do report_doctest "$name"; done
finish
