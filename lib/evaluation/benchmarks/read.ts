// A benchmark's file -> prompts, in its published form.

import { DataError, show } from '../../data/errors';
import { readPreferenceDataset } from '../../data/dataset';
import type { ReadOptions } from '../../data/read_options';
import { isObject } from '../../support/is_object';
import { emptyReport, note } from '../../data/report';
import { readRows } from '../../data/rows';
import type { PreferenceDataset, PreferencePrompt } from '../../data/types';
import type { Benchmark } from './benchmark';

/**
 * Reads one file (JSON lines, a JSON array or parquet). Rows of a benchmark with a form of its own are never merged.
 * @throws DataError with file and line; the signal's reason when aborted.
 */
export async function readBenchmarkFile(
  benchmark: Benchmark,
  file: string,
  options: Pick<ReadOptions, 'compat' | 'signal'> = {},
): Promise<PreferenceDataset> {
  const { format } = benchmark;
  if (!format) return readPreferenceDataset(file, options);
  const report = emptyReport();
  const prompts: PreferencePrompt[] = [];
  const ids = new Set<string>();
  let rows = 0;
  for await (const { value, line } of readRows(file, {
    signal: options.signal,
    onBlankLine: (line) => note(report, 'blankLines', { file, line }),
  })) {
    const source = { file, line };
    if (!isObject(value))
      throw new DataError(
        source,
        `a row must be a JSON object, but is ${show(value)}; a row of ${benchmark.name} is ${format.fields}`,
      );
    const prompt = format.read(value, source);
    if (ids.has(prompt.id)) note(report, 'repeatedIds', source);
    ids.add(prompt.id);
    prompts.push(prompt);
    rows += 1;
  }
  if (rows === 0) throw new DataError({ file }, 'the file is empty: it holds no row');
  report.files.push({ file, rows });
  return { prompts, categories: [...new Set(prompts.flatMap(({ category }) => category ?? []))], report };
}
