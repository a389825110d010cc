// Calibration: whether a difference of rewards gives the right probability, P(chosen is better) = sigmoid(chosen -
// rejected).

/** Mean, rounded to float32; NaN without values. */
export function mean32(values: Iterable<number>): number {
  let sum = 0;
  let count = 0;
  for (const value of values) {
    sum += value;
    count++;
  }
  return Math.fround(sum / count);
}

/** Standard deviation over n - 1, rounded to float32; NaN for fewer than two values. */
export function std32(values: ArrayLike<number>): number {
  const mean = sumOf(values) / values.length;
  let squares = 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return values.length < 2 ? NaN : Math.fround(Math.sqrt(squares / (values.length - 1)));
}

function sumOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum;
}

/** The bins that hold a pair, in ascending order of difference; one entry per bin in every list. */
export interface CalibrationCurve {
  /** Fraction of the bin's pairs that the model ranks correctly. */
  accuracies: number[];
  /** Mean absolute difference of the rewards in the bin. */
  differences: number[];
  counts: number[];
  maxDifference: number;
}

/** How a calibration curve is binned. */
export interface CalibrationOptions {
  /** 5 by default. */
  bins?: number;
  /** The end of the last bin; by default the largest absolute difference. */
  maxDifference?: number;
  /**
   * Off, as in the original: the last bin is open at its end, so that the pairs with the largest difference are in no
   * bin, and a tie of rewards counts as right. On: the last bin takes everything up to its end, and a tie counts one
   * half.
   */
  countEveryPair?: boolean;
}

/**
 * Bins pairs by d = |chosen - rejected| (float32), with top = max d and step = top / bins:
 *   bin i holds float32(i * step) <= d < float32((i + 1) * step); empty bins are left out.
 * @param chosen rewards of the better side, one entry per pair; `rejected` likewise.
 */
export function calibrationCurve(
  chosen: ArrayLike<number>,
  rejected: ArrayLike<number>,
  options: CalibrationOptions = {},
): CalibrationCurve {
  const bins = options.bins ?? 5;
  const differences = Float32Array.from({ length: chosen.length }, (_, i) =>
    Math.fround(Math.fround(chosen[i]!) - Math.fround(rejected[i]!)),
  );
  const maxDifference = options.maxDifference ?? differences.reduce((top, d) => Math.max(top, Math.abs(d)), 0);
  const step = maxDifference / bins;
  const hits: number[] = new Array<number>(bins).fill(0);
  const sums: number[] = new Array<number>(bins).fill(0);
  const counts: number[] = new Array<number>(bins).fill(0);
  for (const difference of differences) {
    const size = Math.abs(difference);
    const bin = binOf(size, step, bins, options.countEveryPair ?? false);
    if (bin < 0) continue;
    hits[bin]! += difference > 0 ? 1 : difference < 0 ? 0 : options.countEveryPair ? 0.5 : 1;
    sums[bin]! += size;
    counts[bin]!++;
  }
  const filled = counts.flatMap((count, bin) => (count > 0 ? [bin] : []));
  return {
    accuracies: filled.map((bin) => Math.fround(hits[bin]! / counts[bin]!)),
    differences: filled.map((bin) => Math.fround(sums[bin]! / counts[bin]!)),
    counts: filled.map((bin) => counts[bin]!),
    maxDifference,
  };
}

function binOf(size: number, step: number, bins: number, countEveryPair: boolean): number {
  for (let bin = 0; bin < bins; bin++) {
    if (Math.fround(bin * step) <= size && size < Math.fround((bin + 1) * step)) return bin;
  }
  return countEveryPair ? bins - 1 : -1;
}

/** ECE = sum over bins of |accuracy - sigmoid(difference)| * count / sum of counts; 0 if no pair is in a bin. */
export function expectedCalibrationError(curve: CalibrationCurve): number {
  let error = 0;
  let total = 0;
  for (const [bin, count] of curve.counts.entries()) {
    error += Math.abs(curve.accuracies[bin]! - 1 / (1 + Math.exp(-curve.differences[bin]!))) * count;
    total += count;
  }
  return total === 0 ? 0 : Math.fround(error / total);
}
