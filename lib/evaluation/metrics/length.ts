// Does the model follow quality or length? Accuracy against the difference of the two responses' lengths.

import { pairsOf, type Group } from './groups';
import type { Basis, LengthBin } from './types';

/** Bin edges of length(chosen) - length(rejected); symmetric, with a bin of its own for equal lengths. */
const EDGES = [-Infinity, -200, -50, 0, 1, 51, 201, Infinity] as const;

/**
 * Accuracy ([chosen > rejected], as everywhere) of the pairs in each bin of length(chosen) - length(rejected). A model
 * that only follows length is right in the upper bins and wrong in the lower ones. Pairs without lengths are left out.
 */
export function accuracyByLengthDifference(group: Group, basis: Basis): LengthBin[] {
  const bins = EDGES.slice(0, -1).map((from, i) => ({ from, to: EDGES[i + 1]!, pairs: 0, right: 0 }));
  for (const prompt of group.prompts) {
    const { lengths } = prompt;
    if (!lengths) continue;
    for (const [chosen, rejected] of pairsOf(prompt, basis)) {
      const difference = lengths[chosen]! - lengths[rejected]!;
      const bin = bins.find(({ from, to }) => from <= difference && difference < to)!;
      bin.pairs++;
      if (prompt.difference(chosen, rejected) > 0) bin.right++;
    }
  }
  return bins.map(({ from, to, pairs, right }) => ({ from, to, pairs, accuracy: right / pairs }));
}
