// Percentile bootstrap over prompts (Efron 1979): how far the figures would move with other prompts of the same kind.

import type { BootstrapOptions, Interval } from './types';

/** One share of one group: what each of its prompts adds. Both lists have one entry a prompt. */
export interface Counts {
  numerators: Float64Array;
  denominators: Float64Array;
}

/** A stratum (a category, or the whole) with the counts of every share, by name. */
export type Stratum = ReadonlyMap<string, Counts>;

export interface BootstrapResult {
  /** Intervals of each stratum's own shares, in the order of the strata. */
  byStratum: Map<string, Interval>[];
  /** Intervals of the unweighted mean over strata; with one stratum, the same as its own. */
  average: Map<string, Interval>;
  /** Intervals of the pooled share, all strata together. */
  pooled: Map<string, Interval>;
}

/**
 * Draws prompts with replacement within each stratum, so that no category of a resample is empty. All shares see the same
 * draws. A resample in which a share is undefined (no pair was drawn) is left out of that share's interval; a share that
 * no resample defines has no interval.
 */
export function bootstrap(strata: readonly Stratum[], sizes: readonly number[], options: BootstrapOptions = {}): BootstrapResult {
  const { resamples = 2000, seed = 0, level = 0.95 } = options;
  if (!Number.isInteger(resamples) || resamples < 0) throw new RangeError(`The number of bootstrap resamples must be a whole number from 0, not ${resamples}.`);
  if (!(level > 0 && level < 1)) throw new RangeError(`The level of the bootstrap intervals must lie between 0 and 1, not ${level}.`);
  const names = [...(strata[0]?.keys() ?? [])];
  const ownValues = strata.map(() => names.map(() => new Float64Array(resamples)));
  const averageValues = names.map(() => new Float64Array(resamples));
  const pooledValues = names.map(() => new Float64Array(resamples));
  const random = randomSource(seed);
  const drawn = new Uint32Array(Math.max(0, ...sizes));

  for (let resample = 0; resample < resamples; resample++) {
    const numerators = new Float64Array(names.length);
    const denominators = new Float64Array(names.length);
    for (const [s, stratum] of strata.entries()) {
      const size = sizes[s]!;
      for (let i = 0; i < size; i++) drawn[i] = random(size);
      for (const [n, name] of names.entries()) {
        const [numerator, denominator] = drawnSums(stratum.get(name)!, drawn, size);
        const value = numerator / denominator;
        ownValues[s]![n]![resample] = value;
        averageValues[n]![resample]! += value / strata.length;
        numerators[n]! += numerator;
        denominators[n]! += denominator;
      }
    }
    for (let n = 0; n < names.length; n++) pooledValues[n]![resample] = numerators[n]! / denominators[n]!;
  }
  const intervals = (values: Float64Array[]) =>
    new Map(names.flatMap((name, n) => {
      const interval = percentileInterval(values[n]!, level);
      return interval ? [[name, interval] as const] : [];
    }));
  return { byStratum: ownValues.map(intervals), average: intervals(averageValues), pooled: intervals(pooledValues) };
}

function drawnSums({ numerators, denominators }: Counts, drawn: Uint32Array, size: number): [number, number] {
  let numerator = 0;
  let denominator = 0;
  for (let i = 0; i < size; i++) {
    numerator += numerators[drawn[i]!]!;
    denominator += denominators[drawn[i]!]!;
  }
  return [numerator, denominator];
}

/** Quantiles (1 - level) / 2 and (1 + level) / 2 of the values that are numbers. */
export function percentileInterval(values: Float64Array, level: number): Interval | undefined {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  if (sorted.length === 0) return undefined;
  return { low: quantile(sorted, (1 - level) / 2), high: quantile(sorted, (1 + level) / 2), resamples: sorted.length };
}

/** Of values in ascending order, by linear interpolation. */
export function quantile(sorted: Float64Array, q: number): number {
  const place = q * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  return low + (sorted[Math.min(below + 1, sorted.length - 1)]! - low) * (place - below);
}

/**
 * Whole numbers from 0 up to, not including, `bound`: xoshiro128** (Blackman & Vigna 2018), seeded through splitmix32. In
 * 32-bit arithmetic, because millions of draws are needed (the 64-bit generator of lib/data takes many times as long).
 */
export function randomSource(seed: number): (bound: number) => number {
  let state = seed | 0;
  const splitmix = () => {
    state = (state + 0x9e3779b9) | 0;
    let z = state ^ (state >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let [a, b, c, d] = [splitmix(), splitmix(), splitmix(), splitmix()];
  const rotate = (x: number, k: number) => (x << k) | (x >>> (32 - k));
  return (bound) => {
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = rotate(d, 11);
    return Math.floor((result / 2 ** 32) * bound);
  };
}
