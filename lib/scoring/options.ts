// The options of RewardModel's functions. The comments are those of the tables: scripts/write_option_comments.cjs writes them.

import { callback, either, flag, list, text, wholeNumber } from '../arguments/checks';
import { like, onEvent, own, SIGNAL, type LibraryOptions } from '../arguments/library_options';
import type { Precision } from '../engine/types';
import type { SpecialTokensInText } from '../tokenization/special_tokens_option';
import { scoringResources, scoringSamples, scoringWeights } from './option_table';
import type { ScoreItemsProgress } from './progress';
import type { ReadoutOptions } from './readouts';
import type { StepReward } from './step_reward';

export interface RewardModelOptions extends ReadoutOptions {
  /** */
  device?: string | undefined;
  /** */
  precision?: Precision | undefined;
  /** */
  dtype?: Precision | undefined;
  /** */
  numThreads?: number | undefined;
  /** */
  keep16Bit?: boolean | undefined;
  /** */
  microBatchTokens?: number | undefined;
  /** */
  maxLength?: number | undefined;
  /** */
  truncation?: boolean | undefined;
  /** */
  doStrip?: boolean | undefined;
  /** */
  compat?: 'cheems' | undefined;
  /** */
  chatTemplateFile?: string | undefined;
  /** */
  rewardHead?: string | undefined;
  /** */
  normalizeReward?: boolean | undefined;
  /** */
  specialTokensInText?: SpecialTokensInText | undefined;
  /** */
  stepReward?: StepReward | undefined;
  /** */
  onNote?: ((sentence: string) => void) | undefined;
  /** */
  signal?: AbortSignal | undefined;
}

export const rewardModelOptions: LibraryOptions<RewardModelOptions> = {
  device: like(scoringResources.device),
  precision: like(scoringResources.precision),
  dtype: like(scoringWeights.dtype),
  numThreads: like(scoringResources.num_threads),
  keep16Bit: own('keep bfloat16 and float16 weights as they are stored: half the memory, the same rewards', flag, true),
  microBatchTokens: like(scoringResources.micro_batch_tokens),
  maxLength: like(scoringSamples.max_length),
  truncation: like(scoringSamples.truncation),
  doStrip: like(scoringSamples.do_strip),
  compat: like(scoringSamples.compat),
  chatTemplateFile: like(scoringSamples.chat_template),
  rewardHead: like(scoringSamples.reward_head),
  normalizeReward: like(scoringSamples.normalize_reward),
  gatePattern: { ...like(scoringSamples.gate_pattern), check: either('text, or a list of token ids', text, list(wholeNumber(0))) },
  stepToken: { ...like(scoringSamples.step_token), check: either('text, or a token id', text, wholeNumber(0)) },
  specialTokensInText: like(scoringSamples.special_tokens_in_text),
  stepReward: like(scoringSamples.step_reward),
  onNote: onEvent('gets a sentence, at most once, where samples are such that other programs would read their rewards elsewhere'),
  signal: SIGNAL,
};

export interface ScoreItemsOptions {
  /** */
  signal?: AbortSignal | undefined;
  /** */
  onProgress?: ((progress: ScoreItemsProgress) => void) | undefined;
}

export const scoreItemsOptions: LibraryOptions<ScoreItemsOptions> = {
  signal: SIGNAL,
  onProgress: own('called some times per second with what is done', callback),
};
