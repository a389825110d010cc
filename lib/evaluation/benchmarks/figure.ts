// A benchmark's headline figure in parts for its bootstrap: a weighted sum of fractions, each over units that are
// drawn.

import { percentileInterval, randomSource } from '../metrics/bootstrap';
import { runAtOnce, type Blocks } from '../metrics/blocks';
import type { BootstrapOptions, Interval } from '../metrics/types';
import type { FigureStratum, FigureTerm } from './benchmark';
import { groupBy, type ScoredRow } from './scored_rows';

/** The mean of `value` over the rows of all units; undefined: the row is not part of it. */
export function meanTerm<T>(
  weight: number,
  units: readonly (readonly T[])[],
  value: (row: T) => number | undefined,
): FigureTerm {
  const term = { weight, numerators: new Float64Array(units.length), denominators: new Float64Array(units.length) };
  for (const [i, unit] of units.entries()) {
    for (const row of unit) {
      const own = value(row);
      if (own === undefined) continue;
      term.numerators[i]! += own;
      term.denominators[i]! += 1;
    }
  }
  return term;
}

/** Rows of one prompt are one unit: they are not independent. */
export function unitsByPrompt<R extends Pick<ScoredRow, 'prompt'>>(rows: readonly R[]): R[][] {
  return [...groupBy(rows, ({ prompt }) => JSON.stringify([prompt.prompt, prompt.systemPrompt])).values()];
}

/** The figure of the data themselves; NaN if a fraction has an empty denominator. */
export function figureOf(strata: readonly FigureStratum[]): number {
  const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
  return strata
    .flat()
    .reduce((total, { weight, numerators, denominators }) => total + (weight * sum(numerators)) / sum(denominators), 0);
}

/**
 * Percentile interval of the figure; undefined if it is not defined on the data, or nothing is resampled. Seeded like
 * the metrics' intervals.
 */
export function figureInterval(strata: readonly FigureStratum[], options: BootstrapOptions = {}): Interval | undefined {
  return runAtOnce(figureIntervalBlocks(strata, options));
}

/** As `figureInterval`. */
export function* figureIntervalBlocks(
  strata: readonly FigureStratum[],
  { resamples = 2000, seed = 0, level = 0.95 }: BootstrapOptions = {},
): Blocks<Interval | undefined> {
  if (Number.isNaN(figureOf(strata))) return undefined;
  const random = randomSource(seed);
  const values = new Float64Array(resamples);
  const drawn = new Uint32Array(strata.reduce((most, terms) => Math.max(most, terms[0]?.numerators.length ?? 0), 0));
  for (let resample = 0; resample < resamples; resample += 1) {
    let figure = 0;
    for (const terms of strata) {
      const size = terms[0]?.numerators.length ?? 0;
      for (let i = 0; i < size; i += 1) drawn[i] = random(size);
      for (const { weight, numerators, denominators } of terms) {
        let [numerator, denominator] = [0, 0];
        for (let i = 0; i < size; i += 1) {
          numerator += numerators[drawn[i]!]!;
          denominator += denominators[drawn[i]!]!;
        }
        figure += (weight * numerator) / denominator;
      }
    }
    values[resample] = figure;
    yield;
  }
  return percentileInterval(values, level);
}
