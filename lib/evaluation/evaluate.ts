// From data and a predictor to metrics: what `cheems-native eval` runs, and what your own tools can call.

import { EvaluationError } from './errors';
import { formatReport } from '../data/report';
import type { PreferenceDataset, PreferencePrompt } from '../data/types';
import { figureIntervalBlocks } from './benchmarks/figure';
import { findBenchmark } from './benchmarks/registry';
import {
  fileComparisonBlocks,
  requireComparable,
  type ComparablePredictor,
  type FilePrecision,
  type PrecisionComparison,
} from './compare_precision';
import type { ScoredFile, ScoreTable } from './benchmarks/benchmark';
import { reasonsWithoutVerdict } from './verdict_reasons';
import { responseLengths } from './lengths';
import { computeMetricsInBlocks } from './metrics/compute';
import type { BootstrapOptions, Interval, Judgement, JudgeStatistics, LengthUnit, MetricPrompt } from './metrics/types';
import { runInBlocks, type Blocks } from './metrics/blocks';
import { PROMPTS_A_BLOCK } from './metrics/groups';
import { definePredictor, runPredictor } from './predictors/define';
import type { Predictor, PredictorDefinition, PromptScores } from './predictors/predictor';

/** A data set that is evaluated, with its name in the results. */
export interface EvaluationDataset {
  /**
   * The name in tables and `results.json`, usually the file as the user gave it. Every data set of an evaluation needs
   * a different one.
   */
  name: string;
  /** The files that it was read from: `writeResults` records their digests. */
  files?: readonly string[];
  /** As `readPreferenceDataset` or `datasetFromRows` gives it. */
  dataset: Pick<PreferenceDataset, 'prompts'> & Partial<PreferenceDataset>;
}

/** What `onProgress` receives while data sets are scored. */
export interface EvaluationProgress {
  /** The data set being scored. */
  name: string;
  /** Responses of all data sets. */
  done: number;
  /** Responses of all data sets. */
  total: number;
  /** Tokens computed so far, if the predictor counts them. */
  tokens?: number;
  /** Present while the data sets are scored a second time, for `comparePrecision`; the counts begin anew. */
  precision?: 'float32';
}

/** What is evaluated, and how. */
export interface EvaluateOptions {
  /** The data sets; each has its own metrics. */
  datasets: readonly EvaluationDataset[];
  /** The source of the rewards; it is not disposed of, but see `comparePrecision`. */
  predictor: Predictor | PredictorDefinition;
  /** 'cheems-bench' by default. */
  benchmark?: string;
  /**
   * Score again in float32, and tell how rewards and figures differ. For `rewardModelPredictor`: its model is disposed
   * of when it has scored, then loaded again in float32, so that memory for one suffices. Default: false.
   */
  comparePrecision?: boolean;
  /** The resampling for the intervals. */
  bootstrap?: BootstrapOptions;
  /** Rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Called as responses are scored. */
  onProgress?: (progress: EvaluationProgress) => void;
}

export interface EvaluatedFile extends ScoredFile {
  files: readonly string[];
  /** What was not scored or was cut; part of the report's notes. */
  scoringNotes: string[];
  /** The input of the metrics: without unscored responses, with a judge's prompts of one question merged into one. */
  measured: readonly MetricPrompt[];
  unscoredResponses: number;
  truncatedResponses: number;
  /** What reading the data counted and merged. */
  dataReport: string[];
}

/** The result of an evaluation: the overall figure, and the report of each data set. */
export interface Evaluation {
  predictor: { name: string; description: Record<string, unknown> };
  benchmark: string;
  overall: number;
  /**
   * Interval of `overall`, from drawing the benchmark's prompts; absent without resamples, and for CheemsBench, whose
   * files' metrics have their own.
   */
  overallInterval?: Interval;
  formula: string;
  notes: string[];
  /** The benchmark's own groups; absent if its result is the files' preference metrics. */
  tables?: ScoreTable[];
  files: EvaluatedFile[];
  bootstrap: Required<BootstrapOptions>;
  /** Wall time of the scoring alone. */
  scoringSeconds: number;
  /** The same in float32, where `comparePrecision` asked for it. */
  precisionComparison?: PrecisionComparison;
}

