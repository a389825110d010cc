import { execFileSync } from 'node:child_process';
import test from 'ava';
import { counted } from './counted';
import { quoteCommand, quoteWord } from './shell';
import { visibleJson, visibleLine, visibleText } from './visible';
import { cutToWidth, displayWidth } from './width';

test('control characters are written out: C0, DEL, C1, directions, separators; letters of all scripts stay', (t) => {
  t.is(visibleLine('\x1b[2J\x07\u009b31m\x7f'), '\\x1b[2J\\x07\\u009b31m\\x7f');
  t.is(visibleLine('a\r\n\tb\u2028c'), 'a\\r\\n\\tb\\u2028c');
  t.is(visibleLine('a\u202egnp.exe\u2066x\u2069\u061c'), 'a\\u202egnp.exe\\u2066x\\u2069\\u061c');
  for (const kept of ['中文 é ü', 'שלום', '👩‍👩‍👧', 'a\\x1b', '“q” – …']) t.is(visibleLine(kept), kept);
  t.is(visibleText('a\r\nb\tc\rd\x1b'), 'a\nb\tc\\rd\\x1b');
});

test('JSON for a terminal means the same', (t) => {
  const value = { text: '\u009b2J \u202e \x7f \n \x1b 中' };
  const line = `${JSON.stringify(value)}\n`;
  t.notRegex(visibleJson(line), /[\u007f-\u009f\u202a-\u202e]/);
  t.deepEqual(JSON.parse(visibleJson(line)), value);
  t.true(visibleJson(line).endsWith('}\n'));
});

test('a quoted word is one word of the shell, whatever it holds', (t) => {
  const words = [
    'plain/path-1.0',
    "/我的 项目 (1)/it's",
    '$(touch x)`y`"z"',
    '-n',
    '',
    'a\\b',
    '*?[~',
    'tab\there',
    'line\nfeed',
    'esc\x1b[2J',
    '!x',
  ];
  const out = execFileSync('bash', ['-c', `printf '%s\\0' ${quoteCommand(words)}`], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
  });
  t.deepEqual(out.split('\0').slice(0, -1), words);
  t.is(quoteWord('plain/path-1.0'), 'plain/path-1.0');
  for (const word of words) t.notRegex(quoteWord(word), /[\u0000-\u001f]/);
});

test('counts, widths', (t) => {
  t.deepEqual(
    [0, 1, 2].map((n) => counted(n, 'row')),
    ['0 rows', '1 row', '2 rows'],
  );
  t.is(counted(1, 'category', 'categories'), '1 category');
  t.is(counted(3, 'category', 'categories'), '3 categories');
  t.is(displayWidth('a中'), 3);
  t.is(cutToWidth('abcdef', 4), 'abc…');
  t.is(cutToWidth('中文字', 4), '中…');
  t.is(cutToWidth('abc', 3), 'abc');
});
