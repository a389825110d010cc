// Python's random.random(): MT19937 (Matsumoto & Nishimura 1998), seeded by an array like CPython's random.seed(int),
// 53 bits per number. The original draws its order of responses from it.

const N = 624;
const M = 397;

export class PythonRandom {
  private readonly state = new Uint32Array(N);
  private index = N;

  /** @param seed a whole number from 0 below 2^32: then CPython's key is that one number. */
  constructor(seed: number) {
    const state = this.state;
    this.initialize(19650218);
    let i = 1;
    for (let k = N; k > 0; k--) {
      state[i] = (state[i]! ^ Math.imul(state[i - 1]! ^ (state[i - 1]! >>> 30), 1664525)) + seed;
      if (++i >= N) i = this.wrap();
    }
    for (let k = N - 1; k > 0; k--) {
      state[i] = (state[i]! ^ Math.imul(state[i - 1]! ^ (state[i - 1]! >>> 30), 1566083941)) - i;
      if (++i >= N) i = this.wrap();
    }
    state[0] = 0x80000000;
  }

  /** The next number, from 0 up to but not including 1. */
  next(): number {
    const high = this.bits() >>> 5;
    const low = this.bits() >>> 6;
    return (high * 67108864 + low) / 9007199254740992;
  }

  private initialize(seed: number): void {
    this.state[0] = seed;
    for (let i = 1; i < N; i++) {
      const previous = this.state[i - 1]! ^ (this.state[i - 1]! >>> 30);
      this.state[i] = Math.imul(previous, 1812433253) + i;
    }
  }

  private wrap(): number {
    this.state[0] = this.state[N - 1]!;
    return 1;
  }

  private bits(): number {
    if (this.index === N) this.twist();
    let y = this.state[this.index++]!;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  private twist(): void {
    const state = this.state;
    for (let k = 0; k < N; k++) {
      const y = (state[k]! & 0x80000000) | (state[(k + 1) % N]! & 0x7fffffff);
      state[k] = state[(k + M) % N]! ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.index = 0;
  }
}
