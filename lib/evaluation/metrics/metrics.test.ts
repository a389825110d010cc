import test from 'ava';
import fc from 'fast-check';
import { computeMetrics } from './compute';
import type { MetricPrompt, MetricReport } from './types';

const report = (prompts: MetricPrompt[], resamples = 0): MetricReport =>
  computeMetrics({ prompts, bootstrap: { resamples } });

/** Ranked prompts with rewards on a coarse grid (so that ties occur), and pairs drawn from the ranks. */
const prompts = (categories: readonly string[] | undefined) =>
  fc.array(
    fc.integer({ min: 1, max: 5 }).chain((size) =>
      fc.record({
        rewards: fc.array(
          fc.integer({ min: -8, max: 8 }).map((x) => x / 4),
          { minLength: size, maxLength: size },
        ),
        ranks: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: size, maxLength: size }),
        lengths: fc.array(fc.integer({ min: 0, max: 300 }), { minLength: size, maxLength: size }),
        pairs: fc.array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1)), { minLength: 1, maxLength: 4 }),
        ...(categories ? { category: fc.constantFrom(...categories) } : {}),
      }),
    ),
    { minLength: 1, maxLength: 8 },
  );

const close = (a: number, b: number) =>
  (Number.isNaN(a) && Number.isNaN(b)) || Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a), Math.abs(b));

test('the order of prompts and of responses never matters', (t) => {
  fc.assert(
    fc.property(prompts(['甲', '乙']), fc.infiniteStream(fc.nat(1 << 30)), (list, keys) => {
      const shuffled = <T>(items: readonly T[]) =>
        items
          .map((item) => [keys.next().value as number, item] as const)
          .sort((a, b) => a[0] - b[0])
          .map(([, item]) => item);
      const turned = shuffled(list).map((prompt): MetricPrompt => {
        const order = shuffled(Array.from(prompt.rewards, (_, i) => i));
        const pick = (values: ArrayLike<number>) => order.map((i) => values[i]!);
        return {
          ...prompt,
          rewards: pick(prompt.rewards),
          ranks: pick(prompt.ranks),
          lengths: pick(prompt.lengths),
          pairs: shuffled(prompt.pairs.map(([a, b]) => [order.indexOf(a), order.indexOf(b)] as const)),
        };
      });
      const [before, after] = [report(list), report(turned)];
      for (const kind of ['cheems', 'extras'] as const) {
        t.deepEqual(Object.keys(before[kind]).sort(), Object.keys(after[kind]).sort());
        for (const [name, value] of Object.entries(before[kind])) {
          if (!close(value, after[kind][name]!)) throw new Error(`${name}: ${value} became ${after[kind][name]}`);
        }
      }
    }),
  );
});

test('rewards in the order of the ranks are all right, reversed all wrong', (t) => {
  fc.assert(
    fc.property(prompts(undefined), (list) => {
      const right = report(list.map((prompt) => ({ ...prompt, rewards: prompt.ranks.map((rank) => -rank) })));
      const wrong = report(list.map((prompt) => ({ ...prompt, rewards: prompt.ranks })));
      if (right.counts.rankPairs === 0) return;
      t.is(right.cheems['accuracy-rank'], 1);
      t.is(right.cheems['exact_match-rank'], 1);
      t.is(right.extras['exact_match_strict-rank'], 1);
      t.is(wrong.cheems['accuracy-rank'], 0);
      t.true(wrong.cheems['exact_match-rank']! < 1);
    }),
  );
});

test('accuracy of rewards and of their negatives add up to the pairs that are no reward tie', (t) => {
  fc.assert(
    fc.property(prompts(undefined), (list) => {
      const own = report(list);
      if (own.counts.rankPairs === 0) return;
      const negated = report(list.map((prompt) => ({ ...prompt, rewards: prompt.rewards.map((reward) => -reward) })));
      const ties = list.reduce((count, { rewards, ranks }) => {
        for (let i = 0; i < rewards.length; i++)
          for (let j = 0; j < i; j++) if (ranks[i] !== ranks[j] && rewards[i] === rewards[j]) count++;
        return count;
      }, 0);
      const sum = own.cheems['accuracy-rank']! + negated.cheems['accuracy-rank']!;
      t.true(Math.abs(sum - (1 - ties / own.counts.rankPairs)) < 1e-6);
    }),
  );
});

test('lengths given as rewards score what length_accuracy says, but for ties', (t) => {
  fc.assert(
    fc.property(prompts(undefined), (list) => {
      const distinct = list.map((prompt) => ({
        ...prompt,
        lengths: prompt.lengths.map((length, i) => length * 8 + i),
      }));
      const byLength = report(distinct.map((prompt) => ({ ...prompt, rewards: prompt.lengths })));
      t.true(close(byLength.cheems['accuracy-rank']!, byLength.extras['length_accuracy-rank']!));
      t.is(byLength.length?.bins.reduce((sum, bin) => sum + bin.pairs, 0) ?? 0, byLength.counts.rankPairs);
    }),
  );
});

test('ties: the strict exact match fails, the original passes; equal lengths count one half', (t) => {
  const { cheems, extras, length } = report([{ rewards: [0.5, 0.5], ranks: [1, 2], lengths: [7, 7] }]);
  t.is(cheems['accuracy-rank'], 0);
  t.is(cheems['exact_match-rank'], 1);
  t.is(extras['exact_match_strict-rank'], 0);
  t.is(extras['length_accuracy-rank'], 0.5);
  t.is(extras['calibration_error_all_pairs-rank'], 0, 'a tie is predicted at one half and counts one half');
  t.deepEqual(
    length?.bins.find((bin) => bin.pairs > 0),
    { from: 0, to: 1, pairs: 1, accuracy: 0 },
  );
});

