// Calls of the engine, two at a time, so that the next call is waiting when the engine finishes one.

import { unlessAborted } from '../support/abort';

/** Calls in flight: one computes, one waits for it. */
const MOST_CALLS = 2;

interface Call<Input, Result> {
  input: Input;
  result: Promise<Result>;
  /** Settles once there is a result or an error; never rejects. */
  settled: Promise<undefined>;
}

type Coming<Input> = { result: IteratorResult<Input, unknown> } | { error: unknown };

/**
 * Starts a call for each input as it arrives and yields the results in the order of the inputs. A result does not wait
 * for a later, slow input.
 *
 * An error of an input or a call is thrown in its place, after the results before it. Later calls are then stopped
 * through the signal that `start` receives, as they are if the caller stops or `signal` is aborted.
 */
export async function* callsInOrder<Input, Result>(
  inputs: AsyncIterator<Input, unknown>,
  start: (input: Input, signal: AbortSignal) => Promise<Result>,
  signal?: AbortSignal,
): AsyncGenerator<[Input, Result], void, undefined> {
  const stop = new AbortController();
  const anyStop = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const calls: Call<Input, Result>[] = [];
  let failure: { error: unknown } | undefined;
  let coming: Promise<Coming<Input>> | undefined = nextOf(inputs);
  try {
    for (;;) {
      const [first] = calls;
      if (coming && calls.length < MOST_CALLS) {
        const come: Coming<Input> | undefined = await unlessAborted(
          first ? Promise.race([coming, first.settled]) : coming,
          signal,
        );
        if (come) {
          coming = undefined;
          if ('error' in come) failure = come;
          else if (come.result.done !== true) {
            calls.push(begin(come.result.value, start(come.result.value, anyStop)));
            coming = nextOf(inputs);
          }
          continue;
        }
      }
      if (!first) break;
      calls.shift();
      yield [first.input, await first.result];
    }
    if (failure) throw failure.error;
  } finally {
    stop.abort();
    void inputs.return?.().catch(() => {});
  }
}

/** Never rejects. */
const nextOf = <Input>(inputs: AsyncIterator<Input, unknown>): Promise<Coming<Input>> =>
  inputs.next().then(
    (result) => ({ result }),
    (error: unknown) => ({ error }),
  );

function begin<Input, Result>(input: Input, result: Promise<Result>): Call<Input, Result> {
  const nothing = (): undefined => undefined;
  return { input, result, settled: result.then(nothing, nothing) };
}
