// Comparisons as the engine takes them.

import { COMPARISON_DEFAULTS, type Comparison } from '../data/comparisons';
import type { ComparisonArrays } from '../engine/types.generated';

/** Arrays whose numbers are all the default are left out. */
export function comparisonArrays(comparisons: readonly Comparison[]): ComparisonArrays {
  const pairs = new Int32Array(2 * comparisons.length);
  comparisons.forEach(({ a, b }, i) => pairs.set([a, b], 2 * i));
  const numbers = (key: keyof typeof COMPARISON_DEFAULTS): Float32Array | undefined =>
    comparisons.every((comparison) => comparison[key] === COMPARISON_DEFAULTS[key])
      ? undefined
      : Float32Array.from(comparisons, (comparison) => comparison[key]);
  const [targets, weights, margins] = [numbers('target'), numbers('weight'), numbers('margin')];
  return { pairs, ...(targets && { targets }), ...(weights && { weights }), ...(margins && { margins }) };
}

/** [2 P]: chosen and rejected, alternating, of the comparisons that say which is better. */
export function verdictsOf({ pairs, targets }: ComparisonArrays): Int32Array {
  if (targets === undefined) return pairs;
  const verdicts: number[] = [];
  targets.forEach((target, i) => {
    const [a, b] = [pairs[2 * i]!, pairs[2 * i + 1]!];
    if (target !== 0.5) verdicts.push(...(target > 0.5 ? [a, b] : [b, a]));
  });
  return Int32Array.from(verdicts);
}
