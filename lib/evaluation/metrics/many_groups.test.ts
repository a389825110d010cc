// Data with as many categories as prompts: the cost depends on the prompts alone, and the process stays responsive.

import test from 'ava';
import { formatEvaluation } from '../../reporting/table';
import { evaluate, type Evaluation } from '../evaluate';
import type { PromptScores } from '../predictors/predictor';
import type { PreferencePrompt } from '../../data/types';
import { runInBlocks, type Blocks } from './blocks';
import { percentileInterval, randomSource } from './bootstrap';
import { computeMetrics, isFigureOfWhole } from './compute';
import type { MetricPrompt } from './types';

const RESAMPLES = 50;

/** Prompts of categories c0, c1 … with one to three prompts each; every third prompt is wrong. */
function prompts(categories: number): MetricPrompt[] {
  return Array.from({ length: categories }, (_, c) => c).flatMap((c) =>
    Array.from({ length: 1 + (c % 3) }, (_, i) => ({
      rewards: (c + i) % 3 === 0 ? [0, 1] : [1, 0],
      ranks: [1, 2],
      category: `c${c}`,
    })),
  );
}

/** A plain version of `bootstrap` that keeps all resampled values of all groups. */
function plainIntervals(list: readonly MetricPrompt[], resamples: number) {
  const names = [...new Set(list.map(({ category }) => category!))];
  const groups = names.map((name) =>
    list.filter(({ category }) => category === name).map(({ rewards }) => (rewards[0]! > rewards[1]! ? 1 : 0)),
  );
  const random = randomSource(0);
  const own = groups.map(() => new Float64Array(resamples));
  const average = new Float64Array(resamples);
  for (let resample = 0; resample < resamples; resample++) {
    for (const [g, group] of groups.entries()) {
      let right = 0;
      for (let i = 0; i < group.length; i++) right += group[random(group.length)]!;
      own[g]![resample] = right / group.length;
      average[resample]! += right / group.length / groups.length;
    }
  }
  return { own: own.map((values) => percentileInterval(values, 0.95)!), average: percentileInterval(average, 0.95)! };
}

test('intervals of few categories and of the mean are those of the plain form, to the bit', (t) => {
  const list = prompts(30);
  const { intervals } = computeMetrics({ prompts: list, bootstrap: { resamples: RESAMPLES } });
  const { own, average } = plainIntervals(list, RESAMPLES);
  t.deepEqual(intervals['accuracy-rank'], average);
  for (const [c, interval] of own.entries()) t.deepEqual(intervals[`accuracy-rank-c${c}`], interval);
});

test('of many categories the largest have intervals, all have figures, and a note says so', (t) => {
  const list = prompts(3000);
  const few = prompts(60);
  t.is(
    Object.keys(computeMetrics({ prompts: few, bootstrap: { resamples: 10 } }).intervals).filter((name) =>
      name.startsWith('accuracy-rank-'),
    ).length,
    60,
  );
  const report = computeMetrics({ prompts: list, bootstrap: { resamples: 2_000 } });
  const withIntervals = Object.keys(report.intervals).filter((name) => name.startsWith('accuracy-rank-'));
  t.true(withIntervals.length < 3000 && withIntervals.length >= 100, String(withIntervals.length));
  for (const category of report.categories)
    if (report.counts.byCategory[category]!.prompts > 1)
      t.true(withIntervals.includes(`accuracy-rank-${category}`), 'the largest');
  t.is(report.categories.length, 3000);
  t.is(Object.keys(report.cheems).filter((name) => name.startsWith('accuracy-rank-')).length, 3000);
  t.deepEqual(
    report.notes.filter((note) => note.includes('intervals')),
    [
      `Of the 3000 categories the ${withIntervals.length} with the most prompts have intervals of their own; ` +
        'the intervals of the means rest on all.',
    ],
  );
  t.deepEqual(report.intervals['accuracy-rank'], plainIntervals(list, 2_000).average);
});

