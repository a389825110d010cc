// What the tokenizing workers and their owner say to each other.

import type { Message, Prompt, TemplateVariables } from '../data/types';
import type { SampleOptions, TokenizerSource } from './sample_builder';

/** Given to a worker at its start. */
export interface WorkerSetup {
  source: TokenizerSource;
  options: SampleOptions;
  /** Whether another worker says what is to be said of the tokenizer. */
  isQuiet?: boolean;
}

export interface SampleJob {
  prompt: Prompt;
  systemPrompt: string | undefined;
  content: string | undefined;
  messages: Message[] | undefined;
  templateVariables?: TemplateVariables | undefined;
}

/**
 * Results of a chunk of jobs, in order; all samples' ids end to end. Those too long to keep have no ids, only a length.
 */
export interface ChunkResult {
  ids: Int32Array;
  /** Ids kept, a number per job. */
  counts: Int32Array;
  /** Tokens before cutting. */
  lengths: Int32Array;
  truncated: Uint8Array;
  bosDoubled: Uint8Array;
  /** Whether a text holds a special token. */
  specialInText: Uint8Array;
}

/** A worker's answer; an error says which job of the chunk failed, or -1 for the set-up. */
export type WorkerAnswer = { result: ChunkResult } | { error: string; job: number };
