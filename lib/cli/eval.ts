// `cheems-native eval`: the CheemsBench metrics of a reward model, or of any predictor.

import { basename, dirname, resolve } from 'node:path';
import { formatReport } from '../data/report';
import { evaluate, type Evaluation, type EvaluationDataset, type EvaluationProgress } from '../evaluation/evaluate';
import { findBenchmark, registeredBenchmarks } from '../evaluation/benchmarks/registry';
import { loadPredictor, registeredPredictors } from '../evaluation/predictors/registry';
import { readBenchmarkFile } from '../evaluation/benchmarks/read';
import { tableFor } from '../reporting/table';
import { RESULT_FILES, writeReport } from '../reporting/report';
import { writeResults, type WrittenResults } from '../evaluation/results';
import type { Predictor } from '../evaluation/predictors/predictor';
import { requireVerdicts } from '../evaluation/verdicts';
import { withFolderLock } from '../files/folder_lock';
import { checkOutputFolder } from '../files/output_checks';
import { readCheemsJudgeData } from '../judging/cheems_data';
import { rewardModelPredictor } from '../evaluation/predictors/reward_model';
import { choice, flag, number, paths, text } from '../options/kinds';
import { defineCommand } from './command';
import { UsageError } from './failure';
import { withInterrupts } from './interrupt';
import { checkJudgeOptions, describeSpending, isJudge, judgeOptions, openJudge, withoutSecrets } from './judge';
import { generationResources } from '../options/generation';
import { MODEL_FORMS, MODEL_NAME } from '../options/model';
import { modelFolder } from './named_model';
import type { OptionValues } from './options';
import { showProgress } from './progress';
import { withFlags } from './flags';
import { print, say } from './terminal';
import { loadScoringModel } from './scoring_model';
import { scoringResources, scoringSamples, scoringWeights } from '../options/scoring';

const FILES = 'Files';
const METRICS = 'Metrics';
const benchmarks = registeredBenchmarks() as [string, ...string[]];

function benchmarkList(): string {
  return benchmarks.map((name) => findBenchmark(name).description).join('; ');
}

export const evalOptions = {
  model_path: text({
    group: FILES,
    otherName: MODEL_NAME,
    describe: `trained reward model (required unless --predictor or --judge_model is given): ${MODEL_FORMS}`,
  }),
  predictor: text({
    group: FILES,
    describe:
      'use this instead of a reward model: a JavaScript module whose default export is definePredictor({...}), or ' +
      `one of: ${[...registeredPredictors(), 'judge'].join(', ')} (a language model that compares, see below)`,
  }),
  data_path: paths(
    {
      group: FILES,
      describe:
        'files of JSON lines, JSON arrays (both may be gzipped) or parquet; for CheemsBench each file is a ' +
        'separate data set, and the overall figure is the mean over the files',
    },
    1,
  ),
  output_dir: text({
    group: FILES,
    describe: 'folder for results.json, scores.jsonl, prompts.jsonl and the report: report.html, report.md, report.csv',
  }),
  benchmark: choice(benchmarks, benchmarks[0], {
    group: METRICS,
    describe:
      'the benchmark, that is, what the files contain and how the overall figure is computed: ' + `${benchmarkList()}`,
  }),
  bootstrap: number(
    2000,
    { from: 0, integer: true },
    { group: METRICS, describe: 'bootstrap resamples of the prompts for the 95 % intervals; 0: no intervals' },
  ),
  seed: number(0, { from: 0, to: 0xffffffff, integer: true }, { group: METRICS, describe: 'seed of the resampling' }),
  compare_precision: flag(false, {
    group: METRICS,
    describe:
      'score a second time in float32, and print how far --precision moves the rewards and how many pairs it flips',
  }),
  ...judgeOptions,
  ...scoringWeights,
  ...scoringSamples,
  ...scoringResources,
  ...generationResources,
};

export type EvalValues = OptionValues<typeof evalOptions>;

