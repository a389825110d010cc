// A small generator whose sequence never changes with Node's version.

const MASK = (1n << 64n) - 1n;
const GOLDEN_GAMMA = 0x9e3779b97f4a7c15n;

/** SplitMix64's output function: a bijection of 64 bits that scatters close values. */
function mix64(state: bigint): bigint {
  let z = state;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK;
  return z ^ (z >> 31n);
}

/**
 * SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"): 64 bits of state, period
 * 2^64.
 */
export class SplitMix64 {
  private state: bigint;

  /**
   * @param seed any integer; taken modulo 2^64.
   * @param stream the epoch, say. Each (seed, stream) has its own sequence; stream 0 is plain SplitMix64, and (0, 1) is
   * not
   *   (1, 0), as it is where seed and epoch are only added.
   */
  constructor(seed: number | bigint, stream = 0) {
    const start = BigInt.asUintN(64, BigInt(seed));
    this.state = stream === 0 ? start : mix64((mix64(start ^ GOLDEN_GAMMA) + BigInt(stream) * GOLDEN_GAMMA) & MASK);
  }

  /** The next 64 bits. */
  next(): bigint {
    this.state = (this.state + GOLDEN_GAMMA) & MASK;
    return mix64(this.state);
  }

  /** An integer from 0 to bound - 1, each equally likely; bound from 1 to 2^32. */
  below(bound: number): number {
    const limit = 2 ** 32 - (2 ** 32 % bound);
    for (;;) {
      const bits = Number(this.next() >> 32n);
      if (bits < limit) return bits % bound;
    }
  }
}

/** 0 to count - 1 in random order (Fisher and Yates, from the end). */
export function shuffledIndices(count: number, random: SplitMix64): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i -= 1) {
    const j = random.below(i + 1);
    const moved = order[i]!;
    order[i] = order[j]!;
    order[j] = moved;
  }
  return order;
}
