// A benchmark says how the metrics of its files become one figure, and prints its formula beside it.

import type { MetricReport } from '../metrics';

export interface FileReport {
  name: string;
  report: MetricReport;
}

export interface BenchmarkScore {
  /** NaN where a file's figures are not defined. */
  overall: number;
  /** What `overall` is, in words that name the metrics. */
  formula: string;
  notes: string[];
}

export interface Benchmark {
  readonly name: string;
  readonly description: string;
  overall(files: readonly FileReport[]): BenchmarkScore;
}
