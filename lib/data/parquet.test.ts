import test from 'ava';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readPreferenceDataset } from './dataset';
import { readRows } from './rows';

const file = join(mkdtempSync(join(tmpdir(), 'parquet-')), 'pairs.parquet');

test.before(async () => {
  const { parquetWriteFile } = await import('hyparquet-writer');
  parquetWriteFile({
    filename: file,
    rowGroupSize: 2,
    columnData: [
      { name: 'prompt', data: ['一加一', 'two', 'three'], type: 'STRING' },
      { name: 'chosen', data: ['二', 'b', 'c'], type: 'STRING' },
      { name: 'rejected', data: ['三', 'x', 'y'], type: 'STRING' },
      { name: 'count', data: [1n, 2n, 3n], type: 'INT64' },
      { name: 'list', data: [['a', 'b'], [], ['c']], type: 'JSON' },
    ],
  });
});

test('rows of several row groups, numbered, with whole numbers as numbers', async (t) => {
  const rows = [];
  for await (const row of readRows(file)) rows.push(row);
  t.deepEqual(
    rows.map(({ line }) => line),
    [1, 2, 3],
  );
  t.deepEqual(rows[0]!.value, { prompt: '一加一', chosen: '二', rejected: '三', count: 1, list: ['a', 'b'] });
});

test('a table is preference data like any other', async (t) => {
  const { prompts } = await readPreferenceDataset(file);
  t.deepEqual(
    prompts.map(({ prompt, responses, pairs }) => [prompt, responses.map(({ content }) => content), pairs]),
    [
      ['一加一', ['二', '三'], [[0, 1]]],
      ['two', ['b', 'x'], [[0, 1]]],
      ['three', ['c', 'y'], [[0, 1]]],
    ],
  );
});

test('what is no table and what is not there are named', async (t) => {
  const broken = join(tmpdir(), `broken-${process.pid}.parquet`);
  writeFileSync(broken, 'not a table at all');
  await t.throwsAsync(readPreferenceDataset(broken), {
    message: /broken-\d+\.parquet: the file cannot be read as parquet/,
  });
  await t.throwsAsync(readPreferenceDataset('nowhere.parquet'), {
    message: /nowhere\.parquet: the file does not exist/,
  });
});
