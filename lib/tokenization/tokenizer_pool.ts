// Samples of many responses, built by worker threads in chunks.

import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { TokenizerError } from './errors';
import type { SampleOptions, TokenizerSource } from './sample_builder';
import type { ChunkResult, SampleJob, WorkerAnswer, WorkerSetup } from './worker_messages';

const CHUNK = 32;
/** A tokenizer takes a second and some hundred megabytes to load, so few responses are no reason for a second worker. */
const RESPONSES_A_WORKER = 1000;
const MOST_WORKERS = 8;

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
  pool: PoolOptions,
  take: (first: number, result: ChunkResult) => void,
  failed: (job: number, message: string) => Error,
): Promise<void> {
  pool.signal?.throwIfAborted();
  if (jobs.length === 0) return;
  const wanted = pool.workers ?? Math.min(availableParallelism(), MOST_WORKERS, Math.ceil(jobs.length / RESPONSES_A_WORKER));
  const setup: WorkerSetup = { source: { ...source }, options: { ...options } };
  let next = 0;
  let done = 0;
  const workers: Worker[] = [];
  const serve = (worker: Worker) =>
    new Promise<void>((resolve, reject) => {
      let first = 0;
      const send = () => {
        if (next >= jobs.length) return resolve();
        first = next;
        next = Math.min(jobs.length, first + CHUNK);
        worker.postMessage(jobs.slice(first, next));
      };
      worker.on('message', (answer: WorkerAnswer) => {
        if ('error' in answer) return reject(failed(answer.job < 0 ? -1 : first + answer.job, answer.error));
        try {
          take(first, answer.result);
          done += answer.result.counts.length;
          pool.onProgress?.(done);
          pool.signal?.throwIfAborted();
        } catch (error) {
          return reject(error as Error);
        }
        send();
      });
      worker.on('error', (error) => reject(new TokenizerError(`a tokenising thread failed (${error.message}).`)));
      worker.on('exit', (code) => reject(new TokenizerError(`a tokenising thread ended early (exit code ${code}).`)));
      send();
    });
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(pool.signal?.reason as Error);
    pool.signal?.addEventListener('abort', abort, { once: true });
  });
  try {
    for (let i = 0; i < Math.max(1, Math.min(wanted, Math.ceil(jobs.length / CHUNK))); i += 1) {
      workers.push(new Worker(join(__dirname, 'tokenize_worker.js'), { workerData: setup }));
    }
    await Promise.race([aborted, Promise.all(workers.map(serve))]);
  } finally {
    if (abort) pool.signal?.removeEventListener('abort', abort);
    for (const worker of workers) worker.removeAllListeners('exit');
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}