/**
 * Scores every response of every data set and measures the rewards. The predictor is not disposed of (but see
 * `comparePrecision`): it belongs to the caller.
 * @throws PredictorError, DataError, or the signal's reason when aborted.
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  const predictor = definePredictor(options.predictor);
  const benchmark = findBenchmark(options.benchmark ?? 'cheems-bench');
  const bootstrap = { resamples: 2000, seed: 0, level: 0.95, ...options.bootstrap };
  requireDatasets(options.datasets);
  const comparable = options.comparePrecision ? requireComparable(predictor) : undefined;
  const { files, scoringSeconds } = await scoreAndMeasure(predictor, options, bootstrap);
  const { strata, ...score } = benchmark.overall(files);
  const overallInterval = strata && (await runInBlocks(figureIntervalBlocks(strata, bootstrap), options.signal));
  const evaluation: Evaluation = {
    predictor: { name: predictor.name, description: predictor.describe?.() ?? {} },
    benchmark: benchmark.name,
    ...score,
    ...(overallInterval ? { overallInterval } : {}),
    files,
    bootstrap,
    scoringSeconds,
  };
  if (comparable) evaluation.precisionComparison = await comparePrecision(comparable, evaluation, options);
  return evaluation;
}

/** Scores once more, by the same model in float32. */
async function comparePrecision(
  predictor: ComparablePredictor,
  evaluation: Evaluation,
  options: EvaluateOptions,
): Promise<PrecisionComparison> {
  const { signal, onProgress } = options;
  const { precision } = predictor;
  const float32 = await predictor.inFloat32(signal);
  try {
    const again: EvaluateOptions = {
      ...options,
      ...(onProgress ? { onProgress: (progress) => onProgress({ ...progress, precision: 'float32' }) } : {}),
    };
    const { files, scoringSeconds } = await scoreAndMeasure(float32, again, { resamples: 0 });
    const compared: FilePrecision[] = [];
    for (const [i, file] of evaluation.files.entries())
      compared.push(await runInBlocks(fileComparisonBlocks(file, files[i]!), signal));
    return {
      precision,
      overall: { chosen: evaluation.overall, float32: findBenchmark(evaluation.benchmark).overall(files).overall },
      scoringSeconds: { chosen: evaluation.scoringSeconds, float32: scoringSeconds },
      files: compared,
    };
  } finally {
    await float32.dispose?.();
  }
}

async function scoreAndMeasure(
  predictor: Predictor,
  options: EvaluateOptions,
  bootstrap: BootstrapOptions,
): Promise<{ files: EvaluatedFile[]; scoringSeconds: number }> {
  const categories = categoriesOf(options.datasets);
  const start = performance.now();
  const scores = await scoreAll(predictor, options);
  const scoringSeconds = (performance.now() - start) / 1000;
  const files: EvaluatedFile[] = [];
  for (const [i, dataset] of options.datasets.entries())
    files.push(await measureFile(dataset, scores[i]!, categories, bootstrap, options.signal));
  return { files, scoringSeconds };
}

function requireDatasets(datasets: readonly EvaluationDataset[]): void {
  if (datasets.length === 0) throw new EvaluationError('There is nothing to evaluate: no data set was given.');
  const names = new Set<string>();
  for (const { name, dataset } of datasets) {
    if (names.has(name))
      throw new EvaluationError(
        `Two data sets are named "${name}"; their results could not be told apart. Give each file once.`,
      );
    if (dataset.prompts.length === 0)
      throw new EvaluationError(`The data set "${name}" holds no prompt, so there is nothing to evaluate.`);
    names.add(name);
  }
}

/**
 * In the order of their first occurrence: the original numbers categories over all files of an evaluation.
 */
function categoriesOf(datasets: readonly EvaluationDataset[]): string[] {
  const all = datasets.flatMap(({ dataset }) => dataset.prompts.map((prompt) => prompt.category));
  return [...new Set(all)].filter((category) => category !== undefined);
}

async function scoreAll(
  predictor: Predictor,
  { datasets, signal, onProgress }: EvaluateOptions,
): Promise<PromptScores[][]> {
  const total = datasets.reduce((sum, { dataset }) => sum + responsesOf(dataset.prompts), 0);
  const all: PromptScores[][] = [];
  let before = 0;
  let tokensBefore = 0;
  for (const { name, dataset } of datasets) {
    let tokens: number | undefined;
    const report = (done: number) =>
      onProgress?.({
        name,
        done: before + done,
        total,
        ...(tokens === undefined ? {} : { tokens: tokensBefore + tokens }),
      });
    report(0);
    all.push(
      await runPredictor(predictor, dataset.prompts, {
        ...(signal ? { signal } : {}),
        onProgress: (progress) => {
          tokens = progress.tokens ?? tokens;
          report(progress.done);
        },
      }),
    );
    before += responsesOf(dataset.prompts);
    tokensBefore += tokens ?? 0;
  }
  return all;
}

const responsesOf = (prompts: readonly PreferencePrompt[]) =>
  prompts.reduce((sum, prompt) => sum + prompt.responses.length, 0);

async function measureFile(
  { name, files, dataset }: EvaluationDataset,
  scores: PromptScores[],
  categories: string[],
  bootstrap: BootstrapOptions,
  signal?: AbortSignal,
): Promise<EvaluatedFile> {
  const count = (test: (scores: PromptScores) => number) => scores.reduce((sum, entry) => sum + test(entry), 0);
  const unscoredResponses = count(({ rewards }) => rewards.filter((reward) => reward === null).length);
  const truncatedResponses = count(({ truncated }) => truncated?.filter(Boolean).length ?? 0);
  const { prompts, lengthUnit } = await runInBlocks(metricPrompts(dataset.prompts, scores), signal);
  const report = await computeMetricsInBlocks(
    { prompts, categories, bootstrap, ...(lengthUnit ? { lengthUnit } : {}) },
    signal,
  );
  const scoringNotes: string[] = [];
  if (report.judge) scoringNotes.push(...judgeNotes(report.judge, unscoredResponses));
  else if (unscoredResponses > 0) {
    const lost = dataset.prompts.length - prompts.length;
    scoringNotes.push(
      'Responses that were not scored and count in no metric: ' +
        `${unscoredResponses}${lost > 0 ? `; prompts left out because fewer than two of their responses were scored: ${lost}` : ''}.`,
    );
  }
  if (truncatedResponses > 0)
    scoringNotes.push(
      `Responses that were too long and were scored with their beginning cut off: ${truncatedResponses}.`,
    );
  report.notes.push(...scoringNotes);
  const dataReport = dataset.report ? formatReport(dataset.report) : [];
  return {
    name,
    files: files ?? [],
    prompts: dataset.prompts,
    scores,
    measured: prompts,
    report,
    scoringNotes,
    unscoredResponses,
    truncatedResponses,
    dataReport,
  };
}

