import { setTimeout as delay } from 'node:timers/promises';

export interface RetryOptions {
  /** Whether there is another attempt after `failures` of them, the last with this error. */
  shouldRetry: (error: unknown, failures: number) => boolean;
  /**
   * Exponential backoff: pauses double from the first value to the second; each is lengthened at random up to twofold.
   */
  backoffMs: { from: number; to: number };
  /** Once aborted, there are no pauses and no retries. */
  signal: AbortSignal;
}

/** @throws the last attempt's error, or the signal's reason. */
export async function withRetries<T>(
  attempt: () => Promise<T>,
  { shouldRetry, backoffMs, signal }: RetryOptions,
): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!shouldRetry(error, failures)) throw error;
      const pause = Math.min(backoffMs.from * 2 ** (failures - 1) * (1 + Math.random()), backoffMs.to);
      await delay(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
