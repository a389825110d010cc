// Which pairs a judge compares, and in which order it sees the two responses.

import type { PreferencePrompt } from '../data/types';
import { PythonRandom } from './python_random';

/** One question to the judge: `first` is shown as A. Indices of the prompt's responses. */
export interface Showing {
  chosen: number;
  rejected: number;
  first: number;
  second: number;
}

/**
 * `both`: every pair twice, once in each order. `single`: every pair once, in a random order. Both put a pair's
 * questions one after the other.
 */
export interface PairOrders {
  readonly name: 'both' | 'single' | 'cheems';
  /** Which response is shown first in each question about the pairs of a prompt. */
  showings(prompt: PreferencePrompt, pairs: readonly (readonly [chosen: number, rejected: number])[]): Showing[];
}

/**
 * The pairs whose order is known: in ranked data every two responses of different rank, in the order of the responses;
 * else the annotated pairs. The basis is the same for a whole data set, as for its metrics.
 */
export function pairsToJudge(prompts: readonly PreferencePrompt[]): [chosen: number, rejected: number][][] {
  const ranked = prompts.some(({ ranks }) => ranks);
  return prompts.map(({ ranks, pairs }) => {
    if (!ranked) return distinct(pairs);
    return (ranks ?? []).flatMap((_, i) =>
      ranks!.slice(i + 1).flatMap((rank, k): [number, number][] => {
        const j = i + 1 + k;
        return ranks![i]! < rank ? [[i, j]] : rank < ranks![i]! ? [[j, i]] : [];
      }),
    );
  });
}

function distinct(pairs: PreferencePrompt['pairs']): [number, number][] {
  const known = new Map(pairs.filter(([chosen, rejected]) => chosen !== rejected).map((pair) => [pair.join(), pair]));
  return [...known.values()];
}

/** Each pair is asked about twice, once in each order. */
export const bothOrders: PairOrders = {
  name: 'both',
  showings: (_, pairs) =>
    pairs.flatMap(([chosen, rejected]) => [
      { chosen, rejected, first: chosen, second: rejected },
      { chosen, rejected, first: rejected, second: chosen },
    ]),
};

/**
 * One order per pair: the pair is in the order of the responses, and a random number below one half swaps it. With seed
 * 0, over all files of an evaluation in turn, these are the original's draws (one stream of Python's `random`, one
 * number per pair).
 */
export function singleOrder(seed: number, name: 'single' | 'cheems' = 'single'): PairOrders {
  const random = new PythonRandom(seed);
  return {
    name,
    showings: (_, pairs) =>
      pairs.map(([chosen, rejected]) => {
        const [i, j] = chosen < rejected ? [chosen, rejected] : [rejected, chosen];
        const [first, second] = random.next() < 0.5 ? [j, i] : [i, j];
        return { chosen, rejected, first, second };
      }),
  };
}