function judgeNotes(
  { judgements, unparsable, unparsable_because: because }: JudgeStatistics,
  responsesWithoutPair: number,
): string[] {
  const notes: string[] = [];
  if (unparsable > 0) {
    notes.push(
      `Judgements without a verdict, which never make a pair right: ${unparsable} of ${judgements} ` +
        `(${reasonsWithoutVerdict(because)}).`,
    );
  }
  if (responsesWithoutPair > 0)
    notes.push(`Responses that are in no pair of known order and were not judged: ${responsesWithoutPair}.`);
  return notes;
}

/** The metrics' input: without unscored responses and the prompts that cannot be compared without them. */
function* metricPrompts(
  prompts: readonly PreferencePrompt[],
  scores: readonly PromptScores[],
): Blocks<{ prompts: MetricPrompt[]; lengthUnit: LengthUnit | undefined }> {
  const measured = yield* responseLengths(prompts);
  const hasPairs = prompts.some((prompt) => prompt.pairs.length > 0);
  if (scores.some(({ comparisons }) => comparisons))
    return { prompts: judgedPrompts(prompts, scores, measured?.lengths), lengthUnit: measured?.unit };
  const list: MetricPrompt[] = [];
  for (const [p, prompt] of prompts.entries()) {
    if (p % PROMPTS_A_BLOCK === 0) yield;
    const { rewards } = scores[p]!;
    const kept = rewards.flatMap((reward, i) => (reward === null ? [] : [i]));
    if (kept.length < rewards.length && kept.length < 2) continue;
    const places = new Map(kept.map((response, place) => [response, place]));
    const pick = (values: ArrayLike<number>) => kept.map((i) => values[i]!);
    list.push({
      id: `${prompt.id} (${prompt.source.file}:${prompt.source.line})`,
      rewards: kept.map((i) => rewards[i]!),
      ...(prompt.ranks ? { ranks: pick(prompt.ranks) } : {}),
      ...(hasPairs ? { pairs: keptPairs(prompt.pairs, places) } : {}),
      ...(prompt.category === undefined ? {} : { category: prompt.category }),
      ...(measured ? { lengths: pick(measured.lengths[p]!) } : {}),
    });
  }
  return { prompts: list, lengthUnit: measured?.unit };
}

/**
 * For a judge the comparisons count. Prompts that are the same question (`PromptScores.question`) are measured as one.
 */
function judgedPrompts(
  prompts: readonly PreferencePrompt[],
  scores: readonly PromptScores[],
  lengths: number[][] | undefined,
): MetricPrompt[] {
  const byQuestion = new Map<string | PreferencePrompt, MetricPrompt>();
  for (const [p, prompt] of prompts.entries()) {
    const { comparisons = [], question } = scores[p]!;
    const key = question ?? prompt;
    const known = byQuestion.get(key);
    const before = known?.rewards.length ?? 0;
    const moved = comparisons.map((comparison) => ({
      ...comparison,
      chosen: before + comparison.chosen,
      rejected: before + comparison.rejected,
      judgements: moveJudgements(comparison.judgements, before),
    }));
    const join = (name: 'ranks' | 'lengths', own: readonly number[] | undefined) =>
      own ? { [name]: [...Array.from(known?.[name] ?? []), ...own] } : {};
    byQuestion.set(key, {
      id: known?.id ?? `${prompt.id} (${prompt.source.file}:${prompt.source.line})`,
      rewards: new Float32Array(before + prompt.responses.length),
      ...join('ranks', prompt.ranks),
      ...join('lengths', lengths?.[p]),
      ...(prompt.category === undefined ? {} : { category: prompt.category }),
      comparisons: [...(known?.comparisons ?? []), ...moved],
    });
  }
  return [...byQuestion.values()];
}

const moveJudgements = (judgements: readonly Judgement[], by: number) =>
  judgements.map((judgement) => ({ ...judgement, first: judgement.first + by, second: judgement.second + by }));

function keptPairs(pairs: PreferencePrompt['pairs'], places: ReadonlyMap<number, number>): [number, number][] {
  return pairs.flatMap(([chosen, rejected]) => {
    const [better, worse] = [places.get(chosen), places.get(rejected)];
    return better === undefined || worse === undefined ? [] : [[better, worse]];
  });
}
