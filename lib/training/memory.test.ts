import test from 'ava';
import type { MemoryPlan } from '../engine/types';
import { formatMemoryPlan } from './memory';

const plan: MemoryPlan = {
  entries: [
    { name: 'weights, float32', kind: 'weights', bytes: 4096 },
    { name: 'nothing', kind: 'workspace', bytes: 0 },
    { name: 'activations', kind: 'activations', bytes: 1536 },
  ],
  totalBytes: 5632,
  availableBytes: null,
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
  ]);
});
