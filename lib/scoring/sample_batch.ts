// Packs samples in the engine's format.

import { flattenBatch } from '../data/global_batches';
import type { TokenizedSample } from '../data/types';
import type { SampleBatch } from '../engine/types.generated';
import type { ReadoutRule } from './readouts';

/**
 * One batch of all groups, in order. The samples of a group may share their prefix, which is then computed once.
 * `rule`: what the head reads.
 */
export function packSamples(groups: readonly TokenizedSample[][], rule?: ReadoutRule): SampleBatch {
  const { tokens, sampleOffsets, groups: numbers } = flattenBatch(groups.map((samples) => ({ samples, pairs: [] })));
  const batch: SampleBatch = { tokens, offsets: sampleOffsets, groups: numbers };
  if (!rule) return batch;
  const places = groups.flatMap((samples) => samples.map(({ inputIds }) => rule.positions(inputIds)));
  batch.readouts = Int32Array.from(places.flat());
  batch.readoutOffsets = new Int32Array(places.length + 1);
  for (const [sample, { length }] of places.entries())
    batch.readoutOffsets[sample + 1] = batch.readoutOffsets[sample]! + length;
  return batch;
}

/** The length of the common prefix of two id sequences. */
export function commonPrefix(a: Int32Array, b: Int32Array): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) length += 1;
  return length;
}
