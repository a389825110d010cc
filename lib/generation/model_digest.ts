// What tells one model from another without reading all of it: for stores of answers that outlive a run.

import { createHash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const WEIGHTS = /\.(?:safetensors|bin|pt|pth)$/;
const SMALL_FILES = ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja', 'chat_template.json'];
/** Files up to this size are read whole; of larger ones the beginning and this many pieces, evenly spaced. */
const WHOLE = 64 << 20;
const BEGINNING = 1 << 20;
const PIECES = 1024;
const PIECE = 4096;

/**
 * SHA-256 over the folder's configuration, tokenizer and weights: names, sizes, and contents, of weight files above 64 MiB the first MiB
 * (names and shapes of the tensors) and 1024 pieces of 4 KiB. The folder's place and dates do not count. Training changes it; a change of a
 * few numbers in a large file may not.
 */
export async function modelDigest(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => SMALL_FILES.includes(name) || WEIGHTS.test(name)).sort();
  const hash = createHash('sha256');
  for (const name of names) {
    const handle = await open(join(folder, name));
    try {
      const { size } = await handle.stat();
      hash.update(`${name}\0${size}\0`);
      const read = async (begin: number, length: number) => {
        const { buffer, bytesRead } = await handle.read(Buffer.alloc(Math.min(length, size - begin)), 0, Math.min(length, size - begin), begin);
        hash.update(buffer.subarray(0, bytesRead));
      };
      if (size <= WHOLE) {
        for (let begin = 0; begin < size; begin += BEGINNING) await read(begin, BEGINNING);
        continue;
      }
      await read(0, BEGINNING);
      for (let piece = 0; piece < PIECES; piece += 1) await read(Math.floor(((size - PIECE) * piece) / (PIECES - 1)), PIECE);
    } finally {
      await handle.close();
    }
  }
  return hash.digest('hex');
}
