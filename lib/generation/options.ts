// Options of text generation and their checks. The comments of options are those of the tables:
// scripts/generate/write_option_comments.cjs writes them.

import { callback, flag, refuse, wholeNumber, type Check } from '../arguments/checks';
import { isObject } from '../support/is_object';
import { like, own, SIGNAL, type LibraryOptions } from '../options/library_options';
import { show } from '../support/show';
import type { Precision } from '../engine/types.generated';
import { scoringResources } from '../options/scoring';
import type { SpecialTokensInText } from '../options/special_tokens';
import { GenerationError } from './errors';
import { generationResources, promptTable, samplingTable } from '../options/generation';
import type { Answer } from './answer';

/** How a language model is loaded. */
export interface LanguageModelOptions {
  /**
   * 'auto' (the GPU with the most free memory, or the CPU if there is none), 'cpu', 'cuda' or 'cuda:1'; `info`
   * lists the devices. Default: 'auto'.
   */
  device?: string | undefined;
  /**
   * Dtype of matrix products; bfloat16 is about twice as fast on a CPU that has AVX512_BF16 (others compute in
   * float32 and say so). Default: bfloat16 on a GPU, float32 on the CPU.
   */
  precision?: Precision | undefined;
  /** Threads of the engine; 0: one for each usable core. Default: 0. */
  numThreads?: number | undefined;
  /** Keep bfloat16 and float16 weights as they are stored: half the memory, the same numbers. Default: true. */
  keep16Bit?: boolean | undefined;
  /**
   * Tokens computed at once; fewer need less memory. 'auto': 8192 on the CPU; on a GPU as many as its memory holds
   * and make it faster. Default: 'auto'.
   */
  microBatchTokens?: number | 'auto' | undefined;
  /**
   * GiB of the free memory to leave unused: NVIDIA's libraries need some at their first use. Default: 1 on a GPU, 0
   * on the CPU.
   */
  deviceMemoryReserve?: number | undefined;
  /**
   * Size of the key/value cache: tokens of prompts and answers held at once. Default: as many as fit into half of
   * the free memory.
   */
  kvCacheTokens?: number | undefined;
  /** Prompts that the engine is given at once; it takes them up as there is room. Default: 256. */
  batchPrompts?: number | undefined;
  /** File with a Jinja template to use instead of the model folder's. */
  chatTemplateFile?: string | undefined;
  /** Variables that the chat template reads, such as { enable_thinking: false }. */
  templateOptions?: Readonly<Record<string, unknown>> | undefined;
  /**
   * What to do with special tokens inside the data's texts, such as <|im_end|>: 'keep' reads them as if the chat
   * template had written them, as transformers does; 'escape' reads them as plain text; 'refuse' is an error. They
   * are counted. Default: keep.
   */
  specialTokensInText?: SpecialTokensInText | undefined;
  /** Aborts the call: it rejects with the signal's reason, within milliseconds. */
  signal?: AbortSignal | undefined;
}

const variables: Check = (value, name) => {
  if (!isObject(value)) refuse(name, 'an object of variables', value);
};

export const languageModelOptions: LibraryOptions<LanguageModelOptions> = {
  device: like(scoringResources.device),
  precision: like(scoringResources.precision),
  numThreads: like(scoringResources.num_threads),
  keep16Bit: own('keep bfloat16 and float16 weights as they are stored: half the memory, the same numbers', flag, true),
  microBatchTokens: like(scoringResources.micro_batch_tokens),
  deviceMemoryReserve: like(scoringResources.device_memory_reserve),
  kvCacheTokens: like(generationResources.kv_cache_tokens),
  batchPrompts: own('prompts that the engine is given at once; it takes them up as there is room', wholeNumber(1), 256),
  chatTemplateFile: like(promptTable.chat_template),
  specialTokensInText: like(promptTable.special_tokens_in_text),
  templateOptions: own('variables that the chat template reads, such as { enable_thinking: false }', variables),
  signal: SIGNAL,
};

