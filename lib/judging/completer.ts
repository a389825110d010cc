// The interface between judging and whatever writes the answers: an HTTP endpoint, the engine's own generation, a test.

import type { Message } from '../data/types';

/** How answers are sampled. */
export interface CompletionOptions {
  /** 0: greedy. */
  temperature: number;
  /** Samples from the most likely tokens whose probabilities add up to this. */
  topP?: number;
  /** Samples from this many most likely tokens; 0 or absent: all. Not supported by all sources of answers. */
  topK?: number;
  /** Maximum number of tokens of an answer. */
  maxTokens: number;
  /** Seed of the sampling, if the source of answers uses it. */
  seed?: number;
  /** Stop strings: an answer ends before the first of them. */
  stop?: readonly string[];
  /** Requests the most likely tokens at the answer's first position, this many of them; with `maxTokens` 1. */
  firstTokens?: number;
}

/** One of the most likely tokens at the first position. */
export interface TokenProbability {
  token: string;
  /** Natural logarithm of its probability. */
  logprob: number;
}

/** An answer to a conversation. */
export interface Completion {
  text: string;
  /** The model's reasoning, if it is separate from the text. Never parsed. */
  reasoning?: string;
  /**
   * `filtered`: refused by a content filter; `too_long`: the conversation does not fit the model's context. Both have
   * no text.
   */
  finish: 'stop' | 'length' | 'filtered' | 'too_long' | 'other';
  /** The reason if there is no text, such as a refusal. */
  said?: string;
  firstTokens?: TokenProbability[];
  /** Tokens of the conversation and of the answer, if they are counted. */
  usage?: { promptTokens: number; completionTokens: number };
  /** Whether the answer came from the cache, so that no request was made. */
  cached?: boolean;
}

/** How the caller follows and stops the work. */
export interface CompletionControl {
  signal?: AbortSignal;
  /** Called for each conversation when its answer arrives, in any order. */
  onCompletion?: (index: number, completion: Completion) => void;
}

/** A source of answers to conversations: an endpoint, or a model on this machine. */
export interface Completer {
  readonly name: string;
  /**
   * One completion per conversation, in their order. The conversations may come from a generator: they are taken when
   * there is capacity. Rejects if one of them cannot be completed at all; answers that cost something must not be lost
   * then.
   */
  complete(
    conversations: Iterable<readonly Message[]>,
    options: CompletionOptions,
    control?: CompletionControl,
  ): Promise<Completion[]>;
  /** Facts for `results.json`: plain JSON, no secrets. */
  describe?(): Record<string, unknown>;
  /** Releases what the source holds. */
  dispose?(): Promise<void> | void;
}
