// What a model's precision does to a benchmark: its rewards and figures beside those of the same model in float32.

import type { Precision } from '../engine/types.generated';
import { knob } from '../text/knobs';
import type { FileReport } from './benchmarks/benchmark';
import { headlineMetrics } from './benchmarks/cheems_bench';
import { EvaluationError } from './errors';
import type { Blocks } from './metrics/blocks';
import { pairsOf, PROMPTS_A_BLOCK, scorePrompt } from './metrics/groups';
import { compareRewards, type RewardShift } from './metrics/reward_shift';
import type { MetricPrompt } from './metrics/types';
import type { Predictor } from './predictors/predictor';

/** A figure in the precision that was chosen, and in float32. */
export interface InBothPrecisions {
  chosen: number;
  float32: number;
}

/** What the precision does to one data set. */
export interface FilePrecision {
  name: string;
  /** The two headline figures, as in the table; absent if the data rank nothing. */
  accuracy?: InBothPrecisions;
  exactMatch?: InBothPrecisions;
  /** From float32 to the chosen precision, over the pairs that the figures rest on: `changedPairs` are the flipped. */
  shift: RewardShift;
}

/** What the precision does to a benchmark. */
export interface PrecisionComparison {
  /** The chosen one, in which all other figures of the evaluation are. */
  precision: Precision;
  overall: InBothPrecisions;
  /** Wall time of the scoring alone. */
  scoringSeconds: InBothPrecisions;
  files: FilePrecision[];
}

/** A predictor of which there is a float32 one too. */
export type ComparablePredictor = Predictor & Required<Pick<Predictor, 'precision' | 'inFloat32'>>;

/** Said before anything is scored. @throws EvaluationError where there is nothing to compare. */
export function requireComparable(predictor: Predictor): ComparablePredictor {
  const { name, precision } = predictor;
  if (precision === undefined || predictor.inFloat32 === undefined) {
    throw new EvaluationError(
      `${knob('comparePrecision')} is for reward models of this package, but "${name}" is none; leave it out.`,
    );
  }
  if (precision === 'float32') {
    throw new EvaluationError(
      `${knob('comparePrecision')} compares with float32, and "${name}" computes in float32 here; choose ` +
        `${knob('precision', 'bfloat16')} (on a GPU, or a CPU that has AVX512_BF16), or leave it out.`,
    );
  }
  return predictor as ComparablePredictor;
}

/** A data set's report with what its metrics were computed from. */
type MeasuredFile = FileReport & { measured: readonly MetricPrompt[] };

/** @param float32 the same data, scored in float32. */
export function* fileComparisonBlocks(chosen: MeasuredFile, float32: MeasuredFile): Blocks<FilePrecision> {
  const { basis } = chosen.report;
  const prompts: { pairs: ReturnType<typeof pairsOf> }[] = [];
  const rewards: { before: Float32Array[]; after: Float32Array[] } = { before: [], after: [] };
  for (const [i, prompt] of chosen.measured.entries()) {
    if (i % PROMPTS_A_BLOCK === 0) yield;
    const own = scorePrompt(prompt, prompt.id ?? String(i));
    prompts.push({ pairs: basis === 'none' ? [] : pairsOf(own, basis) });
    rewards.after.push(own.rewards);
    rewards.before.push(Float32Array.from(float32.measured[i]!.rewards));
  }
  const names = headlineMetrics(chosen);
  const both = (name: string): InBothPrecisions => ({ chosen: valueOf(chosen, name), float32: valueOf(float32, name) });
  return {
    name: chosen.name,
    ...(names ? { accuracy: both(names.accuracy), exactMatch: both(names.exactMatch) } : {}),
    shift: compareRewards(prompts, rewards.before, rewards.after),
  };
}

const valueOf = ({ report: { cheems, extras } }: FileReport, name: string): number => cheems[name] ?? extras[name]!;

/** As `results.json` has it: every figure under the name of its precision. */
export function describePrecision({ precision, overall, scoringSeconds, files }: PrecisionComparison) {
  const both = ({ chosen, float32 }: InBothPrecisions) => ({ [precision]: chosen, float32 });
  return {
    precision,
    overall: both(overall),
    scoring_seconds: both(scoringSeconds),
    files: Object.fromEntries(
      files.map(({ name, accuracy, exactMatch, shift }) => [
        name,
        {
          ...(accuracy ? { accuracy: both(accuracy) } : {}),
          ...(exactMatch ? { exact_match: both(exactMatch) } : {}),
          pairs: shift.pairs,
          flipped_pairs: shift.changedPairs,
          largest_difference: shift.largestShift,
          rms_difference: shift.rmsShift,
          standard_deviation: shift.standardDeviation,
        },
      ]),
    ),
  };
}
