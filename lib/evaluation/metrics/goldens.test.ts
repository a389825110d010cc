import test from 'ava';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pairRewards } from './cheems';
import { groupPrompts } from './groups';
import { calibrationCurve, expectedCalibrationError } from './calibration';
import { computeMetrics } from './compute';
import { type MetricRows, promptsFromRows } from './rows';

const REFERENCE = join(__dirname, '../../../fixtures/reference/cheems');
const read = (name: string) => JSON.parse(readFileSync(join(REFERENCE, name), 'utf8'));

interface GoldenCurve {
  n_bins: number;
  max_diff_given: number | null;
  acc: number[];
  score_diffs: number[];
  nums: number[];
  max_diff: number;
  ece: number;
}
interface GoldenInput {
  name: string;
  rewards: number[];
  input_indices: number[];
  output_indices: number[];
  ranks: number[] | null;
  pairs: Record<number, [number, number][]> | null;
  categories: number[] | null;
  category_names: string[] | null;
}
interface GoldenCase {
  input: GoldenInput;
  metrics?: Record<string, number | null>;
  error?: { message: string };
  label_pair_order?: [number, number, number][];
  label_calibration?: GoldenCurve[];
  rank_calibration?: GoldenCurve[];
}

const golden: { cases: GoldenCase[]; curves: { name: string; pairs: [number, number][]; curves: GoldenCurve[] }[] } =
  read('metrics.json');

const rowsOf = ({ input }: GoldenCase): MetricRows => ({
  rewards: input.rewards,
  inputIndices: input.input_indices,
  outputIndices: input.output_indices,
  ranks: input.ranks,
  pairs: input.pairs,
  categories: input.categories,
  categoryNames: input.category_names,
});

const measure = (rows: MetricRows) =>
  computeMetrics({
    prompts: promptsFromRows(rows),
    categories: rows.categoryNames ?? [],
    missingPairs: 'error',
    bootstrap: { resamples: 0 },
  });

/** The same keys in the same order, null meaning NaN, values equal to 1e-5 of the rewards' size. */
function sameMetrics(
  t: import('ava').ExecutionContext,
  actual: Record<string, number>,
  expected: Record<string, number | null>,
  rewards: number[],
) {
  t.deepEqual(Object.keys(actual), Object.keys(expected));
  const size = Math.max(1, ...rewards.map(Math.abs));
  for (const [name, value] of Object.entries(expected)) {
    const tolerance = 1e-5 * (name.includes('reward') ? size : 1);
    if (value === null) t.true(Number.isNaN(actual[name]), `${name} must be NaN, is ${actual[name]}`);
    else t.true(Math.abs(actual[name]! - value) <= tolerance, `${name}: ${actual[name]} instead of ${value}`);
  }
}

function sameCurve(t: import('ava').ExecutionContext, chosen: number[], rejected: number[], expected: GoldenCurve) {
  const options = {
    bins: expected.n_bins,
    ...(expected.max_diff_given === null ? {} : { maxDifference: expected.max_diff_given }),
  };
  const curve = calibrationCurve(chosen, rejected, options);
  const size = Math.max(1, expected.max_diff);
  t.deepEqual(curve.counts, expected.nums);
  t.is(curve.maxDifference, expected.max_diff);
  t.deepEqual(curve.accuracies, expected.acc);
  for (const [i, value] of expected.score_diffs.entries())
    t.true(Math.abs(curve.differences[i]! - value) <= 1e-6 * size);
  t.true(Math.abs(expectedCalibrationError(curve) - expected.ece) <= 1e-6);
}

test('the file holds the cases that these tests are about', (t) => {
  t.is(golden.cases.length, 24);
  t.is(golden.cases.filter((one) => one.error).length, 2);
  t.is(golden.curves.length, 6);
});

for (const one of golden.cases) {
  test(`original metrics: ${one.input.name}`, (t) => {
    if (one.error) {
      t.regex(one.error.message, /No valid pairs/);
      t.throws(() => measure(rowsOf(one)), { instanceOf: RangeError, message: /no annotated pair/ });
    } else {
      sameMetrics(t, measure(rowsOf(one)).cheems, one.metrics!, one.input.rewards);
    }
    const ranked = pairRewards(groupPrompts({ prompts: promptsFromRows(rowsOf(one)) }).whole, 'rank');
    for (const curve of one.rank_calibration ?? []) sameCurve(t, ranked.chosen, ranked.rejected, curve);
    if (!one.label_pair_order) return;
    const reward = new Map(
      one.input.rewards.map((value, row) => [
        `${one.input.input_indices[row]}/${one.input.output_indices[row]}`,
        value,
      ]),
    );
    const chosen = one.label_pair_order.map(([prompt, better]) => reward.get(`${prompt}/${better}`)!);
    const rejected = one.label_pair_order.map(([prompt, , worse]) => reward.get(`${prompt}/${worse}`)!);
    for (const curve of one.label_calibration ?? []) sameCurve(t, chosen, rejected, curve);
  });
}

for (const { name, pairs, curves } of golden.curves) {
  test(`original calibration curve: ${name}`, (t) => {
    for (const curve of curves)
      sameCurve(
        t,
        pairs.map(([chosen]) => chosen),
        pairs.map(([, rejected]) => rejected),
        curve,
      );
  });
}

interface JudgeBench {
  category_names: string[];
  models: {
    judge_model: string;
    scores: [number, number][];
    best: (0 | 1)[];
    categories: number[];
    by_source: { metrics: Record<string, number | null> };
    whole: { metrics: Record<string, number | null> };
  }[];
}

test('real rewards of five models on 350 pairs, with and without categories', (t) => {
  const { category_names, models }: JudgeBench = read('judgebench.json');
  t.is(models.length, 5);
  for (const model of models) {
    const rows: MetricRows = {
      rewards: model.scores.flat(),
      inputIndices: model.scores.flatMap((_, pair) => [pair, pair]),
      outputIndices: model.scores.flatMap(() => [0, 1]),
      ranks: model.best.flatMap((best) => (best === 0 ? [1, 2] : [2, 1])),
      pairs: Object.fromEntries(model.best.map((best, pair) => [pair, [[best, 1 - best]]])),
      categories: model.categories.flatMap((category) => [category, category]),
      categoryNames: category_names,
    };
    sameMetrics(t, measure(rows).cheems, model.by_source.metrics, model.scores.flat());
    sameMetrics(
      t,
      measure({ ...rows, categories: null, categoryNames: null }).cheems,
      model.whole.metrics,
      model.scores.flat(),
    );
  }
});
