// Turns a judge's verdicts on a pair into one signed number.

import type { Comparison } from './types';

/**
 * How clearly the chosen response won: the mean over judgements of +1 (called better), -1 (called worse) and 0 (a tie,
 * or no verdict), or of 2p - 1 if the judgement is a probability p. A pair is right if this is above 0. So with both
 * orders, right once and undecided once passes; right once and wrong once does not (JudgeBench's rule).
 */
export function comparisonMargin({ chosen, judgements }: Comparison): number {
  const margins = judgements.map(({ first, verdict, probability }) => {
    const forFirst = probability === undefined ? (verdict === 'A' ? 1 : verdict === 'B' ? -1 : 0) : 2 * probability - 1;
    return first === chosen ? forFirst : -forFirst;
  });
  return margins.reduce((sum, margin) => sum + margin, 0) / margins.length;
}

/** The margin of the pair, whichever side was annotated as chosen; undefined if it was not judged. */
export function judgedMargin(comparisons: readonly Comparison[], chosen: number, rejected: number): number | undefined {
  for (const comparison of comparisons) {
    if (comparison.chosen === chosen && comparison.rejected === rejected) return comparisonMargin(comparison);
    if (comparison.chosen === rejected && comparison.rejected === chosen) return -comparisonMargin(comparison);
  }
  return undefined;
}
