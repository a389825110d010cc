import test from 'ava';
import { compareRewards } from './reward_shift';

const prompts = [
  {
    pairs: [
      [0, 1],
      [2, 1],
    ],
  },
  { pairs: [[1, 0]] },
  { pairs: [] },
] satisfies { pairs: [number, number][] }[];
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