/** How the next token is chosen, and how many there may be. */
export interface SamplingOptions {
  /** Maximum number of tokens of an answer, reasoning included. Default: 512. */
  maxTokens?: number | undefined;
  /** Another name of maxTokens, transformers' own. */
  maxNewTokens?: number | undefined;
  /** Sampling temperature; 0: greedy. Default: 0. */
  temperature?: number | undefined;
  /** Sample from the most likely tokens whose probabilities add up to this. Default: 1. */
  topP?: number | undefined;
  /** Sample from this many most likely tokens; 0: all. Default: 0. */
  topK?: number | undefined;
  /** Seed of the sampling. Default: 0. */
  seed?: number | undefined;
  /** Stop strings: an answer ends before the first of them. */
  stop?: readonly string[] | undefined;
}

/** @public scripts/generate/write_option_comments.cjs reads it. */
export const samplingOptions: LibraryOptions<SamplingOptions> = {
  maxTokens: like(samplingTable.max_tokens),
  maxNewTokens: own("another name of maxTokens, transformers' own", like(samplingTable.max_tokens).check),
  temperature: like(samplingTable.temperature),
  topP: like(samplingTable.top_p),
  topK: like(samplingTable.top_k),
  seed: like(samplingTable.seed),
  stop: like(samplingTable.stop),
};

/** How prompts are answered. */
export interface GenerateOptions extends SamplingOptions {
  /** Continue texts as they are, without a chat template. Default: false. */
  raw?: boolean | undefined;
  /** Aborts the call: it rejects with the signal's reason, within milliseconds. */
  signal?: AbortSignal | undefined;
  /** Called with each answer as it ends, and its place in the list. */
  onAnswer?: ((index: number, answer: Answer) => void) | undefined;
}

export const generateOptions: LibraryOptions<GenerateOptions> = {
  ...samplingOptions,
  raw: like(promptTable.raw),
  signal: SIGNAL,
  onAnswer: own('called with each answer as it ends, and its place in the list', callback),
};

export interface Sampling {
  maxTokens: number;
  temperature: number;
  topP: number;
  topK: number;
  seed: number;
  stop: readonly string[];
}

/** `maxTokens`, by either of its names. @throws GenerationError if they differ. */
export function maxTokensOf({
  maxTokens,
  maxNewTokens,
}: Pick<SamplingOptions, 'maxTokens' | 'maxNewTokens'>): number | undefined {
  if (maxTokens !== undefined && maxNewTokens !== undefined && maxTokens !== maxNewTokens) {
    throw new GenerationError(
      `maxTokens (${maxTokens}) and maxNewTokens (${maxNewTokens}) are two names of one option. Give one of them.`,
    );
  }
  return maxTokens ?? maxNewTokens;
}

const LARGEST_SEED = 0xffffffff;

/** @throws GenerationError naming the option and its valid values. */
export function checkSampling({
  temperature = 0,
  topP = 1,
  topK = 0,
  seed = 0,
  stop = [],
  ...tokens
}: SamplingOptions): Sampling {
  const maxTokens = maxTokensOf(tokens) ?? samplingTable.max_tokens.description.default;
  const need = (fits: boolean, name: string, value: unknown, wanted: string) => {
    if (!fits) throw new GenerationError(`${name} must be ${wanted}, but is ${show(value)}.`);
  };
  need(Number.isInteger(maxTokens) && maxTokens >= 1, 'maxTokens', maxTokens, 'a whole number from 1');
  need(Number.isFinite(temperature) && temperature >= 0, 'temperature', temperature, 'a number from 0');
  need(topP > 0 && topP <= 1, 'topP', topP, 'above 0 and at most 1');
  need(Number.isInteger(topK) && topK >= 0, 'topK', topK, 'a whole number from 0');
  need(
    Number.isInteger(seed) && seed >= 0 && seed <= LARGEST_SEED,
    'seed',
    seed,
    `a whole number from 0 to ${LARGEST_SEED}`,
  );
  need(
    Array.isArray(stop) && stop.every((text) => typeof text === 'string' && text !== ''),
    'stop',
    stop,
    'a list of texts that are not empty',
  );
  return { maxTokens, temperature, topP, topK, seed, stop };
}
