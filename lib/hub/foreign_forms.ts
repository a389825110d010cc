// Model formats that are not supported here: what such a file or folder is, and how to convert it to a folder of
// weights.

import { join } from 'node:path';
import { quoteCommand } from '../text/shell';

/**
 * The tokenizer that transformers makes from such a file loses rules (for example that for digits), so it is not
 * recommended.
 */
export function ggufSentence(file: string): string {
  return (
    `${file} is a GGUF file: weights converted for llama.cpp, quantized as a rule, with a tokenizer of its own. ` +
    'It is not read here. Download the original Hugging Face repository and give its folder; or write one in ' +
    'transformers 5: ' +
    'AutoModelForCausalLM.from_pretrained(FOLDER, gguf_file=NAME, quantization_config=GgufConfig(dequantize=True))' +
    ".save_pretrained(OUT) (before transformers 5 without quantization_config), and copy the original model's " +
    'tokenizer ' +
    'files into OUT: those that transformers makes of a GGUF file may give other ids.'
  );
}

export interface AdapterFacts {
  base?: string | undefined;
  /** PEFT's task_type. */
  task?: string | undefined;
  /** PEFT's peft_type. */
  kind?: string | undefined;
  hasTokenizer: boolean;
}

const LOADERS: Record<string, string> = {
  SEQ_CLS: 'AutoPeftModelForSequenceClassification.from_pretrained(ADAPTER, num_labels=1)',
  CAUSAL_LM: 'AutoPeftModelForCausalLM.from_pretrained(ADAPTER)',
};

/** Kinds that put tokens or states before the model's own, which cannot be merged into weights. */
const NEVER_MERGED = new Set([
  'PROMPT_TUNING',
  'P_TUNING',
  'PREFIX_TUNING',
  'MULTITASK_PROMPT_TUNING',
  'ADAPTION_PROMPT',
]);

export function adapterSentence(where: string, { base, task, kind = 'LORA', hasTokenizer }: AdapterFacts): string {
  const ofBase =
    base === undefined ? 'whose base model stands in its adapter_config.json' : `of the base model ${base}`;
  if (NEVER_MERGED.has(kind)) {
    return (
      `${where} is a PEFT adapter (${kind}) ${ofBase}, and no whole model. An adapter of this kind cannot be ` +
      'merged into ' +
      'weights, so that it cannot be used here: give the folder of a whole model.'
    );
  }
  const load = LOADERS[task ?? ''] ?? `${LOADERS['SEQ_CLS']} (of a language model ${LOADERS['CAUSAL_LM']})`;
  return (
    `${where} is a ${kind === 'LORA' ? 'LoRA (PEFT) adapter' : `PEFT adapter (${kind})`} ${ofBase}, and no ` +
    'whole model; adapters are not supported yet. ' +
    `Merge it first, in Python with peft: ${load}.merge_and_unload().save_pretrained(OUT), ` +
    `and copy the tokenizer's files of the ${hasTokenizer ? 'adapter' : 'base model'} into OUT.`
  );
}

/** What a folder without weights holds instead, judging by its file names; undefined if it is nothing known. */
export function shardsSentence(folder: string, names: readonly string[]): string | undefined {
  const found = (pattern: RegExp) => names.find((name) => pattern.test(name));
  const deepSpeed = found(/^(global_step\d+|zero_to_fp32\.py|mp_rank_\d+.*|zero_pp_rank_.*|bf16_zero_pp_rank_.*)$/);
  if (deepSpeed !== undefined) {
    return (
      `${folder} holds a checkpoint of DeepSpeed in the shards of its processes (${deepSpeed}), and no weights ` +
      'that are read ' +
      'here. Put them together with the script that DeepSpeed writes beside them: ' +
      `${quoteCommand(['python', join(folder, 'zero_to_fp32.py'), folder, 'OUT', '--safe_serialization'])}; ` +
      `then copy config.json and the tokenizer's files into OUT.`
    );
  }
  const fsdp = found(/^(pytorch_model_fsdp_\d+|.*\.distcp|\.metadata)$/);
  if (fsdp !== undefined) {
    const shards = /^pytorch_model_fsdp/.test(fsdp) ? join(folder, fsdp) : folder;
    return (
      `${folder} holds a distributed checkpoint of FSDP (${fsdp}), and no weights that are read here. Put it ` +
      'together: ' +
      `${quoteCommand(['accelerate', 'merge-weights', shards, 'OUT'])}; then copy config.json and the ` +
      `tokenizer's files into OUT.`
    );
  }
  const other = OTHER_WEIGHTS.find(([, pattern]) => found(pattern) !== undefined);
  if (!other) return undefined;
  const [what, pattern] = other;
  return (
    `${folder} holds ${what} (${found(pattern)}), which are not read here. Save the model as safetensors: ` +
    'save_pretrained in transformers does; or take the form of the model that has model.safetensors.'
  );
}

const OTHER_WEIGHTS: readonly [what: string, pattern: RegExp][] = [
  ["weights in the form of Meta's own programs", /^consolidated\..*\.pth$/],
  ['weights of Flax', /^flax_model.*\.msgpack$/],
  ['weights of TensorFlow', /^tf_model.*\.h5$/],
  ['a model for ONNX', /\.onnx$/],
  ['a checkpoint of Lightning', /\.ckpt$/],
];
