#!/usr/bin/env bash
# A part of scripts/test_long.sh: clang-tidy (version 14, Debian 12's; .clang-tidy has the checks) on the sources for
# the CPU: the engine and the addon. Rooms are checked as they are compiled, with all sources of one together. About ten
# minutes on two cores.
#   bash scripts/testing/clang_tidy.sh [WORD…]    only the sources and rooms with one of the words in their names, such as storage
# Without clang-tidy, a line that begins with SKIPPED says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

tidy=$(command -v clang-tidy-14 || command -v clang-tidy || true)
if [ -z "$tidy" ] || [[ "$("$tidy" --version)" != *'version 14.'* ]]; then
  echo "SKIPPED: clang-tidy 14 is not here (apt-get install clang-tidy-14)."
  exit 0
fi
# Only configured, not compiled. Without precompiled headers, because those are g++'s.
tree=build/tidy
cmake -S . -B "$tree" -DCMAKE_DISABLE_PRECOMPILE_HEADERS=ON -DCHEEMS_CUDA=OFF >/dev/null
sources=$(node - "$tree" "$@" <<'JS'
const [tree, ...words] = process.argv.slice(2);
const commands = JSON.parse(require('node:fs').readFileSync(`${tree}/compile_commands.json`, 'utf8'));
const ofTheCpu = commands.filter(({ command }) => /-o CMakeFiles\/cheems_(engine|native)\.dir\//.test(command));
const files = ofTheCpu.map(({ file }) => file).filter((file) => words.length === 0 || words.some((word) => file.includes(word)));
console.log([...new Set(files)].join('\n'));
JS
)
[ -n "$sources" ] || { echo "No source has one of these words in its name: $*" >&2; exit 1; }
xargs -P "$(nproc)" -d '\n' -n 1 "$tidy" -p "$tree" --quiet --extra-arg=-Wno-unknown-warning-option <<<"$sources"
