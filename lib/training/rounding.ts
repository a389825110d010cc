// The effect of loading a model in bfloat16 that was trained and saved in float32: fine-tuning often moves weights by
// less than a step of bfloat16, and nothing else in the run would show that.
import type { TokenizedPrompt } from '../data/types';
import type { Engine } from '../engine/types';
import { scorePrompts, type EvaluateOptions } from './evaluate';
import type { PlannedTrainOptions } from './options';
import { knob } from '../text/knobs';
import { describeShift, type RewardShift } from '../evaluation/metrics/reward_shift';

/** Rewards of the test prompts by the same weights, before and after these were rounded to `dtype`. */
export interface RoundingEffect extends RewardShift {
  step: number;
  dtype: 'bfloat16';
}

/**
 * The test prompts' rewards from a finished model folder, on the run's device and in its precision, with its weights as
 * stored or rounded to `dtype`; undefined if stopped.
 */
export async function rewardsOfFolder(
  engine: Pick<Engine, 'loadModel'>,
  options: PlannedTrainOptions,
  prompts: readonly TokenizedPrompt[],
  dtype: 'float32' | 'bfloat16',
  evaluate: EvaluateOptions,
): Promise<Float32Array[] | undefined> {
  const model = await engine.loadModel(
    {
      folder: options.output_dir,
      device: options.device,
      numThreads: options.num_threads,
      keep16Bit: true,
      dtype,
      ...(options.precision ? { precision: options.precision } : {}),
    },
    evaluate.signal ? { signal: evaluate.signal } : {},
  );
  try {
    const score = (...[batch, work]: Parameters<typeof model.score>) =>
      model.score(batch, { ...work, microBatchTokens: options.micro_batch_tokens });
    return await scorePrompts({ score }, prompts, evaluate);
  } finally {
    await model.dispose();
  }
}

/** The effect, as a sentence at the end of the run. */
export function describeRounding(effect: RoundingEffect): string {
  const { dtype, pairs, changedPairs, accuracyBefore, accuracyAfter } = effect;
  const verdicts =
    pairs === 0
      ? ''
      : `${changedPairs} of ${pairs} test pairs get another verdict (accuracy ${accuracyBefore.toFixed(4)} ` +
        `becomes ${accuracyAfter.toFixed(4)}), and `;
  const advice =
    changedPairs === 0
      ? ''
      : ` Tools that load in 16 bits (vLLM does unasked) have that model; ${knob('dtype', dtype)} trains the one ` +
        'that they load.';
  return `Loaded in ${dtype}: ${verdicts}rewards move by ${describeShift(effect)}.${advice}`;
}
