#!/usr/bin/env bash
# Fetches the three files of CheemsRM into data/ (386 MB; with --bench only CheemsBench's two, 21 MB) through the Git
# LFS batch API: no git and no git-lfs needed. Checked by size and SHA-256; a run that was stopped goes on where it was.
#   bash scripts/fetch_data.sh [--bench] [--folder data] [--repository URL]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ ! -f "$root/dist/cli/fetch_data.js" ]; then
  echo 'dist/ has not been built; run: npm run build:ts' >&2
  exit 1
fi
# In a clone, into its own data/; else where the caller stands: what lies in node_modules goes with the next
# installation.
case $root in
  */node_modules/*) ;;
  *) cd "$root" ;;
esac
exec node "$root/dist/cli/fetch_data.js" "$@"
