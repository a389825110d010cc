import {
  cpSync,
  mkdtempSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { modelDigest } from './digest';

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'model-digest-'));

/** A file of over 64 MiB, mostly a hole: a matrix, a head behind it, a norm. */
function largeModel(): { folder: string; place: Record<'matrix' | 'head' | 'norm', number> } {
  const folder = newFolder();
  writeFileSync(join(folder, 'config.json'), '{}');
  const matrix = 80 << 20;
  const tensor = (begin: number, bytes: number) => ({
    dtype: 'F32',
    shape: [bytes / 4],
    data_offsets: [begin, begin + bytes],
  });
  const header = Buffer.from(
    JSON.stringify({
      'layers.0': tensor(0, matrix),
      'score.weight': tensor(matrix, 4096 * 4),
      norm: tensor(matrix + 4096 * 4, 4096 * 4),
    }),
  );
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  const file = join(folder, 'model.safetensors');
  writeFileSync(file, Buffer.concat([length, header]));
  const data = 8 + header.length;
  truncateSync(file, data + matrix + 2 * 4096 * 4);
  return { folder, place: { matrix: data, head: data + matrix, norm: data + matrix + 4096 * 4 } };
}

function change(file: string, at: number): void {
  const handle = openSync(file, 'r+');
  writeSync(handle, Buffer.from([7]), 0, 1, at);
  closeSync(handle);
}

test('of a large file every small tensor counts: a trained head or norm is another model', async (t) => {
  const { folder, place } = largeModel();
  const digests = [await modelDigest(folder)];
  for (const at of [place.head + 8001, place.norm + 4096 * 4 - 1, place.matrix, place.head - 1]) {
    change(join(folder, 'model.safetensors'), at);
    digests.push(await modelDigest(folder));
  }
  t.is(new Set(digests).size, 5);
});

test('a large file of another form is known by its ends', async (t) => {
  const folder = newFolder();
  const file = join(folder, 'pytorch_model.bin');
  writeFileSync(file, 'PK');
  truncateSync(file, 70 << 20);
  const before = await modelDigest(folder);
  change(file, (70 << 20) - 300_000);
  t.not(await modelDigest(folder), before);
});

test('configuration, tokenizer and template count; place, logs and states of training do not', async (t) => {
  const folder = newFolder();
  writeFileSync(join(folder, 'model.safetensors'), 'abc');
  const before = await modelDigest(folder);
  const copy = newFolder();
  cpSync(folder, copy, { recursive: true });
  for (const name of [
    'trainer_state.json',
    'metrics.jsonl',
    'optimizer.safetensors',
    'results.json',
    'README.md',
    'rewards.jsonl.run',
  ])
    writeFileSync(join(copy, name), 'x');
  t.is(await modelDigest(copy), before);
  const seen = new Set([before]);
  for (const name of [
    'config.json',
    'cheems.json',
    'tokenizer_config.json',
    'special_tokens_map.json',
    'merges.txt',
    'chat_template.jinja',
    'value_head.safetensors',
    'model.safetensors.index.json',
  ]) {
    writeFileSync(join(copy, name), 'x');
    seen.add(await modelDigest(copy));
  }
  t.is(seen.size, 9);
  writeFileSync(
    join(copy, 'model.safetensors'),
    readFileSync(join(copy, 'model.safetensors')).map((byte) => byte ^ 1),
  );
  t.false(seen.has(await modelDigest(copy)));
});
