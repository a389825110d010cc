#!/usr/bin/env bash
# The tests that scripts/test.sh leaves out; run it first. ESLint with types, the API's comments, clang-tidy, kernels
# for all checked architectures, the CUDA backend's tests with ASan and UBSan, the longest tests, long fuzz runs, a
# thousand loads of each kind, the engine for arm64 under qemu, a new operation. About half an hour on two cores; exit
# status 0 if everything passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

npm run --silent lint # type-checked, about half a minute of one core
npm run --silent docs:api # every public name has a comment; the pages go to build/api
bash scripts/testing/clang_tidy.sh
build/cmake/cheems_cuda_emulated_tests --test-case='device: gradients in bfloat16*'
node scripts/gpu/compile_kernels.cjs
cmake -S . -B build/sanitize -DCHEEMS_SANITIZE=ON -DCHEEMS_OPTIMIZE_EMULATED=ON
cmake --build build/sanitize --parallel 2 --target cheems_cuda_emulated_tests cheems_native_tests cheems_fuzzers
# As in test.sh: a plug-in has its own operator new.
export ASAN_OPTIONS=detect_leaks=1:alloc_dealloc_mismatch=0 UBSAN_OPTIONS=print_stacktrace=1
build/sanitize/cheems_native_tests --test-case='golden bits*'
# Without whole models, which use only kernels that the operations' own tests cover; and with deferred streams, which
# work as late as possible and so reveal a host that does not wait.
CHEEMS_EMULATED_STREAMS=deferred build/sanitize/cheems_cuda_emulated_tests --test-case-exclude='device:*'
for fuzzer in build/sanitize/fuzz_*; do
  if [ -x "$fuzzer" ] && [ -f "$fuzzer" ]; then "$fuzzer" --inputs 100000 --seed 1; fi
done
[ -e dist/index.js ] || npm run build:ts
CHEEMS_LOADS=1000 npx --no-install ava --timeout 40m dist/scoring/leaks.test.js
bash scripts/test_arm64.sh
bash scripts/testing/test_new_operation.sh
