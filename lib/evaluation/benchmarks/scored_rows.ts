// What benchmarks share: the scored rows of all files, and means over them.

import type { PreferencePrompt } from '../../data/types';
import { judgedMargin } from '../metrics/comparisons';
import type { PromptScores } from '../predictors/predictor';
import type { ScoredFile } from './benchmark';

/** A row whose responses were all scored. */
export interface ScoredRow<P extends PreferencePrompt = PreferencePrompt> {
  prompt: P;
  /** One per response, taken as float32, as a model computes them. */
  rewards: Float32Array;
  /** The judge's verdicts on the pairs. */
  comparisons?: PromptScores['comparisons'];
}

/**
 * How far response `better` is above response `worse`: by the judge's verdicts on this very pair, over both orders if
 * both were asked, else by the rewards. Above 0: it is preferred; 0: a tie.
 */
export function margin(
  { rewards, comparisons }: Pick<ScoredRow, 'comparisons'> & { rewards: ArrayLike<number> },
  better: number,
  worse: number,
): number {
  const judged = comparisons && judgedMargin(comparisons, better, worse);
  return judged ?? rewards[better]! - rewards[worse]!;
}

/** The rows of all files, and a note if some were left out because a response was not scored. */
export function scoredRows<P extends PreferencePrompt>(
  files: readonly ScoredFile<P>[],
): { rows: ScoredRow<P>[]; notes: string[] } {
  const rows: ScoredRow<P>[] = [];
  let left = 0;
  for (const { prompts, scores } of files) {
    for (const [i, prompt] of prompts.entries()) {
      const { rewards, comparisons } = scores[i]!;
      if (rewards.some((reward) => reward === null)) left++;
      else
        rows.push({ prompt, rewards: Float32Array.from(rewards as number[]), ...(comparisons ? { comparisons } : {}) });
    }
  }
  return {
    rows,
    notes: left === 0 ? [] : [`Rows left out of the score because a response of theirs was not scored: ${left}.`],
  };
}

/** NaN for an empty list. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** In the order in which the groups first appear. */
export function groupBy<T>(items: readonly T[], groupOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const name = groupOf(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return groups;
}

/** Puts groups into a published order; those that it does not name follow. */
export function inOrder<T>(groups: ReadonlyMap<string, T>, order: readonly string[]): [string, T][] {
  const place = (name: string) => (order.includes(name) ? order.indexOf(name) : order.length);
  return [...groups].sort(([a], [b]) => place(a) - place(b));
}
