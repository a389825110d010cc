import test from 'ava';
import { parseKeepingNumbers, parseWithNumbers, stringifyKeepingNumbers } from './exact_json';

test('a text of millions of characters beside a number whose digits count is read', (t) => {
  const long = `${'字"\\'.repeat(7_000_000)}x`;
  const text = `{"id":12345678901234567890,"a":${JSON.stringify(long)}}`;
  const { id, a } = parseWithNumbers(text, (spelling) => spelling) as { id: string; a: string };
  t.is(id, '12345678901234567890');
  t.true(a === long);
});

test('escapes, marks and numbers within texts stay as they are', (t) => {
  const texts = ['', '\\', '"', '\\"', 'a\\\\"1.0', '\u0001number:5', '\u0001', '1e5, -0.50', 'NaN', '\n'];
  const value = { texts, nested: [{ '"k\\': '\\' }] };
  t.deepEqual(parseWithNumbers(JSON.stringify(value), Number), value);
  const written = JSON.stringify({ ...value, n: 1 }, null, 2).replace('"n": 1', '"n": 1.50e+3');
  t.is(stringifyKeepingNumbers(parseKeepingNumbers(written)), `${written}\n`);
});

test('what is no JSON is refused, also with an open text or a broken escape', (t) => {
  for (const text of ['{"a":1', '{"a":"1}', '["\\"]', '["\\x"]', '[01]', '[1 2]', '["a\nb"]', '[-]', '[NaNs]'])
    t.throws(() => parseWithNumbers(text, Number), { instanceOf: SyntaxError }, text);
});

test('numbers survive reading and writing to the letter', (t) => {
  const text = '{\n  "a": [\n    -0.0,\n    1E+5,\n    0\n  ],\n  "b\\\\\\"": "1.0"\n}\n';
  t.is(stringifyKeepingNumbers(parseKeepingNumbers(text)), text);
});
