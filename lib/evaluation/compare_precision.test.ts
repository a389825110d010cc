// evaluate({ comparePrecision: true }): figures of the same predictor in another precision and in float32.

import test from 'ava';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { datasetFromRows } from '../data/dataset';
import { formatEvaluation } from '../reporting/table';
import { describeReport, writeReport } from '../reporting/report';
import { RewardModel } from '../scoring/reward_model';
import { evaluate, type EvaluationDataset, type EvaluationProgress } from './evaluate';
import type { Predictor } from './predictors/predictor';
import { rewardModelPredictor } from './predictors/reward_model';
import { writeResults } from './results';

type Rewards = Record<string, number | null>;

/** Rewards by the response's text; `events` tells what was loaded, scored and freed, in order. */
function predictor(bfloat16: Rewards, float32: Rewards) {
  const events: string[] = [];
  const make = (precision: 'bfloat16' | 'float32', rewards: Rewards): Predictor => ({
    name: 'by text',
    precision,
    scorePrompts: async (prompts, { onProgress }) => {
      events.push(`score ${precision}`);
      onProgress?.({ done: 1, total: 2 });
      return prompts.map(({ responses }) => ({ rewards: responses.map(({ content }) => rewards[content!]!) }));
    },
    dispose: () => void events.push(`free ${precision}`),
    ...(precision === 'float32'
      ? {}
      : {
          inFloat32: async () => {
            events.push('free bfloat16', 'load float32');
            return make('float32', float32);
          },
        }),
  });
  return { predictor: make('bfloat16', bfloat16), events };
}

const pairs = (name: string, ...rows: [chosen: string, rejected: string][]): EvaluationDataset => ({
  name,
  dataset: datasetFromRows(
    rows.map(([chosen, rejected], i) => ({ prompt: `question ${i}`, chosen, rejected })),
    name,
  ),
});

const float32 = { a: 1, b: 0, c: 2, d: 1.5, e: 0.5, f: 0.5, g: -1, h: 1 };
/** c and d turn around; the tie of e and f is broken for the rejected one: both are not right. */
const bfloat16 = { ...float32, c: 1.25, e: 0.375 };
const rows: [string, string][] = [
  ['a', 'b'],
  ['c', 'd'],
  ['e', 'f'],
  ['g', 'h'],
];
const bootstrap = { resamples: 0 };

test('flipped pairs, figures in both precisions and shifts, by data set', async (t) => {
  const { precisionComparison, ...rest } = await evaluate({
    datasets: [pairs('one', ...rows), pairs('two', ['a', 'b'])],
    predictor: predictor(bfloat16, float32).predictor,
    comparePrecision: true,
    bootstrap,
  });
  const { precision, overall, files } = precisionComparison!;
  t.is(precision, 'bfloat16');
  t.like(files[0], {
    name: 'one',
    accuracy: { chosen: 1 / 4, float32: 2 / 4 },
    // a tie passes the exact match, so e and f count as one in float32 alone
    exactMatch: { chosen: 1 / 4, float32: 3 / 4 },
    shift: { pairs: 4, changedPairs: 1, largestShift: 0.75, rmsShift: Math.sqrt((0.75 ** 2 + 0.125 ** 2) / 8) },
  });
  t.like(files[1], {
    name: 'two',
    accuracy: { chosen: 1, float32: 1 },
    shift: { pairs: 1, changedPairs: 0, largestShift: 0, rmsShift: 0, standardDeviation: 0.5 },
  });
  t.deepEqual(overall, { chosen: (1 / 4 + 1) / 2, float32: (5 / 8 + 1) / 2 });
  t.is(rest.overall, overall.chosen, 'all other figures are those of the chosen precision');
});

