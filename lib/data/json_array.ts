// Cuts the elements of a JSON array out of its bytes as they arrive, so that a file of any size is read one row at a
// time. Only strings and brackets are followed; an element's JSON is checked when it is parsed. No streaming parser
// fits: they do not accept NaN and Infinity, which Python writes, and they tokenize what is then parsed again.

import { DataError } from './errors';

/** Maximum bytes of an element or, in other files, of a line. A longer one would not fit into a JavaScript string. */
export const LONGEST_ROW = 256 * 1024 * 1024;

export interface ArrayElement {
  bytes: Buffer;
  /** The line, from 1, and the byte in that line, from 0, at which it begins. */
  line: number;
  column: number;
}

/** Whether an element may come next. */
type Place = 'before' | 'first or end' | 'next' | 'within' | 'after';

const [QUOTE, BACKSLASH, COMMA, NEWLINE] = [0x22, 0x5c, 0x2c, 0x0a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const isSpace = (byte: number): boolean => byte === 0x20 || byte === NEWLINE || byte === 0x0d || byte === 0x09;

/**
 * For input that begins as a list, possibly after a byte order mark. @throws DataError at the line where the list is
 * broken.
 */
export async function* elementsOf(chunks: AsyncIterable<Buffer>, name: string): AsyncGenerator<ArrayElement> {
  const splitter = new ArraySplitter(name);
  for await (const chunk of chunks) yield* splitter.add(chunk);
  splitter.finish();
}

class ArraySplitter {
  private place: Place = 'before';
  /** Brackets that are open within the element. */
  private depth = 0;
  private inString = false;
  private isEscaped = false;
  private line = 1;
  /** Of the whole file: bytes before the chunk, and before the line. */
  private offset = 0;
  private lineBegin = 0;
  private element: { parts: Buffer[]; size: number; line: number; column: number } | undefined;

  constructor(private readonly name: string) {}

  *add(chunk: Buffer): Generator<ArrayElement> {
    let begin = 0; // of the bytes of the open element
    for (let i = 0; i < chunk.length; i += 1) {
      if (this.inString) i = this.followString(chunk, i);
      if (i === chunk.length) break;
      const byte = chunk[i]!;
      if (byte === NEWLINE) this.startLine(i + 1);
      if (isSpace(byte)) continue;
      const ends = this.depth === 0 && (byte === COMMA || byte === CLOSE_LIST || byte === CLOSE_OBJECT);
      if (this.place === 'within' && ends) {
        yield this.take(chunk.subarray(begin, i));
        this.leave(byte);
      } else if (this.place === 'within') {
        this.followValue(byte);
      } else if (this.enter(byte, i)) {
        begin = i;
        this.followValue(byte);
      }
    }
    if (this.element) this.keep(chunk.subarray(begin));
    this.offset += chunk.length;
  }

  finish(): void {
    if (this.place !== 'after') this.fail('it ends before the list does');
  }

  private startLine(next: number): void {
    this.line += 1;
    this.lineBegin = this.offset + next;
  }

  /** The position after the string's end, or the chunk's. Most bytes are skipped here. */
  private followString(chunk: Buffer, begin: number): number {
    for (let i = begin; i < chunk.length; i += 1) {
      const byte = chunk[i]!;
      if (this.isEscaped) this.isEscaped = false;
      else if (byte === BACKSLASH) this.isEscaped = true;
      else if (byte === NEWLINE) this.startLine(i + 1);
      else if (byte === QUOTE) {
        this.inString = false;
        return i + 1;
      }
    }
    return chunk.length;
  }

  private followValue(byte: number): void {
    if (byte === QUOTE) this.inString = true;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) this.depth += 1;
    else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) this.depth -= 1;
  }

  /** Whether an element begins with this byte, which is outside of all elements. */
  private enter(byte: number, i: number): boolean {
    if (this.place === 'after') this.fail('there is something after the end of the list');
    if (this.place === 'before') {
      if (byte === OPEN_LIST) this.place = 'first or end'; // else it is the byte order mark's
      return false;
    }
    if (this.place === 'first or end' && byte === CLOSE_LIST) {
      this.place = 'after';
      return false;
    }
    if (byte === COMMA || byte === CLOSE_LIST) this.fail('there is a comma with no row on one side');
    this.place = 'within';
    this.element = { parts: [], size: 0, line: this.line, column: this.offset + i - this.lineBegin };
    return true;
  }

  private leave(byte: number): void {
    if (byte === CLOSE_OBJECT) this.fail('the list is closed by }');
    this.place = byte === COMMA ? 'next' : 'after';
  }

  private keep(bytes: Buffer): void {
    this.element!.parts.push(bytes);
    this.element!.size += bytes.length;
    if (this.element!.size <= LONGEST_ROW) return;
    throw new DataError({ file: this.name, line: this.element!.line }, 'the row is longer than 256 MiB');
  }

  private take(last: Buffer): ArrayElement {
    this.keep(last);
    const { parts, line, column } = this.element!;
    this.element = undefined;
    return { bytes: parts.length === 1 ? last : Buffer.concat(parts), line, column };
  }

  private fail(what: string): never {
    throw new DataError({ file: this.name, line: this.line }, `the file is not valid JSON (${what})`);
  }
}
