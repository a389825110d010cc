import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { callsInOrder } from './calls_in_order';

/** An engine that does one call after another, each a turn of the event loop long, and counts what is under way. */
class FakeEngine {
  underWay = 0;
  most = 0;
  readonly stopped: number[] = [];
  private last: Promise<unknown> = Promise.resolve();

  readonly call = (input: number, stop: AbortSignal): Promise<number> => {
    this.most = Math.max(this.most, (this.underWay += 1));
    const result = this.last.catch(() => {}).then(() => this.compute(input, stop));
    this.last = result;
    return result;
  };

  private async compute(input: number, stop: AbortSignal): Promise<number> {
    await new Promise(setImmediate);
    this.underWay -= 1;
    if (stop.aborted) this.stopped.push(input);
    stop.throwIfAborted();
    if (input < 0) throw new Error(`call ${input} failed`);
    return 10 * input;
  }
}

async function* numbers(list: readonly number[], failure?: Error): AsyncGenerator<number, void, undefined> {
  yield* list;
  if (failure) throw failure;
}

/** The results that came, and the error that ended them. */
async function drain(work: AsyncIterable<[number, number]>): Promise<{ results: number[][]; error?: string }> {
  const results: number[][] = [];
  try {
    for await (const pair of work) results.push(pair);
    return { results };
  } catch (error) {
    return { results, error: (error as Error).message };
  }
}

test('results come in order, with two calls under way and never more', async (t) => {
  const engine = new FakeEngine();
  const list = Array.from({ length: 50 }, (_, i) => i);
  const { results } = await drain(callsInOrder(numbers(list), engine.call));
  t.deepEqual(
    results,
    list.map((i) => [i, 10 * i]),
  );
  t.is(engine.most, 2);
  t.deepEqual((await drain(callsInOrder(numbers([]), engine.call))).results, []);
});

test('a call that ends before the one in front of it waits for its place', async (t) => {
  const work = callsInOrder(numbers([40, 1, 20, 1]), async (milliseconds) => {
    await sleep(milliseconds);
    return milliseconds;
  });
  t.deepEqual(
    (await drain(work)).results.map(([input]) => input),
    [40, 1, 20, 1],
  );
});

test('an error stands in its place: results before it come, calls behind it are stopped', async (t) => {
  const engine = new FakeEngine();
  t.deepEqual(await drain(callsInOrder(numbers([1, 2, -3, 4, 5]), engine.call)), {
    results: [
      [1, 10],
      [2, 20],
    ],
    error: 'call -3 failed',
  });
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  t.deepEqual(engine.stopped, [4]);
  t.is(engine.underWay, 0);
  t.deepEqual(await drain(callsInOrder(numbers([1, 2], new Error('bad row')), engine.call)), {
    results: [
      [1, 10],
      [2, 20],
    ],
    error: 'bad row',
  });
});

test('a result does not wait for an input that is slow to come', async (t) => {
  let come = (): void => {};
  async function* slow(): AsyncGenerator<number, void, undefined> {
    yield 1;
    await new Promise<void>((resolve) => (come = resolve));
    yield 2;
  }
  const work = callsInOrder(slow(), new FakeEngine().call);
  t.deepEqual((await work.next()).value, [1, 10]);
  come();
  t.deepEqual((await work.next()).value, [2, 20]);
  t.true((await work.next()).done);
});

test('aborting ends the wait for an input and stops what is under way; so does a caller who stops', async (t) => {
  const controller = new AbortController();
  const engine = new FakeEngine();
  async function* endless(): AsyncGenerator<number, void, undefined> {
    yield 1;
    await new Promise(() => {});
  }
  const work = callsInOrder(endless(), engine.call, controller.signal);
  await work.next();
  setTimeout(() => controller.abort(new Error('enough')), 5);
  await t.throwsAsync(work.next(), { message: 'enough' });

  for await (const [input] of callsInOrder(numbers([1, 2, 3, 4]), engine.call)) if (input === 2) break;
  for (let turn = 0; turn < 4; turn += 1) await new Promise(setImmediate);
  t.deepEqual(engine.stopped, [3]);
});