test('a tie that becomes a right verdict, and a right one that becomes a tie, are flipped', async (t) => {
  const compare = async (chosen: Rewards, exact: Rewards) => {
    const datasets = [pairs('one', ['a', 'b'])];
    const options = { datasets, predictor: predictor(chosen, exact).predictor, comparePrecision: true, bootstrap };
    return (await evaluate(options)).precisionComparison!.files[0]!.shift.changedPairs;
  };
  t.is(await compare({ a: 1, b: 0 }, { a: 1, b: 1 }), 1);
  t.is(await compare({ a: 1, b: 1 }, { a: 1, b: 0 }), 1);
  t.is(await compare({ a: 1, b: 1 }, { a: 0, b: 1 }), 0, 'wrong in both');
  t.is(await compare({ a: 1, b: 1 }, { a: 1, b: 1 }), 0);
});

test('ranked data: every pair of different ranks; responses that were not scored are left out', async (t) => {
  const responses = ['a', 'b', 'c', 'd'].map((content) => ({ id: content, content }));
  const row = { id: '0', input: 'question', responses, rank: { a: '1', b: '2', c: '2', d: '3' } };
  const { predictor: own } = predictor({ a: 1, b: 2, c: 0, d: null }, { a: 1, b: 0.5, c: 0, d: null });
  const { precisionComparison } = await evaluate({
    datasets: [{ name: 'ranked', dataset: datasetFromRows([row], 'ranked') }],
    predictor: own,
    comparePrecision: true,
    bootstrap,
  });
  t.like(precisionComparison!.files[0], {
    accuracy: { chosen: 1 / 2, float32: 1 },
    shift: { pairs: 2, changedPairs: 1, largestShift: 1.5 },
  });
});

test('the first model is freed before the second is loaded, progress says which is scored, nothing stays', async (t) => {
  const { predictor: own, events } = predictor(bfloat16, float32);
  const progress: (EvaluationProgress['precision'] | 'chosen')[] = [];
  const datasets = [pairs('one', ...rows)];
  await evaluate({
    datasets,
    predictor: own,
    comparePrecision: true,
    bootstrap,
    onProgress: ({ precision }) => progress.push(precision ?? 'chosen'),
  });
  t.deepEqual(events, ['score bfloat16', 'free bfloat16', 'load float32', 'score float32', 'free float32']);
  t.deepEqual(progress, ['chosen', 'chosen', 'float32', 'float32']);

  const stopped = predictor(bfloat16, float32);
  const controller = new AbortController();
  await t.throwsAsync(
    evaluate({
      datasets,
      predictor: stopped.predictor,
      comparePrecision: true,
      bootstrap,
      signal: controller.signal,
      onProgress: ({ precision }) => precision && controller.abort(new Error('enough')),
    }),
    { message: 'enough' },
  );
  t.is(stopped.events.at(-1), 'free float32');
});

