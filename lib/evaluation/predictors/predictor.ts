// What scores: anything that turns prompts with their responses into rewards.

import type { PreferencePrompt, Prompt, Message } from '../../data/types';
import type { Precision } from '../../engine/types.generated';
import type { Comparison } from '../metrics/types';

/** How far a predictor is with its prompts. */
export interface ScoringProgress {
  /** Responses scored so far. */
  done: number;
  total: number;
  /** Tokens computed so far, where the predictor counts them. */
  tokens?: number;
}

/** What a predictor is given beside the prompts. */
export interface ScoringOptions {
  /** Once aborted, the predictor stops as soon as it can and rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called as responses are scored. */
  onProgress?: (progress: ScoringProgress) => void;
}

/** The scores of one prompt; every list has one entry per response, in the order of `prompt.responses`. */
export interface PromptScores {
  /**
   * Higher is better. Null: not scored (too long, say); such a response is counted, reported and left out of the
   * metrics.
   */
  rewards: (number | null)[];
  tokens?: number[];
  /** Whether tokens were cut off before scoring. */
  truncated?: boolean[];
  /**
   * A judge's verdicts on pairs of responses, possibly none. Where a predictor gives them it gives them for every
   * prompt; the metrics then rest on them, and `rewards` are each response's share of wins (null: in no pair).
   */
  comparisons?: Comparison[];
  /** Prompts with the same question count as one in the exact match; absent: each for itself. */
  question?: string;
}

/**
 * The one interface that evaluation asks. All responses of a prompt come together, so that a model may compute the
 * prompt once. Rows come in the order of the data; the answer has one entry per prompt.
 */
export interface Predictor {
  readonly name: string;
  /** The rewards of each prompt's responses, in the order of the prompts. */
  scorePrompts(prompts: readonly PreferencePrompt[], options: ScoringOptions): Promise<PromptScores[]>;
  /** Facts for `results.json` (model folder, digest, device): plain JSON. */
  describe?(): Record<string, unknown>;
  /** Sentences on what was unusual about the texts scored. */
  notes?(): string[];
  /** The dtype that it multiplies in, for `comparePrecision`. */
  readonly precision?: Precision;
  /**
   * The same predictor in float32, for `comparePrecision`. It takes this one's place: this one's model is freed first,
   * so that the memory of one suffices.
   */
  inFloat32?(signal?: AbortSignal): Promise<Predictor>;
  /** Gives back what the predictor holds. */
  dispose?(): Promise<void> | void;
}

/** One response with its prompt: what a predictor of one's own is given. */
export interface PredictorSample {
  promptId: string;
  responseId: string;
  prompt: Prompt;
  systemPrompt?: string;
  /**
   * The response's text; empty where only `inputIds` are known (given only to predictors that say `acceptsTokenIds`).
   */
  response: string;
  /** Every turn after the prompt, where the response is more than one. */
  messages?: Message[];
  inputIds?: Int32Array;
}

/** A predictor of one's own: one number per sample, higher is better. */
export interface PredictorDefinition {
  /** In tables and results. */
  name: string;
  /** The score of each sample, in their order. */
  score(samples: PredictorSample[], options: ScoringOptions): ArrayLike<number> | Promise<ArrayLike<number>>;
  /** About how many samples a call of `score` gets (256 by default); the responses of a prompt are never parted. */
  batchSize?: number;
  /** Whether samples without text, given as token ids, can be scored; otherwise such data are refused. */
  acceptsTokenIds?: boolean;
  /** Facts for `results.json`: plain JSON. */
  describe?(): Record<string, unknown>;
  /** Frees what the predictor holds. */
  dispose?(): Promise<void> | void;
}
