// Percentile bootstrap over prompts (Efron 1979): how much the figures would vary with other prompts of the same kind.

import { EvaluationError } from '../errors';
import type { Blocks } from './blocks';
import type { BootstrapOptions, Interval } from './types';

/** What each prompt adds to each fraction, group by group, in one table for all groups. */
export interface ShareCounts {
  /** The names of the fractions, in the order of the table's columns. */
  names: readonly string[];
  /** Number of prompts of each group; the table's rows are in the order of the groups. */
  sizes: readonly number[];
  /** One row per prompt: numerator and denominator of each fraction. */
  table: Float64Array;
}

export interface BootstrapResult {
  /**
   * Intervals of each group's own fractions, in the order of the groups; undefined: the group is not among the largest.
   */
  byGroup: (Map<string, Interval> | undefined)[];
  /** Intervals of the unweighted mean over groups; with one group, the same as its own. */
  average: Map<string, Interval>;
  /** Intervals of the pooled fraction over all groups together. */
  pooled: Map<string, Interval>;
}

/**
 * Maximum number of resampled values that are kept for the intervals of groups (128 MB): enough for 1,000 groups of 8
 * fractions with 2,000 resamples.
 */
const KEPT_VALUES = 16_000_000;
/** At least this many groups have an interval of their own, however many resamples are requested. */
const FEWEST_INTERVALS = 100;

/**
 * Draws prompts with replacement within each group, so that no category of a resample is empty. All fractions use the
 * same draws. A resample in which a fraction is undefined (no pair was drawn) is left out of that fraction's interval;
 * a fraction that is defined in no resample has no interval.
 *
 * The cost is prompts times resamples, whatever the number of groups. Memory is bounded: if there are many groups, only
 * the largest have an interval of their own. The draws do not depend on which those are.
 */
export function* bootstrap(
  { names, sizes, table }: ShareCounts,
  options: BootstrapOptions = {},
): Blocks<BootstrapResult> {
  const { resamples = 2000, seed = 0, level = 0.95 } = options;
  if (!Number.isInteger(resamples) || resamples < 0)
    throw new EvaluationError(`The number of bootstrap resamples must be a whole number from 0, not ${resamples}.`);
  if (!(level > 0 && level < 1))
    throw new EvaluationError(`The level of the bootstrap intervals must lie between 0 and 1, not ${level}.`);
  const most = Math.max(FEWEST_INTERVALS, Math.floor(KEPT_VALUES / Math.max(1, names.length * resamples)));
  const largest = largestPlaces(sizes, most);
  const { columns, table: counts } = distinctColumns(table, 2 * names.length);
  const [ratios, ratioOf] = distinctRatios(columns);
  const valuesOf = () => ratios.map(() => new Float64Array(resamples));
  const own = sizes.map((_, group) => (largest.has(group) ? valuesOf() : undefined));
  const [average, pooled] = [valuesOf(), valuesOf()];
  const random = randomSource(seed);
  const width = Math.max(0, ...columns) + 1;
  const sums = new Float64Array(width);
  const totals = new Float64Array(width);

  for (let resample = 0; resample < resamples; resample++) {
    totals.fill(0);
    let begin = 0;
    for (let group = 0; group < sizes.length; group++) {
      const size = sizes[group]!;
      const kept = own[group];
      sums.fill(0);
      for (let i = 0; i < size; i++) {
        const row = (begin + random(size)) * width;
        for (let column = 0; column < width; column++) sums[column]! += counts[row + column]!;
      }
      begin += size;
      for (let column = 0; column < width; column++) totals[column]! += sums[column]!;
      for (let r = 0; r < ratios.length; r++) {
        const [numerator, denominator] = ratios[r]!;
        const value = sums[numerator]! / sums[denominator]!;
        if (kept) kept[r]![resample] = value;
        average[r]![resample]! += value / sizes.length;
      }
    }
    for (const [r, [numerator, denominator]] of ratios.entries())
      pooled[r]![resample] = totals[numerator]! / totals[denominator]!;
    yield;
  }
  const intervals = (values: Float64Array[]) => {
    const all = values.map((resampled) => percentileInterval(resampled, level));
    return new Map(names.flatMap((name, n) => (all[ratioOf[n]!] ? [[name, all[ratioOf[n]!]!] as const] : [])));
  };
  const byGroup: BootstrapResult['byGroup'] = [];
  for (const values of own) {
    byGroup.push(values && intervals(values));
    if (values) yield;
  }
  return { byGroup, average: intervals(average), pooled: intervals(pooled) };
}

/** The table without duplicate columns (most fractions count the same pairs), and the new index of each column. */
function distinctColumns(table: Float64Array, width: number): { columns: number[]; table: Float64Array } {
  const rows = width === 0 ? 0 : table.length / width;
  const kept: number[] = [];
  const isEqual = (a: number, b: number) => {
    for (let row = 0; row < table.length; row += width) if (table[row + a] !== table[row + b]) return false;
    return true;
  };
  const columns = Array.from({ length: width }, (_, column) => {
    const place = kept.findIndex((other) => isEqual(other, column));
    return place >= 0 ? place : kept.push(column) - 1;
  });
  const distinct = new Float64Array(rows * kept.length);
  for (let row = 0; row < rows; row++) {
    for (const [place, column] of kept.entries()) distinct[row * kept.length + place] = table[row * width + column]!;
  }
  return { columns, table: distinct };
}

/** The distinct pairs of numerator and denominator, as columns, and which of them each fraction is. */
function distinctRatios(columns: readonly number[]): [ratios: [number, number][], ratioOf: number[]] {
  const ratios: [number, number][] = [];
  const ratioOf: number[] = [];
  for (let i = 0; i < columns.length; i += 2) {
    const [numerator, denominator] = [columns[i]!, columns[i + 1]!];
    const known = ratios.findIndex(([n, d]) => n === numerator && d === denominator);
    ratioOf.push(known >= 0 ? known : ratios.push([numerator, denominator]) - 1);
  }
  return [ratios, ratioOf];
}

/** The indices of the `count` largest; among equal ones the earlier. */
export function largestPlaces(sizes: readonly number[], count: number): Set<number> {
  const places = sizes.map((_, place) => place);
  if (count < sizes.length) places.sort((a, b) => sizes[b]! - sizes[a]! || a - b);
  return new Set(places.slice(0, count));
}

/** Quantiles (1 - level) / 2 and (1 + level) / 2 of the values that are numbers. */
export function percentileInterval(values: Float64Array, level: number): Interval | undefined {
  const sorted = values.filter((value) => !Number.isNaN(value)).sort();
  if (sorted.length === 0) return undefined;
  return { low: quantile(sorted, (1 - level) / 2), high: quantile(sorted, (1 + level) / 2), resamples: sorted.length };
}

/** Quantile of values in ascending order, by linear interpolation. */
export function quantile(sorted: Float64Array, q: number): number {
  const place = q * (sorted.length - 1);
  const below = Math.floor(place);
  const low = sorted[below]!;
  return low + (sorted[Math.min(below + 1, sorted.length - 1)]! - low) * (place - below);
}

/**
 * Whole numbers from 0 up to, not including, `bound`: xoshiro128** (Blackman & Vigna 2018), seeded through splitmix32.
 * In 32-bit arithmetic, because millions of draws are needed (the 64-bit generator of lib/data takes many times as
 * long).
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
