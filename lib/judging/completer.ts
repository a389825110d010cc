// The seam between judging and whatever writes the answers: an HTTP endpoint, the engine's own generation, a test.

import type { Message } from '../data/types';

/** How answers are sampled. */
export interface CompletionOptions {
  /** 0: greedy. */
  temperature: number;
  /** Draws among the likeliest tokens whose probabilities reach this sum. */
  topP?: number;
  /** Draws among this many likeliest tokens; 0 or absent: all. Not all sources of answers know it. */
  topK?: number;
  /** Tokens that an answer may have. */
  maxTokens: number;
  /** Of the draws, where the source of answers heeds it. */
  seed?: number;
  /** Texts that end an answer, which is cut before them. */
  stop?: readonly string[];
  /** Asks for the likeliest tokens at the answer's first place, this many of them; with `maxTokens` 1. */
  firstTokens?: number;
}

/** One of the likeliest tokens at the first place. */
export interface TokenProbability {
  token: string;
  /** Natural logarithm of its probability. */
  logprob: number;
}

/** An answer to a conversation. */
export interface Completion {
  text: string;
  /** What the model thought aloud, where that comes apart from the text. Never parsed. */
  reasoning?: string;
  /**
   * `filtered`: refused by a content filter; `too_long`: the conversation does not fit the model's context. Both have
   * no text.
   */
  finish: 'stop' | 'length' | 'filtered' | 'too_long' | 'other';
  /** What was said where there is no text: why it was refused. */
  said?: string;
  firstTokens?: TokenProbability[];
  /** Tokens of the conversation and of the answer, where they are counted. */
  usage?: { promptTokens: number; completionTokens: number };
  /** Whether the answer was on disk from earlier, so that nothing was asked. */
  cached?: boolean;
}

/** How the caller follows and stops the work. */
export interface CompletionControl {
  signal?: AbortSignal;
  /** Called for each conversation as its answer comes, in any order. */
  onCompletion?: (index: number, completion: Completion) => void;
}

/** A source of answers to conversations: an endpoint, or a model on this machine. */
export interface Completer {
  readonly name: string;
  /**
   * One completion a conversation, in their order. The conversations may come from a generator: they are taken as there
   * is room. Rejects where one of them cannot be had at all; what was answered by then must not be lost where it cost
   * something.
   */
  complete(
    conversations: Iterable<readonly Message[]>,
    options: CompletionOptions,
    control?: CompletionControl,
  ): Promise<Completion[]>;
  /** Facts for `results.json`: plain JSON, no secrets. */
  describe?(): Record<string, unknown>;
  /** Gives back what the source holds. */
  dispose?(): Promise<void> | void;
}
