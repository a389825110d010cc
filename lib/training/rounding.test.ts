import test from 'ava';
import { describeRounding, type RoundingEffect } from './rounding';

test('the sentence names pairs, accuracies, shifts and what to do; without pairs or changes only what there is', (t) => {
  const effect: RoundingEffect = {
    step: 9,
    dtype: 'bfloat16',
    pairs: 200,
    changedPairs: 23,
    accuracyBefore: 0.74,
    accuracyAfter: 0.715,
    largestShift: 0.7234,
    rmsShift: 0.2371,
    standardDeviation: 0.7,
  };
  t.is(
    describeRounding(effect),
    'Loaded in bfloat16: 23 of 200 test pairs get another verdict (accuracy 0.7400 becomes 0.7150), and rewards ' +
      'move by 0.237 (root mean square; 0.723 at most), 0.34 of their standard deviation. ' +
      'Tools that load in 16 bits (vLLM does unasked) have that model; `dtype: bfloat16` trains the one that ' +
      'they load.',
  );
  t.is(
    describeRounding({ ...effect, changedPairs: 0, pairs: 0, standardDeviation: 0 }),
    'Loaded in bfloat16: rewards move by 0.237 (root mean square; 0.723 at most).',
  );
});
