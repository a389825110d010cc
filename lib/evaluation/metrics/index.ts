// Metrics from rewards alone: the original's under its names, this package's own beside them.

import { bootstrap, type BootstrapResult, type Stratum } from './bootstrap';
import { calibrationCurve, expectedCalibrationError } from './calibration';
import { cheemsMetrics, pairRewards, withMacroAverages } from './cheems';
import { countGroup, groupPrompts, type Group, type Groups } from './groups';
import { judgedMetrics, judgeStatistics } from './judged';
import { accuracyByLengthDifference } from './length';
import { ORIGINAL_SHARES, SHARES, type Share } from './shares';
import type { Basis, GroupCounts, Interval, MetricInput, MetricReport } from './types';

export { calibrationCurve, expectedCalibrationError, type CalibrationCurve, type CalibrationOptions } from './calibration';
export { comparisonMargin, judgedMargin } from './comparisons';
export { JUDGE_FORMULAS } from './judged';
export { promptsFromRows, type MetricRows } from './rows';
export type * from './types';

/**
 * Computes all metrics of one set of prompts.
 *
 * `cheems` holds exactly the original's metrics (formulas: cheems.ts), equal within float32 rounding. Rank metrics appear
 * where any prompt has ranks, and rest on the prompts that have them; label metrics appear where any prompt has `pairs`,
 * even an empty list. `extras` holds `exact_match_strict`, `exact_match-labels`, `length_accuracy` (shares.ts),
 * `calibration_error_all_pairs` (calibration.ts, `countEveryPair`), and with categories `accuracy_micro` (over all
 * pairs, whatever their category) for both bases. NaN means that a metric is not defined on these data.
 *
 * @throws RangeError naming the prompt, for rewards that are not finite, lists of unequal lengths or pairs out of range.
 */
export function computeMetrics(input: MetricInput): MetricReport {
  const judged = requireOneKind(input);
  const groups = judged ? judgedCategories(groupPrompts(input)) : groupPrompts(input);
  const { whole, categories } = groups;
  const parts = categories.length > 0 ? categories : [whole];
  const counts = countGroup(whole);
  const byCategory = Object.fromEntries(categories.map((group) => [group.category!, countGroup(group)]));
  const shares = SHARES.filter((share) => appears(share, groups));
  const strata = parts.map((group) => stratumOf(group, shares));
  const resampled = bootstrap(strata, parts.map((group) => group.prompts.length), input.bootstrap);
  const basis = counts.rankedPrompts > 0 ? 'rank' : counts.labelPairs > 0 ? 'labels' : 'none';

  const report: MetricReport = {
    cheems: !judged ? cheemsMetrics(groups, input.missingPairs ?? 'nan') : basis === 'none' ? {} : judgedMetrics(groups, basis),
    extras: extraMetrics(groups, shares, strata, judged),
    intervals: nameIntervals(resampled, categories),
    counts: { ...counts, byCategory },
    categories: categories.map((group) => group.category!),
    basis,
    notes: notesOn(groups, counts, byCategory),
  };
  if (basis !== 'none' && whole.prompts.some((prompt) => prompt.lengths)) {
    report.length = { unit: input.lengthUnit ?? 'characters', basis, bins: accuracyByLengthDifference(whole, basis) };
  }
  if (judged) report.judge = judgeStatistics(input.prompts.flatMap(({ comparisons }) => comparisons!));
  return report;
}

/** Whether a judge compared pairs. Rewards and verdicts do not mix. */
function requireOneKind({ prompts }: MetricInput): boolean {
  const without = prompts.findIndex(({ comparisons }) => !comparisons);
  if (without < 0) return prompts.length > 0;
  if (prompts.some(({ comparisons }) => comparisons)) {
    throw new RangeError(`Prompt ${prompts[without]!.id ?? without} has no comparisons, but others have: either a judge compared the pairs of all prompts (an empty list for none), or of none.`);
  }
  return false;
}

/** The original knows the categories of judged pairs only. */
function judgedCategories(groups: Groups): Groups {
  return { ...groups, categories: groups.categories.filter(({ prompts }) => prompts.some((prompt) => (prompt.rankPairs ?? prompt.labelPairs ?? []).length > 0)) };
}

