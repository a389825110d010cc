#!/usr/bin/env bash
# The long kill test: a training run with a checkpoint after every step is killed (SIGKILL) at random moments and
# resumed, until KILLS kills are done. After each kill every checkpoint must be complete, and the run must end with the
# same bits as an undisturbed one. Needs the built package.
#
#   bash scripts/testing/kill_test.sh [KILLS]          SEED=n repeats the moments of a run (not its timing)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
npx tsc -p tsconfig.json
exec node dist/testing/kill_cli.js --kills "${1:-60}" ${SEED:+--seed "$SEED"}
