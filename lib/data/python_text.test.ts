import test from 'ava';
import { parsePythonInteger, pythonLeftStrip, pythonRightStrip, pythonStrip } from './python_text';

test('integers are those of Python', (t) => {
  const sound: [string, number][] = [
    ['1', 1],
    [' 3 ', 3],
    ['+1', 1],
    ['-2', -2],
    ['1_0', 10],
    ['３', 3],
    ['007', 7],
    ['٤٢', 42],
    ['𝟗', 9],
    ['\x1f5\x85', 5],
    ['-0', 0],
  ];
  for (const [text, value] of sound) t.is(parsePythonInteger(text), value, text);
  for (const text of [
    '',
    ' ',
    '1.5',
    '1.0',
    '1e3',
    '_1',
    '1_',
    '1__0',
    '+ 1',
    '--1',
    'x',
    '½',
    '一',
    '\uFEFF1',
    '99999999999999999999',
  ]) {
    t.is(parsePythonInteger(text), undefined, text);
  }
});

test('white space is that of Python', (t) => {
  const both = '\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u200a\u2028\u2029\u202f\u205f\u3000';
  t.is(pythonStrip(`${both}a b${both}`), 'a b');
  t.is(pythonLeftStrip(`${both}a `), 'a ');
  t.is(pythonRightStrip(` a${both}`), ' a');
  t.is(pythonStrip(both), '');
  for (const kept of ['\uFEFF', '\u200B', '\u180E', '\0']) t.is(pythonStrip(`${kept}a${kept}`), `${kept}a${kept}`);
  const begin = Date.now();
  t.is(pythonStrip(`a${' '.repeat(300_000)}b`).length, 300_002);
  t.true(Date.now() - begin < 2000, 'the time must not grow with the square of inner white space');
});
