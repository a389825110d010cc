#!/usr/bin/env bash
# From a fresh Debian with Node.js to an evaluated reward model: installs what is missing, builds, makes a small model
# with random weights, trains it on real Chinese preferences, evaluates it on prompts that it has not seen, and prints
# the table. A second run installs and builds nothing; OUTPUT (runs/quickstart) is created again. Options of `train` may
# be given as arguments.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

output=${OUTPUT:-runs/quickstart}
seed=${SEED:-0}
started=$SECONDS
say() { printf '\n== %s (%d s)\n' "$1" $((SECONDS - started)); }
cheems() { node dist/cli/main.js "$@"; }

say 'System packages'
bash scripts/install_system_packages.sh

say 'npm packages'
stamp=node_modules/.installed-lock
if ! cmp -s package-lock.json "$stamp"; then
  npm ci --ignore-scripts --no-audit --no-fund
  cp package-lock.json "$stamp"
fi

say 'Build'
node scripts/build/build_addon.cjs
npm run --silent build:ts

say 'A small Qwen2 model with random weights'
cheems init --architecture qwen2 --hidden_size 128 --num_hidden_layers 2 --num_attention_heads 4 --num_key_value_heads 2 \
  --intermediate_size 384 --tie_word_embeddings --tokenizer data/tokenizer \
  --seed "$seed" --output_dir "$output/base" --overwrite

say 'Training'
cheems train --model_path "$output/base" --train_data_path data/oasst-zh/train.jsonl --output_dir "$output/model" \
  --overwrite_output_dir --seed "$seed" --num_train_epochs 1 --learning_rate 1e-3 --global_batch_size 40 --weight_decay 0.01 \
  --max_length 1024 --truncation --save_strategy no --logging_steps 5 "$@"

say 'Evaluation on held-out prompts'
cheems eval --model_name "$output/model" --data_path data/oasst-zh/test.jsonl --output_dir "$output/eval"

cat <<END

The model:             $output/model
Its training metrics:  $output/model/metrics.jsonl (and TensorBoard event files in $output/model/runs)
The evaluation:        $output/eval/results.json, $output/eval/scores.jsonl; to look at: $output/eval/report.html
Score a conversation:
  echo '{"id": 1, "prompt": "你好", "response": "你好！有什么可以帮你？"}' |
    node dist/cli/main.js score --model_path $output/model --input - --output -
Everything took $((SECONDS - started)) s.
END
