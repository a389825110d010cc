import test from 'ava';
import { comparisonMargin, judgedMargin } from './comparisons';
import { computeMetrics } from './compute';
import type { Comparison, Judgement, MetricPrompt } from './types';

type Said = 'A' | 'B' | 'tie' | 'unparsable';
/** Response 0 is the better one; shown first, then second. */
const both = (first: Said, second: Said): Comparison => ({
  chosen: 0,
  rejected: 1,
  judgements: [
    { first: 0, second: 1, verdict: first },
    { first: 1, second: 0, verdict: second },
  ],
});
const prompt = (comparisons: Comparison[], more: Partial<MetricPrompt> = {}): MetricPrompt => ({
  rewards: [0, 0],
  ranks: [1, 2],
  comparisons,
  ...more,
});
const measure = (prompts: MetricPrompt[]) => computeMetrics({ prompts, bootstrap: { resamples: 200 } });

test('a pair is right over both orders as JudgeBench has it', (t) => {
  const all: Said[] = ['A', 'B', 'tie', 'unparsable'];
  // +1 for each right verdict, -1 for each wrong one; right above 0.
  const value = (said: Said, right: Said) => (said === right ? 1 : said === 'A' || said === 'B' ? -1 : 0);
  for (const first of all) {
    for (const second of all)
      t.is(comparisonMargin(both(first, second)) > 0, value(first, 'A') + value(second, 'B') > 0, `${first} ${second}`);
  }
  t.is(comparisonMargin(both('A', 'B')), 1);
  t.is(comparisonMargin(both('A', 'A')), 0);
  t.is(comparisonMargin(both('B', 'A')), -1);
  t.is(judgedMargin([both('A', 'B')], 1, 0), -1);
  t.is(judgedMargin([both('A', 'B')], 0, 2), undefined);
});

test('probabilities weigh: a sure verdict outweighs an unsure one of the other order', (t) => {
  const shown = (first: number, probability: number): Judgement => ({
    first,
    second: 1 - first,
    probability,
    verdict: probability > 0.5 ? 'A' : 'B',
  });
  t.true(
    Math.abs(comparisonMargin({ chosen: 0, rejected: 1, judgements: [shown(0, 0.9), shown(1, 0.6)] }) - 0.3) < 1e-12,
  );
  t.true(comparisonMargin({ chosen: 0, rejected: 1, judgements: [shown(0, 0.6), shown(1, 0.9)] }) < 0);
});

test('how a judge behaves, counted by hand', (t) => {
  const pairs: Comparison[] = [
    both('A', 'B'), // right twice
    both('A', 'B'),
    both('A', 'A'), // the first, whatever it is
    both('B', 'B'), // the second
    both('tie', 'tie'),
    both('A', 'unparsable'),
    both('B', 'A'), // wrong twice
    both('unparsable', 'unparsable'),
  ];
  pairs[5]!.judgements[1]!.finish = 'length';
  pairs[7]!.judgements[0]!.finish = 'filtered';
  const { judge, cheems, extras, intervals } = measure(pairs.map((pair) => prompt([pair])));
  t.like(judge, {
    pairs: 8,
    judgements: 16,
    unparsable: 3,
    unparsable_share: 3 / 16,
    unparsable_because: { no_verdict: 1, cut_off: 1, filtered: 1, too_long: 0 },
    tie_share: 2 / 16,
    judgement_accuracy: 7 / 16,
    both_right_share: 2 / 8,
    consistency: 4 / 8,
    agreement: 4 / 6,
    first_share: 6 / 11,
    accuracy_chosen_first: 4 / 8,
    accuracy_chosen_second: 3 / 8,
    position_bias: 1 / 8,
  });
  t.deepEqual(cheems, { 'accuracy-rank': 3 / 8, 'exact_match-rank': 3 / 8 });
  t.is(extras['calibration_error_all_pairs-rank'], undefined);
  t.true(intervals['accuracy-rank']!.low < 3 / 8 && intervals['accuracy-rank']!.high > 3 / 8);
});

test('one order: no consistency', (t) => {
  const one = (first: number, verdict: Said): MetricPrompt =>
    prompt([{ chosen: 0, rejected: 1, judgements: [{ first, second: 1 - first, verdict }] }]);
  const { judge } = measure([one(0, 'A'), one(1, 'A'), one(0, 'A'), one(1, 'B')]);
  t.is(judge!.consistency, undefined);
  t.like(judge, {
    judgement_accuracy: 3 / 4,
    first_share: 3 / 4,
    accuracy_chosen_first: 1,
    accuracy_chosen_second: 1 / 2,
    position_bias: 1 / 2,
  });
});

test('the mean over categories that have a pair; exact match over the prompts that have one', (t) => {
  const cyclic: Comparison[] = [
    [0, 1],
    [1, 2],
    [0, 2],
  ].map(([chosen, rejected], i) => ({
    chosen: chosen!,
    rejected: rejected!,
    judgements: [{ first: chosen!, second: rejected!, verdict: i === 2 ? 'B' : 'A' }],
  }));
  const { cheems, counts, categories, extras } = measure([
    { rewards: [0, 0, 0], ranks: [1, 2, 3], comparisons: cyclic, category: 'x' },
    prompt([both('A', 'B')], { category: 'x' }),
    prompt([both('tie', 'tie')], { category: 'y' }),
    prompt([], { category: 'y', ranks: [1, 1] }),
    prompt([], { category: 'z', ranks: [1, 1] }),
  ]);
  t.deepEqual(categories, ['x', 'y']);
  t.deepEqual(cheems, {
    'accuracy-rank': 3 / 8,
    'exact_match-rank': 1 / 4,
    'accuracy-rank-x': 3 / 4,
    'exact_match-rank-x': 1 / 2,
    'accuracy-rank-y': 0,
    'exact_match-rank-y': 0,
  });
  t.is(extras['accuracy_micro-rank'], 3 / 5);
  t.is(counts.prompts, 5);
});

test('data without ranks are measured by their annotated pairs', (t) => {
  const { cheems, basis, judge } = measure([
    { rewards: [0, 0], comparisons: [both('A', 'B')] },
    { rewards: [0, 0], comparisons: [both('B', 'B')] },
  ]);
  t.is(basis, 'labels');
  t.deepEqual(cheems, { 'accuracy-labels': 1 / 2, 'exact_match-labels': 1 / 2 });
  t.is(judge!.pairs, 2);
});

test('no pair at all is no figure, and rewards do not mix with verdicts', (t) => {
  const { cheems, basis } = measure([{ rewards: [0, 0], comparisons: [] }]);
  t.deepEqual([cheems, basis], [{}, 'none']);
  t.throws(() => measure([prompt([both('A', 'B')]), { id: 'p7', rewards: [1, 2] }]), {
    instanceOf: RangeError,
    message: /Prompt p7 has no comparisons/,
  });
});
