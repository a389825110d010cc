#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every quick test that needs no GPU: C++ (also under ASan and UBSan), CUDA's
# kernels executed on the CPU and, where nvcc is, compiled for one GPU, a short fuzz run, TypeScript (scripts/test_long.sh: the rest). Ends with one line, "N passed, N failed", and fails when any test or build did. Incremental.
# What the steps print goes to build/test-logs/; the parts about failures are printed here too.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

logs=build/test-logs
mkdir -p "$logs"
passed=0
failed=0
# A compiler of this C++ takes up to about 1 GiB.
jobs=$(($(awk '/MemTotal/ {print int($2 / 1048576)}' /proc/meminfo)))
((jobs < 1)) && jobs=1
((jobs > $(nproc))) && jobs=$(nproc)

# Tests make temporary folders by the hundred; they go with the folder that holds them.
TMPDIR=$(mktemp -d "${TMPDIR:-/tmp}/cheems-tests-XXXXXX")
export TMPDIR
chmod 755 "$TMPDIR" # some tests look at it as another user
trap 'rm -rf "$TMPDIR"' EXIT

finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]
  exit $?
}

# step NAME COMMAND…: runs it with its output in NAME.log; a failure counts and shows the end of the log.
step() {
  local name=$1 started=$SECONDS
  shift
  if "$@" >"$logs/$name.log" 2>&1; then
    echo "== $name: done in $((SECONDS - started)) s"
    return 0
  fi
  failed=$((failed + 1))
  echo "== $name FAILED after $((SECONDS - started)) s; the end of $logs/$name.log:"
  tail -n 40 "$logs/$name.log"
  return 1
}

install_npm_packages() {
  local stamp=node_modules/.installed-lock
  cmp -s package-lock.json "$stamp" && return 0
  # The engine is built below, once for all.
  npm ci --ignore-scripts --no-audit --no-fund && cp package-lock.json "$stamp"
}

