import { appendFileSync, mkdtempSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import { DataError } from './errors';
import { readRows } from './rows';

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
  await t.throwsAsync(readWith(cut, () => truncateSync(cut, row.length * 10_000)), {
    instanceOf: DataError,
    message: /in\.jsonl: the file was cut while it was read: it had \d+ bytes and ended after \d+/,
  });
  const grown = newFile();
  t.is(await readWith(grown, () => appendFileSync(grown, row)), 20_001);
});

test('what follows gzip data is no cut', async (t) => {
  const file = newFile();
  writeFileSync(file, Buffer.concat([gzipSync(row.repeat(3)), Buffer.alloc(1 << 20)]));
  t.is(await readWith(file, () => {}), 3);
});
