// Rows of a data file: JSON lines, streamed, or one JSON array, either of which may be gzipped; or parquet. UTF-8 is checked strictly.

import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { arrowFile, dataFolder } from './arrow';
import { DataError } from './errors';
import { parquetRows } from './parquet';

export interface Row {
  value: unknown;
  /** From 1. */
  line: number;
  /** The line's text; for an array's element undefined. */
  text?: string;
}

export interface RowsOptions {
  signal?: AbortSignal | undefined;
  /** Called with the number of each line that holds only white space. */
  onBlankLine?: (line: number) => void;
}

const LONGEST_LINE = 256 * 1024 * 1024;
const BYTE_ORDER_MARK = '\uFEFF';

/**
 * The rows of a file: `NAME.json` (and `.json.gz`) holds one array, or JSON lines, `NAME.parquet` a table, any other name JSON lines. Gzip is
 * recognised by its first bytes. A table's lines are its row numbers.
 * @throws DataError with file and line: unreadable file, broken gzip, invalid UTF-8, malformed JSON, not an array.
 */
export async function* readRows(file: string, options: RowsOptions = {}): AsyncGenerator<Row> {
  if (file.endsWith('.parquet')) return yield* parquetRows(file, options);
  const stream = createReadStream(file, { highWaterMark: 1 << 18 });
  yield* rowsOfStream(stream, file, { ...options, array: /\.json(\.gz)?$/.test(file) });
}

/** As `readRows`, of any byte stream (standard input, say); `name` stands in messages for the file. */
export async function* rowsOfStream(
  stream: Readable,
  name: string,
  options: RowsOptions & { array?: boolean } = {},
): AsyncGenerator<Row> {
  const chunks = inflatedChunks(stream, name, options.signal);
  if (options.array) yield* rowsOfArray(await allBytes(chunks), name, options);
  else yield* rowsOfLines(chunks, name, options);
}

/** The stream's bytes, gunzipped where they begin as gzip does; system errors become DataErrors. */
async function* inflatedChunks(stream: Readable, name: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  try {
    let source: AsyncIterable<Buffer> = stream;
    const head = await firstChunk(stream);
    if (head === null) return;
    const arrow = arrowFile(head, name);
    if (arrow !== undefined) throw new DataError({ file: name }, arrow);
    if (head.length >= 2 && head[0] === 0x1f && head[1] === 0x8b) {
      source = pipeline(stream, createGunzip(), () => {});
    }
    for await (const chunk of source) {
      signal?.throwIfAborted();
      yield typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    }
  } catch (error) {
    signal?.throwIfAborted();
    if (error instanceof DataError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOENT') throw new DataError({ file: name }, 'the file does not exist');
    if (code === 'EISDIR') throw new DataError({ file: name }, dataFolder(name));
    if (code.startsWith('Z_')) throw new DataError({ file: name }, `the gzip data are broken (${(error as Error).message})`);
    throw new DataError({ file: name }, `the file cannot be read (${(error as Error).message})`);
  } finally {
    stream.destroy();
  }
}

/** Looks at the first chunk and puts it back. Null for an empty stream. */
async function firstChunk(stream: Readable): Promise<Buffer | null> {
  for (;;) {
    const chunk = stream.read() as Buffer | string | null;
    if (chunk !== null) {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      stream.unshift(bytes);
      return bytes;
    }
    if (stream.readableEnded) return null;
    await new Promise<void>((resolve, reject) => {
      const settle = (error?: Error) => {
        stream.off('readable', settle).off('end', settle).off('error', settle).off('close', settle);
        error instanceof Error ? reject(error) : resolve();
      };
      if (stream.destroyed) settle(stream.errored ?? new Error('the stream was closed'));
      else stream.on('readable', settle).on('end', settle).on('error', settle).on('close', settle);
    });
  }
}

async function allBytes(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

async function* rowsOfLines(chunks: AsyncIterable<Buffer>, name: string, options: RowsOptions): AsyncGenerator<Row> {
  let pending: Buffer[] = [];
  let pendingBytes = 0;
  let line = 0;
  const take = (bytes: Buffer): Row | null => {
    line += 1;
    const row = parseLine(bytes, name, line);
    if (row === null) options.onBlankLine?.(line);
    return row;
  };
  for await (const chunk of chunks) {
    let begin = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, begin)) {
      const part = chunk.subarray(begin, end);
      const row = take(pending.length > 0 ? Buffer.concat([...pending, part]) : part);
      if (pending.length > 0) pending = [];
      pendingBytes = 0;
      begin = end + 1;
      if (row !== null) yield row;
    }
    if (begin < chunk.length) {
      pending.push(chunk.subarray(begin));
      pendingBytes += chunk.length - begin;
      if (pendingBytes > LONGEST_LINE) {
        throw new DataError({ file: name, line: line + 1 }, 'the line is longer than 256 MiB; JSON lines hold one row a line');
      }
    }
  }
  if (pendingBytes > 0) {
    const row = take(Buffer.concat(pending));
    if (row !== null) yield row;
  }
}

