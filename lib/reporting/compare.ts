// Two or more evaluations of the same prompts: is one better, or is the difference due to the choice of prompts? Paired
// bootstrap over prompts (Efron 1979; Koehn 2004 for systems on the same test set): every resample draws the same
// prompts for all evaluations.

import { EvaluationError } from '../evaluation/errors';
import { randomSource, quantile } from '../evaluation/metrics/bootstrap';
import type { BootstrapOptions, Interval } from '../evaluation/metrics/types';
import type { PromptRow } from './prompts';
import type { StoredResults } from './stored_results';

interface ComparedModel {
  /** The predictor's name, with its folder if two have the same name. */
  name: string;
  path: string;
  /** The overall figure of results.json, over everything that this model scored. */
  overall: number;
}

export interface Difference {
  /** Indices into `Comparison.models`. */
  first: number;
  second: number;
  /** first - second. */
  difference: number;
  /** Absent with 0 resamples. */
  interval?: Interval;
  /** Fraction of the resamples in which the first is better; equal ones count one half. Absent with 0 resamples. */
  probabilityFirstIsBetter?: number;
}

interface ComparedMetric {
  name: string;
  /** One value per model, over the prompts that all models have. NaN: not defined on these data. */
  values: number[];
  /** One entry for every two models. */
  differences: Difference[];
}

/** Several evaluations of the same data side by side, with the intervals of their differences. */
export interface Comparison {
  benchmark: string;
  formula: string;
  data: { file: string; sha256: string }[];
  models: ComparedModel[];
  prompts: number;
  metrics: ComparedMetric[];
  notes: string[];
  bootstrap: Required<BootstrapOptions>;
}

/**
 * A set of prompts within which resamples are drawn: a category of a file, or the whole file. For each model, one entry
 * per prompt.
 */
interface Stratum {
  file: number;
  rows: PromptRow[][];
}

const TERMS = [
  { name: 'accuracy', numerator: 'right', denominator: 'pairs' },
  { name: 'exact match', numerator: 'exact', denominator: 'asked' },
] as const;

/**
 * The figures of each model on the prompts that all have, computed as in the evaluation (means over categories if there
 * are any), and for every two models the difference with its paired bootstrap.
 * @throws Error with a sentence if the evaluations are not of the same data and benchmark.
 */
export function compareResults(all: readonly StoredResults[], options: BootstrapOptions = {}): Comparison {
  const bootstrap = { resamples: 2000, seed: 0, level: 0.95, ...options };
  requireSameData(all);
  const [{ benchmark, formula, data }] = all as [StoredResults];
  const { files, strata, prompts, notes } = joinPrompts(all);
  const names = metricNames(
    files.map(({ file }) => file),
    benchmark,
  );
  const everyRow = strata.map(({ rows }) => rows.map((_, i) => i));
  const values = all.map((_, model) => measure(strata, everyRow, model, files.length, names.length));
  const resampled = resample(strata, all.length, files.length, names.length, bootstrap);
  if (benchmark !== 'cheems-bench')
    notes.push(
      `The overall figure of ${benchmark} has a formula of its own; what is compared here is accuracy and exact ` +
        'match over its prompts.',
    );
  return {
    benchmark,
    formula,
    data,
    prompts,
    notes,
    bootstrap,
    models: nameModels(all),
    metrics: names.map((name, m) => ({
      name,
      values: values.map((own) => own[m]!),
      differences: all.flatMap((_, first) =>
        all.flatMap((__, second): Difference[] =>
          first < second ? [differ(first, second, m, values, resampled, bootstrap.level)] : [],
        ),
      ),
    })),
  };
}

function requireSameData(all: readonly StoredResults[]): void {
  const [first, ...others] = all;
  if (!first || others.length === 0)
    throw new EvaluationError(
      `A comparison needs two or more results.json, but ${all.length === 1 ? 'one was' : 'none was'} given.`,
    );
  const digests = (results: StoredResults) =>
    results.data
      .map(({ sha256 }) => sha256)
      .sort()
      .join();
  for (const other of others) {
    if (other.benchmark !== first.benchmark)
      throw new EvaluationError(
        `${first.path} is an evaluation on ${first.benchmark}, ${other.path} on ${other.benchmark}: only ` +
          'results of the same benchmark can be compared.',
      );
    if (digests(other) !== digests(first)) {
      const list = (results: StoredResults) =>
        results.data.map(({ file, sha256 }) => `${file} (SHA-256 ${sha256.slice(0, 12)}…)`).join(', ') ||
        'data without files';
      throw new EvaluationError(
        `${first.path} was measured on ${list(first)}, ${other.path} on ${list(other)}: these are different ` +
          'data, so the results cannot be compared. Evaluate both on the same files.',
      );
    }
  }
}

