// Metrics from rewards alone: the original's under their names, and this package's own.

import { EvaluationError } from '../errors';
import { runAtOnce, runInBlocks, type Blocks } from './blocks';
import { bootstrap, type BootstrapResult, type ShareCounts } from './bootstrap';
import { calibrationCurve, expectedCalibrationError } from './calibration';
import { cheemsMetrics, pairRewards, withMacroAverages } from './cheems';
import { counted } from '../../text/counted';
import { countGroup, groupPromptBlocks, PROMPTS_A_BLOCK, type Group, type Groups } from './groups';
import { judgedMetrics, judgeStatistics } from './judged';
import { accuracyByLengthDifference } from './length';
import { ORIGINAL_SHARES, SHARES, type Share } from './shares';
import type { Basis, GroupCounts, Interval, MetricInput, MetricReport } from './types';

/** Maximum number of categories that a note names one by one. */
const MOST_NAMED = 5;

/**
 * Computes all metrics of one set of prompts.
 *
 * `cheems` holds exactly the original's metrics (formulas: cheems.ts), equal within float32 rounding. Rank metrics
 * appear if any prompt has ranks, and use the prompts that have them; label metrics appear if any prompt has `pairs`,
 * even an empty list. `extras` holds `exact_match_strict`, `exact_match-labels`, `length_accuracy` (shares.ts),
 * `calibration_error_all_pairs` (calibration.ts, `countEveryPair`), and with categories `accuracy_micro` (over all
 * pairs, whatever their category) for both bases. NaN means that a metric is not defined on these data.
 *
 * @throws RangeError naming the prompt, for rewards that are not finite, lists of unequal lengths or pairs out of
 * range.
 */
export function computeMetrics(input: MetricInput): MetricReport {
  return runAtOnce(metricBlocks(input));
}

/**
 * Like `computeMetrics`, for large data: the process stays responsive meanwhile.
 * @throws the signal's reason when aborted.
 */
export function computeMetricsInBlocks(input: MetricInput, signal?: AbortSignal): Promise<MetricReport> {
  return runInBlocks(metricBlocks(input), signal);
}

function* metricBlocks(input: MetricInput): Blocks<MetricReport> {
  const judged = requireOneKind(input);
  const grouped = yield* groupPromptBlocks(input);
  const groups = judged ? judgedCategories(grouped) : grouped;
  const { whole, categories } = groups;
  const parts = categories.length > 0 ? categories : [whole];
  const counts = countGroup(whole);
  const byCategory = Object.fromEntries(categories.map((group) => [group.category!, countGroup(group)]));
  const shares = SHARES.filter((share) => appears(share, groups));
  yield;
  const shareCounts = yield* countShares(parts, shares);
  const resampled = yield* bootstrap(shareCounts, input.bootstrap);
  const basis = counts.rankedPrompts > 0 ? 'rank' : counts.labelPairs > 0 ? 'labels' : 'none';

  const report: MetricReport = {
    cheems: !judged
      ? yield* cheemsMetrics(groups, input.missingPairs ?? 'nan')
      : basis === 'none'
        ? {}
        : judgedMetrics(groups, basis),
    extras: yield* extraMetrics(groups, shares, shareCounts, judged),
    intervals: nameIntervals(resampled, categories),
    counts: { ...counts, byCategory },
    categories: categories.map((group) => group.category!),
    basis,
    notes: [...notesOn(groups, counts, byCategory), ...intervalNotes(resampled)],
  };
  if (basis !== 'none' && whole.prompts.some((prompt) => prompt.lengths)) {
    report.length = { unit: input.lengthUnit ?? 'characters', basis, bins: accuracyByLengthDifference(whole, basis) };
  }
  if (judged) report.judge = judgeStatistics(input.prompts.flatMap(({ comparisons }) => comparisons!));
  return report;
}

/** Whether a judge compared pairs. Rewards and verdicts cannot be mixed. */
function requireOneKind({ prompts }: MetricInput): boolean {
  const without = prompts.findIndex(({ comparisons }) => !comparisons);
  if (without < 0) return prompts.length > 0;
  if (prompts.some(({ comparisons }) => comparisons)) {
    throw new EvaluationError(
      `Prompt ${prompts[without]!.id ?? without} has no comparisons, but others have: either a judge compared ` +
        'the pairs of all prompts (an empty list for none), or of none.',
    );
  }
  return false;
}

/** The original uses only the categories of judged pairs. */
function judgedCategories(groups: Groups): Groups {
  return {
    ...groups,
    categories: groups.categories.filter(({ prompts }) =>
      prompts.some((prompt) => (prompt.rankPairs ?? prompt.labelPairs ?? []).length > 0),
    ),
  };
}

