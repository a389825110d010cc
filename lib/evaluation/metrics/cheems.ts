// The original's metrics, value for value: its peculiarities are kept here, and only here. The formulas, for a group
// (the whole, or one category):
//
//   reward_mean, reward_std      over responses; std over n - 1, so one response gives NaN
//   accuracy-rank                mean over rank pairs of [chosen > rejected]; no pair gives NaN; a tie of rewards is
//                                wrong
//   exact_match-rank             mean over ranked prompts of [no rank pair strictly inverted]; a tie of rewards passes,
//                                and so does a prompt without a rank pair
//   accuracy-labels              mean over annotated pairs of [chosen > rejected]
//   {chosen,rejected}_reward_{mean,std}-labels, reward_diverge_{mean,std}-labels (chosen - rejected)
//   expectation_calibration_error-labels     see calibration.ts; the pairs with the largest difference do not count
//
// With categories, every plain name (also reward_mean) is the unweighted mean over categories: one NaN makes it NaN.

import { EvaluationError } from '../errors';
import type { Blocks } from './blocks';
import { calibrationCurve, expectedCalibrationError, mean32, std32 } from './calibration';
import { pairsOf, type Group, type Groups } from './groups';

const LEADING = new Set(['reward_mean', 'reward_std']);
const LABEL_METRICS = [
  'accuracy-labels',
  'chosen_reward_mean-labels',
  'chosen_reward_std-labels',
  'rejected_reward_mean-labels',
  'rejected_reward_std-labels',
  'reward_diverge_mean-labels',
  'reward_diverge_std-labels',
  'expectation_calibration_error-labels',
] as const;

/**
 * The original's names and values, in its order: reward_mean and reward_std, each category, then the other plain names.
 */
export function* cheemsMetrics(groups: Groups, missingPairs: 'nan' | 'error'): Blocks<Record<string, number>> {
  const ranked = groups.whole.prompts.some((prompt) => prompt.rankPairs);
  const labeled = groups.whole.prompts.some((prompt) => prompt.labelPairs);
  const measure = (group: Group) => groupMetrics(group, ranked, labeled, missingPairs);
  if (groups.categories.length === 0) return measure(groups.whole);
  return yield* withMacroAverages(groups.categories, measure);
}

/** `<name>-<category>` for each category, and `<name>` as the mean over categories; reward_mean and reward_std lead. */
export function* withMacroAverages(
  categories: readonly Group[],
  measure: (group: Group, place: number) => Record<string, number>,
): Blocks<Record<string, number>> {
  const result: Record<string, number> = {};
  const sums = new Map<string, number>();
  for (const [place, group] of categories.entries()) {
    const own = Object.entries(measure(group, place));
    // Reserves the first places for these two; their values follow with the other means.
    if (place === 0) for (const [name] of own) if (LEADING.has(name)) result[name] = NaN;
    for (const [name, value] of own) {
      sums.set(name, (sums.get(name) ?? 0) + value);
      result[`${name}-${group.category!}`] = value;
    }
    yield;
  }
  for (const [name, sum] of sums) result[name] = sum / categories.length;
  return result;
}

function groupMetrics(
  group: Group,
  ranked: boolean,
  labeled: boolean,
  missingPairs: 'nan' | 'error',
): Record<string, number> {
  const rewards = group.prompts.flatMap((prompt) => [...prompt.rewards, ...prompt.replacedRewards]);
  return {
    reward_mean: mean32(rewards),
    reward_std: std32(rewards),
    ...(ranked ? rankMetrics(group) : {}),
    ...(labeled ? labelMetrics(group, missingPairs) : {}),
  };
}

function rankMetrics(group: Group): Record<string, number> {
  const hits: number[] = [];
  const exact: number[] = [];
  for (const { rewards, rankPairs } of group.prompts) {
    if (!rankPairs) continue;
    for (const [chosen, rejected] of rankPairs) hits.push(rewards[chosen]! > rewards[rejected]! ? 1 : 0);
    exact.push(rankPairs.some(([chosen, rejected]) => rewards[chosen]! < rewards[rejected]!) ? 0 : 1);
  }
  return {
    'exact_match-rank': exact.reduce((sum, value) => sum + value, 0) / exact.length,
    'accuracy-rank': mean32(hits),
  };
}

function labelMetrics(group: Group, missingPairs: 'nan' | 'error'): Record<string, number> {
  const { chosen, rejected } = pairRewards(group, 'labels');
  if (chosen.length === 0) {
    if (missingPairs === 'nan') return Object.fromEntries(LABEL_METRICS.map((name) => [name, NaN]));
    const where = group.category === undefined ? 'The data have' : `Category "${group.category}" has`;
    throw new EvaluationError(
      `${where} no annotated pair, so the label metrics are not defined there (the original stops with "No ` +
        'valid pairs found").',
    );
  }
  const divergence = chosen.map((reward, i) => Math.fround(reward - rejected[i]!));
  return {
    'accuracy-labels': mean32(chosen.map((reward, i) => (reward > rejected[i]! ? 1 : 0))),
    'chosen_reward_mean-labels': mean32(chosen),
    'chosen_reward_std-labels': std32(chosen),
    'rejected_reward_mean-labels': mean32(rejected),
    'rejected_reward_std-labels': std32(rejected),
    'reward_diverge_mean-labels': mean32(divergence),
    'reward_diverge_std-labels': std32(divergence),
    'expectation_calibration_error-labels': expectedCalibrationError(calibrationCurve(chosen, rejected)),
  };
}

/** The rewards of both sides of all pairs of a group; one entry per pair. */
export function pairRewards(group: Group, basis: 'rank' | 'labels'): { chosen: number[]; rejected: number[] } {
  const chosen: number[] = [];
  const rejected: number[] = [];
  for (const prompt of group.prompts) {
    for (const [better, worse] of pairsOf(prompt, basis)) {
      chosen.push(prompt.rewards[better]!);
      rejected.push(prompt.rewards[worse]!);
    }
  }
  return { chosen, rejected };
}
