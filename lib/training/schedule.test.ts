import test from 'ava';
import { learningRateAt, warmupStepCount, type Schedule, type SchedulerType } from './schedule';

const rates = (type: SchedulerType, warmupSteps: number, totalSteps: number, learningRate = 1) => {
  const schedule: Schedule = { type, learningRate, warmupSteps, totalSteps };
  return Array.from({ length: totalSteps }, (_, i) => learningRateAt(schedule, i + 1));
};

const close = (a: number, b: number) => Math.abs(a - b) <= 1e-12 * Math.max(1, Math.abs(b));

// The numbers in transformers' own tests/optimization/test_optimization.py (ScheduleInitTest): learning rate 10, ten
// steps, two of warm-up, read before each step.
test('linear and cosine equal the sequences that transformers tests itself against', (t) => {
  const linear = [0, 5, 10, 8.75, 7.5, 6.25, 5, 3.75, 2.5, 1.25];
  const cosine = [0, 5, 10, 9.61, 8.53, 6.91, 5, 3.08, 1.46, 0.38];
  t.true(rates('linear', 2, 10, 10).every((rate, i) => close(rate, linear[i]!)));
  t.true(rates('cosine', 2, 10, 10).every((rate, i) => Math.abs(rate - cosine[i]!) < 0.01));
  t.deepEqual(rates('constant', 4, 10, 10), [0, 2.5, 5, 7.5, 10, 10, 10, 10, 10, 10]);
  t.deepEqual(rates('constant', 0, 3, 10), [10, 10, 10]);
});

test('without warm-up the first step has the whole learning rate, and the end stays above zero', (t) => {
  for (const type of ['linear', 'cosine'] as const) {
    const all = rates(type, 0, 7);
    t.is(all[0], 1);
    t.true(all.every((rate, i) => rate > 0 && (i === 0 || rate < all[i - 1]!)));
  }
  t.true(close(learningRateAt({ type: 'cosine', learningRate: 1, warmupSteps: 0, totalSteps: 8 }, 5), 0.5));
});

test('beyond the last step the rate is zero, and a warm-up longer than the run never divides by zero', (t) => {
  t.is(learningRateAt({ type: 'linear', learningRate: 1, warmupSteps: 0, totalSteps: 4 }, 6), 0);
  t.deepEqual(rates('cosine', 4, 2), [0, 0.25]);
  t.is(learningRateAt({ type: 'linear', learningRate: 1, warmupSteps: 3, totalSteps: 3 }, 4), 0);
});

test('warm-up steps are rounded up from the ratio, and given steps win', (t) => {
  t.is(warmupStepCount(11, 0.1, 0), 2);
  t.is(warmupStepCount(10, 0.1, 0), 1);
  t.is(warmupStepCount(10, 0, 0), 0);
  t.is(warmupStepCount(10, 0.5, 3), 3);
});
