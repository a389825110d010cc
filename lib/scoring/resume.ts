// Going on with an output file that an earlier run of `score` or `generate` left: which rows are there already.

import { createReadStream, existsSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { idText, parseRow, rowIdOf, type RowId } from '../data/conversation';
import { DataError, show } from '../data/errors';
import { isObject } from '../data/fields';

/**
 * Cuts what stands after the last line end, the torn line of a killed run.
 * @returns the file's length then, and how many bytes were cut.
 */
export async function cutTornLine(file: string): Promise<{ length: number; cut: number }> {
  const handle = await open(file, 'r+');
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(1 << 16);
    let end = size;
    while (end > 0) {
      const begin = Math.max(0, end - buffer.length);
      const { bytesRead } = await handle.read(buffer, 0, end - begin, begin);
      const newline = buffer.subarray(0, bytesRead).lastIndexOf(0x0a);
      if (newline >= 0) {
        end = begin + newline + 1;
        break;
      }
      end = begin;
    }
    if (end < size) await handle.truncate(end);
    return { length: end, cut: size - end };
  } finally {
    await handle.close();
  }
}

/** What a row of an output has beside its id: one of these fields. */
export interface RowKind {
  name: string;
  fields: readonly string[];
}

const SCORES: RowKind = { name: 'scores', fields: ['reward', 'rewards'] };

/**
 * The ids that an output holds, in the order of its rows. Rows of the input are asked for one after another; as long as they come
 * in the output's order, nothing is held in memory. Where the input has changed, the ids that are left go into a set.
 */
export class WrittenRows {
  private next: string | undefined;
  private readonly rest = new Set<string>();
  private inOrder = true;

  private constructor(private readonly ids: AsyncGenerator<string>) {}

  static async open(file: string, length: number, kind: RowKind = SCORES): Promise<WrittenRows> {
    const rows = new WrittenRows(idsOf(file, length, kind));
    await rows.advance();
    return rows;
  }

  static none(): WrittenRows {
    return new WrittenRows((async function* (): AsyncGenerator<string> {})());
  }

  /** Whether the row is written already; each written row answers for one row of the input. */
  async has(id: RowId): Promise<boolean> {
    const key = idText(id);
    if (this.inOrder) {
      if (this.next === undefined) return false;
      if (this.next === key) {
        await this.advance();
        return true;
      }
      this.inOrder = false;
      for (; this.next !== undefined; await this.advance()) this.rest.add(this.next);
    }
    return this.rest.delete(key);
  }

  /** Written rows that no row of the input has asked for. */
  async unmatched(): Promise<number> {
    let count = this.rest.size;
    for (; this.next !== undefined; await this.advance()) count += 1;
    return count;
  }

  async close(): Promise<void> {
    await this.ids.return(undefined);
  }

  private async advance(): Promise<void> {
    const { value, done } = await this.ids.next();
    this.next = done === true ? undefined : value;
  }
}

async function* idsOf(file: string, length: number, kind: RowKind): AsyncGenerator<string> {
  if (length === 0 || !existsSync(file)) return;
  const stream = createReadStream(file, { end: length - 1 });
  let line = 0;
  try {
    for await (const text of createInterface({ input: stream, crlfDelay: Infinity })) {
      line += 1;
      yield idText(idOf(text, kind, file, line));
    }
  } finally {
    stream.destroy();
  }
}

function idOf(text: string, { name, fields }: RowKind, file: string, line: number): RowId {
  let row: unknown;
  try {
    row = parseRow(text);
  } catch {
    row = undefined;
  }
  if (isObject(row) && fields.some((field) => row[field] !== undefined)) {
    const id = rowIdOf(row, { file, line });
    if (id !== undefined) return id;
  }
  throw new DataError({ file, line }, `this is not a row of ${name} but ${show(text)}; the output is not one of an earlier run. Give --overwrite to replace the file, or another --output`);
}
