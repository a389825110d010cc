// The merges of a BPE model as numbers, and how a long word is merged by them.

/** (left id, right id) -> (rank, id of the merged token), by open addressing. */
export class MergeTable {
  private readonly mask: number;
  private readonly lefts: Int32Array;
  private readonly rights: Int32Array;
  readonly ranks: Int32Array;
  readonly merged: Int32Array;

  /** Undefined if a part or a result is not in the vocabulary: then the merges cannot be computed on ids alone. */
  static from(merges: unknown, vocabulary: ReadonlyMap<string, number>): MergeTable | undefined {
    if (!Array.isArray(merges)) return undefined;
    const table = new MergeTable(merges.length);
    for (const [rank, merge] of (merges as (string | string[])[]).entries()) {
      const [left = '', right = ''] = typeof merge === 'string' ? merge.split(' ', 2) : merge;
      const [leftId, rightId, mergedId] = [vocabulary.get(left), vocabulary.get(right), vocabulary.get(left + right)];
      if (leftId === undefined || rightId === undefined || mergedId === undefined) return undefined;
      table.put(leftId, rightId, rank, mergedId);
    }
    return table;
  }

  private constructor(merges: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(16, 2.5 * merges)));
    this.mask = slots - 1;
    this.lefts = new Int32Array(slots).fill(-1);
    this.rights = new Int32Array(slots);
    this.ranks = new Int32Array(slots);
    this.merged = new Int32Array(slots);
  }

  /** If a pair is listed twice, the last entry counts, as in the library. */
  private put(left: number, right: number, rank: number, merged: number): void {
    let slot = this.home(left, right);
    while (this.lefts[slot] !== -1 && (this.lefts[slot] !== left || this.rights[slot] !== right))
      slot = (slot + 1) & this.mask;
    this.lefts[slot] = left;
    this.rights[slot] = right;
    this.ranks[slot] = rank;
    this.merged[slot] = merged;
  }

  /** The pair's slot, -1 where the two are never merged. */
  find(left: number, right: number): number {
    let slot = this.home(left, right);
    for (; this.lefts[slot] !== -1; slot = (slot + 1) & this.mask) {
      if (this.lefts[slot] === left && this.rights[slot] === right) return slot;
    }
    return -1;
  }

  private home(left: number, right: number): number {
    const hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    return (hash ^ (hash >>> 15)) & this.mask;
  }
}

export const NO_MERGE = 0x7fffffff;

/**
 * Merges the pair with the lowest rank (of equal ones the leftmost) until no pair is left that can be merged. Uses a
 * heap of pairs, so that the time grows with n log n; a pair that has changed since it was added is skipped.
 * @param symbols ids, which become those of the merged tokens. @param found called with the position of each
 * remaining symbol, in order.
 */
export function mergeSymbols(symbols: Int32Array, merges: MergeTable, found: (at: number) => void): void {
  const count = symbols.length;
  const next = Int32Array.from({ length: count }, (_, i) => i + 1);
  const before = Int32Array.from({ length: count }, (_, i) => i - 1);
  /** For each symbol and the next one; NO_MERGE also if the symbol is gone. */
  const ranks = new Int32Array(count).fill(NO_MERGE);
  const slots = new Int32Array(count);
  const heap = new PairHeap(count);
  const lookUp = (i: number): void => {
    const right = next[i]!;
    const slot = right < count ? merges.find(symbols[i]!, symbols[right]!) : -1;
    slots[i] = slot;
    ranks[i] = slot < 0 ? NO_MERGE : merges.ranks[slot]!;
    if (slot >= 0) heap.push(ranks[i], i);
  };
  for (let i = 0; i < count; i += 1) lookUp(i);
  while (heap.pop()) {
    const at = heap.place;
    if (ranks[at] !== heap.rank) continue;
    const right = next[at]!;
    symbols[at] = merges.merged[slots[at]!]!;
    next[at] = next[right]!;
    ranks[right] = NO_MERGE;
    if (next[at] < count) before[next[at]] = at;
    lookUp(at);
    if (before[at]! >= 0) lookUp(before[at]!);
  }
  for (let i = 0; i < count; i = next[i]!) found(i);
}

/** Pairs ordered by rank, then by position, as a binary heap in two growing arrays. */
class PairHeap {
  /** The entry that `pop` removed. */
  rank = 0;
  place = 0;
  private ranks: Int32Array;
  private places: Int32Array;
  private size = 0;

  constructor(room: number) {
    this.ranks = new Int32Array(Math.max(16, room));
    this.places = new Int32Array(Math.max(16, room));
  }

  push(rank: number, place: number): void {
    if (this.size === this.ranks.length) this.grow();
    let at = this.size;
    this.size += 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.isBefore(rank, place, parent)) break;
      this.ranks[at] = this.ranks[parent]!;
      this.places[at] = this.places[parent]!;
      at = parent;
    }
    this.ranks[at] = rank;
    this.places[at] = place;
  }

  pop(): boolean {
    if (this.size === 0) return false;
    this.rank = this.ranks[0]!;
    this.place = this.places[0]!;
    this.size -= 1;
    const [rank, place] = [this.ranks[this.size]!, this.places[this.size]!];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.size) break;
      if (child + 1 < this.size && this.isBefore(this.ranks[child + 1]!, this.places[child + 1]!, child)) child += 1;
      if (this.isBefore(rank, place, child)) break;
      this.ranks[at] = this.ranks[child]!;
      this.places[at] = this.places[child]!;
      at = child;
    }
    this.ranks[at] = rank;
    this.places[at] = place;
    return true;
  }

  private isBefore(rank: number, place: number, at: number): boolean {
    return rank < this.ranks[at]! || (rank === this.ranks[at]! && place < this.places[at]!);
  }

  private grow(): void {
    const [ranks, places] = [new Int32Array(2 * this.size), new Int32Array(2 * this.size)];
    ranks.set(this.ranks);
    places.set(this.places);
    [this.ranks, this.places] = [ranks, places];
  }
}
