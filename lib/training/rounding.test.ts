import test from 'ava';
import type { TokenizedPrompt } from '../data/types';
import { compareRewards, describeRounding, type RoundingEffect } from './rounding';

const prompts = [
  {
    pairs: [
      [0, 1],
      [2, 1],
    ],
  },
  { pairs: [[1, 0]] },
  { pairs: [] },
] as unknown as TokenizedPrompt[];
const rewards = (...lists: number[][]) => lists.map((list) => Float32Array.from(list));

test('verdicts are counted over all pairs, a tie being none for the chosen; shifts over all rewards', (t) => {
  const before = rewards([1, 0, -1], [0, 2], [5]);
  const after = rewards([1, 1, -1], [0, 2], [2]);
  const effect = compareRewards(prompts, before, after);
  t.like(effect, { pairs: 3, changedPairs: 1, accuracyBefore: 2 / 3, accuracyAfter: 1 / 3, largestShift: 3 });
  t.true(Math.abs(effect.rmsShift - Math.sqrt((1 + 9) / 6)) < 1e-12);
  const mean = 7 / 6;
  const squares = [1, 0, -1, 0, 2, 5].map((reward) => (reward - mean) ** 2);
  t.true(Math.abs(effect.standardDeviation - Math.sqrt(squares.reduce((sum, square) => sum + square) / 6)) < 1e-12);
  t.like(compareRewards(prompts, before, before), { changedPairs: 0, largestShift: 0, rmsShift: 0 });
});

test('a verdict that becomes right counts as changed too', (t) => {
  const effect = compareRewards(prompts, rewards([1, 0, 2], [1, 0], [0]), rewards([-1, 0, 2], [0, 1], [0]));
  t.like(effect, { changedPairs: 2, accuracyBefore: 2 / 3, accuracyAfter: 2 / 3 });
});

test('the sentence names pairs, accuracies, shifts and what to do; without pairs or changes only what there is', (t) => {
  const effect: RoundingEffect = {
    step: 9,
    dtype: 'bfloat16',
    pairs: 200,
    changedPairs: 23,
    accuracyBefore: 0.74,
    accuracyAfter: 0.715,
    largestShift: 0.7234,
    rmsShift: 0.2371,
    standardDeviation: 0.7,
  };
  t.is(
    describeRounding(effect),
    'Loaded in bfloat16: 23 of 200 test pairs get another verdict (accuracy 0.7400 becomes 0.7150), and rewards ' +
      'move by 0.237 (root mean square; 0.723 at most), 0.34 of their standard deviation. ' +
      'Tools that load in 16 bits (vLLM does unasked) have that model; `dtype: bfloat16` trains the one that ' +
      'they load.',
  );
  t.is(
    describeRounding({ ...effect, changedPairs: 0, pairs: 0, standardDeviation: 0 }),
    'Loaded in bfloat16: rewards move by 0.237 (root mean square; 0.723 at most).',
  );
});
