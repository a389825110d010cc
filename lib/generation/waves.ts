// Collects prompts for one call of the engine: as many as fit. Neighbors with a common prefix form a group, so that the
// prefix is computed and stored once.

import { unlessAborted, within } from '../support/abort';

export interface PackedPrompts {
  /** All ids; prompt p is `tokens.subarray(offsets[p], offsets[p + 1])`. */
  tokens: Int32Array;
  offsets: Int32Array;
  /** The group of each prompt; the members of a group are adjacent. */
  groups: Int32Array;
}

/** The length of the common prefix of two prompts, in ids. */
function commonBeginning(a: Int32Array, b: Int32Array): number {
  const end = Math.min(a.length, b.length);
  let length = 0;
  while (length < end && a[length] === b[length]) length += 1;
  return length;
}

/**
 * Assigns a group to each prompt so that the fewest tokens are computed: a group computes its members' common prefix
 * once. Members are adjacent, so the common prefix of a run is the shortest of those between its neighbors. Dynamic
 * programming finds the best cuts.
 */
export function groupPrompts(prompts: readonly Int32Array[]): Int32Array {
  const count = prompts.length;
  const shared = prompts.map((ids, i) => (i === 0 ? 0 : commonBeginning(prompts[i - 1]!, ids)));
  /** For the first `end` prompts: the tokens saved, and where the last group begins. */
  const saved = new Float64Array(count + 1);
  const begins = new Int32Array(count + 1);
  for (let end = 1; end <= count; end += 1) {
    saved[end] = saved[end - 1]!;
    begins[end] = end - 1;
    let common = Infinity;
    for (let begin = end - 2; begin >= 0; begin -= 1) {
      common = Math.min(common, shared[begin + 1]!);
      if (common === 0) break;
      const gain = saved[begin]! + common * (end - begin - 1);
      if (gain > saved[end]!) [saved[end], begins[end]] = [gain, begin];
    }
  }
  const groups = new Int32Array(count);
  const bounds: number[] = [];
  for (let end = count; end > 0; end = begins[end]!) bounds.unshift(begins[end]!);
  bounds.forEach((begin, group) => groups.fill(group, begin, bounds[group + 1] ?? count));
  return groups;
}

export function packPrompts(prompts: readonly Int32Array[]): PackedPrompts {
  const offsets = new Int32Array(prompts.length + 1);
  prompts.forEach((ids, i) => (offsets[i + 1] = offsets[i]! + ids.length));
  const tokens = new Int32Array(offsets.at(-1)!);
  prompts.forEach((ids, i) => tokens.set(ids, offsets[i]));
  return { tokens, offsets, groups: groupPrompts(prompts) };
}

export interface WaveBounds {
  prompts: number;
  /** Maximum number of tokens, of prompts and answers together. */
  tokens: number;
}

export interface WaveControl {
  signal?: AbortSignal | undefined;
  /** Milliseconds after which a wave starts even if it is not full: items may come from another program. */
  patience?: number | undefined;
}

/**
 * Cuts a stream into waves, in order. A prompt that is too large for a wave gets one of its own. Waiting for an item
 * ends when the signal is aborted.
 */
export async function* wavesOf<T>(
  items: Iterable<T> | AsyncIterable<T>,
  bounds: WaveBounds,
  tokensOf: (item: T) => number,
  { signal, patience }: WaveControl = {},
): AsyncGenerator<T[]> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  let wave: T[] = [];
  let tokens = 0;
  let pending: Promise<IteratorResult<T>> | undefined;
  try {
    for (;;) {
      pending ??= Promise.resolve(iterator.next());
      const read = unlessAborted(pending, signal);
      const result = wave.length > 0 && patience !== undefined ? await within(read, patience) : await read;
      if (result?.done) break;
      const own = result ? tokensOf(result.value) : 0;
      if (wave.length > 0 && (!result || wave.length >= bounds.prompts || tokens + own > bounds.tokens)) {
        yield wave;
        wave = [];
        tokens = 0;
      }
      if (!result) continue;
      pending = undefined;
      wave.push(result.value);
      tokens += own;
    }
    if (wave.length > 0) yield wave;
  } finally {
    // Not awaited: a read from a pipe may never end.
    void Promise.resolve(iterator.return?.()).catch(() => {});
  }
}
