// Exact best-of-N over all subsets, and rank correlations with ties.

/** Binomial coefficient in double precision; 0 if `k` is out of range. */
function choose(n: number, k: number): number {
  if (k < 0 || k > n) return 0;
  let result = 1;
  for (let i = 1; i <= Math.min(k, n - k); i++) result = (result * (n - Math.min(k, n - k) + i)) / i;
  return result;
}

/**
 * The probability that candidate `i` is picked from a uniformly drawn subset of `size` candidates, by the highest
 * reward, where equal rewards are equally likely. Only the others that `counts` accepts are counted: the sum over t of
 * C(ties, t) C(lower, size - 1 - t) / (t + 1), over all C(n, size) subsets.
 */
function chanceOfPick(rewards: ArrayLike<number>, i: number, size: number, counts: (other: number) => boolean): number {
  let [ties, lower] = [0, 0];
  for (let j = 0; j < rewards.length; j++) {
    if (j === i || !counts(j)) continue;
    if (rewards[j] === rewards[i]) ties++;
    else if (rewards[j]! < rewards[i]!) lower++;
  }
  let subsets = 0;
  for (let t = 0; t <= Math.min(ties, size - 1); t++)
    subsets += (choose(ties, t) * choose(lower, size - 1 - t)) / (t + 1);
  return subsets / choose(rewards.length, size);
}

/** Mean gold score of the pick over all subsets of `size` candidates. */
export function expectedPick(rewards: ArrayLike<number>, gold: ArrayLike<number>, size: number): number {
  let sum = 0;
  for (let i = 0; i < rewards.length; i++) sum += gold[i]! * chanceOfPick(rewards, i, size, () => true);
  return sum;
}

/** The probability that the pick has the highest gold score of its subset. */
export function pickIsBest(rewards: ArrayLike<number>, gold: ArrayLike<number>, size: number): number {
  let sum = 0;
  for (let i = 0; i < rewards.length; i++) sum += chanceOfPick(rewards, i, size, (other) => gold[other]! <= gold[i]!);
  return sum;
}

/** Pearson's correlation of the ranks, with mean ranks for equal values; NaN if a side is constant. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const [x, y] = [ranksOf(a), ranksOf(b)];
  const middle = (x.length + 1) / 2;
  const product = (p: number[], q: number[]) =>
    p.reduce((sum, value, i) => sum + (value - middle) * (q[i]! - middle), 0);
  return product(x, y) / Math.sqrt(product(x, x) * product(y, y));
}

function ranksOf(values: ArrayLike<number>): number[] {
  const list = Array.from(values);
  return list.map(
    (own) => list.filter((other) => other < own).length + (list.filter((other) => other === own).length + 1) / 2,
  );
}

/** Kendall's tau-b; NaN if a side is constant. */
export function kendall(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [agreeing, inA, inB] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    for (let j = 0; j < i; j++) {
      const [x, y] = [Math.sign(a[i]! - a[j]!), Math.sign(b[i]! - b[j]!)];
      agreeing += x * y;
      inA += x * x;
      inB += y * y;
    }
  }
  return agreeing / Math.sqrt(inA * inB);
}
