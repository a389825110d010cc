// The options of RewardModel's functions. The comments are those of the tables:
// scripts/generate/write_option_comments.cjs writes them.

import { callback, either, flag, list, text, wholeNumber } from '../arguments/checks';
import { like, onEvent, own, SIGNAL, type LibraryOptions } from '../options/library_options';
import type { Precision } from '../engine/types.generated';
import type { SpecialTokensInText } from '../options/special_tokens';
import { scoringResources, scoringSamples, scoringWeights, type StepReward } from '../options/scoring';
import type { ScoreItemsProgress } from './progress';
import type { ReadoutOptions } from './readouts';

/** How a reward model is loaded. */
export interface RewardModelOptions extends ReadoutOptions {
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
  /**
   * 'bfloat16': round every weight to it first, like tools that load the folder in 16 bits. Default: the weights as
   * stored.
   */
  dtype?: Precision | undefined;
  /** Threads of the engine; 0: one for each usable core. Default: 0. */
  numThreads?: number | undefined;
  /** Keep bfloat16 and float16 weights as stored: half the memory, the same rewards. Default: true. */
  keep16Bit?: boolean | undefined;
  /**
   * Tokens computed at once; fewer need less memory. 'auto': 8192 on the CPU; on a GPU as many as its memory holds
   * and make it faster. Default: 'auto'.
   */
  microBatchTokens?: number | 'auto' | undefined;
  /**
   * Maximum number of tokens of prompt and response together; longer samples are an error unless truncation is
   * given. Default: no limit.
   */
  maxLength?: number | undefined;
  /** Cut longer samples from the left. Default: false. */
  truncation?: boolean | undefined;
  /**
   * Strip white space around the text that the chat template makes. Default: as in the model's training, according
   * to cheems.json or, without it, to the model's class and head; the choice is printed.
   */
  doStrip?: boolean | undefined;
  /** 'cheems': build samples exactly as the original does, with its doubled BOS. Default: what cheems.json says. */
  compat?: 'cheems' | undefined;
  /** File with a Jinja template to use instead of the model folder's. */
  chatTemplateFile?: string | undefined;
  /**
   * If the folder has more than one reward head: the kind or the tensor name of the one to use; 'vocabulary_row':
   * the logit of vocabulary id 0 (Nemotron).
   */
  rewardHead?: string | undefined;
  /** Normalize rewards by the mean and std in config.json (OpenRLHF's heads). Default: false. */
  normalizeReward?: boolean | undefined;
  /**
   * What to do with special tokens inside the data's texts, such as <|im_end|>: 'keep' reads them as if the chat
   * template had written them, as transformers does; 'escape' reads them as plain text; 'refuse' is an error. They
   * are counted. Default: as in the model's training, according to its cheems.json; else keep.
   */
  specialTokensInText?: SpecialTokensInText | undefined;
  /** For a process reward model: how the steps' rewards are combined into one. */
  stepReward?: StepReward | undefined;
  /**
   * Called at most once, with a sentence, if samples are such that other programs would read their rewards at
   * another token.
   */
  onNote?: ((sentence: string) => void) | undefined;
  /** Aborts the call: it rejects with the signal's reason, within milliseconds. */
  signal?: AbortSignal | undefined;
}

export const rewardModelOptions: LibraryOptions<RewardModelOptions> = {
  device: like(scoringResources.device),
  precision: like(scoringResources.precision),
  dtype: like(scoringWeights.dtype),
  numThreads: like(scoringResources.num_threads),
  keep16Bit: own('keep bfloat16 and float16 weights as stored: half the memory, the same rewards', flag, true),
  microBatchTokens: like(scoringResources.micro_batch_tokens),
  maxLength: like(scoringSamples.max_length),
  truncation: like(scoringSamples.truncation),
  doStrip: like(scoringSamples.do_strip),
  compat: like(scoringSamples.compat),
  chatTemplateFile: like(scoringSamples.chat_template),
  rewardHead: like(scoringSamples.reward_head),
  normalizeReward: like(scoringSamples.normalize_reward),
  gatePattern: {
    ...like(scoringSamples.gate_pattern),
    check: either('text, or a list of token ids', text, list(wholeNumber(0))),
  },
  stepToken: { ...like(scoringSamples.step_token), check: either('text, or a token id', text, wholeNumber(0)) },
  specialTokensInText: like(scoringSamples.special_tokens_in_text),
  stepReward: like(scoringSamples.step_reward),
  onNote: onEvent(
    'called at most once, with a sentence, if samples are such that other programs would read their rewards at ' +
      'another token',
  ),
  signal: SIGNAL,
};

/** How items are scored. */
export interface ScoreItemsOptions {
  /** Aborts the call: it rejects with the signal's reason, within milliseconds. */
  signal?: AbortSignal | undefined;
  /** Called a few times per second with the progress. */
  onProgress?: ((progress: ScoreItemsProgress) => void) | undefined;
}

export const scoreItemsOptions: LibraryOptions<ScoreItemsOptions> = {
  signal: SIGNAL,
  onProgress: own('called a few times per second with the progress', callback),
};