test('the calibration error of all pairs counts the pair with the largest difference', (t) => {
  const { cheems, extras } = report([{ rewards: [2, 0], pairs: [[0, 1]] }]);
  t.is(cheems['expectation_calibration_error-labels'], 0);
  t.true(Math.abs(extras['calibration_error_all_pairs-labels']! - (1 - 1 / (1 + Math.exp(-2)))) < 1e-6);
});

test('categories: plain names are means over categories, micro is over all pairs', (t) => {
  const right = { rewards: [1, 0], ranks: [1, 2], category: 'a' };
  const wrong = { rewards: [0, 1], ranks: [1, 2], category: 'b' };
  const { cheems, extras, counts, categories } = report([right, right, right, wrong]);
  t.deepEqual(categories, ['a', 'b']);
  t.is(cheems['accuracy-rank'], 0.5);
  t.is(extras['accuracy_micro-rank'], 0.75);
  t.is(counts.byCategory['a']?.rankPairs, 3);
});

test('data without ranks rest on the pairs, and say so', (t) => {
  const result = report([
    {
      rewards: [1, 0, 2],
      pairs: [
        [0, 1],
        [0, 2],
      ],
    },
    { rewards: [1, 0], pairs: [] },
  ]);
  t.is(result.basis, 'labels');
  t.false('accuracy-rank' in result.cheems);
  t.is(result.cheems['accuracy-labels'], 0.5);
  t.is(result.extras['exact_match-labels'], 0, 'only the prompt that has a pair counts');
  t.regex(result.notes.join(' '), /no ranks.*annotated pairs/);
});

test('partly ranked and partly categorized data are measured on what there is, with a note', (t) => {
  const result = report([{ rewards: [1, 0], ranks: [1, 2], category: 'a' }, { rewards: [1, 0] }]);
  t.is(result.counts.rankedPrompts, 1);
  t.deepEqual(result.categories, []);
  t.regex(result.notes.join(' '), /1 of 2 prompts have no category/);
  t.regex(result.notes.join(' '), /1 of 2 prompts have no ranks/);
});

test('a category without annotated pairs gives NaN and a note, or the error of the original when asked', (t) => {
  const list = [
    { rewards: [1, 0], pairs: [[0, 1]] as const, category: 'a' },
    { rewards: [1, 0], pairs: [], category: 'b' },
  ];
  const result = report(list);
  t.is(result.cheems['accuracy-labels-a'], 1);
  t.true(Number.isNaN(result.cheems['accuracy-labels']));
  t.regex(result.notes.join(' '), /"b" has no annotated pair/);
  t.throws(() => computeMetrics({ prompts: list, missingPairs: 'error' }), {
    message: /Category "b" has no annotated pair/,
  });
});

test('bad input names the prompt', (t) => {
  t.throws(() => report([{ id: 'p7', rewards: [1, NaN] }]), { message: /Prompt p7.*entry 1.*rewards is NaN/ });
  t.throws(() => report([{ id: 'p7', rewards: [1, 2], ranks: [1] }]), { message: /p7 has 2 rewards but 1 ranks/ });
  t.throws(() => report([{ id: 'p7', rewards: [1, 2], pairs: [[0, 2]] }]), { message: /p7.*names response 2/ });
});

test('bootstrap: seeded, around the value, wider for fewer prompts, close to the binomial width', (t) => {
  const list = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ rewards: i % 10 < 7 ? [1, 0] : [0, 1], ranks: [1, 2] }));
  const intervals = (count: number, seed: number) =>
    computeMetrics({ prompts: list(count), bootstrap: { seed } }).intervals;
  const { low, high, resamples } = intervals(400, 1)['accuracy-rank']!;
  t.deepEqual(intervals(400, 1), intervals(400, 1));
  t.notDeepEqual(intervals(400, 1), intervals(400, 2));
  t.is(resamples, 2000);
  t.true(low < 0.7 && 0.7 < high);
  const binomial = 2 * 1.96 * Math.sqrt((0.7 * 0.3) / 400);
  t.true(Math.abs(high - low - binomial) < 0.15 * binomial, `${high - low} instead of about ${binomial}`);
  const few = intervals(40, 1)['accuracy-rank']!;
  t.true(few.high - few.low > 2 * (high - low));
});

test('bootstrap: resamples without a pair are left out, and no pair at all means no interval', (t) => {
  const one = computeMetrics({
    prompts: [
      { rewards: [1, 0], ranks: [1, 2] },
      { rewards: [1, 0], ranks: [1, 1] },
    ],
  });
  const { low, high, resamples } = one.intervals['accuracy-rank']!;
  t.deepEqual([low, high], [1, 1]);
  t.true(resamples > 1400 && resamples < 1600, `three in four resamples hold the pair, not ${resamples} of 2000`);
  t.is(computeMetrics({ prompts: [{ rewards: [1, 0], ranks: [1, 1] }] }).intervals['accuracy-rank'], undefined);
});

test('bootstrap: categories are drawn apart, and their mean has an interval of its own', (t) => {
  const list = ['a', 'b'].flatMap((category) =>
    Array.from({ length: 50 }, (_, i) => ({ rewards: i % 2 ? [1, 0] : [0, 1], ranks: [1, 2], category })),
  );
  const { intervals } = computeMetrics({ prompts: list });
  const width = (name: string) => intervals[name]!.high - intervals[name]!.low;
  t.true(width('accuracy-rank') < width('accuracy-rank-a'));
  t.true(Math.abs(width('accuracy-rank') - width('accuracy_micro-rank')) < 1e-9, 'categories of one size weigh alike');
});
