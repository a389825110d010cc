// Downloads a file: continues where an earlier attempt stopped, checks size and digest, and only then gives the file
// its name.

import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rename, rm, stat, truncate, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { realFileSystem } from './file_system';
import { ConnectionError } from './proxy';
import { tryLock, type LockHolder, type ProcessLock } from './process_lock';
import { unlessAborted } from '../support/abort';
import { messageOf } from '../support/thrown';

/** A download failed for good; the message is a sentence for the user. */
export class DownloadError extends Error {
  override readonly name: string = 'DownloadError';
}

/** `git-blob`: SHA-1 of "blob SIZE\0" and the content, git's own name of a file. */
export interface ExpectedDigest {
  algorithm: 'sha256' | 'git-blob';
  hex: string;
}

export interface DownloadRequest {
  /** The name of the file in messages: `model.safetensors of Qwen/Qwen2.5-0.5B`. */
  what: string;
  /** The target. While it is incomplete, FILE.incomplete and FILE.lock are beside it. */
  file: string;
  bytes: number;
  digest: ExpectedDigest;
  /**
   * The content from byte `offset` to the end. A DownloadError ends the attempts; after any other error there is
   * another attempt.
   */
  open(offset: number, signal: AbortSignal | undefined): Promise<AsyncIterable<Uint8Array>>;
  signal?: AbortSignal | undefined;
  /** Called with the number of bytes on disk, including those of earlier attempts. */
  onProgress?: ((bytes: number) => void) | undefined;
  /** Called once if another process is downloading the same file; this one then waits for it. */
  onWait?: ((holder: LockHolder) => void) | undefined;
  /** Maximum number of consecutive attempts without a byte; 5 by default. */
  attempts?: number;
  /** Pause before the second attempt, doubled with each further one; 500 ms by default. */
  pauseMs?: number;
  /** An attempt that receives nothing for this long is ended; 60 s by default. */
  stallMs?: number;
}

/**
 * Downloads the file, unless it exists. If interrupted, the received bytes are kept and the next call continues from
 * them. Two processes never write at once.
 * @throws DownloadError for a wrong digest, a full disk or a connection that keeps failing; the signal's reason when
 * aborted.
 */
export async function download(request: DownloadRequest): Promise<void> {
  const { file, signal } = request;
  await mkdir(dirname(file), { recursive: true }).catch((error: unknown) => failOnDisk(request, error));
  const lock = await waitForLock(request);
  try {
    if ((await sizeOf(file)) !== undefined) return;
    await fetchAll(request);
    signal?.throwIfAborted();
    await rename(`${file}.incomplete`, file);
    await realFileSystem.flushFolder(dirname(file));
  } finally {
    await lock?.release();
  }
}

/** The size of a file; undefined if it does not exist. */
async function sizeOf(file: string): Promise<number | undefined> {
  return (await stat(file).catch(() => undefined))?.size;
}

/** Undefined if the file became complete while waiting. */
async function waitForLock(request: DownloadRequest): Promise<ProcessLock | undefined> {
  let told = false;
  for (;;) {
    request.signal?.throwIfAborted();
    if ((await sizeOf(request.file)) !== undefined) return undefined;
    const attempt = await tryLock(`${request.file}.lock`).catch((error: unknown) => failOnDisk(request, error));
    if ('lock' in attempt) return attempt.lock;
    if (!told) request.onWait?.(attempt.holder);
    told = true;
    await sleep(200, undefined, request.signal ? { signal: request.signal } : {}).catch(() =>
      request.signal?.throwIfAborted(),
    );
  }
}

/** Attempts until the content is complete and correct. */
async function fetchAll(request: DownloadRequest): Promise<void> {
  const { what, bytes, signal, attempts = 5, pauseMs = 500 } = request;
  let failures = 0;
  let fresh = false; // whether the whole content was received in this call
  for (;;) {
    const before = await prepare(request);
    fresh ||= before === 0;
    let failure: unknown;
    try {
      await append(request, before);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof DownloadError) throw error;
      if (error instanceof ConnectionError && !error.retryable)
        throw new DownloadError(`${what} could not be fetched: ${error.message}`, { cause: error });
      failure = error;
    }
    const after = (await sizeOf(`${request.file}.incomplete`)) ?? 0;
    if (failure === undefined && after === bytes) {
      if (await digestIsRight(request)) return;
      await rm(`${request.file}.incomplete`, { force: true });
      if (fresh)
        throw new DownloadError(
          `${what} has the right size but the wrong content: its digest is not ${request.digest.hex}. What was ` +
            `received is deleted. Try again; if this repeats, the server or a proxy in between changes the file.`,
        );
      failure = new Error('the bytes of an earlier attempt were not right');
    }
    failures = after > before ? 1 : failures + 1;
    if (failures >= attempts) {
      const reason = reasonOf(failure ?? new Error(`the connection ended after ${after} of ${bytes} bytes`));
      const kept = `${after} of ${bytes} bytes are kept; the same command continues from there.`;
      throw new DownloadError(`${what} could not be fetched: ${reason}. ${kept}`, { cause: failure });
    }
    await sleep(pauseMs * 2 ** (failures - 1), undefined, signal ? { signal } : {}).catch(() =>
      signal?.throwIfAborted(),
    );
  }
}

