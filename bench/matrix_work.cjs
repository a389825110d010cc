'use strict';
// The matrix work of one prompt with its responses: the minimum for a step, from the model's sizes alone.
//
// N = P + sum R_i rows (the prompt once, then each response); a matrix product of n weights costs 2 n a row forward and
// 4 n backward (its input's and its weight's gradient). The last layer needs keys and values for all rows, everything
// else for the last row of each response only. Attention over c (query, visible key) pairs costs 4 c A forward and 8 c
// A backward, A = heads * head size; the scores that a backward pass computes again are work of the implementation's
// own, not counted.

/** FLOPs of one prompt; `config` is a Hugging Face config.json, `prompt` a row of the workload. */
function matrixWork(config, prompt, mode) {
  const hidden = config.hidden_size;
  const headSize = config.head_dim ?? hidden / config.num_attention_heads;
  const attention = config.num_attention_heads * headSize;
  const keyValue = 2 * hidden * config.num_key_value_heads * headSize;
  const perRow = 2 * hidden * attention + 3 * hidden * config.intermediate_size; // query, output, gate, up, down

  const P = prompt.prompt_ids.length;
  const responses = prompt.response_ids.map((response) => response.length);
  const rows = P + responses.reduce((sum, R) => sum + R, 0);
  const visible = (P * (P + 1)) / 2 + responses.reduce((sum, R) => sum + R * P + (R * (R + 1)) / 2, 0);
  const visibleAtEnd = responses.reduce((sum, R) => sum + P + R, 0);

  const fullLayer = 2 * rows * (keyValue + perRow) + 4 * visible * attention;
  const lastLayer = 2 * (rows * keyValue + responses.length * perRow) + 4 * visibleAtEnd * attention;
  const forward = (config.num_hidden_layers - 1) * fullLayer + lastLayer;
  return mode === 'train' ? 3 * forward : forward;
}

module.exports = { matrixWork };