test('a category without pairs is named, many such are counted', (t) => {
  const unpaired = (count: number) => [
    { rewards: [1, 0], ranks: [1, 2], category: 'whole' },
    ...Array.from({ length: count }, (_, i) => ({ rewards: [1, 0], ranks: [1, 1], category: `tied ${i}` })),
  ];
  const notes = (count: number) =>
    computeMetrics({ prompts: unpaired(count), bootstrap: { resamples: 0 } }).notes.filter(
      (note) => !note.includes('intervals of'),
    );
  t.is(notes(5).length, 5);
  t.regex(notes(1)[0]!, /^Category "tied 0" has no two responses of different rank/);
  t.is(notes(6).at(-1), 'The same holds for 1 other category.');
  t.is(notes(500).length, 6);
  t.is(notes(500).at(-1), 'The same holds for 495 other categories.');
});

test('more prompts than a call may have arguments', (t) => {
  const list = Array.from({ length: 130_000 }, (_, i): MetricPrompt => ({ rewards: [1], category: `c${i}` }));
  t.is(computeMetrics({ prompts: list, bootstrap: { resamples: 1 } }).cheems['reward_mean'], 1);
});

test('figures of the whole are told from those of categories, whatever these are named', (t) => {
  const named = ['rank', 'labels', 'a-rank', 'reward_mean'].flatMap((category) => [
    { rewards: [1, 0], ranks: [1, 2], pairs: [[0, 1]] as const, category },
  ]);
  const { cheems, extras } = computeMetrics({ prompts: named, bootstrap: { resamples: 0 } });
  const whole = computeMetrics({
    prompts: named.map(({ category: _, ...prompt }) => prompt),
    bootstrap: { resamples: 0 },
  });
  const names = Object.keys({ ...cheems, ...extras })
    .filter(isFigureOfWhole)
    .sort();
  t.deepEqual(
    names,
    [...Object.keys({ ...whole.cheems, ...whole.extras }), 'accuracy_micro-rank', 'accuracy_micro-labels'].sort(),
  );
});

const dataset = (categories: number): { prompts: PreferencePrompt[] } => ({
  prompts: Array.from({ length: categories }, (_, i) => {
    const source = { file: 'many.jsonl', line: i + 1 };
    return {
      id: `p${i}`,
      prompt: 'Q',
      responses: ['a', 'b'].map((id) => ({ id, content: id, source })),
      pairs: [[0, 1]],
      ranks: [1, 2],
      category: `category ${i}`,
      source,
    };
  }),
});
const predictor = {
  name: 'first',
  scorePrompts: async (list: readonly unknown[]): Promise<PromptScores[]> => list.map(() => ({ rewards: [1, 0] })),
};
const evaluateMany = (categories: number, signal?: AbortSignal): Promise<Evaluation> =>
  evaluate({
    datasets: [{ name: 'many.jsonl', dataset: dataset(categories) }],
    predictor,
    bootstrap: { resamples: 400 },
    ...(signal ? { signal } : {}),
  });

test('the table lists the largest categories and says how many there are', async (t) => {
  const text = formatEvaluation(await evaluateMany(250));
  t.is(text.split('\n').filter((line) => /^category \d+ /.test(line)).length, 100);
  t.true(text.includes('Listed are the 100 categories with the most prompts, of 250; results.json has all.'));
  t.false(formatEvaluation(await evaluateMany(100)).includes('Listed'));
});

test.serial('resampling many categories ends at the signal, and timers run meanwhile', async (t) => {
  const controller = new AbortController();
  const reason = new Error('stopped');
  let ticks = 0;
  const timer = setInterval(() => {
    ticks += 1;
    if (ticks === 5) controller.abort(reason);
  }, 20);
  t.is(await t.throwsAsync(evaluateMany(20_000, controller.signal)), reason as never);
  clearInterval(timer);
  t.is(ticks, 5, 'resampling goes on for far longer than five ticks');
});

test('blocks: the value comes through, and an abort between blocks is its reason', async (t) => {
  function* work(): Blocks<number> {
    for (let i = 0; i < 3; i++) {
      const end = performance.now() + 30;
      while (performance.now() < end);
      yield;
    }
    return 7;
  }
  t.is(await runInBlocks(work()), 7);
  await t.throwsAsync(runInBlocks(work(), AbortSignal.abort(new Error('no'))), { message: 'no' });
});
