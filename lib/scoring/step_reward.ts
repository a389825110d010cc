// How the rewards of a response's steps are combined into one.

import type { StepReward } from '../options/scoring';

/**
 * Each sample's steps as one reward. `offsets`: where each sample's steps begin in `rewards`, with one more entry than
 * there are samples.
 */
export function joinSteps(rewards: Float32Array, offsets: Int32Array, how: StepReward): Float32Array {
  return Float32Array.from({ length: offsets.length - 1 }, (_, sample) => {
    const steps = Array.from(rewards.subarray(offsets[sample], offsets[sample + 1]));
    switch (how) {
      case 'min':
        return Math.min(...steps);
      case 'mean':
        return steps.reduce((sum, step) => sum + step, 0) / steps.length;
      case 'product':
        return steps.reduce((product, step) => product * step, 1);
      case 'last':
        return steps.at(-1)!;
    }
  });
}
