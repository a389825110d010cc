import test from 'ava';
import { parseKeepingNumbers, stringifyKeepingNumbers } from './exact_json';

test('numbers survive reading and writing to the letter', (t) => {
  const text = '{\n  "a": [\n    -0.0,\n    1E+5,\n    0\n  ],\n  "b\\\\\\"": "1.0"\n}\n';
  t.is(stringifyKeepingNumbers(parseKeepingNumbers(text)), text);
});
