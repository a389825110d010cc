// The effect of loading a model in bfloat16 that was trained and saved in float32: fine-tuning often moves weights by
// less than a step of bfloat16, and nothing else in the run would show that.
import type { TokenizedPrompt } from '../data/types';
import type { Engine } from '../engine/types';
import { scorePrompts, type EvaluateOptions } from './evaluate';
import type { PlannedTrainOptions } from './options';
import { knob } from '../text/knobs';

/** Rewards of the same responses by the same weights, before and after these were rounded to `dtype`. */
export interface RoundingEffect {
  step: number;
  dtype: 'bfloat16';
  /** The test prompts' pairs, and those whose verdict (chosen above rejected) changes. */
  pairs: number;
  changedPairs: number;
  /** Fraction of the pairs with the chosen response above the rejected one; NaN without pairs. */
  accuracyBefore: number;
  accuracyAfter: number;
  /** How far rewards move: at most, and the root mean square. */
  largestShift: number;
  rmsShift: number;
  /** Of the rewards before; the shifts are compared with it. */
  standardDeviation: number;
}

type Comparison = Omit<RoundingEffect, 'step' | 'dtype'>;

/** @param before rewards of each prompt's responses, as `after`. */
export function compareRewards(
  prompts: readonly TokenizedPrompt[],
  before: readonly Float32Array[],
  after: readonly Float32Array[],
): Comparison {
  let [pairs, changedPairs, rightBefore, rightAfter] = [0, 0, 0, 0];
  for (const [i, prompt] of prompts.entries()) {
    for (const [chosen, rejected] of prompt.pairs) {
      const [was, is] = [before, after].map((rewards) => rewards[i]![chosen]! > rewards[i]![rejected]!);
      pairs += 1;
      rightBefore += was ? 1 : 0;
      rightAfter += is ? 1 : 0;
      changedPairs += was === is ? 0 : 1;
    }
  }
  const all = before.flatMap((rewards) => [...rewards]);
  const shifts = after.flatMap((rewards) => [...rewards]).map((reward, i) => Math.abs(reward - all[i]!));
  const mean = all.reduce((sum, reward) => sum + reward, 0) / all.length;
  const rootMeanSquare = (values: readonly number[]) =>
    Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  return {
    pairs,
    changedPairs,
    accuracyBefore: rightBefore / pairs,
    accuracyAfter: rightAfter / pairs,
    largestShift: shifts.reduce((largest, shift) => Math.max(largest, shift), 0),
    rmsShift: rootMeanSquare(shifts),
    standardDeviation: rootMeanSquare(all.map((reward) => reward - mean)),
  };
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
  const { dtype, pairs, changedPairs, accuracyBefore, accuracyAfter, rmsShift, largestShift, standardDeviation } =
    effect;
  const verdicts =
    pairs === 0
      ? ''
      : `${changedPairs} of ${pairs} test pairs get another verdict (accuracy ${accuracyBefore.toFixed(4)} ` +
        `becomes ${accuracyAfter.toFixed(4)}), and `;
  const share =
    standardDeviation > 0 ? `, ${(rmsShift / standardDeviation).toPrecision(2)} of their standard deviation` : '';
  const advice =
    changedPairs === 0
      ? ''
      : ` Tools that load in 16 bits (vLLM does unasked) have that model; ${knob('dtype', dtype)} trains the one ` +
        'that they load.';
  return (
    `Loaded in ${dtype}: ${verdicts}rewards move by ${rmsShift.toPrecision(3)} (root mean square; ` +
    `${largestShift.toPrecision(3)} at most)${share}.${advice}`
  );
}
