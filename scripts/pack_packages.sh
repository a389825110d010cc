#!/usr/bin/env bash
# Packs the published packages, one tarball each, into the folder OUT: the main package and the platform packages in
# packages/.
#   bash scripts/pack_packages.sh OUT [--local] [--only NAME…]
#     --local       quick, for tests: dist as it is, and this checkout's build/Release, stripped, in place of release builds; without
#                   --only, the main package and the one for this machine
#     --only NAME…  these alone: cheems-native, or a folder of packages/ (linux-x64, linux-arm64, linux-x64-cuda)
# The main package's optionalDependencies are written here, from packages/: docs/releases.md says why.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

stop() { echo "$1" >&2; exit "${2:-1}"; }

out= local=no only=()
while [ $# -gt 0 ]; do
  case $1 in
    --local) local=yes; shift ;;
    --only)
      shift
      while [ $# -gt 0 ] && [[ $1 != --* ]]; do only+=("${1#cheems-native-}"); shift; done
      [ ${#only[@]} -gt 0 ] || stop 'A name follows --only: cheems-native, or a folder of packages/.' 2
      ;;
    -h | --help) sed -n 's/^# \{0,1\}//; 2,7p' "$0"; exit 0 ;;
    -*) stop "There is no option $1; there are --local and --only." 2 ;;
    *) [ -z "$out" ] || stop "One folder for the tarballs is enough: $out, or $1?" 2; out=$1; shift ;;
  esac
done
[ -n "$out" ] || stop 'Say where the tarballs go: bash scripts/pack_packages.sh OUT' 2
mkdir -p "$out"
out=$(cd "$out" && pwd)
cd "$root"

if [ ${#only[@]} -eq 0 ]; then
  if [ $local = yes ]; then
    only=(cheems-native "$(node -p '`${process.platform}-${process.arch}`')")
  else
    only=(cheems-native linux-x64 linux-arm64 linux-x64-cuda)
  fi
fi

# Packs from a clean clone.
if [ ! -d node_modules ]; then npm ci --ignore-scripts --no-audit --no-fund >&2; fi
staging=$(mktemp -d "${TMPDIR:-/tmp}/cheems-pack-XXXXXX")
trap 'rm -rf "$staging"' EXIT

# strip_copy FROM TO: without what only debuggers read.
strip_copy() {
  [ -f "$1" ] || stop "$1 is not built: run 'npm run build' first."
  strip --strip-unneeded -o "$2" "$1"
}

# binary NAME FOLDER: puts the binary of the platform package into FOLDER.
binary() {
  case $local/$1 in
    no/*-cuda) bash scripts/release/build_release_cuda.sh "$2" ;;
    no/*) bash scripts/release/build_release_addon.sh "$1" "$2" ;;
    yes/linux-x64-cuda) strip_copy build/Release/libcheems_cuda.so "$2/libcheems_cuda.so" ;;
    yes/*)
      [ "$1" = "$(node -p '`${process.platform}-${process.arch}`')" ] || stop "--local packs what this machine has built, and $1 is for another machine."
      strip_copy build/Release/cheems_native.node "$2/cheems_native.node"
      ;;
  esac
}

for name in "${only[@]}"; do
  folder=$staging/$name
  if [ "$name" = cheems-native ]; then
    [ $local = yes ] && [ -e dist/index.js ] || npm run --silent build:ts >&2
    node scripts/release/stage_package.cjs main "$folder"
  else
    [ -d "packages/$name" ] || stop "There is no package $name: packages/ holds $(cd packages && echo */ | tr -d /)." 2
    node scripts/release/stage_package.cjs platform "$folder" "packages/$name"
    binary "$name" "$folder" >&2 || stop "The binary of $name could not be built: see above."
    node scripts/release/stage_package.cjs check "$folder"
  fi
  npm pack "$folder" --silent --ignore-scripts --pack-destination "$out" | sed "s|^|$out/|"
done
