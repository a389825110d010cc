// How text is to be generated, checked.

import { GenerationError } from './errors';

export interface SamplingOptions {
  /** Tokens that an answer may have, thoughts included. 512 by default. */
  maxTokens?: number | undefined;
  /** Another name of `maxTokens`, transformers' own. */
  maxNewTokens?: number | undefined;
  /** 0 (the default): greedy, the likeliest token each time. */
  temperature?: number | undefined;
  /** Draws among the likeliest tokens whose probabilities reach this sum; 1 (the default): all. */
  topP?: number | undefined;
  /** Draws among this many likeliest tokens; 0 (the default): all. */
  topK?: number | undefined;
  /** Of the draws. */
  seed?: number | undefined;
  /** Strings that end an answer; it is cut before them. Thoughts do not count. */
  stop?: readonly string[] | undefined;
}

export interface Sampling {
  maxTokens: number;
  temperature: number;
  topP: number;
  topK: number;
  seed: number;
  stop: readonly string[];
}

/** `maxTokens`, by either of its names. @throws GenerationError where they differ. */
export function maxTokensOf({ maxTokens, maxNewTokens }: Pick<SamplingOptions, 'maxTokens' | 'maxNewTokens'>): number | undefined {
  if (maxTokens !== undefined && maxNewTokens !== undefined && maxTokens !== maxNewTokens) {
    throw new GenerationError(`maxTokens (${maxTokens}) and maxNewTokens (${maxNewTokens}) are two names of one option. Give one of them.`);
  }
  return maxTokens ?? maxNewTokens;
}

const LARGEST_SEED = 0xffffffff;

/** @throws GenerationError naming the option and what it may be. */
export function checkSampling({ temperature = 0, topP = 1, topK = 0, seed = 0, stop = [], ...tokens }: SamplingOptions): Sampling {
  const maxTokens = maxTokensOf(tokens) ?? 512;
  const need = (fits: boolean, name: string, value: unknown, wanted: string) => {
    if (!fits) throw new GenerationError(`${name} must be ${wanted}, but is ${JSON.stringify(value) ?? String(value)}.`);
  };
  need(Number.isInteger(maxTokens) && maxTokens >= 1, 'maxTokens', maxTokens, 'a whole number from 1');
  need(Number.isFinite(temperature) && temperature >= 0, 'temperature', temperature, 'a number from 0');
  need(topP > 0 && topP <= 1, 'topP', topP, 'above 0 and at most 1');
  need(Number.isInteger(topK) && topK >= 0, 'topK', topK, 'a whole number from 0');
  need(Number.isInteger(seed) && seed >= 0 && seed <= LARGEST_SEED, 'seed', seed, `a whole number from 0 to ${LARGEST_SEED}`);
  need(Array.isArray(stop) && stop.every((text) => typeof text === 'string' && text !== ''), 'stop', stop, 'a list of texts that are not empty');
  return { maxTokens, temperature, topP, topK, seed, stop };
}
