// The kind of a file depends on its content, not on its name.

import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { readRows, rowsOfStream } from './rows';

const folder = mkdtempSync(join(tmpdir(), 'cheems-kinds-'));
test.after.always(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function file(content: string | Buffer, extension: string): string {
  const path = join(folder, `${(files += 1)}${extension}`);
  writeFileSync(path, content);
  return path;
}

async function read(path: string): Promise<[number, unknown][]> {
  const rows: [number, unknown][] = [];
  for await (const { line, value } of readRows(path)) rows.push([line, value]);
  return rows;
}

const ROWS = [
  { prompt: '问', response: 'a😀' },
  { prompt: 'p', response: 'b' },
];
const LINES = ROWS.map((row) => JSON.stringify(row)).join('\n');
const NAMES = ['.jsonl', '.json', '.parquet', '.txt', '.jsonl.gz', '.json.gz', ''];

test('JSON lines and arrays under any name, gzipped and in UTF-16 too', async (t) => {
  const utf16 = (text: string) => Buffer.from(`\uFEFF${text}`, 'utf16le');
  const array = JSON.stringify(ROWS);
  for (const name of NAMES) {
    for (const text of [LINES, `\uFEFF${LINES}`, `\n${LINES}`, array, ` \n${array}`]) {
      const contents = [
        Buffer.from(text),
        gzipSync(text),
        utf16(text.replace('\uFEFF', '')),
        utf16(text.replace('\uFEFF', '')).swap16(),
      ];
      for (const content of contents) {
        const rows = await read(file(content, name));
        t.deepEqual(
          rows.map(([, value]) => value),
          ROWS,
          `${name} ${content.toString('hex', 0, 8)}`,
        );
      }
    }
  }
  const pretty = file(JSON.stringify(ROWS, null, 2), '.jsonl');
  t.deepEqual(await read(pretty), [
    [2, ROWS[0]],
    [6, ROWS[1]],
  ]);
});

test('a parquet table under any name', async (t) => {
  const table = join(__dirname, '..', '..', 'fixtures', 'cases', 'score-big-integer-id', 'id.parquet');
  for (const name of NAMES) {
    const path = join(folder, `table${name}`);
    copyFileSync(table, path);
    const rows = (await read(path)) as [number, { id: unknown }][];
    t.is(String(rows[0]![1].id), '9007199254740993', name);
  }
});

const REFUSED: [string, Buffer, RegExp][] = [
  [
    'a Git LFS pointer',
    Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 12\n'),
    /only a Git LFS pointer to the data: .*`git lfs pull`/,
  ],
  ['zstd', Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 4, 0]), /packed by zstd, which is not read; unpack it \(zstd -d\)/],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4]), /packed by xz/],
  ['bzip2', Buffer.from('BZh91AY'), /packed by bzip2/],
  ['zip', Buffer.from('PK\u0003\u0004xx'), /packed by zip/],
  ['Arrow', Buffer.from('ARROW1\0\0'), /is an Arrow IPC file, which is not supported; convert it in Python/],
  ['an Arrow stream', Buffer.from([0xff, 0xff, 0xff, 0xff, 0x10, 1, 0, 0]), /is an Arrow IPC stream.*to_parquet/],
  ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x7b, 0, 0, 0]), /UTF-32, which is not read; save it as UTF-8/],
  ['UTF-16 that is broken', Buffer.from([0xff, 0xfe, 0x7b]), /not valid UTF-16/],
];

for (const [what, content, message] of REFUSED) {
  test(`${what} is told as what it is, under any name and within gzip`, async (t) => {
    for (const name of NAMES) {
      for (const bytes of [content, gzipSync(content)]) {
        const path = file(bytes, name);
        const error = await t.throwsAsync(read(path), { name: 'DataError', message }, name);
        t.true(error.message.startsWith(`${path}: `));
      }
    }
  });
}

test('what is packed twice, and a table in a pipe', async (t) => {
  await t.throwsAsync(read(file(gzipSync(gzipSync(LINES)), '.gz')), { message: /gzip within gzip/ });
  const stream = Readable.from([Buffer.from('PAR1')], { objectMode: false });
  await t.throwsAsync(
    async () => {
      for await (const row of rowsOfStream(stream, 'standard input')) t.fail(String(row));
    },
    { message: /standard input: a parquet table is not read from a stream; name its file/ },
  );
});

test('NaN and Infinity, as Python writes them, are read where nothing needs them', async (t) => {
  const rows = await read(file('{"a":"NaN","b":NaN,"c":[-Infinity,Infinity],"d":"x, NaN"}\n[not JSON', '.jsonl')).catch(
    () => undefined,
  );
  t.is(rows, undefined);
  t.deepEqual(await read(file('{"a":"NaN","b":NaN,"c":[-Infinity,Infinity],"d":"x, \\"NaN"}', '.jsonl')), [
    [1, { a: 'NaN', b: NaN, c: [-Infinity, Infinity], d: 'x, "NaN' }],
  ]);
  t.deepEqual(await read(file('[{"a":NaN}]', '.json')), [[1, { a: NaN }]]);
  await t.throwsAsync(read(file('{"a":NaNs}', '.jsonl')), { message: /:1: the line is not valid JSON/ });
  await t.throwsAsync(read(file('{"a":01}', '.jsonl')), { message: /not valid JSON/ });
});