/** Null for a line of white space only. */
function parseLine(bytes: Buffer, name: string, line: number): Row | null {
  if (!isUtf8(bytes)) throw new DataError({ file: name, line }, invalidUtf8(bytes));
  let text = bytes.toString('utf8');
  if (line === 1 && text.startsWith(BYTE_ORDER_MARK)) text = text.slice(1);
  if (text.trim() === '') return null;
  try {
    return { value: JSON.parse(text), line, text };
  } catch (error) {
    throw new DataError({ file: name, line }, `the line is not valid JSON (${(error as Error).message})`);
  }
}

function invalidUtf8(bytes: Buffer): string {
  let good = 0;
  for (let bad = bytes.length; good + 1 < bad; ) {
    const middle = (good + bad) >> 1;
    // A prefix may end within a character: up to three more bytes may complete it.
    const complete = [0, 1, 2, 3].some((more) => middle + more <= bytes.length && isUtf8(bytes.subarray(0, middle + more)));
    if (complete) good = middle;
    else bad = middle;
  }
  return `invalid UTF-8 near byte ${good + 1} of the line; save the file as UTF-8`;
}

async function* rowsOfArray(bytes: Buffer, name: string, options: RowsOptions): AsyncGenerator<Row> {
  if (beginsWithObjectLine(bytes)) return yield* rowsOfLines(oneChunk(bytes), name, options);
  const text = decodeWhole(bytes, name);
  if (text.trim() === '') return;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const message = (error as Error).message;
    const position = /position (\d+)/.exec(message);
    const line = position ? lineAt(text, Number(position[1])) : lineAt(text, text.length);
    throw new DataError(
      { file: name, line },
      `the file is not valid JSON (${message})`,
    );
  }
  if (!Array.isArray(value)) {
    throw new DataError(
      { file: name, line: 1 },
      'the file holds one JSON value, not a list of rows; put the rows into [ ], or name a file of JSON lines .jsonl',
    );
  }
  const lines = elementLines(text);
  for (let i = 0; i < value.length; i += 1) yield { value: value[i], line: lines[i] ?? 1 };
}

/** Whether the first of several lines is a whole JSON object: the hub's data sets name JSON lines `.json` too. */
function beginsWithObjectLine(bytes: Buffer): boolean {
  const end = bytes.indexOf(10);
  const line = bytes.subarray(0, Math.max(end, 0)).toString('utf8').replace(BYTE_ORDER_MARK, '').trim();
  if (!line.startsWith('{') || bytes.subarray(end).toString('utf8', 0, 4096).trim() === '') return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

async function* oneChunk(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

function decodeWhole(bytes: Buffer, name: string): string {
  if (bytes.length > LONGEST_LINE) {
    throw new DataError({ file: name }, 'a JSON array may take 256 MiB; convert the file to JSON lines, which are streamed');
  }
  if (!isUtf8(bytes)) {
    let line = 1;
    for (let begin = 0; begin <= bytes.length; line += 1) {
      const newline = bytes.indexOf(10, begin);
      const end = newline < 0 ? bytes.length : newline;
      const part = bytes.subarray(begin, end);
      if (!isUtf8(part)) throw new DataError({ file: name, line }, invalidUtf8(part));
      begin = end + 1;
    }
  }
  const text = bytes.toString('utf8');
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}

function lineAt(text: string, position: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at >= 0 && at < position; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

/** The line on which each element of a valid JSON array begins. */
function elementLines(text: string): number[] {
  const lines: number[] = [];
  let line = 1;
  let depth = 0;
  let expecting = false; // an element of the outer array may begin here
  let inString = false;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i += 1;
      else if (code === 0x22) inString = false;
      continue;
    }
    if (code === 0x0a) line += 1;
    if (code === 0x20 || code === 0x09 || code === 0x0a || code === 0x0d) continue;
    if (expecting && code !== 0x5d) {
      lines.push(line);
      expecting = false;
    }
    if (code === 0x22) inString = true;
    else if (code === 0x5b || code === 0x7b) {
      depth += 1;
      expecting = depth === 1;
    } else if (code === 0x5d || code === 0x7d) depth -= 1;
    else if (code === 0x2c && depth === 1) expecting = true;
  }
  return lines;
}
