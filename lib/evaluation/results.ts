// An evaluation as files: results.json (figures and where they come from) and scores.jsonl (a row per response).

import { PACKAGE_NAME, packageVersion } from '../support/package_version';
import { EvaluationError } from './errors';
import { join } from 'node:path';
import { digestFile, writeFileAtomically } from '../files/atomic_file';
import { JoinedRecords, jsonPieces } from '../files/json_pieces';
import { makeFolders, whyNot } from '../files/output_checks';
import type { ScoreTable } from './benchmarks/benchmark';
import { describePrecision } from './compare_precision';
import type { EvaluatedFile, Evaluation } from './evaluate';
import { JUDGE_FORMULAS } from './metrics/judged';

export const RESULTS_NAMES = {
  results: 'results.json',
  scores: 'scores.jsonl',
  judgements: 'judgements.jsonl',
} as const;

/** What is written beside the results of an evaluation. */
export interface ResultsMeta {
  /** The command's options, as given and defaulted. */
  options?: Record<string, unknown>;
  seed?: number;
  /** Once aborted, the file under way is given up; those before it stay. */
  signal?: AbortSignal;
}

/** What a report tells of where its figures come from. */
export interface ResultsOrigin {
  date: string;
  data: readonly { file: string; sha256: string }[];
  package: { name: string; version: string };
  model: Record<string, unknown>;
}

/** Where the files went. */
export interface WrittenResults {
  results: string;
  scores: string;
  /** Of a judge: a row a judgement. */
  judgements?: string;
  /** What `results.json` tells of the origin of its figures, for `writeReport`. */
  meta: ResultsOrigin;
}

/** Makes the folder where it is missing and writes the files, each atomically, `results.json` last. */
export async function writeResults(
  folder: string,
  evaluation: Evaluation,
  meta: ResultsMeta = {},
): Promise<WrittenResults> {
  try {
    await makeFolders(folder);
  } catch (error) {
    throw new EvaluationError(`The output folder ${folder} could not be made: ${whyNot(error)}.`, { cause: error });
  }
  const results = await describe(evaluation, meta, (parts) => new JoinedRecords(parts));
  const written: WrittenResults = {
    results: join(folder, RESULTS_NAMES.results),
    scores: join(folder, RESULTS_NAMES.scores),
    meta: results['meta'] as ResultsOrigin,
  };
  if (evaluation.files.some(({ report }) => report.judge)) written.judgements = join(folder, RESULTS_NAMES.judgements);
  await writeFileAtomically(written.scores, scoreLines(evaluation.files), meta.signal);
  if (written.judgements !== undefined)
    await writeFileAtomically(written.judgements, judgementLines(evaluation.files), meta.signal);
  await writeFileAtomically(written.results, jsonPieces(results), meta.signal);
  return written;
}

/**
 * The content of `results.json`. `files` has, by data set, the original's metrics under the original's names, in its
 * order, then this package's own; `groups` has the benchmark's own tables, where it has any. A metric that is not
 * defined on the data is null, and so is the open end of a bin.
 */
export function describeResults(evaluation: Evaluation, meta: ResultsMeta = {}): Promise<Record<string, unknown>> {
  return describe(evaluation, meta, (parts) => Object.assign({}, ...parts) as Record<string, unknown>);
}

async function describe(
  evaluation: Evaluation,
  meta: ResultsMeta,
  join: (parts: Record<string, unknown>[]) => unknown,
): Promise<Record<string, unknown>> {
  const dataFiles = [...new Set(evaluation.files.flatMap(({ files }) => files))];
  return {
    overall: evaluation.overall,
    ...(evaluation.overallInterval ? { overall_interval: evaluation.overallInterval } : {}),
    formula: evaluation.formula,
    notes: evaluation.notes,
    ...(evaluation.tables ? { groups: groupsOf(evaluation.tables) } : {}),
    ...(evaluation.precisionComparison
      ? { precision_comparison: describePrecision(evaluation.precisionComparison) }
      : {}),
    files: Object.fromEntries(evaluation.files.map((file) => [file.name, join(describeFile(file))])),
    meta: {
      benchmark: evaluation.benchmark,
      predictor: evaluation.predictor.name,
      model: evaluation.predictor.description,
      data: await Promise.all(dataFiles.map(digestFile)),
      package: { name: PACKAGE_NAME, version: packageVersion() },
      node: process.version,
      date: new Date().toISOString(),
      seed: meta.seed ?? null,
      intervals: evaluation.bootstrap,
      scoring_seconds: evaluation.scoringSeconds,
      options: meta.options ?? {},
    },
  };
}

/** By table, row and column; an empty cell is left out. */
function groupsOf(tables: readonly ScoreTable[]): Record<string, Record<string, Record<string, number>>> {
  const cells = (columns: ScoreTable['columns'], values: readonly (number | undefined)[]) =>
    Object.fromEntries(columns.flatMap(({ name }, i) => (values[i] === undefined ? [] : [[name, values[i]]])));
  return Object.fromEntries(
    tables.map(({ title, columns, rows }) => [
      title,
      Object.fromEntries(rows.map(({ name, values }) => [name, cells(columns, values)])),
    ]),
  );
}

/** Parts without a common key. */
function describeFile(file: EvaluatedFile): Record<string, unknown>[] {
  const { cheems, extras, intervals, counts, judge, length, basis, notes } = file.report;
  return [
    cheems,
    extras,
    {
      basis,
      intervals,
      counts: { ...counts, unscoredResponses: file.unscoredResponses, truncatedResponses: file.truncatedResponses },
      ...(judge ? { judge: { ...judge, formulas: JUDGE_FORMULAS } } : {}),
      length: length ?? null,
      notes,
      data_report: file.dataReport,
    },
  ];
}

/**
 * One line per response; `reward` is null where it was not scored, `tokens` and `truncated` where the predictor does
 * not say.
 */
function* scoreLines(files: readonly EvaluatedFile[]): Generator<string> {
  for (const { name, prompts, scores } of files) {
    for (const [p, prompt] of prompts.entries()) {
      const { rewards, tokens, truncated } = scores[p]!;
      let lines = '';
      for (const [r, response] of prompt.responses.entries()) {
        const row = {
          file: name,
          prompt_id: prompt.id,
          response_id: response.id,
          reward: rewards[r],
          tokens: tokens?.[r] ?? null,
          truncated: truncated?.[r] ?? null,
        };
        lines += `${JSON.stringify(row)}\n`;
      }
      yield lines;
    }
  }
}

/** One line a judgement: which responses were shown first and second, and what the judge made of them. */
function* judgementLines(files: readonly EvaluatedFile[]): Generator<string> {
  for (const { name, prompts, scores } of files) {
    for (const [p, { id: promptId, responses }] of prompts.entries()) {
      let lines = '';
      for (const { chosen, rejected, judgements } of scores[p]!.comparisons ?? []) {
        for (const { first, second, ...rest } of judgements) {
          const ids = {
            chosen: responses[chosen]!.id,
            rejected: responses[rejected]!.id,
            first: responses[first]!.id,
            second: responses[second]!.id,
          };
          lines += `${JSON.stringify({ file: name, prompt_id: promptId, ...ids, ...rest })}\n`;
        }
      }
      if (lines !== '') yield lines;
    }
  }
}
