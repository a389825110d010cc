// The predictor interface: anything that turns prompts with their responses into rewards.

import type { PreferencePrompt, Prompt, Message } from '../../data/types';
import type { Precision } from '../../engine/types.generated';
import type { Comparison } from '../metrics/types';

/** How far a predictor is with its prompts. */
export interface ScoringProgress {
  /** Responses scored so far. */
  done: number;
  total: number;
  /** Tokens computed so far, if the predictor counts them. */
  tokens?: number;
}

/** What a predictor is given in addition to the prompts. */
export interface ScoringOptions {
  /** Once aborted, the predictor stops as soon as it can and rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called as responses are scored. */
  onProgress?: (progress: ScoringProgress) => void;
}

/** The scores of one prompt; every list has one entry per response, in the order of `prompt.responses`. */
export interface PromptScores {
  /**
   * Higher is better. Null: not scored (for example because it is too long); such a response is counted, reported and
   * left out of the metrics.
   */
  rewards: (number | null)[];
  tokens?: number[];
  /** Whether tokens were cut off before scoring. */
  truncated?: boolean[];
  /**
   * A judge's verdicts on pairs of responses; may be empty. A predictor gives them for every prompt or for none. If
   * given, the metrics use them, and `rewards` are each response's fraction of wins (null: in no pair).
   */
  comparisons?: Comparison[];
  /** Prompts with the same question count as one in the exact match; absent: each prompt counts by itself. */
  question?: string;
}

/**
 * The one interface that evaluation uses. All responses of a prompt come together, so that a model may compute the
 * prompt once. Rows come in the order of the data; the answer has one entry per prompt.
 */
export interface Predictor {
  readonly name: string;
  /** The rewards of each prompt's responses, in the order of the prompts. */
  scorePrompts(prompts: readonly PreferencePrompt[], options: ScoringOptions): Promise<PromptScores[]>;
  /** Facts for `results.json` (model folder, digest, device): plain JSON. */
  describe?(): Record<string, unknown>;
  /** Sentences about what was unusual in the scored texts. */
  notes?(): string[];
  /** The dtype that it multiplies in, for `comparePrecision`. */
  readonly precision?: Precision;
  /**
   * The same predictor in float32, for `comparePrecision`. It replaces this one, whose model is freed first, so that
   * there is never more than one in memory.
   */
  inFloat32?(signal?: AbortSignal): Promise<Predictor>;
  /** Releases what the predictor holds. */
  dispose?(): Promise<void> | void;
}

/** One response with its prompt, as given to your own predictor. */
export interface PredictorSample {
  promptId: string;
  responseId: string;
  prompt: Prompt;
  systemPrompt?: string;
  /** The response's text; empty if only `inputIds` are known (given only to predictors that say `acceptsTokenIds`). */
  response: string;
  /** Every turn after the prompt, if the response has more than one. */
  messages?: Message[];
  inputIds?: Int32Array;
}

/** The definition of your own predictor: one number per sample, higher is better. */
export interface PredictorDefinition {
  /** The name in tables and results. */
  name: string;
  /** The score of each sample, in their order. */
  score(samples: PredictorSample[], options: ScoringOptions): ArrayLike<number> | Promise<ArrayLike<number>>;
  /** Approximate number of samples per call of `score` (256 by default); the responses of a prompt are never split. */
  batchSize?: number;
  /** Whether samples without text, given as token ids, can be scored; otherwise such data are refused. */
  acceptsTokenIds?: boolean;
  /** Facts for `results.json`: plain JSON. */
  describe?(): Record<string, unknown>;
  /** Releases what the predictor holds. */
  dispose?(): Promise<void> | void;
}
