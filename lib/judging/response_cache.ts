// Answers on disk, one JSON line each; lines are only ever appended. A line counts once its newline is written. What a
// killed process left after the last newline is cut off when the file is opened next. Only the offsets of the lines are
// held in memory.

import { mkdir, open, stat, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { LockHeld, takeLock, type ProcessLock } from '../files/process_lock';
import type { Completion } from './completer';
import { JudgeError } from './errors';
import { knob } from '../text/knobs';

const record = z.looseObject({
  key: z.string(),
  text: z.string(),
  reasoning: z.string().optional(),
  finish: z.enum(['stop', 'length', 'filtered', 'too_long', 'other']),
  said: z.string().optional(),
  firstTokens: z.array(z.object({ token: z.string(), logprob: z.number() })).optional(),
  usage: z.object({ promptTokens: z.number(), completionTokens: z.number() }).optional(),
});

const NEWLINE = 0x0a;

interface Waiting {
  key: string;
  line: Buffer;
  resolve: () => void;
  reject: (error: unknown) => void;
}

export class ResponseCache {
  private readonly places = new Map<string, { offset: number; length: number }>();
  private waiting: Waiting[] = [];
  private writing: Promise<void> | undefined;
  private end = 0;

  private constructor(
    readonly file: string,
    private readonly handle: FileHandle,
  ) {}

  /**
   * Opens or creates the file (its folder must exist) and reads which answers it has. The caller ensures that no other
   * process writes to it.
   * @throws JudgeError naming file and line if a complete line is not an answer: it may be another kind of file.
   */
  static async open(file: string): Promise<ResponseCache> {
    const handle = await open(file, 'a+');
    const cache = new ResponseCache(file, handle);
    try {
      await cache.load();
      return cache;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  get size(): number {
    return this.places.size;
  }

  async get(key: string): Promise<Completion | undefined> {
    const place = this.places.get(key);
    if (!place) return undefined;
    const bytes = Buffer.alloc(place.length);
    await this.handle.read(bytes, 0, place.length, place.offset);
    const parsed = parseLine(bytes);
    if (!parsed) throw new JudgeError(`${this.file} was changed by something else while it was in use.`);
    const { text, finish, reasoning, said, firstTokens, usage } = parsed;
    return {
      text,
      finish,
      ...(reasoning === undefined ? {} : { reasoning }),
      ...(said === undefined ? {} : { said }),
      ...(firstTokens ? { firstTokens } : {}),
      ...(usage ? { usage } : {}),
    };
  }

  /** Resolves once the answer is on the device. Answers that arrive together are flushed together. */
  set(key: string, completion: Completion, facts: Record<string, unknown> = {}): Promise<void> {
    const { cached: _, ...rest } = completion;
    const line = Buffer.from(`${JSON.stringify({ key, ...rest, ...facts })}\n`);
    return new Promise((resolve, reject) => {
      this.waiting.push({ key, line, resolve, reject });
      this.writing ??= this.writeAll();
    });
  }

  async close(): Promise<void> {
    await this.writing;
    await this.handle.close();
  }

  private async writeAll(): Promise<void> {
    while (this.waiting.length > 0) {
      const batch = this.waiting;
      this.waiting = [];
      try {
        await this.append(batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        const failure = new JudgeError(
          `The answers could not be written to ${this.file} (${(error as Error).message}). Those that were ` +
            'written before are kept.',
        );
        for (const { reject } of batch) reject(failure);
      }
    }
    // In the same tick as the last check of the queue, so that the next caller starts a new write.
    this.writing = undefined;
  }

  private async append(batch: readonly Waiting[]): Promise<void> {
    try {
      await this.handle.appendFile(Buffer.concat(batch.map(({ line }) => line)));
      await this.handle.datasync();
    } catch (error) {
      await this.handle.truncate(this.end).catch(() => {}); // a full disk may have taken half a line
      throw error;
    }
    await this.requireFile();
    for (const { key, line } of batch) {
      this.places.set(key, { offset: this.end, length: line.length - 1 });
      this.end += line.length;
    }
  }

  /** Anything written into a file that was removed or replaced would be lost. */
  private async requireFile(): Promise<void> {
    const [named, open] = await Promise.all([stat(this.file).catch(() => undefined), this.handle.stat()]);
    if (named?.ino !== open.ino) throw new Error('it was removed, moved or replaced by something else');
  }

  private async load(): Promise<void> {
    let line = 0;
    let offset = 0;
    let pending = Buffer.alloc(0);
    const chunk = Buffer.alloc(1 << 20);
    for (;;) {
      const { bytesRead } = await this.handle.read(chunk, 0, chunk.length, offset + pending.length);
      if (bytesRead === 0) break;
      const bytes = Buffer.concat([pending, chunk.subarray(0, bytesRead)]);
      let begin = 0;
      for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, begin)) {
        this.take(bytes.subarray(begin, end), offset + begin, ++line);
        begin = end + 1;
      }
      offset += begin;
      pending = Buffer.from(bytes.subarray(begin));
    }
    this.end = offset;
    if (pending.length > 0) await this.repairEnd(pending);
  }

  private take(bytes: Buffer, offset: number, line: number): void {
    if (bytes.length === 0) return;
    const parsed = parseLine(bytes);
    if (!parsed) {
      throw new JudgeError(
        `${this.file}:${line}: this is not a stored answer. If the file is a damaged cache, delete the ` +
          `line; otherwise give another ${knob('judgeCache')}.`,
      );
    }
    this.places.set(parsed.key, { offset, length: bytes.length });
  }

  /** Handles what follows the last newline: a complete answer gets its newline, an incomplete one is cut off. */
  private async repairEnd(rest: Buffer): Promise<void> {
    const parsed = parseLine(rest);
    if (parsed) {
      this.places.set(parsed.key, { offset: this.end, length: rest.length });
      await this.handle.appendFile('\n');
      this.end += rest.length + 1;
    } else {
      // Nothing may be cut from a file that is not a cache.
      if (!'{"key":"'.startsWith(rest.subarray(0, 8).toString())) {
        throw new JudgeError(`${this.file} is not a cache of answers; give another ${knob('judgeCache')}.`);
      }
      await this.handle.truncate(this.end);
    }
    await this.handle.datasync();
  }
}

/** A cache that no other process writes to meanwhile. */
export interface LockedCache {
  cache: ResponseCache;
  /** Closes the file once pending writes are done, and releases the lock. */
  close(): Promise<void>;
}

/**
 * Opens or creates a cache and its folder. @throws JudgeError if another process uses it, or the file is not a cache or
 * cannot be written.
 */
export async function openLockedCache(file: string): Promise<LockedCache> {
  const lock = await lockCache(file);
  try {
    const cache = await ResponseCache.open(file);
    return {
      cache,
      async close() {
        await cache.close();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error instanceof JudgeError
      ? error
      : new JudgeError(`The answers of the judge cannot be kept in ${file} (${(error as Error).message}).`);
  }
}

async function lockCache(file: string): Promise<ProcessLock> {
  try {
    await mkdir(dirname(file), { recursive: true });
    return await takeLock(`${file}.lock`);
  } catch (error) {
    if (error instanceof LockHeld)
      throw new JudgeError(
        `${file} is in use by another evaluation (${error.holder}). ${error.again}, or give another ` +
          `${knob('judgeCache')}.`,
      );
    throw new JudgeError(`${file} cannot be locked (${(error as Error).message}).`);
  }
}

function parseLine(bytes: Buffer): z.output<typeof record> | undefined {
  try {
    return record.safeParse(JSON.parse(bytes.toString('utf8'))).data;
  } catch {
    return undefined;
  }
}
