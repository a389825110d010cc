// A digest that identifies a model without reading all of it, for answers and rewards that are kept after a run.

import { createHash, type Hash } from 'node:crypto';
import { open, readdir, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { ADAPTER_CONFIG_FILE, isIndex, SMALL_MODEL_FILES } from './files';

const WEIGHTS = /\.(?:safetensors|bin|pt|pth)$/;
/** Files of a training run, which do not belong to the model. */
const OF_TRAINING = /^(?:optimizer|scheduler|rng_state|training_args|scaler)/;
/** Files up to this size are read whole. */
const WHOLE = 64 << 20;
const AT_ONCE = 1 << 20;
/**
 * A tensor up to this size is read whole; of a larger one this many pieces, evenly spaced, including its first and last
 * bytes.
 */
const WHOLE_TENSOR = 256 << 10;
const PIECES = 16;
const PIECE = 4096;
/**
 * Of a large file in another format: its two ends (PyTorch's archive lists the CRC-32 of each tensor at its end), and
 * this many pieces.
 */
const PIECES_OF_FILE = 1024;
const LONGEST_HEADER = 100_000_000;

/**
 * SHA-256 over the folder's configuration, tokenizer and weights: their names, sizes and contents. Weight files above
 * 64 MiB are not read whole. Of safetensors: the header, every tensor up to 256 KiB (heads, norms, biases), and 16
 * pieces of 4 KiB of every larger one; of other formats the first and the last MiB and 1024 pieces. The folder's path
 * and dates do not count. Training changes the digest, even of only a head or an adapter; a change of a few numbers
 * within a large matrix may not.
 */
export async function modelDigest(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => isOfModel(name)).sort();
  const hash = createHash('sha256');
  for (const name of names) {
    const handle = await open(join(folder, name));
    try {
      const { size } = await handle.stat();
      hash.update(`${name}\0${size}\0`);
      const read = readerOf(handle, hash, size);
      if (size <= WHOLE) await read(0, size);
      else if (!(await readTensors(handle, name, size, read))) {
        await read(0, AT_ONCE);
        await readPieces(read, 0, size, PIECES_OF_FILE);
        await read(size - AT_ONCE, AT_ONCE);
      }
    } finally {
      await handle.close();
    }
  }
  return hash.digest('hex');
}

const isOfModel = (name: string): boolean =>
  SMALL_MODEL_FILES.has(name) ||
  name === ADAPTER_CONFIG_FILE ||
  isIndex(name) ||
  (WEIGHTS.test(name) && !OF_TRAINING.test(name));

type Read = (begin: number, length: number) => Promise<void>;

function readerOf(handle: FileHandle, hash: Hash, size: number): Read {
  return async (begin, length) => {
    const end = Math.min(size, begin + length);
    for (let at = begin; at < end; at += AT_ONCE) {
      const wanted = Math.min(AT_ONCE, end - at);
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(wanted), 0, wanted, at);
      hash.update(buffer.subarray(0, bytesRead));
    }
  };
}

async function readPieces(read: Read, begin: number, bytes: number, pieces: number): Promise<void> {
  for (let piece = 0; piece < pieces; piece += 1) {
    await read(begin + Math.floor(((bytes - PIECE) * piece) / (pieces - 1)), PIECE);
  }
}

/** Returns false if the file is not a safetensors file. */
async function readTensors(handle: FileHandle, name: string, size: number, read: Read): Promise<boolean> {
  if (!name.endsWith('.safetensors')) return false;
  const { buffer } = await handle.read(Buffer.alloc(8), 0, 8, 0);
  const header = Number(buffer.readBigUInt64LE());
  if (header > Math.min(LONGEST_HEADER, size)) return false;
  const offsets = offsetsOf((await handle.read(Buffer.alloc(header), 0, header, 8)).buffer.toString('utf8'));
  if (offsets === undefined) return false;
  await read(0, 8 + header);
  for (const [begin, end] of offsets) {
    const place = 8 + header + begin;
    if (end - begin <= WHOLE_TENSOR) await read(place, end - begin);
    else await readPieces(read, place, end - begin, PIECES);
  }
  return true;
}

/** Where each tensor begins and ends, in the file's order. */
function offsetsOf(header: string): [number, number][] | undefined {
  try {
    return Object.entries(JSON.parse(header) as Record<string, { data_offsets?: unknown }>)
      .filter(([name]) => name !== '__metadata__')
      .map(([, { data_offsets: offsets }]) => {
        if (!Array.isArray(offsets) || !offsets.every((offset) => Number.isSafeInteger(offset)))
          throw new TypeError('no offsets');
        return offsets as [number, number];
      })
      .sort((a, b) => a[0] - b[0]);
  } catch {
    return undefined;
  }
}
