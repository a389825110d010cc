// `report.html`, `report.md` and `report.csv` beside `results.json`, and `prompts.jsonl`, which a comparison of
// evaluations needs.

import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeFileAtomically } from '../files/atomic_file';
import type { Evaluation } from '../evaluation/evaluate';
import { RESULTS_NAMES, type ResultsOrigin } from '../evaluation/results';
import { headlineMetrics } from '../evaluation/benchmarks/cheems_bench';
import { ChartMaker } from './charts';
import type { ReportContent } from './content';
import { reportPage } from './page';
import { precisionSection } from './precision';
import { promptLines } from './prompts';
import { benchmarkSection, fileSection, publishedSection } from './sections';
import { reportCsv, reportMarkdown } from './text_tables';

const REPORT_NAMES = {
  html: 'report.html',
  markdown: 'report.md',
  csv: 'report.csv',
  prompts: 'prompts.jsonl',
} as const;

/** Every file that an evaluation writes to its folder. */
export const RESULT_FILES: ReadonlySet<string> = new Set([
  ...Object.values(RESULTS_NAMES),
  ...Object.values(REPORT_NAMES),
]);

/** The files of a report. */
export interface WrittenReport {
  html: string;
  markdown: string;
  csv: string;
  prompts: string;
}

/**
 * Writes the report of an evaluation whose `results.json` is in the folder. Each file is written atomically.
 * @param origin what `writeResults` returned as `meta`; read from `results.json` if it is not given.
 */
export async function writeReport(
  folder: string,
  evaluation: Evaluation,
  origin?: ResultsOrigin,
): Promise<WrittenReport> {
  const content = await describeReport(evaluation, origin ?? (await readOrigin(folder)));
  const written = {
    html: join(folder, REPORT_NAMES.html),
    markdown: join(folder, REPORT_NAMES.markdown),
    csv: join(folder, REPORT_NAMES.csv),
    prompts: join(folder, REPORT_NAMES.prompts),
  };
  await writeFileAtomically(written.prompts, promptLines(evaluation.files));
  await writeFileAtomically(written.markdown, [reportMarkdown(content)]);
  await writeFileAtomically(written.csv, [reportCsv(content)]);
  await writeFileAtomically(written.html, [reportPage(content)]);
  return written;
}

async function readOrigin(folder: string): Promise<ResultsOrigin> {
  const { meta } = JSON.parse(await readFile(join(folder, 'results.json'), 'utf8')) as { meta: ResultsOrigin };
  return meta;
}

export async function describeReport(evaluation: Evaluation, meta: ResultsOrigin): Promise<ReportContent> {
  const charts = await ChartMaker.open();
  const digests = new Map(meta.data.map(({ file, sha256 }) => [file, sha256]));
  const published = publishedSection(evaluation, digests);
  const { files, bootstrap } = evaluation;
  const prompts = files.reduce((sum, { report }) => sum + report.counts.prompts, 0);
  const responses = files.reduce((sum, { report }) => sum + report.counts.responses, 0);
  return {
    title: `${evaluation.predictor.name} on ${evaluation.benchmark}`,
    facts: [
      ['data', files.map(({ name }) => name).join(', ')],
      ['prompts', String(prompts)],
      ['responses', String(responses)],
      ['written', `${meta.date.slice(0, 16).replace('T', ' ')} UTC`],
      ['scoring', `${evaluation.scoringSeconds.toPrecision(3)} s`],
      ...modelFacts(meta.model),
    ],
    headline: [
      { name: 'overall', value: evaluation.overall, interval: evaluation.overallInterval, note: evaluation.formula },
      ...(evaluation.tables ? [] : headlineFigures(evaluation)),
    ],
    sections: [
      ...(published?.isComparable ? [published.section] : []),
      ...benchmarkSection(evaluation),
      ...(evaluation.precisionComparison ? [precisionSection(evaluation.precisionComparison)] : []),
      ...(evaluation.notes.length > 0 && !evaluation.tables
        ? [{ title: 'Notes', paragraphs: evaluation.notes, tables: [], charts: [] }]
        : []),
      ...files.map((file) => fileSection(file, files.length > 1, charts)),
      ...(published && !published.isComparable ? [published.section] : []),
    ],
    footer:
      `${meta.package.name} ${meta.package.version}. Intervals: ${bootstrap.level * 100} %, bootstrap over ` +
      `prompts (${bootstrap.resamples} resamples, seed ${bootstrap.seed}). The figures in full: results.json; ` +
      'every reward: scores.jsonl.',
  };
}

function headlineFigures({ files }: Evaluation): ReportContent['headline'] {
  return files.flatMap((file) => {
    const names = headlineMetrics(file);
    if (!names) return [];
    const where = files.length > 1 ? `${basename(file.name)}: ` : '';
    return (
      [
        ['accuracy', names.accuracy],
        ['exact match', names.exactMatch],
      ] as const
    ).map(([label, name]) => ({
      name: `${where}${label}`,
      value: file.report.cheems[name] ?? file.report.extras[name]!,
      interval: file.report.intervals[name],
    }));
  });
}

/** The model's own facts that are text or numbers. */
function modelFacts(model: Record<string, unknown>): [string, string][] {
  return Object.entries(model).flatMap(([name, value]): [string, string][] =>
    typeof value === 'string' || typeof value === 'number' ? [[name.replaceAll('_', ' '), String(value)]] : [],
  );
}