function appears(share: Share, { whole }: Groups): boolean {
  if (share.name.startsWith('length_') && !whole.prompts.some((prompt) => prompt.lengths)) return false;
  return whole.prompts.some((prompt) => (share.basis === 'rank' ? prompt.rankPairs : prompt.labelPairs));
}

function* countShares(groups: readonly Group[], shares: readonly Share[]): Blocks<ShareCounts> {
  const sizes = groups.map(({ prompts }) => prompts.length);
  const table = new Float64Array(2 * shares.length * sizes.reduce((all, size) => all + size, 0));
  let place = 0;
  for (const { prompts } of groups) {
    for (const prompt of prompts) {
      for (const share of shares) {
        [table[place], table[place + 1]] = share.count(prompt);
        place += 2;
      }
      if (place % (2 * shares.length * PROMPTS_A_BLOCK) === 0) yield;
    }
  }
  return { names: shares.map(({ name }) => name), sizes, table };
}

/** For each group, the sums over its prompts of the numerators and denominators of all fractions. */
function sumShares({ names, sizes, table }: ShareCounts): Float64Array[] {
  const width = 2 * names.length;
  let row = 0;
  return sizes.map((size) => {
    const sums = new Float64Array(width);
    for (const end = row + size; row < end; row++) {
      for (let column = 0; column < width; column++) sums[column]! += table[row * width + column]!;
    }
    return sums;
  });
}

function* extraMetrics(
  groups: Groups,
  shares: readonly Share[],
  shareCounts: ShareCounts,
  judged: boolean,
): Blocks<Record<string, number>> {
  const bases = [...new Set(shares.map((share) => share.basis))];
  const sums = sumShares(shareCounts);
  const measure = (group: Group, own: Float64Array): Record<string, number> => ({
    ...Object.fromEntries(
      shares.flatMap(({ name }, n) => {
        if (ORIGINAL_SHARES.has(name) || (judged && name.startsWith('exact_match-'))) return [];
        return [[name, own[2 * n]! / own[2 * n + 1]!]];
      }),
    ),
    // Verdicts are not probabilities.
    ...Object.fromEntries(
      judged ? [] : bases.map((basis) => [`calibration_error_all_pairs-${basis}`, calibrationOfAllPairs(group, basis)]),
    ),
  });
  if (groups.categories.length === 0) return measure(groups.whole, sums[0]!);
  const extras = yield* withMacroAverages(groups.categories, (group, place) => measure(group, sums[place]!));
  for (const basis of bases) {
    const n = shareCounts.names.indexOf(`accuracy-${basis}`);
    const total = (column: number) => sums.reduce((all, own) => all + own[column]!, 0);
    extras[`accuracy_micro-${basis}`] = total(2 * n) / total(2 * n + 1);
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
    for (const [name, interval] of resampled.byGroup[i] ?? []) named[`${name}-${group.category!}`] = interval;
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
  if (counts.rankedPrompts > 0) {
    notes.push(
      ...notesByCategory(
        byCategory,
        ({ rankPairs }) => rankPairs === 0,
        'has no two responses of different rank, so accuracy-rank is not defined there, nor its mean over categories',
      ),
    );
  }
  if (counts.labelPairs > 0) {
    notes.push(
      ...notesByCategory(
        byCategory,
        ({ labelPairs }) => labelPairs === 0,
        'has no annotated pair, so the label metrics are not defined there, nor their mean over categories',
      ),
    );
  }
  return notes;
}

/** A sentence for each of the first categories that a remark applies to, and one for all others. */
function notesByCategory(
  byCategory: Record<string, GroupCounts>,
  fits: (own: GroupCounts) => boolean,
  remark: string,
): string[] {
  const names = Object.keys(byCategory).filter((category) => fits(byCategory[category]!));
  const notes = names.slice(0, MOST_NAMED).map((category) => `Category "${category}" ${remark}.`);
  if (names.length > MOST_NAMED)
    notes.push(`The same holds for ${counted(names.length - MOST_NAMED, 'other category', 'other categories')}.`);
  return notes;
}

function intervalNotes({ byGroup }: BootstrapResult): string[] {
  const known = byGroup.filter((intervals) => intervals !== undefined).length;
  return known === byGroup.length
    ? []
    : [
        `Of the ${byGroup.length} categories the ${known} with the most prompts have intervals of their own; ` +
          'the intervals of the means rest on all.',
      ];
}

/**
 * Whether a figure of a report describes the whole, not a category (`<name>-<category>`). Names end in their basis,
 * except reward_mean and reward_std, which have none.
 */
export function isFigureOfWhole(name: string): boolean {
  return /^(?:reward_mean|reward_std|(?!reward_(?:mean|std)-)[a-z_]+-(?:rank|labels))$/.test(name);
}
