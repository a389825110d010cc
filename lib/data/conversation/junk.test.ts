// Whatever stands in a field, a reader answers with a conversation or with a DataError.

import test from 'ava';
import { parseGenerationItem, parseGenerationRow } from '../../generation/rows';
import { promptsOf } from '../../scoring/items';
import { parseScoreRow } from '../../scoring/rows';
import { datasetFromRows } from '../dataset';
import { DataError } from '../errors';

const SOURCE = { file: 'f', line: 1 };
const JUNK: unknown[] = [
  undefined,
  null,
  true,
  0,
  -1,
  1.5,
  NaN,
  Infinity,
  5n,
  '',
  'x',
  'a\ud800',
  '[]',
  '{}',
  'null',
  [],
  [null],
  [[]],
  [1],
  [''],
  {},
  { a: 1 },
  Object(1),
  new Date(0),
  { role: 'user' },
  [{ role: 'user' }],
  [{ role: 5, content: 'x' }],
  [{ from: 'gpt', value: 'x' }],
  [{ role: 'assistant', tool_calls: [null] }],
  [{ role: 'assistant', tool_calls: {} }],
  [{ role: 'assistant', content: [null] }],
  [{ role: 'tool_call', content: null }],
  Object.create(null),
  { __proto__: null, constructor: 1 },
  JSON.parse('{"__proto__": {"role": "user"}}'),
];
const KEYS = [
  'id',
  'prompt',
  'messages',
  'conversations',
  'input',
  'question',
  'instruction',
  'history',
  'system',
  'tools',
  'documents',
  'chat_template_kwargs',
  'response',
  'responses',
  'input_ids',
  'chosen',
  'rejected',
  'rejected_response',
  'rejected_messages',
  'rank',
  'annotations',
  'category',
  'output',
  'toString',
  'constructor',
];
const WHOLE: Record<string, unknown> = { id: 'a', prompt: 'q', response: 'r' };
const PAIR: Record<string, unknown> = { prompt: 'q', chosen: 'a', rejected: 'b' };

test('junk in every field gives a conversation or a DataError that is one sentence', (t) => {
  const readers: [string, (row: unknown) => unknown, Record<string, unknown>][] = [
    ['score', (row) => parseScoreRow(row, SOURCE), WHOLE],
    ['generate', (row) => parseGenerationRow(row, SOURCE), { id: 'a', prompt: 'q' }],
    ['train', (row) => datasetFromRows([row]), PAIR],
    ['library score', (row) => promptsOf([row as never]), { prompt: 'q', responses: ['r'] }],
    ['library generate', (row) => parseGenerationItem(row as never, SOURCE), { prompt: 'q' }],
  ];
  let refused = 0;
  const attempt = (name: string, read: (row: unknown) => unknown, row: unknown, what: string) => {
    try {
      read(row);
    } catch (error) {
      t.true(error instanceof DataError, `${name} ${what}: ${(error as Error).stack}`);
      t.false(
        /undefined is not|Cannot read|is not a function|not iterable|BigInt/.test((error as Error).message),
        `${name} ${what}: ${(error as Error).message}`,
      );
      refused += 1;
    }
  };
  for (const [name, read, row] of readers) {
    for (const [i, junk] of JUNK.entries()) {
      attempt(name, read, junk, `row ${i}`);
      for (const key of KEYS) {
        attempt(name, read, { ...row, [key]: junk }, `${key} ${i}`);
        attempt(name, read, { [key]: junk }, `${key} ${i} alone`);
        attempt(
          name,
          read,
          { ...row, prompt: undefined, messages: [{ role: 'user', content: 'q', [key]: junk }] },
          `message.${key} ${i}`,
        );
      }
    }
  }
  t.true(refused > 1000);
});