/** The number of bytes to continue from; a partial file that is too long is not ours, and is emptied. */
async function prepare({ file, bytes }: DownloadRequest): Promise<number> {
  const kept = (await sizeOf(`${file}.incomplete`)) ?? 0;
  if (kept <= bytes) return kept;
  await truncate(`${file}.incomplete`, 0);
  return 0;
}

async function append(request: DownloadRequest, offset: number): Promise<void> {
  const { bytes, signal, onProgress } = request;
  const handle = await open(`${request.file}.incomplete`, 'a').catch((error: unknown) => failOnDisk(request, error));
  const watch = new StallWatch(request.stallMs ?? 60_000, signal);
  try {
    onProgress?.(offset);
    if (offset === bytes) return;
    let done = offset;
    for await (const chunk of await watch.orStalled(request.open(offset, watch.signal))) {
      watch.signal.throwIfAborted();
      if (done + chunk.length > bytes) {
        // A server that ignores the range sends everything again.
        await handle.truncate(0);
        throw new Error(`the server sent more than the ${bytes} bytes that it had announced`);
      }
      await writeAll(handle, chunk).catch((error: unknown) => failOnDisk(request, error));
      done += chunk.length;
      watch.touch();
      onProgress?.(done);
    }
    await handle.sync();
  } finally {
    watch.stop();
    await handle.close();
  }
}

/** A signal that is aborted with the caller's signal, or when nothing has been received for some time. */
class StallWatch {
  private readonly controller = new AbortController();
  private readonly timer: NodeJS.Timeout;
  readonly signal: AbortSignal;

  constructor(milliseconds: number, caller: AbortSignal | undefined) {
    this.timer = setTimeout(
      () => this.controller.abort(new Error(`nothing came for ${milliseconds / 1000} s`)),
      milliseconds,
    );
    this.signal = caller ? AbortSignal.any([caller, this.controller.signal]) : this.controller.signal;
  }

  touch(): void {
    this.timer.refresh();
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** Rejects on a stall, for work that may ignore the signal. */
  orStalled<T>(work: Promise<T>): Promise<T> {
    return unlessAborted(work, this.signal);
  }
}

async function writeAll(handle: FileHandle, chunk: Uint8Array): Promise<void> {
  for (let written = 0; written < chunk.length;) written += (await handle.write(chunk, written)).bytesWritten;
}

async function digestIsRight({ file, bytes, digest, signal }: DownloadRequest): Promise<boolean> {
  const hash: Hash =
    digest.algorithm === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${bytes}\0`);
  for await (const chunk of createReadStream(`${file}.incomplete`, { highWaterMark: 1 << 20 })) {
    signal?.throwIfAborted();
    hash.update(chunk as Buffer);
  }
  return hash.digest('hex') === digest.hex.toLowerCase();
}

function failOnDisk({ what, file }: DownloadRequest, error: unknown): never {
  const { code, message } = error as NodeJS.ErrnoException;
  const cause = { cause: error };
  if (code === 'ENOSPC' || code === 'EDQUOT')
    throw new DownloadError(
      `There is no space left for ${what} on the disk of ${dirname(file)}. Free some ` +
        `space, or choose another folder; what was received is kept.`,
      cause,
    );
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS')
    throw new DownloadError(
      `${what} cannot be written to ${dirname(file)} ` + `(${message}). Choose a folder that you may write to.`,
      cause,
    );
  throw new DownloadError(`${what} cannot be written to ${file}: ${message}.`, cause);
}

/** The cause of fetch's "fetch failed" and "terminated", without a full stop. */
export function reasonOf(error: unknown): string {
  if (error instanceof ConnectionError) return error.message.replace(/\.$/, '');
  const own = messageOf(error);
  const cause =
    error instanceof Error && error.cause instanceof Error
      ? error.cause.message || (error.cause as NodeJS.ErrnoException).code
      : undefined;
  return cause ? `${own} (${cause})` : own;
}
