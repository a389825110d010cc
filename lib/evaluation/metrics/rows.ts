// Turns the original's table of rewards (one row per response) into prompts.

import { EvaluationError } from '../errors';
import type { MetricPrompt } from './types';

/** One entry per row in every list. */
export interface MetricRows {
  rewards: ArrayLike<number>;
  /** The prompt's number. */
  inputIndices: ArrayLike<number>;
  /** The response's number within its prompt. */
  outputIndices: ArrayLike<number>;
  ranks?: ArrayLike<number> | null;
  /** Annotated pairs by prompt number: [chosen, rejected] as response numbers. */
  pairs?: Readonly<Record<number, readonly (readonly [number, number])[]>> | null;
  /** Category numbers into `categoryNames`. */
  categories?: ArrayLike<number> | null;
  categoryNames?: readonly string[] | null;
}

interface Gathered {
  rewards: number[];
  ranks: number[];
  places: Map<number, number>;
  replacedRewards: number[];
  category: string | undefined;
}

/**
 * Groups rows by prompt. If a response occurs twice, the later row's reward and rank count, and the earlier reward is
 * kept in `replacedRewards`. Annotated pairs with a side that has no row are left out, as in the original.
 */
export function promptsFromRows(rows: MetricRows): MetricPrompt[] {
  const gathered = new Map<number, Gathered>();
  for (let row = 0; row < rows.rewards.length; row++) addRow(gathered, rows, row);

  return Array.from(gathered, ([input, prompt]) => {
    const result: MetricPrompt = { id: String(input), rewards: prompt.rewards };
    if (prompt.replacedRewards.length > 0) result.replacedRewards = prompt.replacedRewards;
    if (rows.ranks) result.ranks = prompt.ranks;
    if (prompt.category !== undefined) result.category = prompt.category;
    if (rows.pairs) {
      result.pairs = (rows.pairs[input] ?? []).flatMap(([chosen, rejected]) => {
        const chosenPlace = prompt.places.get(chosen);
        const rejectedPlace = prompt.places.get(rejected);
        return chosenPlace === undefined || rejectedPlace === undefined ? [] : [[chosenPlace, rejectedPlace] as const];
      });
    }
    return result;
  });
}

function addRow(gathered: Map<number, Gathered>, rows: MetricRows, row: number): void {
  const input = at(rows.inputIndices, row, 'inputIndices');
  const output = at(rows.outputIndices, row, 'outputIndices');
  const reward = at(rows.rewards, row, 'rewards');
  let prompt = gathered.get(input);
  if (!prompt) {
    prompt = { rewards: [], ranks: [], places: new Map(), replacedRewards: [], category: categoryOf(rows, row) };
    gathered.set(input, prompt);
  }
  let place = prompt.places.get(output);
  if (place === undefined) {
    place = prompt.rewards.length;
    prompt.places.set(output, place);
  } else {
    prompt.replacedRewards.push(prompt.rewards[place]!);
  }
  prompt.rewards[place] = reward;
  if (rows.ranks) prompt.ranks[place] = at(rows.ranks, row, 'ranks');
}

function categoryOf(rows: MetricRows, row: number): string | undefined {
  if (!rows.categories) return undefined;
  const id = at(rows.categories, row, 'categories');
  return rows.categoryNames?.[id] ?? String(id);
}

function at(list: ArrayLike<number>, index: number, name: string): number {
  const value = list[index];
  if (value === undefined)
    throw new EvaluationError(
      `Row ${index} has no entry in ${name}: it must have as many entries as there are rewards.`,
    );
  return value;
}
