// What training learns from: which two samples are compared, how certain it is which is better, and by how much.

/** Two responses, or samples, of a prompt by their indices. */
export interface Comparison {
  a: number;
  b: number;
  /** The probability that `a` is the better one: 1 means `a`, 0 means `b`, 0.5 a tie. */
  target: number;
  /** How much the comparison counts relative to the others. */
  weight: number;
  /** By how much the reward of `a` should exceed that of `b`. */
  margin: number;
}

/** The values of a plain pair. */
export const COMPARISON_DEFAULTS = { target: 1, weight: 1, margin: 0 };

/** A plain pair. */
export const preferred = (chosen: number, rejected: number): Comparison => ({
  a: chosen,
  b: rejected,
  ...COMPARISON_DEFAULTS,
});

/** A prompt's verdicts, and its comparisons if they hold more. */
export interface Compared {
  pairs: readonly (readonly [chosen: number, rejected: number])[];
  comparisons?: readonly Comparison[];
}

/** What training learns from a prompt: its comparisons, or else each pair with the defaults. */
export const comparisonsOf = ({ pairs, comparisons }: Compared): readonly Comparison[] =>
  comparisons ?? pairs.map(([chosen, rejected]) => preferred(chosen, rejected));

/** The number of comparisons, without making them. */
export const comparisonCount = ({ pairs, comparisons }: Compared): number => (comparisons ?? pairs).length;

/** The comparisons whose samples are both kept, with their new indices. */
export function renumbered(comparisons: readonly Comparison[], places: ReadonlyMap<number, number>): Comparison[] {
  return comparisons.flatMap((comparison) => {
    const [a, b] = [places.get(comparison.a), places.get(comparison.b)];
    return a === undefined || b === undefined ? [] : [{ ...comparison, a, b }];
  });
}
