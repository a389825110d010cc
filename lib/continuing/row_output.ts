// The file that `score` and `generate` write rows to. A run that was stopped or killed is continued in it if the record
// beside it (run_record.ts) proves that its rows come from the same model, options and input. Otherwise the file is
// left unchanged, with an error.

import { createReadStream } from 'node:fs';
import { open, realpath, stat, type FileHandle } from 'node:fs/promises';
import { resolve } from 'node:path';
import { placeOf, show } from '../data/errors';
import type { Source } from '../data/types';
import { checkOutputFile, whyNot } from '../files/output_checks';
import { LockHeld, takeLock, type ProcessLock } from '../files/process_lock';
import { digestOfText } from './digests';
import { OutputError } from './output_error';
import { differencesOf, recordFileOf, RunRecord, type RowEntry, type RunFacts } from './run_record';
import { knob } from '../text/knobs';

/** A row to write. */
export interface OutputRow {
  /** Digest of the input row. */
  read: string;
  /** The output line, without its line end. */
  line: string;
}

/** Where a stream of rows goes. */
export interface RowOutput {
  /**
   * Whether the next row of the input has already been written. Must be called in the order of the input.
   * @param read digest of the input row.
   * @throws OutputError if an earlier run wrote another row in this position.
   */
  has(read: string, source: Source): Promise<boolean>;
  /** Awaited, so that a slow reader slows the work down. */
  write(rows: readonly OutputRow[]): Promise<void>;
}

/** Writes lines to a target that cannot be continued: standard output, a pipe. */
export function linesTo(write: (lines: string) => Promise<void>): RowOutput {
  return { has: async () => false, write: (rows) => write(rows.map(({ line }) => `${line}\n`).join('')) };
}

/** How a row of an output is recognized: it has one of these fields besides its id. */
export interface RowKind {
  name: string;
  fields: readonly string[];
}

const ROW_BEGINNING = '{"id":';
const WAY_OUT = `Give ${knob('overwrite')} to replace the file, or another ${knob('output')}.`;

/** Names of the facts in messages, if the key alone is not clear. */
const NAMES = {
  model: `the model (weights, configuration or tokenizer of ${knob('modelPath')})`,
  chat_template: `the chat template (${knob('chatTemplateFile')})`,
};

export class FileOutput implements RowOutput {
  private record: RunRecord | undefined;
  /** Entries of the existing rows that `has` has not compared yet. */
  private earlier: AsyncGenerator<RowEntry> | undefined;
  private rows = 0;
  private asked = 0;

  private constructor(
    private readonly path: string,
    private readonly handle: FileHandle,
    private readonly lock: ProcessLock,
    private readonly kind: RowKind,
  ) {}

