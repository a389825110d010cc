#!/usr/bin/env bash
# Trains a reward model with the original's environment variables; further arguments go to `cheems-native train`.
#   MODEL_PATH=models/base TRAIN_DATA_PATH=train.jsonl TEST_DATA_PATH="human.jsonl open.jsonl" OUTPUT_DIR=runs/rm \
#     LR=5e-6 EPOCHS=1 bash scripts/train_rm.sh --global_batch_size 256
set -euo pipefail
# shellcheck source=scripts/original/environment_options.sh
. "$(dirname "${BASH_SOURCE[0]}")/original/environment_options.sh"

option model_path MODEL_PATH
list_option train_data_path TRAIN_DATA_PATH
list_option test_data_path TEST_DATA_PATH
option output_dir OUTPUT_DIR
option learning_rate LR
option num_train_epochs EPOCHS
option reg_coef REG_COEF
option max_length MAX_LENGTH
option truncation TRUNCATION
option do_shuffle SHUFFLE
option seed SEED
option per_device_train_batch_size MICRO_BATCH_SIZE
option gradient_accumulation_steps ACCUMULATION_STEPS
option warmup_ratio WARMUP_RATIO
option lr_scheduler_type LR_SCHEDULER
option evaluation_strategy EVAL_STRATEGY
option eval_steps EVAL_STEPS
option save_strategy SAVE_STRATEGY
option save_steps SAVE_STEPS
option save_total_limit SAVE_TOTAL_LIMIT
option resume_if_possible USE_RESUME
option gradient_checkpointing GRADIENT_CHECKPOINTING
run train "$@"
