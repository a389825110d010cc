#!/usr/bin/env bash
# Fetches the three files of CheemsRM into data/ (386 MB; with --bench only CheemsBench's two, 21 MB) through the Git
# LFS batch API: needs neither git nor git-lfs. Files are checked by size and SHA-256; a stopped run continues where it
# was.
#   bash scripts/fetch_data.sh [--bench] [--folder data] [--repository URL]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ ! -f "$root/dist/cli/fetch_data.js" ]; then
  echo 'dist/ has not been built; run: npm run build:ts' >&2
  exit 1
fi
# In a clone, into its data/; otherwise into the current folder, because the next installation deletes what is in
# node_modules.
case $root in
  */node_modules/*) ;;
  *) cd "$root" ;;
esac
exec node "$root/dist/cli/fetch_data.js" "$@"