export const evalCommand = defineCommand({
  name: 'eval',
  options: evalOptions,
  examples: [
    ['eval --model_path runs/rm --data_path human.jsonl open.jsonl --output_dir runs/rm/eval', 'CheemsBench'],
    ['eval --predictor ./my-predictor.js --data_path test.jsonl', 'your own scorer'],
    [
      'eval --model_path runs/rm --benchmark rewardbench2 --data_path rewardbench2.parquet',
      'another benchmark, from its published file',
    ],
    [
      'eval --model_path runs/rm --data_path test.jsonl --precision bfloat16 --compare_precision',
      'how far bfloat16 moves rewards, and how many pairs it flips',
    ],
    [
      'eval --judge_endpoint http://localhost:8000/v1 --judge_model Qwen3-32B --data_path human.jsonl ' +
        '--output_dir runs/judge',
      'a language model as the judge',
    ],
    [
      'eval --judge_model Qwen/Qwen2.5-7B-Instruct --judge_mode logits --data_path human.jsonl --output_dir runs/judge',
      'a judge on this machine, by the probabilities of A and B',
    ],
    ['eval --predictor length --data_path test.jsonl', 'the result of always choosing the longer response'],
  ],
  notes:
    "No sample is cut by default, and each is built as the model's training built it (cheems.json in its " +
    'folder). The table goes to standard output. Rows with input_ids need no tokenizer.',
  run: (given) => {
    const values = settlePredictor(given);
    let isMeasured = false;
    return withInterrupts(
      () =>
        isMeasured
          ? 'Stopping; the figures are on standard output, and complete files are kept.'
          : announcement(values),
      async (signal) => {
        if ((values.model_path === undefined) === (values.predictor === undefined)) {
          throw new UsageError(
            'Give either --model_path (a reward model), --judge_model (a language model that compares) or ' +
              '--predictor (your own scorer).',
          );
        }
        if (values.dtype !== undefined && values.model_path === undefined) {
          throw new UsageError(
            `--dtype (${values.dtype}) rounds the weights of the reward model in --model_path, but there is ` +
              'none: leave it out.',
          );
        }
        if (values.compare_precision) checkComparison(values);
        if (values.truncation && values.max_length === undefined)
          throw new UsageError('--truncation needs --max_length: the length to cut to.');
        checkJudgeOptions(values);
        if (values.output_dir !== undefined) await checkResultsFolder(values.output_dir, values.data_path);
        await withFolderLock('--output_dir', values.output_dir, async () => {
          const datasets = await readDatasets(values, signal);
          const predictor = await openPredictor(values, signal);
          const total = datasets.reduce(
            (sum, { dataset }) => sum + dataset.prompts.reduce((n, { responses }) => n + responses.length, 0),
            0,
          );
          const progress = showScoring(total);
          try {
            const evaluation = await evaluate({
              datasets,
              predictor,
              benchmark: values.benchmark,
              bootstrap: { resamples: values.bootstrap, seed: values.seed },
              comparePrecision: values.compare_precision,
              signal,
              onProgress: progress.update,
            });
            progress.finish();
            const spending = isJudge(values) ? describeSpending(evaluation.predictor.description) : '';
            if (isJudge(values)) requireVerdictsOrSay(evaluation, spending);
            for (const line of predictor.notes?.() ?? []) say(line);
            isMeasured = true;
            print(tableFor(evaluation));
            if (isJudge(values)) print(`\n${withFlags(spending)}`);
            if (values.output_dir !== undefined) {
              const { written, report } = await writeFiles(values.output_dir, evaluation, values, signal);
              print(
                `\nresults: ${written.results}\nscores:  ` +
                  `${written.scores}\n${written.judgements === undefined ? '' : `judged:  ${written.judgements}\n`}report: ` +
                  ` ${report.html}\n`,
              );
            }
          } finally {
            progress.finish();
            await predictor.dispose?.();
          }
        });
      },
    );
  },
});

/** The progress of the scoring, and below it that of the second one, in float32. */
function showScoring(total: number) {
  const begin = (label: string) => ({
    display: showProgress({ label, unit: 'responses', total }),
    began: performance.now(),
  });
  let now = begin('eval');
  let isSecond = false;
  return {
    update: ({ done, tokens, precision }: EvaluationProgress): void => {
      if (precision !== undefined && !isSecond) {
        isSecond = true;
        now.display.finish();
        now = begin(`eval in ${precision}`);
      }
      const rate = (tokens ?? 0) / ((performance.now() - now.began) / 1000);
      now.display.update(done, tokens === undefined ? {} : { 'tokens/s': rate.toFixed(0) });
    },
    finish: () => now.display.finish(),
  };
}

