import test from 'ava';
import { preferred } from '../data/comparisons';
import { comparisonArrays, verdictsOf } from './comparison_arrays';

const soft = { a: 2, b: 0, target: 0.25, weight: 2, margin: 0.5 };

test('of plain pairs the engine gets the pairs alone', (t) => {
  t.deepEqual(comparisonArrays([preferred(1, 0), preferred(2, 1)]), { pairs: Int32Array.of(1, 0, 2, 1) });
  t.deepEqual(comparisonArrays([]), { pairs: new Int32Array(0) });
});

test('targets, weights and margins reach the engine where one of them is not the default', (t) => {
  t.deepEqual(comparisonArrays([preferred(0, 1), soft]), {
    pairs: Int32Array.of(0, 1, 2, 0),
    targets: Float32Array.of(1, 0.25),
    weights: Float32Array.of(1, 2),
    margins: Float32Array.of(0, 0.5),
  });
  t.deepEqual(comparisonArrays([{ ...preferred(0, 1), margin: -1 }]), {
    pairs: Int32Array.of(0, 1),
    margins: Float32Array.of(-1),
  });
});

test('the verdict of a comparison is the likelier side, and a tie has none', (t) => {
  const { pairs } = comparisonArrays([preferred(0, 1)]);
  t.is(verdictsOf({ pairs }), pairs);
  const tie = { ...preferred(3, 4), target: 0.5 };
  t.deepEqual(verdictsOf(comparisonArrays([preferred(0, 1), soft, tie])), Int32Array.of(0, 1, 0, 2));
});