/** The prompts that every evaluation has, by file (of the first evaluation) and category. */
function joinPrompts(all: readonly StoredResults[]) {
  const keyed = all.map(keyRows);
  const first = keyed[0]!;
  const shared = [...first.keys()].filter((key) => keyed.every((rows) => rows.has(key)));
  if (shared.length === 0)
    throw new EvaluationError(
      `No prompt stands in all of ${all.map(({ path }) => path).join(', ')}, so there is nothing to compare.`,
    );
  const notes: string[] = [];
  const most = Math.max(...keyed.map(({ size }) => size));
  if (shared.length < most)
    notes.push(
      `Prompts that not every evaluation has (not scored, or merged by a judge's rules) and that are left out: ` +
        `${most - shared.length}.`,
    );
  const files = new Map<string, string[]>();
  for (const key of shared) {
    const rows = keyed.map((own) => own.get(key)!);
    if (rows.every(({ pairs, asked }) => pairs === 0 && asked === 0)) continue;
    const { file } = rows[0]!;
    if (!files.has(file)) files.set(file, []);
    files.get(file)!.push(key);
  }
  const strata = [...files.values()].flatMap((keys, file): Stratum[] => {
    const byCategory = new Map<string, PromptRow[][]>();
    const whole = keys.some((key) => first.get(key)!.category === null);
    for (const key of keys) {
      const category = whole ? '' : first.get(key)!.category!;
      if (!byCategory.has(category)) byCategory.set(category, []);
      byCategory.get(category)!.push(keyed.map((own) => own.get(key)!));
    }
    return [...byCategory.values()].map((rows) => ({ file, rows }));
  });
  return { files: [...files.keys()].map((file) => ({ file })), strata, prompts: shared.length, notes };
}

/**
 * Two rows are the same prompt if the digest of the file, the id and the line are equal; repeated ones are told apart
 * by their order.
 */
function keyRows({ prompts, data }: StoredResults): Map<string, PromptRow> {
  const digestOf = new Map(data.map(({ file, sha256 }) => [file, sha256]));
  const rows = new Map<string, PromptRow>();
  const seen = new Map<string, number>();
  for (const row of prompts) {
    const key = JSON.stringify([digestOf.get(row.file) ?? row.file, row.prompt_id, row.line]);
    const times = seen.get(key) ?? 0;
    seen.set(key, times + 1);
    rows.set(`${key}#${times}`, row);
  }
  return rows;
}

function metricNames(files: readonly string[], benchmark: string): string[] {
  const names = files.flatMap((file) => TERMS.map(({ name }) => (files.length === 1 ? name : `${file}: ${name}`)));
  return benchmark === 'cheems-bench' ? [...names, 'overall'] : names;
}

function nameModels(all: readonly StoredResults[]): ComparedModel[] {
  return all.map(({ predictor, path, overall }) => {
    const isAlone = all.filter((other) => other.predictor === predictor).length === 1;
    return {
      name: isAlone ? predictor : `${predictor} (${path.replace(/[/\\]?results\.json$/, '') || '.'})`,
      path,
      overall,
    };
  });
}

/** Accuracy and exact match of each file, then their mean if it is requested, over the drawn rows of each stratum. */
function measure(
  strata: readonly Stratum[],
  drawn: readonly ArrayLike<number>[],
  model: number,
  files: number,
  length: number,
): Float64Array {
  const values = new Float64Array(length);
  const parts = new Float64Array(files);
  for (const { file } of strata) parts[file]!++;
  for (const [s, { file, rows }] of strata.entries()) {
    const places = drawn[s]!;
    const sums = [0, 0, 0, 0] as [number, number, number, number];
    for (let i = 0; i < places.length; i++) {
      const row = rows[places[i]!]![model]!;
      sums[0] += row.right;
      sums[1] += row.pairs;
      sums[2] += row.exact;
      sums[3] += row.asked;
    }
    values[2 * file]! += sums[0] / sums[1] / parts[file]!;
    values[2 * file + 1]! += sums[2] / sums[3] / parts[file]!;
  }
  if (length > 2 * files)
    values[2 * files] = values.subarray(0, 2 * files).reduce((sum, value) => sum + value, 0) / (2 * files);
  return values;
}

/** The figures by resample and model; every model gets the same prompts. */
function resample(
  strata: readonly Stratum[],
  models: number,
  files: number,
  length: number,
  { resamples, seed }: Required<BootstrapOptions>,
): Float64Array[][] {
  if (!Number.isInteger(resamples) || resamples < 0)
    throw new EvaluationError(`The number of bootstrap resamples must be a whole number from 0, not ${resamples}.`);
  const random = randomSource(seed);
  const drawn = strata.map(({ rows }) => new Uint32Array(rows.length));
  return Array.from({ length: resamples }, () => {
    for (const places of drawn) for (let i = 0; i < places.length; i++) places[i] = random(places.length);
    return Array.from({ length: models }, (_, model) => measure(strata, drawn, model, files, length));
  });
}

function differ(
  first: number,
  second: number,
  metric: number,
  values: readonly Float64Array[],
  resampled: readonly Float64Array[][],
  level: number,
): Difference {
  const difference = values[first]![metric]! - values[second]![metric]!;
  const all = Float64Array.from(resampled, (models) => models[first]![metric]! - models[second]![metric]!);
  const sorted = all.filter((value) => !Number.isNaN(value)).sort();
  if (sorted.length === 0) return { first, second, difference };
  const better = sorted.reduce((sum, value) => sum + (value > 0 ? 1 : value === 0 ? 0.5 : 0), 0) / sorted.length;
  return {
    first,
    second,
    difference,
    interval: {
      low: quantile(sorted, (1 - level) / 2),
      high: quantile(sorted, (1 + level) / 2),
      resamples: sorted.length,
    },
    probabilityFirstIsBetter: better,
  };
}