compile_typescript() {
  npx --no-install tsc -p tsconfig.json || return 1
  # Tests whose source is gone would go on running.
  local file source
  while IFS= read -r file; do
    source=${file#dist/}
    [ -e "lib/${source%.js}.ts" ] || { echo "removing $file, whose source is gone"; rm "$file"; }
  done < <(find dist -name '*.test.js')
}

# configure TREE ARGUMENT…
configure() {
  local tree=$1 generator=()
  shift
  [ -e "$tree/CMakeCache.txt" ] || { command -v ninja >/dev/null && generator=(-G Ninja); }
  cmake -S . -B "$tree" "${generator[@]}" "$@"
}

# The emulated plug-in too, with which the TypeScript tests train on a device.
build_cpp_tests() {
  configure build/cmake &&
    cmake --build build/cmake --parallel "$jobs" --target cheems_native_tests cheems_cuda_emulated_tests cheems_cuda_emulated \
      gpu_steps_emulated gpu_kernels_emulated
}

build_sanitized() {
  configure build/sanitize -DCHEEMS_SANITIZE=ON &&
    cmake --build build/sanitize --parallel "$jobs" --target cheems_native_tests cheems_fuzzers
}

# The number before WORD in doctest's summary line.
doctest_count() { sed -n "s/^\[doctest\] test cases:.* \([0-9][0-9]*\) $2.*/\1/p" "$1"; }

# start_doctest NAME PROGRAM ARGUMENT…: runs it beside what comes next; report_doctest NAME tells how it went.
start_doctest() {
  local name=$1
  shift
  {
    local started=$SECONDS status=0
    "$@" --no-colors=true >"$logs/$name.log" 2>&1 || status=$?
    echo "$status $((SECONDS - started))" >"$logs/$name.status"
  } &
}

# report_doctest NAME COUNT_PASSED, after wait: the sanitised run repeats the same cases, so only its failures count.
report_doctest() {
  local name=$1 count_passed=$2 log="$logs/$1.log" status=1 seconds=0 good bad
  read -r status seconds <"$logs/$name.status"
  good=$(doctest_count "$log" passed)
  bad=$(doctest_count "$log" failed)
  # A program that broke off has no summary, or a status that its summary does not explain.
  if [ -z "$good" ] || { [ "$status" -ne 0 ] && [ "${bad:-0}" -eq 0 ]; }; then
    echo "== $name BROKE OFF (status $status); the end of $log:"
    tail -n 60 "$log"
    failed=$((failed + 1))
    return
  fi
  [ "$count_passed" = yes ] && passed=$((passed + good))
  failed=$((failed + bad))
  echo "== $name: $good passed, $bad failed in $seconds s"
  [ "$bad" -eq 0 ] || cat "$log"
}

run_ava() {
  local log="$logs/typescript-tests.tap" started=$SECONDS status=0 good bad skipped
  npx --no-install ava --tap >"$log" 2>"$logs/typescript-tests.stderr" || status=$?
  good=$(sed -n 's/^# pass \([0-9]*\)$/\1/p' "$log" | tail -n 1)
  bad=$(sed -n 's/^# fail \([0-9]*\)$/\1/p' "$log" | tail -n 1)
  skipped=$(sed -n 's/^# skip \([0-9]*\)$/\1/p' "$log" | tail -n 1)
  passed=$((passed + ${good:-0}))
  if [ "$status" -ne 0 ] && [ "${bad:-0}" -eq 0 ]; then
    bad=1 # a test process that crashed or timed out
    tail -n 40 "$log" "$logs/typescript-tests.stderr"
  fi
  failed=$((failed + ${bad:-0}))
  echo "== typescript-tests: ${good:-0} passed, ${bad:-0} failed, ${skipped:-0} skipped in $((SECONDS - started)) s"
  awk '/^not ok/ { show = 1 } /^ok|^#/ { show = 0 } show' "$log"
}

bash scripts/install_system_packages.sh --with-tests || { failed=$((failed + 1)); finish; }
step npm-packages install_npm_packages || finish
if step typescript-build compile_typescript; then typescript=yes; else typescript=no; fi
step addon-build node scripts/build_addon.cjs
step figures-in-documents node bench/tables.cjs --check # 0.1 s
rm -f "$logs"/*.status
# Tests that leave cores idle (the emulated device is one thread) run beside the next build.
if step cpp-build build_cpp_tests; then
  cpp_tests=yes
  start_doctest cpp-tests build/cmake/cheems_native_tests
  # CUDA's kernels, executed on the CPU.
  start_doctest cuda-emulated-tests build/cmake/cheems_cuda_emulated_tests
  # The GPU's benchmarks run, at tiny sizes.
  for program in gpu_steps gpu_kernels; do step "$program" "build/cmake/${program}_emulated" --tiny; done
fi
# Every kernel with nvcc, where there is one; a spill or a stack frame is a failure.
step kernels-compile node scripts/compile_kernels.cjs --architecture 90a && grep -h '^SKIPPED' "$logs/kernels-compile.log"
if step sanitized-build build_sanitized; then
  export ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1
  sanitized_tests=yes
  start_doctest cpp-tests-sanitized build/sanitize/cheems_native_tests
  for fuzzer in build/sanitize/fuzz_*; do
    [ -x "$fuzzer" ] && [ -f "$fuzzer" ] && step "$(basename "$fuzzer")" "$fuzzer" --inputs 4000 --seed 1
  done
fi
wait
if [ "${cpp_tests:-no}" = yes ]; then
  report_doctest cpp-tests yes
  report_doctest cuda-emulated-tests yes
fi
if [ "${sanitized_tests:-no}" = yes ]; then
  report_doctest cpp-tests-sanitized no
fi
# Types that do not fit still leave JavaScript behind, so the tests may run; the failure is counted already.
[ "$typescript" = yes ] || echo "== the TypeScript tests run on what the compiler could make"
run_ava
finish
