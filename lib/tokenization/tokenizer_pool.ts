// Samples of many responses, built by worker threads in chunks.

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { packageFolder } from '../support/package_folder';
import { TokenizerError } from './errors';
import { holdFiles } from './folder_files';
import type { SampleOptions, TokenizerSource } from './sample_builder';
import type { ChunkResult, SampleJob, WorkerAnswer, WorkerSetup } from './worker_messages';
import { unlessAborted } from '../support/abort';

/** Responses that go to a worker at once. */
export const CHUNK = 32;
/**
 * A tokenizer takes up to a second and some hundred megabytes to load, so few responses are no reason for a second
 * worker.
 */
const RESPONSES_A_WORKER = 1000;
const MOST_WORKERS = 8;
/**
 * Idle workers of all pools of this process together: beyond them the one that is idle for longest ends, and starts
 * again when it is needed.
 */
const MOST_IDLE = MOST_WORKERS;

/** Of all pools, in the order in which they became idle. */
const idle = new Map<Worker, TokenizerPool>();

/** Pools whose owner is gone without having closed them. */
const dropped = new FinalizationRegistry<TokenizerPool>((pool) => void pool.close());

/** A job that failed: its place in the chunk; -1 where the tokenizer itself cannot be loaded. */
export class JobError extends Error {
  override readonly name = 'JobError';

  constructor(
    readonly job: number,
    message: string,
  ) {
    super(message);
  }
}

interface Task {
  jobs: readonly SampleJob[];
  resolve(result: ChunkResult): void;
  reject(error: Error): void;
}

/**
 * Worker threads, started as they are needed, that stay until `close`, or until their owner is collected. Idle ones do
 * not keep the process alive.
 */
export class TokenizerPool {
  private readonly setup: WorkerSetup;
  private readonly queue: Task[] = [];
  private readonly workers = new Map<Worker, Task | undefined>();
  private readonly most: number;
  private readonly leaving = new Set<Promise<unknown>>();
  private served = 0;
  private closed: Error | undefined;

  /** @param expected how many responses there will be, where that is known: so many workers start at once. */
  constructor(
    source: TokenizerSource,
    options: SampleOptions,
    { workers, expected = 0 }: { workers?: number | undefined; expected?: number } = {},
  ) {
    // Workers start as they are needed, and the folder may be gone by then.
    const held = source.held ?? holdFiles(source.folder, source.chatTemplateFile);
    this.setup = { source: { ...source, held }, options: { ...options } };
    const most =
      workers ??
      Math.min(
        availableParallelism(),
        MOST_WORKERS,
        expected > 0 ? Math.ceil(expected / RESPONSES_A_WORKER) : Infinity,
      );
    this.most = Math.max(1, expected > 0 ? Math.min(most, Math.ceil(expected / CHUNK)) : most);
    this.served = expected > 0 ? this.most * RESPONSES_A_WORKER : 0;
  }

  /** Closes the pool when `owner` is collected; the pool must not refer to it. */
  closeWith(owner: object): this {
    dropped.register(owner, this, this);
    return this;
  }

  /** Workers that there may be at the most. */
  get size(): number {
    return this.most;
  }

  /**
   * The samples of some responses. @throws JobError, or TokenizerError where the thread failed or the pool was closed.
   */
  build(jobs: readonly SampleJob[]): Promise<ChunkResult> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(this.closed);
      this.queue.push({ jobs, resolve, reject });
      this.dispatch();
    });
  }

  /** Stops all threads; what they had not finished, and later work, is rejected with `reason`. */
  async close(reason: Error = new TokenizerError('the tokenizing threads have been stopped.')): Promise<void> {
    this.closed ??= reason;
    dropped.unregister(this);
    for (const task of this.queue.splice(0)) task.reject(reason);
    for (const worker of [...this.workers.keys()]) this.dismiss(worker, reason);
    await Promise.all(this.leaving);
  }

  private dispatch(): void {
    for (const [worker, task] of this.workers) {
      if (task === undefined) this.give(worker);
    }
    while (
      this.queue.length > 0 &&
      this.workers.size < this.most &&
      this.served >= this.workers.size * RESPONSES_A_WORKER
    )
      this.give(this.start());
  }

  private give(worker: Worker): void {
    const task = this.queue.shift();
    this.workers.set(worker, task);
    if (task === undefined) return this.rest(worker);
    idle.delete(worker);
    worker.ref();
    worker.postMessage(task.jobs);
  }

  private rest(worker: Worker): void {
    worker.unref();
    idle.delete(worker);
    idle.set(worker, this);
    if (idle.size <= MOST_IDLE) return;
    const [longest, pool] = idle.entries().next().value!;
    pool.dismiss(longest, new TokenizerError('an idle tokenizing thread was ended.'));
  }

  private start(): Worker {
    const worker = new Worker(join(packageFolder(), 'dist', 'tokenization', 'tokenize_worker.js'), {
      workerData: { ...this.setup, isQuiet: this.workers.size > 0 } satisfies WorkerSetup,
    });
    worker.on('message', (answer: WorkerAnswer) => {
      const task = this.workers.get(worker);
      if (!task) return; // dismissed, and its last words were under way
      this.served += task.jobs.length;
      this.give(worker);
      if ('error' in answer) task.reject(new JobError(answer.job, answer.error));
      else task.resolve(answer.result);
    });
    worker.on('error', (error: Error) =>
      this.dismiss(worker, new TokenizerError(`a tokenizing thread failed (${error.message}).`)),
    );
    worker.on('exit', (code) =>
      this.dismiss(worker, new TokenizerError(`a tokenizing thread ended early (exit code ${code}).`)),
    );
    return worker;
  }

  private dismiss(worker: Worker, error: Error): void {
    if (!this.workers.has(worker)) return;
    this.workers.get(worker)?.reject(error);
    this.workers.delete(worker);
    idle.delete(worker);
    const gone = worker.terminate().finally(() => this.leaving.delete(gone));
    this.leaving.add(gone);
    if (!this.closed) this.dispatch();
  }
}

export interface PoolOptions {
  workers?: number | undefined;
  signal?: AbortSignal | undefined;
  /** Called after each chunk, in the order of their ends. */
  onProgress?: ((done: number) => void) | undefined;
}

/**
 * Builds all samples, calling `take` with each chunk's place and result.
 * @param failed makes the error of a job's failure; `job` is -1 where the tokenizer itself cannot be loaded.
 * @throws what `failed` makes, or the signal's reason. No worker is left running.
 */
export async function buildSamples(
  jobs: readonly SampleJob[],
  source: TokenizerSource,
  options: SampleOptions,
  { workers, signal, onProgress }: PoolOptions,
  take: (first: number, result: ChunkResult) => void,
  failed: (job: number, message: string) => Error,
): Promise<void> {
  signal?.throwIfAborted();
  if (jobs.length === 0) return;
  const pool = new TokenizerPool(source, options, { workers, expected: jobs.length });
  let next = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    while (next < jobs.length) {
      const first = next;
      next = Math.min(jobs.length, first + CHUNK);
      try {
        take(first, await pool.build(jobs.slice(first, next)));
      } catch (error) {
        throw error instanceof JobError ? failed(error.job < 0 ? -1 : first + error.job, error.message) : error;
      }
      done = Math.min(jobs.length, done + CHUNK);
      onProgress?.(done);
      signal?.throwIfAborted();
    }
  };
  try {
    // Two chunks per worker are under way, so that none waits for this thread.
    await unlessAborted(Promise.all(Array.from({ length: 2 * pool.size }, lane)), signal);
  } finally {
    await pool.close();
  }
}
