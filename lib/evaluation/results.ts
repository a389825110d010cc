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

/** What is written in addition to the results of an evaluation. */
export interface ResultsMeta {
  /** The command's options, as given and defaulted. */
  options?: Record<string, unknown>;
  seed?: number;
  /** Once aborted, the file being written is abandoned; those before it stay. */
  signal?: AbortSignal;
}

/** What a report says about the origin of its figures. */
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
  /** For a judge: a row per judgement. */
  judgements?: string;
  /** What `results.json` says about the origin of its figures, for `writeReport`. */
  meta: ResultsOrigin;
}

/** Creates the folder if it is missing and writes the files, each atomically, `results.json` last. */
export async function writeResults(
  folder: string,
  evaluation: Evaluation,
  meta: ResultsMeta = {},
): Promise<WrittenResults> {
  try {
    await makeFolders(folder);
  } catch (error) {
    throw new EvaluationError(`The output folder ${folder} could not be created: ${whyNot(error)}.`, { cause: error });
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
 * The content of `results.json`. `files` has, for each data set, the original's metrics under their original names and
 * in their order, then this package's own; `groups` has the benchmark's own tables, if it has any. A metric that is not
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

/** Values by table, row and column; empty cells are left out. */
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

/** Objects to be merged; no two share a key. */
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
 * One line per response; `reward` is null if it was not scored, `tokens` and `truncated` if the predictor does not
 * report them.
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

/** One line per judgement: which responses were shown first and second, and the judge's verdict on them. */
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
