// What a benchmark is: how its files are read, how rewards become its headline figure, and what else is printed.

import type { JsonObject } from '../../data/fields';
import type { PreferencePrompt, Source } from '../../data/types';
import type { MetricReport } from '../metrics/types';
import type { PromptScores } from '../predictors/predictor';

/** A file's name and its metrics. */
export interface FileReport {
  name: string;
  report: MetricReport;
}

/** A file's prompts with their rewards; both lists have the same order. */
export interface ScoredFile<P extends PreferencePrompt = PreferencePrompt> extends FileReport {
  prompts: readonly P[];
  scores: readonly PromptScores[];
}

/** A table of figures under the benchmark's own names, printed as it is and stored in `results.json`. */
export interface ScoreTable {
  title: string;
  columns: readonly { name: string; kind: 'count' | 'share' | 'number' }[];
  /** One value per column; undefined: the cell is empty, NaN: not defined on these data. */
  rows: readonly { name: string; values: readonly (number | undefined)[] }[];
}

/** weight * sum of numerators / sum of denominators. Both lists have one entry per unit of the stratum. */
export interface FigureTerm {
  weight: number;
  numerators: Float64Array;
  denominators: Float64Array;
}

/**
 * Terms over the same units: a unit drawn counts in all of them. Units are drawn within their stratum, so that none is
 * ever empty.
 */
export type FigureStratum = readonly FigureTerm[];

/** The overall figure of a benchmark. */
export interface BenchmarkScore {
  /** NaN if it is not defined on these data; a note then says why. */
  overall: number;
  /** `overall` as a sum of shares over the units that its bootstrap draws. Absent: it gets no interval. */
  strata?: readonly FigureStratum[];
  /** What `overall` is, in words. */
  formula: string;
  notes: string[];
  /** The benchmark's own groups. Absent: the preference metrics of each file are the result. */
  tables?: ScoreTable[];
}

/** The published form of a benchmark's rows. */
export interface RowFormat<P extends PreferencePrompt = PreferencePrompt> {
  /** The fields of a row, for help and messages. */
  fields: string;
  /** @throws DataError at `source` if the row does not have this form. */
  read(row: JsonObject, source: Source): P;
}

/**
 * A benchmark. Rows read by `format` are never merged, whatever their prompts: each is one prompt of the published
 * count. Without a `format`, files are preference data of any form.
 */
export interface Benchmark<P extends PreferencePrompt = PreferencePrompt> {
  readonly name: string;
  readonly description: string;
  readonly format?: RowFormat<P>;
  /** Over all files together. Rewards may be null (not scored). */
  overall(files: readonly ScoredFile<P>[]): BenchmarkScore;
}
