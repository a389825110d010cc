// What training learns from: which two samples are compared, how sure it is which is better, and by how much.

/** Two responses, or samples, of a prompt by their places. */
export interface Comparison {
  a: number;
  b: number;
  /** The probability that `a` is the better one: 1 means `a`, 0 means `b`, 0.5 a tie. */
  target: number;
  /** How much the comparison counts beside the others. */
  weight: number;
  /** By how much the reward of `a` should exceed that of `b`. */
  margin: number;
}

/** Those of a plain pair. */
export const COMPARISON_DEFAULTS = { target: 1, weight: 1, margin: 0 };

/** A plain pair. */
export const preferred = (chosen: number, rejected: number): Comparison => ({
  a: chosen,
  b: rejected,
  ...COMPARISON_DEFAULTS,
});

/** A prompt's verdicts, and what to learn from where that is more. */
export interface Compared {
  pairs: readonly (readonly [chosen: number, rejected: number])[];
  comparisons?: readonly Comparison[];
}

/** What training learns from a prompt: its comparisons, else each pair with the defaults. */
export const comparisonsOf = ({ pairs, comparisons }: Compared): readonly Comparison[] =>
  comparisons ?? pairs.map(([chosen, rejected]) => preferred(chosen, rejected));

/** How many there are, without making them. */
export const comparisonCount = ({ pairs, comparisons }: Compared): number => (comparisons ?? pairs).length;

/** Those of which both places are kept, by their new places. */
export function renumbered(comparisons: readonly Comparison[], places: ReadonlyMap<number, number>): Comparison[] {
  return comparisons.flatMap((comparison) => {
    const [a, b] = [places.get(comparison.a), places.get(comparison.b)];
    return a === undefined || b === undefined ? [] : [{ ...comparison, a, b }];
  });
}
