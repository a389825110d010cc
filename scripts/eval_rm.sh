#!/usr/bin/env bash
# Evaluates a reward model with the original's environment variables; further arguments go to `cheems-native eval`.
#   MODEL_NAME=runs/rm TEST_DATA_PATH="human.jsonl open.jsonl" OUTPUT_DIR=runs/rm/eval bash scripts/eval_rm.sh
set -euo pipefail
# shellcheck source=scripts/original/environment_options.sh
. "$(dirname "${BASH_SOURCE[0]}")/original/environment_options.sh"

# As in the original, the model may also be in MODEL_PATH, if one shell trains and evaluates.
MODEL_NAME=${MODEL_NAME:-${MODEL_PATH:-}}
option model_name MODEL_NAME
list_option data_path TEST_DATA_PATH
option output_dir OUTPUT_DIR
option max_length MAX_LENGTH
option truncation TRUNCATION
option seed SEED
run eval "$@"
