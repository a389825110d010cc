// Prepares prompts for the metrics: float32 rewards, pairs determined once, grouped by category.

import { EvaluationError } from '../errors';
import { runAtOnce, type Blocks } from './blocks';
import { comparisonMargin } from './comparisons';
import type { Basis, Comparison, GroupCounts, MetricInput, MetricPrompt } from './types';

export type Pair = readonly [chosen: number, rejected: number];

/** One checked prompt. */
export interface ScoredPrompt {
  rewards: Float32Array;
  /** Float32 rewards that count in reward_mean and reward_std only. */
  replacedRewards: Float32Array;
  /** Undefined if the prompt has no ranks; empty if all its ranks are equal. */
  rankPairs: Pair[] | undefined;
  /** Undefined if the prompt has no annotation. */
  labelPairs: Pair[] | undefined;
  lengths: ArrayLike<number> | undefined;
  /** Whether pairs were compared by a judge, not by rewards. */
  judged: boolean;
  /** Above 0 if the chosen response is preferred, by rewards or by a judge's verdicts. */
  difference: (chosen: number, rejected: number) => number;
}

/** All prompts, or those of one category. */
export interface Group {
  /** Undefined for all prompts. */
  category: string | undefined;
  prompts: ScoredPrompt[];
}

export interface Groups {
  whole: Group;
  /** Empty unless every prompt has a category; in the order of the output. */
  categories: Group[];
  promptsWithoutCategory: number;
}

/** Prompts per block: about a millisecond. */
export const PROMPTS_A_BLOCK = 500;

/** Checks the input and determines every prompt's pairs. @throws EvaluationError that names the prompt. */
export function groupPrompts(input: MetricInput): Groups {
  return runAtOnce(groupPromptBlocks(input));
}

/** `groupPrompts` in blocks. */
export function* groupPromptBlocks(input: MetricInput): Blocks<Groups> {
  const whole: Group = { category: undefined, prompts: [] };
  const byCategory = new Map<string, Group>();
  for (const category of input.categories ?? []) byCategory.set(category, { category, prompts: [] });
  let promptsWithoutCategory = 0;
  for (const [index, prompt] of input.prompts.entries()) {
    const scored = scorePrompt(prompt, prompt.id ?? String(index));
    if (index % PROMPTS_A_BLOCK === 0) yield;
    whole.prompts.push(scored);
    if (prompt.category === undefined) {
      promptsWithoutCategory++;
      continue;
    }
    let group = byCategory.get(prompt.category);
    if (!group) byCategory.set(prompt.category, (group = { category: prompt.category, prompts: [] }));
    group.prompts.push(scored);
  }
  // The original keeps a column only if every prompt has it.
  const categories =
    promptsWithoutCategory > 0 ? [] : [...byCategory.values()].filter((group) => group.prompts.length > 0);
  return { whole, categories, promptsWithoutCategory };
}

export function pairsOf(prompt: ScoredPrompt, basis: Basis): Pair[] {
  return (basis === 'rank' ? prompt.rankPairs : prompt.labelPairs) ?? [];
}

export function countGroup(group: Group): GroupCounts {
  const counts: GroupCounts = {
    prompts: 0,
    responses: 0,
    rankedPrompts: 0,
    rankPairs: 0,
    labelledPrompts: 0,
    labelPairs: 0,
  };
  for (const prompt of group.prompts) {
    counts.prompts++;
    counts.responses += prompt.rewards.length;
    if (prompt.rankPairs) counts.rankedPrompts++;
    counts.rankPairs += pairsOf(prompt, 'rank').length;
    if (pairsOf(prompt, 'labels').length > 0) counts.labelledPrompts++;
    counts.labelPairs += pairsOf(prompt, 'labels').length;
  }
  return counts;
}

/** @throws RangeError that names the prompt. */
export function scorePrompt(prompt: MetricPrompt, id: string): ScoredPrompt {
  const size = prompt.rewards.length;
  for (const name of ['ranks', 'lengths'] as const) {
    const list = prompt[name];
    if (list && list.length !== size) {
      throw new EvaluationError(
        `Prompt ${id} has ${size} rewards but ${list.length} ${name}: one entry per response is needed in each.`,
      );
    }
    requireFinite(list ?? [], name, id);
  }
  requireFinite(prompt.rewards, 'rewards', id);
  const rewards = Float32Array.from(prompt.rewards);
  const scored = { rewards, replacedRewards: Float32Array.from(prompt.replacedRewards ?? []), lengths: prompt.lengths };
  if (prompt.comparisons) return { ...scored, ...judgedPairs(prompt, prompt.comparisons, size, id) };
  return {
    ...scored,
    rankPairs: prompt.ranks && rankPairs(prompt.ranks),
    labelPairs: prompt.pairs && labelPairs(prompt.pairs, size, id),
    judged: false,
    difference: (chosen, rejected) => rewards[chosen]! - rewards[rejected]!,
  };
}

/** The pairs that were compared take the place of the ranks if the prompt has some, else of the annotated pairs. */
function judgedPairs(prompt: MetricPrompt, comparisons: readonly Comparison[], size: number, id: string) {
  const pairs = labelPairs(
    comparisons.map(({ chosen, rejected }) => [chosen, rejected] as const),
    size,
    id,
  );
  const margins = new Map(
    comparisons.map((comparison) => [comparison.chosen * size + comparison.rejected, comparisonMargin(comparison)]),
  );
  return {
    rankPairs: prompt.ranks ? pairs : undefined,
    labelPairs: prompt.ranks || pairs.length === 0 ? undefined : pairs,
    judged: true,
    difference: (chosen: number, rejected: number) => margins.get(chosen * size + rejected)!,
  };
}

function requireFinite(list: ArrayLike<number>, name: string, id: string): void {
  for (let i = 0; i < list.length; i++) {
    if (!Number.isFinite(list[i])) {
      throw new EvaluationError(`Prompt ${id}: entry ${i} of its ${name} is ${list[i]}; metrics need finite numbers.`);
    }
  }
}

/** Every pair of responses whose ranks differ; the LOWER rank is chosen. */
function rankPairs(ranks: ArrayLike<number>): Pair[] {
  const pairs: Pair[] = [];
  for (let i = 0; i < ranks.length; i++) {
    for (let j = i + 1; j < ranks.length; j++) {
      if (ranks[i]! < ranks[j]!) pairs.push([i, j]);
      else if (ranks[j]! < ranks[i]!) pairs.push([j, i]);
    }
  }
  return pairs;
}

/** The annotated pairs as a set: duplicates count once; a pair of a response with itself stays, as in the original. */
function labelPairs(pairs: readonly Pair[], size: number, id: string): Pair[] {
  const distinct = new Map<number, Pair>();
  for (const [chosen, rejected] of pairs) {
    for (const side of [chosen, rejected]) {
      if (!Number.isInteger(side) || side < 0 || side >= size) {
        throw new EvaluationError(
          `Prompt ${id}: the pair [${chosen}, ${rejected}] names response ${side}, but there are ${size} ` +
            'responses, counted from 0.',
        );
      }
    }
    distinct.set(chosen * size + rejected, [chosen, rejected]);
  }
  return [...distinct.values()];
}