  /**
   * Opens the file for this process alone; its content is unchanged until `begin`.
   * @throws OutputError if it cannot be written, or another run writes to it.
   */
  static async open(path: string, kind: RowKind): Promise<FileOutput> {
    const place = await realpath(path).catch(() => resolve(path));
    const lock = await lockOutput(path, place);
    try {
      await checkOutputFile(knob('output'), path);
      return new FileOutput(path, await open(path, 'a+'), lock, kind);
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  /**
   * Decides what happens to the existing rows. They are kept if the record says that they belong to this run.
   * @returns a sentence about what was found; undefined for a new file.
   * @throws OutputError if they belong to another run; the file is then unchanged.
   */
  async begin(facts: RunFacts, overwrite: boolean): Promise<string | undefined> {
    const file = recordFileOf(await realpath(this.path));
    const size = (await this.handle.stat()).size;
    const found = overwrite || size === 0 ? undefined : await RunRecord.read(file);
    if (overwrite || size === 0) return this.beginAfresh(file, facts);
    if (found === undefined) throw new OutputError(await this.unproved(file));
    this.record = found.record;
    const { rows, bytes } = await this.compare(found.record, size);
    if (rows === 0) return this.beginAfresh(file, facts);
    const differences = differencesOf(found.facts, facts, NAMES);
    if (differences.length > 0) {
      throw new OutputError(
        `${this.path} holds ${count(rows)} of an earlier run and cannot be continued, because these differ from it: ` +
          `${differences.join('; ')}. Give the same as then. Or give ${knob('overwrite')} to replace the file, ` +
          `or another ${knob('output')}.`,
      );
    }
    await this.handle.truncate(bytes);
    await found.record.cut(rows);
    this.rows = rows;
    this.earlier = found.record.entries(rows);
    const torn = size > bytes ? `; its incomplete last line (${size - bytes} bytes) was removed` : '';
    const kept = rows === 1 ? 'which is kept' : 'which are kept';
    return (
      `${this.path} holds ${count(rows)} of an earlier run, ${kept}${torn}. (${knob('overwrite')} would start ` +
      'over.)'
    );
  }

  async has(read: string, source: Source): Promise<boolean> {
    if (this.asked === this.rows) return false;
    const entry = (await this.earlier!.next()).value as RowEntry | undefined;
    this.asked += 1;
    if (entry?.read === read) return true;
    throw new OutputError(
      `${placeOf(source)}: row ${this.asked} of ${this.path} was made from a different row: ` +
        `the input has changed, or is a different one. Rows may only be added at its end. ${WAY_OUT}`,
    );
  }

  async write(rows: readonly OutputRow[]): Promise<void> {
    if (rows.length === 0) return;
    try {
      await this.record!.append(rows.map(({ read, line }) => ({ read, written: digestOfText(line) })));
      await this.handle.appendFile(rows.map(({ line }) => `${line}\n`).join(''));
    } catch (error) {
      throw new OutputError(
        `${this.path} cannot be written: ${whyNot(error)}. ` +
          'The rows before are kept; the same command continues from there.',
      );
    }
    await this.refuseRemoved();
  }

  /**
   * To be called after all rows of the input were found or written. @throws OutputError if the file is not what was
   * written.
   */
  async finish(): Promise<void> {
    await this.handle.datasync().catch((error: unknown) => {
      throw new OutputError(`${this.path} cannot be written: ${whyNot(error)}.`);
    });
    await this.refuseRemoved();
    if (this.asked < this.rows) {
      throw new OutputError(
        `${this.path} holds ${count(this.rows)} of an earlier run, but the input has only ${this.asked}: ` +
          `the other rows belong to no row of the input. ${WAY_OUT}`,
      );
    }
  }

  async close(): Promise<void> {
    await this.earlier?.return(undefined);
    await this.record?.close();
    await this.handle.close();
    await this.lock.release();
  }

  private async beginAfresh(file: string, facts: RunFacts): Promise<undefined> {
    await this.record?.close();
    // In this order: a kill in between leaves an empty file, which any run may start.
    await this.handle.truncate(0);
    await this.handle.sync();
    this.record = await RunRecord.create(file, facts).catch((error: Error) => {
      throw new OutputError(
        `${error.message}. It is the record beside ${this.path} that lets a stopped run be continued.`,
      );
    });
    return undefined;
  }

  /**
   * @returns the number of complete lines and their bytes. @throws OutputError if a line is not what was written there.
   */
  private async compare(record: RunRecord, size: number): Promise<{ rows: number; bytes: number }> {
    const recorded = await record.length();
    const entries = record.entries(recorded);
    let [rows, bytes] = [0, 0];
    const changed = `the line is not the one that was written there: the file has been changed since. ${WAY_OUT}`;
    for await (const line of linesOf(this.path, size)) {
      rows += 1;
      const entry = (await entries.next()).value as RowEntry | undefined;
      if (entry === undefined)
        throw new OutputError(
          `${this.path}:${rows}: the run that wrote the file wrote ${count(recorded)}, ` +
            `and lines were added since. ${WAY_OUT}`,
        );
      if (entry.written !== digestOfText(line)) throw new OutputError(`${this.path}:${rows}: ${changed}`);
      bytes += line.length + 1;
    }
    await entries.return(undefined);
    if (!(await this.isTorn(bytes, size))) throw new OutputError(`${this.path}:${rows + 1}: ${changed}`);
    return { rows, bytes };
  }

  /** Whether what follows the complete lines can be the remainder of a row after a kill or power failure. */
  private async isTorn(begin: number, size: number): Promise<boolean> {
    const { buffer, bytesRead } = await this.handle.read(
      Buffer.alloc(ROW_BEGINNING.length),
      0,
      Math.min(ROW_BEGINNING.length, size - begin),
      begin,
    );
    const bytes = buffer.subarray(0, bytesRead);
    return ROW_BEGINNING.startsWith(bytes.toString('latin1')) || bytes.every((byte) => byte === 0);
  }

  /** Why a file without a record is not continued. */
  private async unproved(recordFile: string): Promise<string> {
    const { value: first } = await linesOf(this.path).next();
    const row = objectOf(first?.toString('utf8'));
    if (row === undefined || !this.kind.fields.some((field) => row[field] !== undefined)) {
      const found = show(row ?? first?.toString('utf8') ?? 'a line without end');
      return (
        `${this.path}:1: this is not a row of ${this.kind.name} but ${found}; ` +
        `the output is not one of an earlier run. ${WAY_OUT}`
      );
    }
    return (
      `${this.path} holds rows, and no ${recordFile} says by which model, options and rows they were made ` +
      `(it was moved, or an older version wrote them). ${WAY_OUT}`
    );
  }

  private async refuseRemoved(): Promise<void> {
    const [own, there] = await Promise.all([this.handle.stat(), stat(this.path).catch(() => undefined)]);
    if (there?.ino === own.ino && there.dev === own.dev) return;
    throw new OutputError(
      `${this.path} was removed or replaced while it was written, so its rows are lost. ` +
        `Leave the file alone while the command runs, and start it again.`,
    );
  }
}

/** The complete lines among the first `size` bytes. */
async function* linesOf(file: string, size = Infinity): AsyncGenerator<Buffer, undefined> {
  if (size === 0) return undefined;
  const stream = createReadStream(file, { end: size - 1, highWaterMark: 1 << 18 });
  let rest: Buffer[] = [];
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    let begin = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, begin)) {
      yield Buffer.concat([...rest, chunk.subarray(begin, end)]);
      rest = [];
      begin = end + 1;
    }
    if (begin < chunk.length) rest.push(chunk.subarray(begin));
  }
}

function objectOf(text: string | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

async function lockOutput(path: string, place: string): Promise<ProcessLock> {
  try {
    return await takeLock(`${place}.lock`);
  } catch (error) {
    if (error instanceof LockHeld) {
      throw new OutputError(
        `${path} is being written by another run (${error.holder}). ${error.again}, or give another ${knob('output')}.`,
      );
    }
    throw new OutputError(`${knob('output')}: ${path} cannot be written: ${whyNot(error)}.`, { cause: error });
  }
}

const count = (rows: number): string => (rows === 1 ? '1 row' : `${rows} rows`);
