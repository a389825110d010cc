// A small random model and batches of random tokens, for tests of the engine's behavior.
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { engine } from '../engine/engine.js';
import type { ComparisonArrays, OptimizerStep, SampleBatch } from '../engine/types.generated.js';

const smallVocabSize = 512;

/** Makes a causal language model folder (no reward head: load it with `createHead`) and returns its path. */
export async function makeSmallModel(): Promise<string> {
  const folder = path.join(await mkdtemp(path.join(tmpdir(), 'cheems-engine-')), 'model');
  await mkdir(folder);
  const config = {
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    hidden_act: 'silu',
    hidden_size: 128,
    initializer_range: 0.02,
    intermediate_size: 256,
    max_position_embeddings: 1024,
    num_attention_heads: 4,
    num_hidden_layers: 4,
    num_key_value_heads: 2,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    tie_word_embeddings: false,
    torch_dtype: 'float32',
    use_sliding_window: false,
    vocab_size: smallVocabSize,
  };
  const configFile = path.join(folder, 'config.json');
  await writeFile(configFile, JSON.stringify(config));
  await engine.initialize(configFile, 1, path.join(folder, 'model.safetensors'));
  return folder;
}

/** `samples` samples of `length` tokens, two to a prompt, sharing the first half. */
export function randomBatch(samples: number, length: number): SampleBatch {
  const tokens = new Int32Array(samples * length);
  let state = 12345;
  for (let i = 0; i < tokens.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
    tokens[i] = (state >> 8) % smallVocabSize;
  }
  for (let sample = 1; sample < samples; sample += 2) {
    tokens.copyWithin(sample * length, (sample - 1) * length, (sample - 1) * length + Math.floor(length / 2));
  }
  return {
    tokens,
    offsets: Int32Array.from({ length: samples + 1 }, (_, sample) => sample * length),
    groups: Int32Array.from({ length: samples }, (_, sample) => Math.floor(sample / 2)),
  };
}

/** Work for seconds on any machine: tests stop it. */
export function longBatch(): SampleBatch {
  return randomBatch(6000, 128);
}

/** Each even sample chosen over the odd one after it. */
export function neighborPairs(samples: number): ComparisonArrays {
  return { pairs: Int32Array.from({ length: samples - (samples % 2) }, (_, index) => index) };
}

export const adamStep: OptimizerStep = {
  step: 1,
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  weightDecay: 0.01,
  maxGradNorm: 1,
};