function appears(share: Share, { whole }: Groups): boolean {
  if (share.name.startsWith('length_') && !whole.prompts.some((prompt) => prompt.lengths)) return false;
  return whole.prompts.some((prompt) => (share.basis === 'rank' ? prompt.rankPairs : prompt.labelPairs));
}

function stratumOf(group: Group, shares: readonly Share[]): Stratum {
  return new Map(shares.map((share) => {
    const numerators = new Float64Array(group.prompts.length);
    const denominators = new Float64Array(group.prompts.length);
    for (const [i, prompt] of group.prompts.entries()) [numerators[i], denominators[i]] = share.count(prompt) as [number, number];
    return [share.name, { numerators, denominators }];
  }));
}

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);

function extraMetrics(groups: Groups, shares: readonly Share[], strata: readonly Stratum[], judged: boolean): Record<string, number> {
  const bases = [...new Set(shares.map((share) => share.basis))];
  const measure = (group: Group, stratum: Stratum): Record<string, number> => ({
    ...Object.fromEntries(shares.flatMap(({ name }) => {
      if (ORIGINAL_SHARES.has(name) || (judged && name.startsWith('exact_match-'))) return [];
      const { numerators, denominators } = stratum.get(name)!;
      return [[name, sum(numerators) / sum(denominators)]];
    })),
    // Verdicts are no probabilities.
    ...Object.fromEntries(judged ? [] : bases.map((basis) => [`calibration_error_all_pairs-${basis}`, calibrationOfAllPairs(group, basis)])),
  });
  if (groups.categories.length === 0) return measure(groups.whole, strata[0]!);
  const extras = withMacroAverages(groups.categories.map((group, i) => [group.category!, measure(group, strata[i]!)]));
  for (const basis of bases) {
    const counts = strata.map((stratum) => stratum.get(`accuracy-${basis}`)!);
    const total = (side: 'numerators' | 'denominators') => counts.reduce((all, count) => all + sum(count[side]), 0);
    extras[`accuracy_micro-${basis}`] = total('numerators') / total('denominators');
  }
  return extras;
}

function calibrationOfAllPairs(group: Group, basis: Basis): number {
  const { chosen, rejected } = pairRewards(group, basis);
  if (chosen.length === 0) return NaN;
  return expectedCalibrationError(calibrationCurve(chosen, rejected, { countEveryPair: true }));
}

function nameIntervals(resampled: BootstrapResult, categories: readonly Group[]): Record<string, Interval> {
  const named: Record<string, Interval> = {};
  for (const [i, group] of categories.entries()) {
    for (const [name, interval] of resampled.byStratum[i]!) named[`${name}-${group.category!}`] = interval;
  }
  for (const [name, interval] of resampled.average) named[name] = interval;
  if (categories.length === 0) return named;
  for (const basis of ['rank', 'labels'] as const) {
    const interval = resampled.pooled.get(`accuracy-${basis}`);
    if (interval) named[`accuracy_micro-${basis}`] = interval;
  }
  return named;
}

function notesOn(groups: Groups, counts: GroupCounts, byCategory: Record<string, GroupCounts>): string[] {
  const notes: string[] = [];
  const without = groups.promptsWithoutCategory;
  if (without > 0 && without < counts.prompts) {
    notes.push(`${without} of ${counts.prompts} prompts have no category, so there are no metrics by category.`);
  }
  const unranked = counts.prompts - counts.rankedPrompts;
  if (counts.rankedPrompts > 0 && unranked > 0) {
    notes.push(`${unranked} of ${counts.prompts} prompts have no ranks and do not count in the rank metrics.`);
  }
  if (counts.rankedPrompts === 0 && counts.labelPairs > 0) {
    notes.push('The data have no ranks: accuracy and exact match rest on the annotated pairs (the -labels metrics).');
  }
  if (counts.rankedPrompts === 0 && counts.labelPairs === 0) {
    notes.push('The data have neither ranks nor annotated pairs: only the rewards themselves can be described.');
  }
  for (const [category, own] of Object.entries(byCategory)) {
    if (counts.rankedPrompts > 0 && own.rankPairs === 0) {
      notes.push(`Category "${category}" has no two responses of different rank, so accuracy-rank is not defined there, nor its mean over categories.`);
    }
    if (counts.labelPairs > 0 && own.labelPairs === 0) {
      notes.push(`Category "${category}" has no annotated pair, so the label metrics are not defined there, nor their mean over categories.`);
    }
  }
  return notes;
}
