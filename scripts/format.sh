#!/usr/bin/env bash
# Formats tracked files: TypeScript and JavaScript with prettier, C++ and CUDA with clang-format (version 14, as in
# Debian 12; others differ in details).
#   bash scripts/format.sh [--check]    --check: says which files are not formatted, and changes none
# Without clang-format, C++ is not formatted, and a line that begins with SKIPPED says so.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

check=no
case ${1:-} in
  '') ;;
  --check) check=yes ;;
  *) echo "There is no option $1; there is --check." >&2; exit 2 ;;
esac

typescript() { git ls-files -z 'lib/*.ts' '*.cjs' '*.mjs' ':!:lib/engine/types.generated.ts'; }
cpp() { git ls-files -z 'native/*.cpp' 'native/*.h' 'native/*.cu' 'native/*.cuh' 'bindings/*.cpp' 'bindings/*.h' 'bench/*.cpp' 'bench/*.h' 'bench/*.cu'; }

status=0
if [ $check = yes ]; then
  typescript | xargs -0 npx --no-install prettier --check --log-level warn || status=1
else
  typescript | xargs -0 npx --no-install prettier --write --log-level warn
fi
if ! command -v clang-format >/dev/null || [[ "$(clang-format --version)" != *'version 14.'* ]]; then
  echo "SKIPPED: C++ was not formatted: clang-format 14 is not here (apt-get install clang-format on Debian 12)."
elif [ $check = yes ]; then
  cpp | xargs -0 clang-format --dry-run -Werror || status=1
else
  cpp | xargs -0 clang-format -i
fi
exit $status
