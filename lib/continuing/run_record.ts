// The record of how an output file was made: `<output>.run`, beside it.
//
// Its first line is a JSON object: the command, the model by its digest, and every option that can affect a row. Then
// there is a line for each row of the output, in order: the digest of the input row (32 hexadecimal digits), a space,
// and that of the written line. An entry is on the device before its row is written, so after a kill the record may be
// ahead of the output, but never behind it.

import { constants, open, type FileHandle } from 'node:fs/promises';
import { writeFileAtomically } from '../files/atomic_file';
import { DIGEST_CHARACTERS } from './digests';

/** What can affect a row: the model's digest and options, by name. Compared as JSON. */
export type RunFacts = Readonly<Record<string, unknown>>;

export interface RowEntry {
  /** Digest of the input row. */
  read: string;
  /** Digest of the written line, without its line end. */
  written: string;
}

const FORMAT = 'cheems-native rows 1';
/** Bytes of an entry, including its line end. */
const ENTRY_BYTES = 2 * DIGEST_CHARACTERS + 2;
const ENTRIES_AT_ONCE = 1024;
const LONGEST_HEADER = 1 << 20;
const READ_AND_APPEND = constants.O_RDWR | constants.O_APPEND;

/** The record that belongs to an output. */
export const recordFileOf = (output: string): string => `${output}.run`;

export class RunRecord {
  private constructor(
    readonly file: string,
    private readonly headerBytes: number,
    private readonly handle: FileHandle,
  ) {}

  /** Creates a new record, replacing any existing one. */
  static async create(file: string, facts: RunFacts): Promise<RunRecord> {
    const header = `${JSON.stringify({ format: FORMAT, ...facts })}\n`;
    await writeFileAtomically(file, [header]);
    return new RunRecord(file, Buffer.byteLength(header), await open(file, READ_AND_APPEND));
  }

  /** @returns the record and its facts; undefined if there is no such file, or it is not a record. */
  static async read(file: string): Promise<{ record: RunRecord; facts: RunFacts } | undefined> {
    const handle = await open(file, READ_AND_APPEND).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (handle === undefined) return undefined;
    const head = await readAt(handle, 0, LONGEST_HEADER);
    const end = head.indexOf(0x0a);
    const facts = end < 0 ? undefined : parseHeader(head.toString('utf8', 0, end));
    if (facts !== undefined) return { record: new RunRecord(file, end + 1, handle), facts };
    await handle.close();
    return undefined;
  }

  /** Number of complete entries. */
  async length(): Promise<number> {
    return Math.max(0, Math.floor(((await this.handle.stat()).size - this.headerBytes) / ENTRY_BYTES));
  }

  /** The first `count` entries, in order. */
  async *entries(count: number): AsyncGenerator<RowEntry> {
    for (let first = 0; first < count; first += ENTRIES_AT_ONCE) {
      const many = Math.min(ENTRIES_AT_ONCE, count - first);
      const bytes = await readAt(this.handle, this.headerBytes + first * ENTRY_BYTES, many * ENTRY_BYTES);
      for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
        const [read = '', written = ''] = bytes.toString('latin1', at, at + ENTRY_BYTES - 1).split(' ');
        yield { read, written };
      }
    }
  }

  /** Removes all entries after the first `count`. */
  async cut(count: number): Promise<void> {
    await this.handle.truncate(this.headerBytes + count * ENTRY_BYTES);
  }

  /** Returns once the entries are on the device. */
  async append(entries: readonly RowEntry[]): Promise<void> {
    await this.handle.appendFile(entries.map(({ read, written }) => `${read} ${written}\n`).join(''));
    await this.handle.datasync();
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

async function readAt(handle: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await handle.read(buffer, filled, length - filled, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

function parseHeader(text: string): RunFacts | undefined {
  try {
    const { format, ...facts } = JSON.parse(text) as Record<string, unknown>;
    return format === FORMAT ? facts : undefined;
  } catch {
    return undefined;
  }
}

/** What differs between two runs, as phrases; empty if nothing does. */
export function differencesOf(then: RunFacts, now: RunFacts, names: Readonly<Record<string, string>> = {}): string[] {
  return [...new Set([...Object.keys(now), ...Object.keys(then)])]
    .filter((key) => JSON.stringify(then[key] ?? null) !== JSON.stringify(now[key] ?? null))
    .map((key) => names[key] ?? `${key} (${short(then[key])} then, ${short(now[key])} now)`);
}

function short(value: unknown): string {
  const text = value === undefined || value === null ? 'none' : JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
