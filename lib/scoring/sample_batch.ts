// Samples packed as the engine takes them.

import { flattenBatch } from '../data/global_batches';
import type { TokenizedSample } from '../data/types';
import type { SampleBatch } from '../engine/types';

/** One batch of all groups, in order. The samples of a group may share their beginning, which is then computed once. */
export function packSamples(groups: readonly TokenizedSample[][]): SampleBatch {
  const { tokens, sampleOffsets, groups: numbers } = flattenBatch(groups.map((samples) => ({ samples, pairs: [] })));
  return { tokens, offsets: sampleOffsets, groups: numbers };
}

/** How many ids two sequences have in common at their beginning. */
export function commonPrefix(a: Int32Array, b: Int32Array): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) length += 1;
  return length;
}
