// How text is to be generated, checked. The comments of options are those of the tables:
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
   * 'auto' (the GPU where there is one, of several the one with the most free memory), 'cpu', 'cuda' or 'cuda:1';
   * `info` lists what is there. Default: 'auto'.
   */
  device?: string | undefined;
  /** Of the activations and weights that are computed with. Default: bfloat16 on a GPU, float32 on the CPU. */
  precision?: Precision | undefined;
  /** Threads of the engine; 0: one for each usable core. Default: 0. */
  numThreads?: number | undefined;
  /** Keep bfloat16 and float16 weights as they are stored: half the memory, the same numbers. Default: true. */
  keep16Bit?: boolean | undefined;
  /**
   * Tokens computed at once: less takes less memory; 'auto': 8192 on the CPU, on a GPU as many as its memory takes
   * and it gains by. Default: 'auto'.
   */
  microBatchTokens?: number | 'auto' | undefined;
  /**
   * GiB of the free memory that must be left: NVIDIA's libraries take some at their first use. Default: 1 on a GPU,
   * 0 on the CPU.
   */
  deviceMemoryReserve?: number | undefined;
  /** Tokens of prompts and answers that generation keeps at once. Default: as many as half the free memory takes. */
  kvCacheTokens?: number | undefined;
  /** Prompts that the engine is given at once; it takes them up as there is room. Default: 256. */
  batchPrompts?: number | undefined;
  /** File with a Jinja template, in place of the model folder's. */
  chatTemplateFile?: string | undefined;
  /** Variables that the chat template reads, such as { enable_thinking: false }. */
  templateOptions?: Readonly<Record<string, unknown>> | undefined;
  /**
   * Special tokens of the tokenizer that stand within the data's texts, such as <|im_end|>: 'keep' reads them as if
   * the chat template had written them, as transformers does, 'escape' as plain text, 'refuse' is an error; they
   * are counted. Default: keep.
   */
  specialTokensInText?: SpecialTokensInText | undefined;
  /** Rejects with the signal's reason, within milliseconds. */
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
  /** Tokens of an answer, thoughts included. Default: 512. */
  maxTokens?: number | undefined;
  /** Another name of maxTokens, transformers' own. */
  maxNewTokens?: number | undefined;
  /** Of sampling; 0: greedy. Default: 0. */
  temperature?: number | undefined;
  /** Draw among the likeliest tokens whose probabilities reach this sum. Default: 1. */
  topP?: number | undefined;
  /** Draw among this many likeliest tokens; 0: all. Default: 0. */
  topK?: number | undefined;
  /** Of sampling. Default: 0. */
  seed?: number | undefined;
  /** Texts that end an answer, which is cut before them. */
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
  /** Continue texts as they stand, without a chat template. Default: false. */
  raw?: boolean | undefined;
  /** Rejects with the signal's reason, within milliseconds. */
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

/** `maxTokens`, by either of its names. @throws GenerationError where they differ. */
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

/** @throws GenerationError naming the option and what it may be. */
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
