// Rows of a data file: JSON lines, streamed, or one JSON array, either of which may be gzipped; or parquet. The content
// tells which, not the name. UTF-8 is checked strictly.

import { isUtf8 } from 'node:buffer';
import { createReadStream } from 'node:fs';
import { open, stat, type FileHandle } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { contentKind, HEAD_BYTES, UNPACK, type ContentKind } from '../files/content_kinds';
import { arrowFile, dataFolder } from './arrow';
import { parseRow } from './conversation/numbers';
import { DataError } from './errors';
import { elementsOf, LONGEST_ROW, type ArrayElement } from './json_array';
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

const BYTE_ORDER_MARK = '\uFEFF';

/**
 * The rows of a file: JSON lines, one JSON array, or a parquet table, told by its content. Gzip is read as well, and
 * UTF-16 where it begins with a byte order mark. A table's lines are its row numbers.
 * @throws DataError with file and line: unreadable file, what is not read, broken gzip, invalid UTF-8, malformed JSON.
 */
export async function* readRows(file: string, options: RowsOptions = {}): AsyncGenerator<Row> {
  if (await isParquet(file)) {
    yield* parquetRows(file, options);
    return;
  }
  // What cannot be looked at is told of by the reader. A pipe has no size.
  const before = await stat(file).catch(() => undefined);
  // Nothing may be awaited before the reader listens: an error that comes earlier would end the process.
  const stream = createReadStream(file, { highWaterMark: 1 << 18 });
  yield* rowsOfStream(stream, file, options);
  if (before === undefined || stream.bytesRead >= before.size) return;
  if (((await stat(file).catch(() => undefined))?.size ?? before.size) < before.size) {
    throw new DataError(
      { file },
      `the file was cut while it was read: it had ${before.size} bytes and ended after ${stream.bytesRead}`,
    );
  }
}

/**
 * By its content; by its name where that is neither text nor anything else that is known. What cannot be opened is told
 * of by the reader of text.
 */
async function isParquet(file: string): Promise<boolean> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(file);
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const head = buffer.subarray(0, bytesRead);
    const kind = contentKind(head);
    return (
      kind === 'parquet' ||
      (kind === 'other' &&
        file.endsWith('.parquet') &&
        arrowFile(head, file) === undefined &&
        !/^\s*[[{]/.test(head.toString('utf8').replace(BYTE_ORDER_MARK, '')))
    );
  } catch {
    return false;
  } finally {
    await handle?.close();
  }
}

/** As `readRows`, of any byte stream (standard input, say); `name` stands in messages for the file. */
export async function* rowsOfStream(stream: Readable, name: string, options: RowsOptions = {}): AsyncGenerator<Row> {
  const chunks = textChunks(stream, name, options.signal);
  const { first, whole } = await peek(chunks);
  if (first === undefined) return;
  if (beginsAsArray(first)) yield* rowsOfArray(whole, name);
  else yield* rowsOfLines(whole, name, options);
}

/** The first chunk in which something stands, and all chunks, it among them. */
async function peek(
  chunks: AsyncGenerator<Buffer>,
): Promise<{ first: Buffer | undefined; whole: AsyncGenerator<Buffer> }> {
  const begin: Buffer[] = [];
  let first: Buffer | undefined;
  // A byte order mark, of three bytes, may come in pieces.
  while (first === undefined || first.length < 3 || first.toString('utf8').replace(BYTE_ORDER_MARK, '').trim() === '') {
    const next = await chunks.next();
    if (next.done === true) break;
    begin.push(next.value);
    first = Buffer.concat(begin);
    if (first.length > LONGEST_ROW) break;
  }
  async function* whole(): AsyncGenerator<Buffer> {
    yield* begin;
    yield* chunks;
  }
  return { first, whole: whole() };
}

const beginsAsArray = (first: Buffer): boolean =>
  first.toString('utf8').replace(BYTE_ORDER_MARK, '').trimStart().startsWith('[');

/**
 * The stream's bytes as UTF-8: gunzipped, and recoded from UTF-16, where they begin so. System errors become
 * DataErrors.
 */
async function* textChunks(stream: Readable, name: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  try {
    let source: AsyncIterable<Buffer> = stream;
    let kind = kindOf(await firstChunk(stream), name);
    if (kind === 'gzip') {
      const unpacked = pipeline(stream, createGunzip(), () => {});
      kind = kindOf(await firstChunk(unpacked), name);
      if (kind === 'gzip' || kind === 'parquet')
        throw new DataError(
          { file: name },
          `the file is ${kind} within gzip, which is not read; unpack it with gunzip`,
        );
      source = unpacked;
    }
    const decoder =
      kind === 'utf-16le' || kind === 'utf-16be' ? new TextDecoder(kind, { fatal: true, ignoreBOM: true }) : undefined;
    if (kind === 'parquet')
      throw new DataError({ file: name }, 'a parquet table is not read from a stream; name its file');
    for await (const chunk of source) {
      signal?.throwIfAborted();
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      yield decoder ? Buffer.from(decoder.decode(bytes, { stream: true })) : bytes;
    }
    if (decoder) yield Buffer.from(decoder.decode());
  } catch (error) {
    signal?.throwIfAborted();
    throw readingError(error, name);
  } finally {
    stream.destroy();
  }
}