/** @throws UsageError where `--compare_precision` has nothing to compare; `evaluate` knows what a device computes in. */
function checkComparison({ model_path: model, predictor, precision }: EvalValues): void {
  if (model === undefined) {
    throw new UsageError(
      `--compare_precision scores the reward model in --model_path twice, but --predictor ${predictor} scores here: ` +
        'leave it out.',
    );
  }
  if (precision === 'float32') {
    throw new UsageError(
      '--compare_precision compares with float32, and --precision float32 leaves nothing to compare: choose ' +
        'another --precision, or leave it out.',
    );
  }
}

/** Figures without any verdict are neither shown nor written; the answers are in the cache. @throws JudgeError */
function requireVerdictsOrSay(evaluation: Evaluation, spending: string): void {
  try {
    requireVerdicts(evaluation);
  } catch (error) {
    for (const line of spending.trimEnd().split('\n')) say(line);
    throw error;
  }
}

/** @throws Error if the files cannot be written, or would replace the data. */
async function checkResultsFolder(folder: string, dataFiles: readonly string[]): Promise<void> {
  await checkOutputFolder('--output_dir', folder);
  const data = dataFiles.find((file) => dirname(resolve(file)) === resolve(folder) && RESULT_FILES.has(basename(file)));
  if (data !== undefined)
    throw new UsageError(
      `--output_dir ${folder} would replace ${data}, which this evaluation reads; give another --output_dir.`,
    );
}

/** The figures have been printed. @throws Error that says which files were written and which were not. */
async function writeFiles(folder: string, evaluation: Evaluation, values: EvalValues, signal: AbortSignal) {
  let written: WrittenResults | undefined;
  try {
    written = await writeResults(folder, evaluation, { options: withoutSecrets(values), seed: values.seed, signal });
    return { written, report: await writeReport(folder, evaluation, written.meta) };
  } catch (error) {
    signal.throwIfAborted();
    const kept = written
      ? `The figures above and ${written.results} are complete; the report is not: run eval again to get it.`
      : 'The figures above are complete, but results.json was not written. Free space or choose another ' +
        '--output_dir, and run eval again.';
    throw new Error(`${(error as Error).message} ${kept}`, { cause: error });
  }
}

/** `--judge_model` alone implies `--predictor judge`, and eval says so. @throws UsageError if both are given. */
function settlePredictor(values: EvalValues): EvalValues {
  const { judge_model: judge, predictor, model_path: model } = values;
  if (judge === undefined || isJudge(values)) return values;
  if (predictor !== undefined) {
    throw new UsageError(
      `--judge_model ${judge} asks for a judge and --predictor ${predictor} for another scorer; leave one of them out.`,
    );
  }
  if (model !== undefined) {
    throw new UsageError(
      `--judge_model ${judge} asks for a judge and --model_path ${model} for a reward model; leave one of them out.`,
    );
  }
  say(`Predictor: judge, as --judge_model ${judge} asks.`);
  return { ...values, predictor: 'judge' };
}

function announcement(values: EvalValues): string {
  const again = '(Ctrl-C again exits at once.)';
  if (!isJudge(values)) return `Stopping; nothing is written. ${again}`;
  return values.judge_endpoint === undefined
    ? `Stopping; finished answers are kept. ${again}`
    : `Stopping once the pending answers have arrived. ${again}`;
}

async function readDatasets(values: EvalValues, signal: AbortSignal): Promise<EvaluationDataset[]> {
  const benchmark = findBenchmark(values.benchmark);
  const datasets: EvaluationDataset[] = [];
  for (const file of values.data_path) {
    if (datasets.some(({ name }) => name === file))
      throw new UsageError(`--data_path names ${file} twice; give each file only once.`);
    const asOriginalJudge = isJudge(values) && values.compat === 'cheems' && !benchmark.format;
    const dataset = asOriginalJudge
      ? await readCheemsJudgeData(file, signal)
      : await readBenchmarkFile(benchmark, file, { compat: values.compat, signal });
    for (const line of formatReport(dataset.report)) say(`${file}: ${line}`);
    datasets.push({ name: file, files: [file], dataset });
  }
  return datasets;
}

async function openPredictor(values: EvalValues, signal: AbortSignal): Promise<Predictor> {
  if (isJudge(values)) return openJudge(values, signal);
  if (values.predictor !== undefined) return loadPredictor(values.predictor);
  const folder = await modelFolder(values.model_path!, signal);
  return rewardModelPredictor(await loadScoringModel(folder, values, signal, values.compare_precision));
}
