// Metrics that are fractions: each prompt adds to a numerator and a denominator. The same counts give the value of a
// group, its mean over categories and every bootstrap resample.

import { pairsOf, type ScoredPrompt } from './groups';
import type { Basis } from './types';

export interface Share {
  name: string;
  basis: Basis;
  /** What one prompt adds; [0, 0] if it does not count. */
  count: (prompt: ScoredPrompt) => [numerator: number, denominator: number];
}

/** Names of the original's metrics; their values are taken from cheems.ts, never from here. */
export const ORIGINAL_SHARES = new Set(['accuracy-rank', 'exact_match-rank', 'accuracy-labels']);

/**
 * accuracy              pairs with chosen > rejected, of all pairs
 * exact_match           prompts with no pair strictly inverted (a tie of rewards passes)
 * exact_match_strict    prompts with every pair strictly right (a tie of rewards fails)
 * length_accuracy       the accuracy of choosing the longer response; equal lengths count one half
 *
 * For a judge, both exact matches are the strict one, over the prompts that have a pair.
 *
 * With ranks, a ranked prompt without a pair (all ranks equal) is an exact match, as in the original; with labels, only
 * prompts that have a pair count.
 */
export const SHARES: readonly Share[] = (['rank', 'labels'] as const).flatMap((basis) => [
  { name: `exact_match-${basis}`, basis, count: (prompt) => exactMatch(prompt, basis, false) },
  { name: `accuracy-${basis}`, basis, count: (prompt) => accuracy(prompt, basis, prompt.difference, 0) },
  { name: `exact_match_strict-${basis}`, basis, count: (prompt) => exactMatch(prompt, basis, true) },
  {
    name: `length_accuracy-${basis}`,
    basis,
    count: (prompt) =>
      prompt.lengths
        ? accuracy(prompt, basis, (chosen, rejected) => prompt.lengths![chosen]! - prompt.lengths![rejected]!, 0.5)
        : [0, 0],
  },
]);

function accuracy(
  prompt: ScoredPrompt,
  basis: Basis,
  difference: ScoredPrompt['difference'],
  tie: number,
): [number, number] {
  const pairs = pairsOf(prompt, basis);
  let right = 0;
  for (const [chosen, rejected] of pairs) {
    const ahead = difference(chosen, rejected);
    right += ahead > 0 ? 1 : ahead === 0 ? tie : 0;
  }
  return [right, pairs.length];
}

function exactMatch(prompt: ScoredPrompt, basis: Basis, strict: boolean): [number, number] {
  const pairs = pairsOf(prompt, basis);
  const takesPart = basis === 'rank' && !prompt.judged ? prompt.rankPairs !== undefined : pairs.length > 0;
  if (!takesPart) return [0, 0];
  const fails = pairs.some(([chosen, rejected]) => {
    const ahead = prompt.difference(chosen, rejected);
    return strict || prompt.judged ? ahead <= 0 : ahead < 0;
  });
  return [fails ? 0 : 1, 1];
}
