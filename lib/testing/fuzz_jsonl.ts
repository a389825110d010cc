// Damaged data files: whatever the bytes, reading gives a data set or a DataError that names the file, and nothing
// else.

import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { readPreferenceDataset } from '../data/dataset';
import { DataError } from '../data/errors';
import { SplitMix64 } from '../data/random';
import { rowsOfStream } from '../data/rows';
import type { PreferenceDataset } from '../data/types';

export interface FuzzResult {
  inputs: number;
  datasets: number;
  /** DataErrors that name a line, and those about the whole file. */
  refusedLines: number;
  refusedFiles: number;
  /** Distinct error messages, with digits and quoted texts taken out. */
  messages: Set<string>;
}

/** Sound rows of every form; the mutator mixes and damages them. */
const ROWS: unknown[] = [
  {
    input: '天空',
    responses: [
      { id: 'r1', content: '蓝' },
      { id: 'r2', content: '' },
    ],
    annotations: [['r1', 'r2', '1']],
    rank: { r1: '1', r2: 2 },
  },
  {
    input: 'q',
    annotations: [{ answer1: '好', answer2: '坏', preference: 2 }, ['x', 'y', 1]],
    category: ['数学', 'x'],
    sys_prompt: 's',
    id: 7,
  },
  { input: 'q', answer1: 'a', answer2: 'b', preference: 1 },
  { prompt: [{ role: 'user', content: 'q' }], chosen: [{ role: 'assistant', content: 'a' }], rejected: 'b' },
  {
    chosen: [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: 'a' },
    ],
    rejected: [
      { role: 'user', content: 'q' },
      { role: 'assistant', content: 'b' },
    ],
  },
  { chosen_ids: [1, 2, 3], rejected_ids: [1, 2] },
  { chosen: { input_ids: [5, 6] }, rejected: { input_ids: [5] } },
  {
    responses: [
      { id: 0, input_ids: [1, 2] },
      { id: 1, input_ids: [3] },
    ],
    annotations: [['0', '1', 2]],
  },
  {
    conversations: [
      { from: 'system', value: 's' },
      { from: 'human', value: '问' },
    ],
    chosen: 'a',
    rejected: { from: 'gpt', value: 'b' },
  },
  { instruction: 'q', input: '', output: ['best', 'second', 'best'], history: [['h', 'i']] },
];

/** Values that readers trip over. */
const ODD: unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  2,
  3,
  1.5,
  2 ** 31 - 1,
  2 ** 31,
  1e308,
  '',
  '1',
  '2',
  'equal',
  ' 3 ',
  '１_０',
  '\uD800',
  '\uFEFF',
  '\0',
  'r1',
  '__proto__',
  'constructor',
  [],
  {},
  [[]],
  [null],
  [1, 2, 3],
  ['r1', 'r2', 1],
  ['r1', 'r1', 1],
  { id: 'r1' },
  { role: 'user' },
  { __proto__: null, length: 3 },
  'x'.repeat(300),
];
const KEYS = [
  'input',
  'prompt',
  'responses',
  'annotations',
  'rank',
  'category',
  'chosen',
  'rejected',
  'output',
  'history',
  'id',
  'messages',
  '__proto__',
  'input_ids',
  'content',
];
const BYTES = [
  '"',
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '\\',
  '\n',
  '\r',
  ' ',
  '\0',
  '\\ud800',
  '\\u0000',
  '1e999',
  '-',
  'NaN',
  '\uFEFF',
  '\x80',
  '\xff',
  '\xe5\xa4',
  '[[[[[[',
];

class Mutator {
  constructor(private readonly random: SplitMix64) {}

  pick<T>(list: readonly T[]): T {
    return list[this.random.below(list.length)] as T;
  }

  private odd(): unknown {
    return structuredClone(this.pick(ODD));
  }

  /** A file's bytes, its extension, and the pieces they come in. */
  file(): { bytes: Buffer; extension: string; piece: number } {
    const array = this.random.below(5) === 0;
    const rows = Array.from({ length: 1 + this.random.below(4) }, () => {
      const row: unknown = structuredClone(this.pick(ROWS));
      return this.random.below(3) !== 0 ? row : this.damageValue(row, 0);
    });
    const texts = rows.map((row) => JSON.stringify(row) ?? 'null');
    let bytes: Buffer = Buffer.from(
      array
        ? `[${texts.join(this.pick([',', ', ', ',\n']))}]`
        : `${texts.join(this.pick(['\n', '\n', '\n\n', '\r\n']))}\n`,
    );
    for (let n = this.pick([0, 0, 0, 1, 1, 3]); n > 0; n -= 1) bytes = this.damageBytes(bytes);
    if (this.random.below(12) === 0) {
      bytes = gzipSync(bytes, { level: 1 });
      if (this.random.below(2) === 0) bytes = this.damageBytes(bytes);
    }
    return { bytes, extension: array ? '.json' : '.jsonl', piece: this.pick([1, 5, 64, 4096, 4096]) };
  }

