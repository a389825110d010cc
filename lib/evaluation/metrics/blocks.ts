// Long computations in blocks, so that the same code serves a caller who waits for the value and a process that must
// stay responsive.

import { setImmediate as others } from 'node:timers/promises';

/** A computation that pauses between its blocks, each of a few milliseconds. */
export type Blocks<T> = Generator<void, T, void>;

/** A signal, a timer or a progress bar waits at most this long, plus one block. */
const HOLD_MS = 25;

/** Runs to the end without a pause. */
export function runAtOnce<T>(blocks: Blocks<T>): T {
  for (;;) {
    const step = blocks.next();
    if (step.done) return step.value;
  }
}

/**
 * Runs to the end and lets the rest of the process run in between.
 * @throws the signal's reason when aborted.
 */
export async function runInBlocks<T>(blocks: Blocks<T>, signal?: AbortSignal): Promise<T> {
  const turns = new Turns(signal);
  for (;;) {
    const step = blocks.next();
    if (step.done) return step.value;
    await turns.take();
  }
}

/** Lets the rest of the process run at intervals. */
export class Turns {
  private began = performance.now();

  constructor(private readonly signal: AbortSignal | undefined) {}

  /** @throws the signal's reason if it was aborted in between. */
  async take(): Promise<void> {
    if (performance.now() - this.began < HOLD_MS) return;
    await others();
    this.signal?.throwIfAborted();
    this.began = performance.now();
  }
}
