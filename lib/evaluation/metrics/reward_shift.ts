// How rewards of the same responses differ when the same model computes them in another way: with rounded weights, or
// in another precision.

/** Rewards of the same responses, before and after a change of how they are computed. */
export interface RewardShift {
  /** The pairs, and those whose verdict (chosen above rejected) changes. */
  pairs: number;
  changedPairs: number;
  /** Fraction of the pairs with the chosen response above the rejected one; NaN without pairs. */
  accuracyBefore: number;
  accuracyAfter: number;
  /** How far rewards move: at most, and the root mean square. */
  largestShift: number;
  rmsShift: number;
  /** Of the rewards before; the shifts are compared with it. */
  standardDeviation: number;
}

/**
 * A tie is no verdict for the chosen response: a pair changes where it is right in one and not in the other.
 * @param before rewards of each prompt's responses, as `after`.
 */
export function compareRewards(
  prompts: readonly { pairs: readonly (readonly [chosen: number, rejected: number])[] }[],
  before: readonly Float32Array[],
  after: readonly Float32Array[],
): RewardShift {
  let [pairs, changedPairs, rightBefore, rightAfter] = [0, 0, 0, 0];
  for (const [i, prompt] of prompts.entries()) {
    for (const [chosen, rejected] of prompt.pairs) {
      const [was, is] = [before, after].map((rewards) => rewards[i]![chosen]! > rewards[i]![rejected]!);
      pairs += 1;
      rightBefore += was ? 1 : 0;
      rightAfter += is ? 1 : 0;
      changedPairs += was === is ? 0 : 1;
    }
  }
  const all = before.flatMap((rewards) => [...rewards]);
  const shifts = after.flatMap((rewards) => [...rewards]).map((reward, i) => Math.abs(reward - all[i]!));
  const mean = all.reduce((sum, reward) => sum + reward, 0) / all.length;
  const rootMeanSquare = (values: readonly number[]) =>
    Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
  return {
    pairs,
    changedPairs,
    accuracyBefore: rightBefore / pairs,
    accuracyAfter: rightAfter / pairs,
    largestShift: shifts.reduce((largest, shift) => Math.max(largest, shift), 0),
    rmsShift: rootMeanSquare(shifts),
    standardDeviation: rootMeanSquare(all.map((reward) => reward - mean)),
  };
}

/** `0.237 (root mean square; 0.723 at most), 0.34 of their standard deviation`. */
export function describeShift({
  rmsShift,
  largestShift,
  standardDeviation,
}: Pick<RewardShift, 'rmsShift' | 'largestShift' | 'standardDeviation'>): string {
  const share =
    standardDeviation > 0 ? `, ${(rmsShift / standardDeviation).toPrecision(2)} of their standard deviation` : '';
  return `${rmsShift.toPrecision(3)} (root mean square; ${largestShift.toPrecision(3)} at most)${share}`;
}
