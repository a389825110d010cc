import { setTimeout as delay } from 'node:timers/promises';

/** A pause that all requests to an endpoint keep: if one is told to wait, the others need not be told. */
export class Pause {
  private until = 0;

  /** No request is sent for this long from now; a shorter pause never shortens a longer one. */
  lengthen(milliseconds: number): void {
    this.until = Math.max(this.until, performance.now() + milliseconds);
  }

  /** Resolves when no pause is pending. @throws the signal's reason when aborted. */
  async over(signal: AbortSignal): Promise<void> {
    for (let left = this.left(); left > 0; left = this.left())
      await delay(left, undefined, { signal }).catch(() => signal.throwIfAborted());
  }

  private left(): number {
    return this.until - performance.now();
  }
}
