// CheemsBench (arXiv 2502.17173), as the original's eval_rm computes it.

import type { Benchmark, BenchmarkScore, FileReport } from './benchmark';

/** The two metrics whose mean is a file's figure; undefined if its data rank nothing. */
export function headlineMetrics({ report }: FileReport): { accuracy: string; exactMatch: string } | undefined {
  if (report.basis === 'none') return undefined;
  return { accuracy: `accuracy-${report.basis}`, exactMatch: `exact_match-${report.basis}` };
}

/**
 * overall = mean over files of (accuracy-rank + exact_match-rank) / 2, each the mean over categories if there are any.
 * The original stops at a file without ranks; here such a file counts with accuracy-labels and exact_match-labels, and
 * the formula and a note say so.
 */
export const cheemsBench = {
  name: 'cheems-bench',
  description: 'CheemsBench: the mean over files of (accuracy + exact match) / 2',
  /** The mean over files of (accuracy + exact match) / 2. */
  overall(files: readonly FileReport[]): BenchmarkScore {
    const notes: string[] = [];
    const bases = new Set<string>();
    const values = files.map((file) => {
      const names = headlineMetrics(file);
      if (!names) {
        notes.push(`${file.name} has neither ranks nor annotated pairs, so the overall figure is not defined.`);
        return NaN;
      }
      bases.add(file.report.basis);
      const { cheems, extras } = file.report;
      const value = (name: string) => cheems[name] ?? extras[name]!;
      return (value(names.accuracy) + value(names.exactMatch)) / 2;
    });
    const over = files.length === 1 ? '' : 'mean over files of ';
    const term = (basis: string) => `(accuracy-${basis} + exact_match-${basis}) / 2`;
    const formula = `${over}${bases.has('rank') || bases.size === 0 ? term('rank') : term('labels')}${bases.size > 1 ? `, for files without ranks ${term('labels')}` : ''}`;
    return { overall: values.reduce((sum, value) => sum + value, 0) / values.length, formula, notes };
  },
} satisfies Benchmark;
