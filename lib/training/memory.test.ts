import test from 'ava';
import type { MemoryPlan } from '../engine/types.generated';
import { formatMemoryPlan } from '../reporting/memory_table';
import { planOrRefuse } from './memory';

const plan: MemoryPlan = {
  entries: [
    { name: 'weights, float32', kind: 'weights', bytes: 4096 },
    { name: 'nothing', kind: 'workspace', bytes: 0 },
    { name: 'activations', kind: 'activations', bytes: 1536 },
  ],
  totalBytes: 5632,
  availableBytes: null,
  reserveBytes: 0,
  microBatchTokens: 4096,
  deviceChoice: 'Device: none.',
};

test('the memory plan is a table where there is room for it, and lines where there is not', (t) => {
  const table = formatMemoryPlan(plan);
  t.regex(table, /^┌/);
  t.is(formatMemoryPlan(plan, 80), table);
  t.deepEqual(formatMemoryPlan(plan, 40).split('\n'), [
    '4.00 KiB weights, float32',
    '1.50 KiB activations',
    '5.50 KiB in all',
    'not known available on this machine',
    '4096 tokens of a micro-batch (`microBatchTokens`)',
  ]);
});

test('a reserve is shown, and a run that would eat into it is refused', async (t) => {
  const reserved = { ...plan, reserveBytes: 2048, availableBytes: 6000 };
  t.deepEqual(formatMemoryPlan(reserved, 40).split('\n').slice(-4, -1), [
    '5.50 KiB in all',
    '2.00 KiB left free (`deviceMemoryReserve`)',
    '5.86 KiB available on this machine',
  ]);
  const request = { folder: 'none', purpose: 'score' as const, longestSample: 8 };
  await t.throwsAsync(planOrRefuse({ planMemory: async () => reserved }, request), {
    message:
      /^This run needs 5\.50 KiB of memory, and 5\.86 KiB are available, 2\.00 KiB of which must stay free \(`deviceMemoryReserve`\)\./,
  });
  const enough = { ...reserved, availableBytes: plan.totalBytes + 2048 };
  t.is(await planOrRefuse({ planMemory: async () => enough }, request), enough);
});