  /** Replaces, removes or adds something somewhere within the value. */
  private damageValue(value: unknown, depth: number): unknown {
    if (typeof value !== 'object' || value === null || (depth > 0 && this.random.below(3) === 0)) return this.odd();
    const keys = Object.keys(value);
    if (Array.isArray(value)) {
      if (keys.length === 0 || this.random.below(4) === 0)
        value.push(keys.length > 0 && this.random.below(2) === 0 ? value[0] : this.odd());
      else {
        const i = this.random.below(value.length);
        value[i] = this.damageValue(value[i], depth + 1);
      }
      return value;
    }
    const object = value as Record<string, unknown>;
    const key = keys.length === 0 || this.random.below(5) === 0 ? this.pick(KEYS) : this.pick(keys);
    if (this.random.below(5) === 0) delete object[key];
    else
      Object.defineProperty(object, key, {
        value: this.damageValue(Object.hasOwn(object, key) ? object[key] : null, depth + 1),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    return object;
  }

  private damageBytes(bytes: Buffer): Buffer {
    const at = this.random.below(bytes.length + 1);
    const to = Math.min(bytes.length, at + this.random.below(12));
    switch (this.random.below(6)) {
      case 0: // cut out
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(to)]);
      case 1: // cut off
        return bytes.subarray(0, at);
      case 2: // repeat
        return Buffer.concat([bytes.subarray(0, to), bytes.subarray(at)]);
      case 3: {
        // another byte
        const copy = Buffer.from(bytes);
        if (at < copy.length) copy[at] = this.random.below(256);
        return copy;
      }
      case 4: // deep nesting
        if (this.random.below(50) === 0)
          return Buffer.concat([bytes, Buffer.from('['.repeat(20_000) + ']'.repeat(20_000))]);
        return Buffer.concat([bytes.subarray(0, at), Buffer.from(this.pick(BYTES), 'latin1'), bytes.subarray(to)]);
      default:
        return Buffer.concat([bytes.subarray(0, at), Buffer.from(this.pick(BYTES), 'latin1'), bytes.subarray(at)]);
    }
  }
}

function* pieces(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** @throws Error where a data set that was read is not what its type promises. */
function checkDataset(dataset: PreferenceDataset): void {
  for (const { responses, pairs, ranks, prompt } of dataset.prompts) {
    const inRange = (i: number) => Number.isInteger(i) && i >= 0 && i < responses.length;
    if (!pairs.every((pair) => pair.length === 2 && pair.every(inRange))) throw new Error('a pair names no response');
    if (ranks && (ranks.length !== responses.length || !ranks.every(Number.isSafeInteger)))
      throw new Error('ranks do not fit');
    if (typeof prompt !== 'string' && !Array.isArray(prompt)) throw new Error('a prompt is neither text nor turns');
    for (const { content, inputIds, id } of responses) {
      if (typeof id !== 'string' || (content === undefined) === (inputIds === undefined))
        throw new Error('a response is unsound');
      if (content !== undefined && (typeof content !== 'string' || /\p{Surrogate}/u.test(content)))
        throw new Error('a content is no text');
      if (inputIds && (inputIds.length === 0 || inputIds.some((token) => token < 0)))
        throw new Error('token ids are unsound');
    }
  }
}

/**
 * Reads `inputs` damaged files, every third by the original's rules.
 * @throws Error with the seed, the number and the bytes of the first input that ends in anything else than a sound data
 * set or
 *   a DataError.
 */
export async function fuzzJsonl(
  inputs: number,
  seed: number,
  onProgress?: (done: number) => void,
): Promise<FuzzResult> {
  const result: FuzzResult = { inputs, datasets: 0, refusedLines: 0, refusedFiles: 0, messages: new Set() };
  for (let number = 0; number < inputs; number += 1) {
    const { bytes, extension, piece } = new Mutator(new SplitMix64(seed, number + 1)).file();
    const name = `fuzz${extension}`;
    const rowsOf: typeof import('../data/rows').readRows = (file, options) =>
      rowsOfStream(Readable.from(pieces(bytes, piece), { objectMode: false }), file, { ...options });
    try {
      checkDataset(await readPreferenceDataset(name, { rowsOf, compat: number % 3 === 0 ? 'cheems' : undefined }));
      result.datasets += 1;
    } catch (error) {
      if (!(error instanceof DataError) || !error.message.startsWith(name)) {
        const text = (error as Error)?.stack ?? String(error);
        throw new Error(
          `seed ${seed}, input ${number} (${extension}, base64 ${bytes.toString('base64').slice(0, 4000)}): ${text}`,
        );
      }
      if (error.line === undefined) result.refusedFiles += 1;
      else result.refusedLines += 1;
      result.messages.add(
        error.message
          .replace(/"(?:[^"\\]|\\.)*"/g, '"…"')
          .replace(/\d+/g, '0')
          .slice(0, 60),
      );
    }
    if ((number + 1) % 1000 === 0) onProgress?.(number + 1);
  }
  return result;
}
