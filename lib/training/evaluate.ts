// Metrics of the current model on the test prompts, in the trainer's existing memory.
import { flattenBatch } from '../data/global_batches';
import type { TokenizedPrompt } from '../data/types';
import type { EngineTrainer } from '../engine/types';
import type { ComparisonArrays, SampleBatch } from '../engine/types.generated';
import { comparisonArrays } from './comparison_arrays';
import { computeMetrics } from '../evaluation/metrics/compute';
import type { MetricReport } from '../evaluation/metrics/types';

/** Prompts scored at a time: few enough for frequent progress and a prompt, orderly stop. */
const PROMPTS_A_CALL = 32;

export interface EvaluateOptions {
  signal?: AbortSignal | undefined;
  /** Checked between calls; if it returns true, the evaluation is abandoned. */
  isStopped?: () => boolean;
  onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface EngineBatch extends SampleBatch {
  comparisons: ComparisonArrays;
}

/** The engine's arrays of some prompts. */
export function engineBatch(prompts: readonly TokenizedPrompt[], indices: readonly number[]): EngineBatch {
  const { tokens, sampleOffsets, groups, comparisons } = flattenBatch(prompts, indices);
  return { tokens, offsets: sampleOffsets, groups, comparisons: comparisonArrays(comparisons) };
}

/** The rewards of each prompt's responses; undefined when stopped. */
export async function scorePrompts(
  trainer: Pick<EngineTrainer, 'score'>,
  prompts: readonly TokenizedPrompt[],
  options: EvaluateOptions = {},
): Promise<Float32Array[] | undefined> {
  const rewards: Float32Array[] = [];
  for (let begin = 0; begin < prompts.length; begin += PROMPTS_A_CALL) {
    if (options.isStopped?.()) return undefined;
    const indices = Array.from({ length: Math.min(PROMPTS_A_CALL, prompts.length - begin) }, (_, i) => begin + i);
    const { comparisons: _comparisons, ...batch } = engineBatch(prompts, indices);
    const scored = await trainer.score(batch, options.signal ? { signal: options.signal } : {});
    let sample = 0;
    for (const index of indices) {
      const count = prompts[index]!.samples.length;
      rewards.push(scored.rewards.slice(sample, sample + count));
      sample += count;
    }
    options.onProgress?.(begin + indices.length, prompts.length);
  }
  return rewards;
}

/** Metrics without bootstrap intervals (`eval` has them). */
export function metricsOf(
  prompts: readonly TokenizedPrompt[],
  rewards: readonly Float32Array[],
  categories: readonly string[],
): MetricReport {
  return computeMetrics({
    prompts: prompts.map(({ prompt, samples, pairs, ranks }, i) => ({
      id: prompt.id,
      rewards: rewards[i]!,
      pairs,
      ...(ranks ? { ranks } : {}),
      ...(prompt.category === undefined ? {} : { category: prompt.category }),
      lengths: samples.map(({ inputIds }) => inputIds.length),
    })),
    categories,
    lengthUnit: 'tokens',
    bootstrap: { resamples: 0 },
    missingPairs: 'nan',
  });
}

/** The headline figure: accuracy-rank if the data are ranked, else accuracy-labels. */
export function headline(report: MetricReport): { name: string; value: number } {
  const name = report.basis === 'rank' ? 'accuracy-rank' : 'accuracy-labels';
  return { name, value: report.cheems[name] ?? Number.NaN };
}

/** Accuracy (ties count as wrong, as in the original) and mean margin of a batch's pairs. */
export function pairStatistics(rewards: Float32Array, pairs: Int32Array): { accuracy: number; margin: number } {
  const count = pairs.length / 2;
  let right = 0;
  let sum = 0;
  for (let pair = 0; pair < count; pair += 1) {
    const difference = rewards[pairs[2 * pair]!]! - rewards[pairs[2 * pair + 1]!]!;
    if (difference > 0) right += 1;
    sum += difference;
  }
  return { accuracy: right / count, margin: sum / count };
}
