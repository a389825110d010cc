import { appendFileSync, mkdtempSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { DataError } from './errors';
import { LONGEST_ROW } from './json_array';
import { readRows, rowsOfStream, type Row } from './rows';

const row = `${JSON.stringify({ id: 'x'.repeat(90) })}\n`;

function newFile(): string {
  const file = join(mkdtempSync(join(tmpdir(), 'rows-')), 'in.jsonl');
  writeFileSync(file, row.repeat(20_000));
  return file;
}

async function readWith(file: string, meanwhile: () => void): Promise<number> {
  let rows = 0;
  for await (const _ of readRows(file)) {
    rows += 1;
    if (rows === 1) meanwhile();
  }
  return rows;
}

test('a file that is cut while it is read is told of, one that grows is read on', async (t) => {
  const cut = newFile();
  await t.throwsAsync(
    readWith(cut, () => truncateSync(cut, row.length * 10_000)),
    {
      instanceOf: DataError,
      message: /in\.jsonl: the file was cut while it was read: it had \d+ bytes and ended after \d+/,
    },
  );
  const grown = newFile();
  t.is(await readWith(grown, () => appendFileSync(grown, row)), 20_001);
});

test('what follows gzip data is no cut', async (t) => {
  const file = newFile();
  writeFileSync(file, Buffer.concat([gzipSync(row.repeat(3)), Buffer.alloc(1 << 20)]));
  t.is(await readWith(file, () => {}), 3);
});

/** A JSON array of rows of 1 MiB, made while it is read. */
function* largeArray(rows: number): Generator<Buffer> {
  const body = Buffer.from(`"text":"${'字'.repeat((1 << 20) / 3)}, [{\\"]"}`);
  for (let i = 0; i < rows; i += 1) yield Buffer.concat([Buffer.from(`${i === 0 ? '[' : ','}\n{"id":${i},\n`), body]);
  yield Buffer.from('\n]\n');
}

test('an array is read row by row, however large the file is', async (t) => {
  const count = 270;
  t.true(count * (1 << 20) > LONGEST_ROW);
  const before = process.memoryUsage().rss;
  let [rows, most] = [0, 0];
  for await (const { value, line } of rowsOfStream(Readable.from(largeArray(count)), 'large.json')) {
    const { id, text } = value as { id: number; text: string };
    if (id !== rows || line !== 2 + 2 * rows || text.length !== Math.floor((1 << 20) / 3) + 6) t.fail(`row ${rows}`);
    rows += 1;
    most = Math.max(most, process.memoryUsage().rss - before);
  }
  t.is(rows, count);
  t.true(most < LONGEST_ROW / 2, `${most} bytes`);
});

const inPieces = (text: string | Buffer, size: number): Readable => {
  const bytes = Buffer.from(text as string);
  const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
    bytes.subarray(i * size, (i + 1) * size),
  );
  return Readable.from(pieces, { objectMode: false });
};

async function readPieces(text: string | Buffer, size: number): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const row of rowsOfStream(inPieces(text, size), 'in.json')) rows.push(row);
  return rows;
}

test('an array is the same however its bytes are cut', async (t) => {
  const values = [{ a: '"\\', b: [1, [2, {}]] }, [], 'x,]}\n"', -1.5e3, null, [{ 字: '😀' }], true, {}];
  const texts = values.map((value) => JSON.stringify(value, null, 1));
  const linesBefore = (i: number): number =>
    texts.slice(0, i).reduce((sum, one) => sum + one.split('\n').length + 1, 0);
  const lines = values.map((_, i) => 3 + linesBefore(i));
  const text = `\uFEFF \n[\r\n${texts.join(' ,\n\n ')}\n]\n\n`;
  for (const size of [1, 2, 3, 7, 1000]) {
    const rows = await readPieces(text, size);
    t.deepEqual(
      rows.map(({ value }) => value),
      values,
    );
    t.deepEqual(
      rows.map(({ line }) => line),
      lines,
    );
    t.deepEqual(await readPieces(' [ ] ', size), []);
  }
});

test('what is wrong in an array is told with the line', async (t) => {
  const invalid = Buffer.concat([Buffer.from('[1, "a",\n2, "x\u4f60'), Buffer.from([0xc0]), Buffer.from('"]')]);
  const cases: [string | Buffer, RegExp][] = [
    [
      '[1,\n2,\n{"a":\n1,,}]',
      /^in\.json:4: the file is not valid JSON \(Expected double-quoted property name(?: in JSON)?\)$/,
    ],
    ['[1,\n\n2', /^in\.json:3: .*\(it ends before the list does\)$/],
    ['[1,\n\n,2]', /^in\.json:3: .*\(there is a comma with no row on one side\)$/],
    ['[1,\n2,\n]', /^in\.json:3: .*comma with no row/],
    ['[,1]', /^in\.json:1: .*comma with no row/],
    ['[1,\n2}', /^in\.json:2: .*\(the list is closed by \}\)$/],
    ['[1,\n2]\n[3]', /^in\.json:3: .*\(there is something after the end of the list\)$/],
    ['[1,\n2 3]', /^in\.json:2: .*not valid JSON/],
    ['[\n{"a": ]\n}]', /^in\.json:2: .*not valid JSON/],
    ['[\n"a\nb"]', /^in\.json:2: .*not valid JSON/],
    ['["a\n]', /^in\.json:2: .*ends before the list/],
    [invalid, /^in\.json:2: invalid UTF-8 near byte 9 of the line/],
  ];
  for (const [text, message] of cases) {
    for (const size of [1, 4, 1000]) await t.throwsAsync(readPieces(text, size), { instanceOf: DataError, message });
  }
});
