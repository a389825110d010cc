#!/usr/bin/env bash
# Adds an operation to a copy of the committed sources, as a contributor would: a folder under native/ops/ and its line
# in native/ops/list.h. It must compile and pass on the CPU, on the plain loops and on the emulated device, and in the
# benchmarks, and git must see no other change. The operation is a copy of gelu under another name.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

copy=$(mktemp -d "${TMPDIR:-/tmp}/cheems-operation-XXXXXX")
cleanup() {
  git worktree remove --force "$copy/tree" 2>/dev/null || true
  rm -rf "$copy"
}
trap cleanup EXIT
git worktree add --quiet --detach "$copy/tree" HEAD
cd "$copy/tree"

mkdir native/ops/second_gelu
for file in native/ops/gelu/*; do
  name=$(basename "$file")
  sed 's/gelu/second_gelu/g; s/Gelu/SecondGelu/g' "$file" >"native/ops/second_gelu/${name/gelu/second_gelu}"
done
sed -i 's/^  operation(gelu_forward, .*/&\n  operation(second_gelu_forward, SecondGeluForward, none, none, none) \\/' native/ops/list.h

git add -A
changed=$(git diff --cached --numstat | grep -v 'native/ops/second_gelu/' || true)
echo "Touched outside of the operation's folder (lines added, lines removed, file):"
echo "$changed"
[ "$changed" = "$(printf '1\t0\tnative/ops/list.h')" ] || { echo "A new operation must touch one line alone." >&2; exit 1; }

jobs=$(node -p 'require("./scripts/build/run_cmake.cjs").fittingJobs()')
cmake -S . -B build/cmake -DCHEEMS_ADDON=OFF -DCHEEMS_CUDA=OFF >/dev/null
cmake --build build/cmake --parallel "$jobs" --target test_second_gelu test_second_gelu_emulated operation_times kernel_traffic \
  gpu_kernels_emulated
build/cmake/test_second_gelu
build/cmake/test_second_gelu_emulated
# Its case is among the GPU benchmarks; the program fails if an operation has none.
build/cmake/gpu_kernels_emulated --tiny | grep -q '"second_gelu_forward"'