test('what is no reward model, and float32 itself, are refused before anything is scored', async (t) => {
  const datasets = [pairs('one', ...rows)];
  const score = () => t.fail('scored');
  await t.throwsAsync(evaluate({ datasets, predictor: { name: 'mine', score }, comparePrecision: true }), {
    name: 'EvaluationError',
    message: '`comparePrecision` is for reward models of this package, but "mine" is none; leave it out.',
  });
  const { predictor: own, events } = predictor(bfloat16, float32);
  const exact = { ...own, precision: 'float32' as const };
  await t.throwsAsync(evaluate({ datasets, predictor: exact, comparePrecision: true }), {
    name: 'EvaluationError',
    message: /compares with float32, and "by text" computes in float32 here; choose `precision: bfloat16` \(on a GPU/,
  });
  t.deepEqual(events, []);
});

test('results.json, the table and the report tell it; without the option nothing of it is there', async (t) => {
  const options = { datasets: [pairs('one.jsonl', ...rows)], bootstrap };
  const evaluation = await evaluate({
    ...options,
    predictor: predictor(bfloat16, float32).predictor,
    comparePrecision: true,
  });
  const folder = mkdtempSync(join(tmpdir(), 'precision-'));
  const { results, meta } = await writeResults(folder, evaluation);
  const { precision, overall, scoring_seconds, files } = JSON.parse(readFileSync(results, 'utf8')).precision_comparison;
  t.is(precision, 'bfloat16');
  t.deepEqual(overall, { bfloat16: 1 / 4, float32: 5 / 8 });
  t.deepEqual(Object.keys(scoring_seconds), ['bfloat16', 'float32']);
  t.like(files['one.jsonl'], {
    accuracy: { bfloat16: 1 / 4, float32: 1 / 2 },
    exact_match: { bfloat16: 1 / 4, float32: 3 / 4 },
    pairs: 4,
    flipped_pairs: 1,
    largest_difference: 0.75,
  });

  const text = formatEvaluation(evaluation);
  t.regex(
    text,
    / +accuracy +exact match\nbfloat16 +0\.250 +0\.250\nfloat32 +0\.500 +0\.750\n1 of 4 pairs are flipped\./,
  );
  t.regex(text, /moves rewards by 0\.269 \(root mean square; 0\.750 at most\), 0\.3\d of their standard deviation of/);
  t.regex(text, /overall in float32 = 0\.625\nA flipped pair is right in one precision and not in the other; a tie/);
  for (const line of formatEvaluation(evaluation, { lines: true, width: 40 }).split('\n'))
    t.true(line.length <= 40, line);
  const { html } = await writeReport(folder, evaluation, meta);
  t.regex(readFileSync(html, 'utf8'), /bfloat16 beside float32/);
  const { sections } = await describeReport(evaluation, meta);
  const section = sections.find(({ title }) => title.includes('beside float32'));
  t.deepEqual(section!.tables[0]!.rows[0]!.cells.slice(0, 7), ['one.jsonl', 1 / 4, 1 / 2, 1 / 4, 3 / 4, 4, 1]);

  const alone = await evaluate({ ...options, predictor: predictor(bfloat16, float32).predictor });
  t.is(alone.precisionComparison, undefined);
  t.notRegex(formatEvaluation(alone), /float32|flipped/);
});

test("a benchmark with tables of its own: its figure in float32, and the pairs' flips", async (t) => {
  const evaluation = await evaluate({
    datasets: [pairs('one', ...rows)],
    predictor: predictor(bfloat16, float32).predictor,
    benchmark: 'pairs',
    comparePrecision: true,
    bootstrap,
  });
  t.deepEqual(evaluation.precisionComparison!.overall, { chosen: 1 / 4, float32: 1 / 2 });
  const text = formatEvaluation(evaluation);
  t.regex(text, /1 of 4 pairs are flipped\.[^]*overall = 0\.250[^]*overall in float32 = 0\.500/);
});

test('a reward model: loaded again in float32, with the rewards of a float32 run; its notes stay', async (t) => {
  const folder = join(__dirname, '../../fixtures/reference/models/cheems-vhead');
  const ids = (seed: number) => Array.from({ length: 12 }, (_, i) => (i * 7 + seed * 13) % 100);
  const rowsOfIds = Array.from({ length: 6 }, (_, i) => ({ chosen_ids: ids(2 * i), rejected_ids: ids(2 * i + 1) }));
  const datasets = [{ name: 'ids', dataset: datasetFromRows(rowsOfIds, 'ids') }];
  const model = await RewardModel.load(folder, { device: 'cpu', precision: 'bfloat16' });
  const own = rewardModelPredictor(model);
  const run = evaluate({ datasets, predictor: own, comparePrecision: true, bootstrap });
  if (model.precision === 'float32') {
    await t.throwsAsync(run, { message: /computes in float32 here/ });
    await own.dispose?.();
    return;
  }
  const { precisionComparison, files } = await run;
  t.true(model.disposed);
  t.deepEqual(own.notes?.(), []);
  await own.dispose?.();
  await using exact = await RewardModel.load(folder, { device: 'cpu' });
  const expected = await evaluate({ datasets, predictor: rewardModelPredictor(exact), bootstrap });
  const shifts = files[0]!.scores.flatMap(({ rewards }, p) =>
    rewards.map((reward, r) => Math.abs(reward! - expected.files[0]!.scores[p]!.rewards[r]!)),
  );
  t.true(Math.max(...shifts) > 0);
  t.is(precisionComparison!.files[0]!.shift.largestShift, Math.max(...shifts));
  t.is(precisionComparison!.overall.float32, expected.overall);
});