/** What the bytes begin as. @throws DataError for what is not read. */
function kindOf(head: Buffer | null, name: string): ContentKind {
  if (head === null) return 'other';
  const arrow = arrowFile(head, name);
  if (arrow !== undefined) throw new DataError({ file: name }, arrow);
  const kind = contentKind(head);
  if (kind === 'git-lfs pointer') {
    throw new DataError(
      { file: name },
      'the file is only a Git LFS pointer to the data: fetch them with `git lfs pull` in the repository that it is of',
    );
  }
  if (kind === 'utf-32') throw new DataError({ file: name }, 'the file is UTF-32, which is not read; save it as UTF-8');
  const unpack = UNPACK[kind];
  if (unpack !== undefined)
    throw new DataError(
      { file: name },
      `the file is packed by ${kind}, which is not read; unpack it (${unpack}), or pack it with gzip`,
    );
  return kind;
}

function readingError(error: unknown, name: string): Error {
  if (error instanceof DataError) return error;
  const { code = '', message } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return new DataError({ file: name }, 'the file does not exist');
  if (code === 'EISDIR') return new DataError({ file: name }, dataFolder(name));
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA')
    return new DataError({ file: name }, 'the file is not valid UTF-16; save it as UTF-8');
  if (code.startsWith('Z_')) return new DataError({ file: name }, `the gzip data are broken (${message})`);
  return new DataError({ file: name }, `the file cannot be read (${message})`);
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
        if (error instanceof Error) reject(error);
        else resolve();
      };
      if (stream.destroyed) settle(stream.errored ?? new Error('the stream was closed'));
      else stream.on('readable', settle).on('end', settle).on('error', settle).on('close', settle);
    });
  }
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
      if (pendingBytes > LONGEST_ROW) {
        throw new DataError(
          { file: name, line: line + 1 },
          'the line is longer than 256 MiB; JSON lines hold one row per line',
        );
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
    return { value: parseRow(text), line, text };
  } catch (error) {
    throw new DataError({ file: name, line }, notJson(text, error as Error));
  }
}

function notJson(text: string, { message }: Error): string {
  if (/^\s*\{\s*$/.test(text))
    return (
      'the line holds the beginning of a JSON object alone; JSON lines hold one whole row each, and a JSON array ' +
      'is read too'
    );
  return `the line is not valid JSON (${message})`;
}

/** @param before bytes of the line before these. */
function invalidUtf8(bytes: Buffer, before = 0): string {
  let good = 0;
  for (let bad = bytes.length; good + 1 < bad;) {
    const middle = (good + bad) >> 1;
    // A prefix may end within a character: up to three more bytes may complete it.
    const complete = [0, 1, 2, 3].some(
      (more) => middle + more <= bytes.length && isUtf8(bytes.subarray(0, middle + more)),
    );
    if (complete) good = middle;
    else bad = middle;
  }
  return `invalid UTF-8 near byte ${before + good + 1} of the line; save the file as UTF-8`;
}

async function* rowsOfArray(chunks: AsyncIterable<Buffer>, name: string): AsyncGenerator<Row> {
  for await (const element of elementsOf(chunks, name))
    yield { value: parseElement(element, name), line: element.line };
}

function parseElement(element: ArrayElement, name: string): unknown {
  const { bytes, line } = element;
  if (!isUtf8(bytes)) refuseBytes(element, name);
  const text = bytes.toString('utf8');
  try {
    return parseRow(text);
  } catch (error) {
    const { message } = error as Error;
    // Positions count from the row's beginning; the line says where it is in the file.
    const [place, position = text.trimEnd().length] =
      / (?:in JSON )?at position (\d+)(?: \(line \d+ column \d+\))?/.exec(message) ?? [''];
    throw new DataError(
      { file: name, line: line + newlinesIn(text.slice(0, Number(position))) },
      `the file is not valid JSON (${message.replace(place, '')})`,
    );
  }
}

/** Names the first line that is no UTF-8. */
function refuseBytes({ bytes, line, column }: ArrayElement, name: string): never {
  let [begin, at] = [0, line];
  for (;;) {
    const newline = bytes.indexOf(10, begin);
    const part = bytes.subarray(begin, newline < 0 ? bytes.length : newline);
    if (newline < 0 || !isUtf8(part))
      throw new DataError({ file: name, line: at }, invalidUtf8(part, at === line ? column : 0));
    begin = newline + 1;
    at += 1;
  }
}

const newlinesIn = (text: string): number => text.split('\n').length - 1;
