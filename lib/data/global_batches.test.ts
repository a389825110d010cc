import test from 'ava';
import fc from 'fast-check';
import { preferred } from './comparisons';
import { flattenBatch, GlobalBatchPlanner } from './global_batches';
import { pruneUnpaired } from './pruning';
import { shuffledIndices, SplitMix64 } from './random';
import { countOf, emptyReport } from './report';
import type { TokenizedPrompt } from './types';

function promptOf(number: number, samples: number, pairs: [number, number][], length = 1): TokenizedPrompt {
  const source = { file: 'a.jsonl', line: number + 1 };
  return {
    prompt: { id: String(number), prompt: `q${number}`, responses: [], pairs: [], source },
    samples: Array.from({ length: samples }, (_, i) => ({
      inputIds: Int32Array.from({ length: length + i }, (_value, at) => 100 * number + 10 * i + at),
      truncated: false,
      responseIndex: i,
    })),
    pairs,
  };
}

test('SplitMix64 gives the published sequence of seed 1234567', (t) => {
  const random = new SplitMix64(1234567);
  t.deepEqual(
    Array.from({ length: 5 }, () => random.next()),
    [6457827717110365317n, 3203168211198807973n, 9817491932198370423n, 4593380528125082431n, 16408922859458223821n],
  );
});

test('a shuffle is a permutation that seed and stream decide, and that is uniform', (t) => {
  const order = (seed: number, stream: number) => [...shuffledIndices(50, new SplitMix64(seed, stream))];
  t.deepEqual(order(3, 2), order(3, 2));
  t.notDeepEqual(order(3, 2), order(3, 3));
  t.notDeepEqual(order(0, 1), order(1, 0));
  t.deepEqual(
    order(7, 1).sort((a, b) => a - b),
    Array.from({ length: 50 }, (_, i) => i),
  );
  // 6 orders of 3, 6000 draws: each about 1000 times, standard deviation 29.
  const counts = new Map<string, number>();
  for (let seed = 0; seed < 6000; seed += 1) {
    const key = shuffledIndices(3, new SplitMix64(seed, 5)).join('');
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  t.is(counts.size, 6);
  t.true([...counts.values()].every((count) => Math.abs(count - 1000) < 150));
});

test('every prompt is whole in one batch an epoch, no batch is too full, and the plan is a pure function', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 2, max: 9 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: -5, max: 1e9 }),
      fc.nat(4),
      fc.boolean(),
      (sizes, globalBatchSize, seed, epoch, shuffle) => {
        const prompts = sizes.map((size, i) => promptOf(i, size, [[0, 1]]));
        const planner = new GlobalBatchPlanner(prompts, { globalBatchSize, seed, shuffle });
        const batches = planner.epoch(epoch);
        const seen = batches.flatMap((batch) => batch.promptIndices).sort((a, b) => a - b);
        t.deepEqual(
          seen,
          sizes.map((_, i) => i),
        );
        for (const batch of batches) {
          const responses = batch.promptIndices.reduce((n, index) => n + sizes[index]!, 0);
          t.is(batch.responses, responses);
          t.is(batch.pairs, batch.promptIndices.length);
          t.true(responses <= globalBatchSize || batch.promptIndices.length === 1);
        }
        const resumed = new GlobalBatchPlanner(prompts, { globalBatchSize, seed, shuffle });
        t.deepEqual(resumed.batch(epoch, batches.length - 1), batches.at(-1));
        t.is(resumed.batch(epoch, batches.length), undefined);
        t.is(countOf(planner.report, 'oversizedPrompts'), sizes.filter((size) => size > globalBatchSize).length);
      },
    ),
    { numRuns: 200 },
  );
});

test('without shuffling batches keep the order, and steps are counted over epochs and their fractions', (t) => {
  const prompts = [2, 3, 3, 2].map((size, i) => promptOf(i, size, [[0, 1]]));
  const planner = new GlobalBatchPlanner(prompts, { globalBatchSize: 5, seed: 0, shuffle: false });
  t.deepEqual(
    planner.epoch(0).map((batch) => batch.promptIndices),
    [
      [0, 1],
      [2, 3],
    ],
  );
  t.is(planner.stepsOf(3), 6);
  t.is(planner.stepsOf(1.5), 3);
  t.throws(() => new GlobalBatchPlanner(prompts, { globalBatchSize: 0, seed: 0, shuffle: false }), {
    instanceOf: RangeError,
  });
});

test('a flat batch holds each sample, its prompt and its pairs', (t) => {
  const prompts = [
    promptOf(0, 2, [[1, 0]]),
    promptOf(
      1,
      3,
      [
        [0, 2],
        [2, 1],
      ],
      2,
    ),
    promptOf(2, 2, []),
  ];
  const flat = flattenBatch(prompts, [1, 0]);
  t.deepEqual([...flat.sampleOffsets], [0, 2, 5, 9, 10, 12]);
  t.deepEqual([...flat.tokens], [100, 101, 110, 111, 112, 120, 121, 122, 123, 0, 10, 11]);
  t.deepEqual([...flat.groups], [0, 0, 0, 1, 1]);
  t.deepEqual(flat.comparisons, [preferred(0, 2), preferred(2, 1), preferred(4, 3)]);
  t.is(flattenBatch(prompts).groups.length, 7);
});

test('pruning drops what is in no pair, renumbers the rest and counts', (t) => {
  const report = emptyReport();
  const [kept, ...others] = pruneUnpaired([promptOf(0, 4, [[3, 1]]), promptOf(1, 2, [])], report);
  t.deepEqual(others, []);
  t.deepEqual(kept?.pairs, [[1, 0]]);
  t.deepEqual(
    kept?.samples.map((sample) => sample.responseIndex),
    [1, 3],
  );
  t.is(countOf(report, 'droppedResponses'), 2);
  t.is(countOf(report, 'droppedPrompts'), 1);
});
