// What callers of the engine rely on: canceling, progress, disposing, and sentences for wrong arguments.
import { getEventListeners } from 'node:events';
import test from 'ava';
import { copyFile, mkdir, readFile, rm, stat } from 'node:fs/promises';
import * as path from 'node:path';
import { adamStep, longBatch, makeSmallModel, neighborPairs, randomBatch } from '../testing/small_model';
import { EngineError } from './errors';
import { engine } from './engine';
import type { EngineModel } from './types';
import type { ComparisonArrays, ModelLoadOptions, Progress, SampleBatch, StepResult } from './types.generated';

const reference = path.join(__dirname, '..', '..', 'fixtures', 'reference', 'huggingface', 'qwen2-gqa');
let folder: string;

// Serial: some of these measure time, and models of one process take turns on the engine's thread anyway.
test.before(async () => {
  folder = await makeSmallModel();
});
test.after.always(() => rm(path.dirname(folder), { recursive: true, force: true }));

const load = (options: Partial<ModelLoadOptions> = {}): Promise<EngineModel> =>
  engine.loadModel({ folder, createHead: true, seed: 3, numThreads: 2, ...options });

test.serial('info names the CPU backend and says why CUDA is not there', (t) => {
  const info = engine.info();
  t.regex(info.version, /^\d+\.\d+\.\d+/);
  t.regex(info.compiler, /\d/);
  t.regex(info.simdTarget, /\w/);
  t.true(info.numThreads >= 1);
  t.deepEqual(
    info.backends.map(({ name, found }) => [name, found]),
    [
      ['cpu', true],
      ['cuda', false],
    ],
  );
  t.regex(info.backends[1]?.detail ?? '', /no CUDA backend is installed|NVIDIA driver/);
});

test.serial('a reference folder is described and scored', async (t) => {
  const recorded = JSON.parse(await readFile(path.join(reference, 'reference.json'), 'utf8')) as {
    parameters: number;
    eval: { ids: number[]; reward_f64: number }[];
  };
  const architecture = await engine.readArchitecture(reference);
  t.is(architecture.parameters, recorded.parameters);
  t.like(architecture, {
    family: 'qwen2',
    classPrefix: 'Qwen2',
    hiddenSize: 40,
    numHeads: 5,
    numKeyValueHeads: 1,
    vocabSize: 97,
  });
  const model = await engine.loadModel({ folder: reference });
  t.is(model.head.source, 'score.weight');
  t.is(model.device, 'cpu');
  const lengths = recorded.eval.map(({ ids }) => ids.length);
  const { rewards } = await model.score({
    tokens: Int32Array.from(recorded.eval.flatMap(({ ids }) => ids)),
    offsets: Int32Array.from(lengths.reduce((offsets, length) => [...offsets, (offsets.at(-1) ?? 0) + length], [0])),
    groups: Int32Array.from(lengths.keys()),
  });
  recorded.eval.forEach(({ reward_f64: expected }, sample) => {
    t.true(
      Math.abs((rewards[sample] ?? NaN) - expected) < 1e-5,
      `sample ${sample}: ${rewards[sample]} and ${expected}`,
    );
  });
  await model.dispose();
});

test.serial('an abort stops scoring and training within 200 ms, with the reason of the signal', async (t) => {
  const model = await load();
  const trainer = await model.createTrainer({});
  const batch = longBatch();
  const pairs = neighborPairs(batch.groups.length);
  for (const begin of [
    (signal: AbortSignal, onProgress: () => void) => model.score(batch, { signal, onProgress }),
    (signal: AbortSignal, onProgress: () => void) => trainer.score(batch, { signal, onProgress }),
    (signal: AbortSignal, onProgress: () => void) => trainer.step(batch, pairs, adamStep, { signal, onProgress }),
  ]) {
    // The best of three: a shared machine may pause for longer than that at any time.
    let milliseconds = Infinity;
    for (let attempt = 0; attempt < 3; attempt += 1) {
      const controller = new AbortController();
      const reason = new Error('enough');
      let aborted = 0;
      const work = begin(controller.signal, () => {
        if (aborted !== 0) return;
        aborted = performance.now();
        controller.abort(reason);
      });
      t.is(await t.throwsAsync(work), reason);
      milliseconds = Math.min(milliseconds, performance.now() - aborted);
    }
    t.true(milliseconds < 200, `${milliseconds} ms`);
  }
  t.is((await model.score(randomBatch(4, 16))).rewards.length, 4, 'the model still works');
  await model.dispose();
});

test.serial('an abort before the start, and of work that waits for its turn, rejects at once', async (t) => {
  const model = await load();
  const running = new AbortController();
  const waiting = new AbortController();
  await t.throwsAsync(model.score(randomBatch(2, 8), { signal: AbortSignal.abort() }), {
    any: true,
    name: 'AbortError',
  });
  const first = model.score(longBatch(), { signal: running.signal });
  const second = model.score(randomBatch(2, 8), { signal: waiting.signal });
  const third = model.score(randomBatch(2, 8));
  waiting.abort();
  await t.throwsAsync(second, { any: true, name: 'AbortError' });
  running.abort();
  await t.throwsAsync(first, { any: true, name: 'AbortError' });
  t.is((await third).rewards.length, 2);
  await t.throwsAsync(engine.loadModel({ folder, createHead: true }, { signal: AbortSignal.abort() }), {
    any: true,
    name: 'AbortError',
  });
  const loading = new AbortController();
  const loadingModel = engine.loadModel({ folder, createHead: true }, { signal: loading.signal });
  loading.abort();
  await t.throwsAsync(loadingModel, { any: true, name: 'AbortError' });
  await model.dispose();
});

test.serial('nothing stays behind on a signal once the work has ended, and what is no signal is refused', async (t) => {
  const model = await load();
  const { signal } = new AbortController();
  const work = [model.score(randomBatch(2, 8), { signal }), engine.loadModel({ folder: 'absent' }, { signal })];
  t.is(getEventListeners(signal, 'abort').length, 2);
  await Promise.allSettled(work);
  t.is(getEventListeners(signal, 'abort').length, 0);
  await t.throwsAsync(model.score(randomBatch(2, 8), { signal: 1 as never }), {
    code: 'INVALID_ARGUMENT',
    message: /signal must be an AbortSignal/,
  });
  const listen = (): void => undefined;
  const refuse = (): void => {
    throw new Error('not now');
  };
  for (const [begin, end] of [
    [listen, refuse],
    [refuse, listen],
  ]) {
    const odd = { aborted: false, addEventListener: begin, removeEventListener: end } as unknown as AbortSignal;
    const scored = model.score(randomBatch(2, 8), { signal: odd });
    if (begin === refuse) await t.throwsAsync(scored, { message: 'not now' });
    else t.is((await scored).rewards.length, 2);
  }
  await model.dispose();
});

test.serial('progress rises to the whole, and comes seldom enough', async (t) => {
  const model = await load();
  const samples = 512;
  const seen: Progress[] = [];
  const started = performance.now();
  const { computedTokens } = await model.score(randomBatch(samples, 64), {
    microBatchTokens: 128,
    onProgress: (progress) => seen.push(progress),
  });
  const last = seen.at(-1);
  t.deepEqual([last?.done, last?.total, last?.tokens], [samples, samples, computedTokens]);
  t.deepEqual(
    seen,
    [...seen].sort((a, b) => a.done - b.done),
  );
  const limit = 3 + (performance.now() - started) / 45;
  t.true(seen.length <= limit, `${seen.length} calls, at most ${limit} expected`);
  const trainer = await model.createTrainer({});
  t.is((await trainer.score(randomBatch(samples, 64))).computedTokens, computedTokens);
  await model.dispose();
});

test.serial('an exception of the progress callback stops the work and rejects with it', async (t) => {
  const model = await load();
  const mine = new Error('mine');
  t.is(
    await t.throwsAsync(
      model.score(longBatch(), {
        onProgress: () => {
          throw mine;
        },
      }),
    ),
    mine,
  );
  let thrown: unknown;
  await model
    .score(longBatch(), {
      onProgress: () => {
        throw 'text';
      },
    })
    .catch((error: unknown) => {
      thrown = error;
    });
  t.is(thrown, 'text');
  await model.dispose();
});

test.serial('disposing stops running and waiting work; later calls reject', async (t) => {
  const model = await load();
  const trainer = await model.createTrainer({});
  let running: Promise<unknown> = Promise.resolve();
  await new Promise<void>((begun) => {
    running = model.score(longBatch(), { onProgress: () => begun() });
  });
  const waiting = trainer.step(randomBatch(4, 16), neighborPairs(4), adamStep);
  const results = Promise.allSettled([running, waiting]);
  t.false(model.disposed);
  const disposed = model.dispose();
  t.true(model.disposed);
  for (const result of await results) {
    t.is(result.status, 'rejected');
    const { name, code, message } = (result as PromiseRejectedResult).reason as EngineError;
    t.deepEqual([name, code], ['EngineError', 'DISPOSED']);
    t.regex(message, /disposed before this work was done/);
  }
  await disposed;
  await model.dispose();
  await t.throwsAsync(model.score(randomBatch(2, 8)), {
    code: 'DISPOSED',
    name: 'EngineError',
    message: /model has been disposed/,
  });
  await t.throwsAsync(model.saveWeights('x'), { message: /model has been disposed/ });
  await t.throwsAsync(model.createTrainer({}), { message: /model has been disposed/ });
  await t.throwsAsync(trainer.score(randomBatch(2, 8)), { message: /trainer's model has been disposed/ });
  await trainer.dispose();
  await t.throwsAsync(trainer.score(randomBatch(2, 8)), { message: /trainer has been disposed/ });
});

test.serial('disposing a trainer leaves its model in use', async (t) => {
  const model = await load();
  const trainer = await model.createTrainer({});
  await trainer.dispose();
  t.is((await model.score(randomBatch(2, 8))).rewards.length, 2);
  await model.dispose();
});

test.serial('two models at once give what each gives alone', async (t) => {
  const batch = randomBatch(32, 48);
  const first = await load({ seed: 3 });
  const second = await load({ seed: 4, numThreads: 1 });
  const alone = [await first.score(batch), await second.score(batch)];
  t.deepEqual(await Promise.all([first.score(batch), second.score(batch)]), alone);
  t.notDeepEqual(alone[0]?.rewards, alone[1]?.rewards);
  await Promise.all([first.dispose(), second.dispose()]);
});

test.serial('arrays may change or go away while the engine works', async (t) => {
  const model = await load();
  const expected = await model.score(randomBatch(16, 64));
  const batch = randomBatch(16, 64);
  const work = model.score(batch);
  batch.tokens.fill(1);
  structuredClone(batch.offsets, { transfer: [batch.offsets.buffer as ArrayBuffer] });
  t.deepEqual(await work, expected);
  const shared: SampleBatch = { ...randomBatch(16, 64) };
  shared.tokens = new Int32Array(new SharedArrayBuffer(shared.tokens.byteLength));
  shared.tokens.set(randomBatch(16, 64).tokens);
  t.deepEqual(await model.score(shared), expected);
  await model.dispose();
});

test.serial('saved weights and optimizer state are read back', async (t) => {
  const target = path.join(path.dirname(folder), 'saved');
  await mkdir(target);
  const batch = randomBatch(8, 32);
  const model = await load();
  const trainer = await model.createTrainer({ regCoef: 0.1 });
  const step = await trainer.step(batch, neighborPairs(8), adamStep);
  t.true(Number.isFinite(step.loss) && step.gradientNorm > 0);
  const optimizerFile = path.join(target, 'optimizer.safetensors');
  await trainer.saveOptimizer(optimizerFile);
  await model.saveWeights(path.join(target, 'model.safetensors'));
  const written = (await stat(optimizerFile)).size + (await stat(path.join(target, 'model.safetensors'))).size;
  t.is((await engine.planMemory({ folder, purpose: 'train', longestSample: 64 })).checkpointBytes, written);
  // It is held in float32: as it is, it is the same file.
  await model.saveWeights(path.join(target, 'held.safetensors'), 'held');
  t.deepEqual(
    await readFile(path.join(target, 'held.safetensors')),
    await readFile(path.join(target, 'model.safetensors')),
  );
  await rm(path.join(target, 'held.safetensors'));
  await copyFile(path.join(folder, 'config.json'), path.join(target, 'config.json'));
  const again = await load({ folder: target, createHead: false });
  t.is(again.head.source, 'score.weight');
  t.deepEqual((await again.score(batch)).rewards, (await model.score(batch)).rewards);
  const resumed = await again.createTrainer({ regCoef: 0.1 });
  await resumed.loadOptimizer(optimizerFile);
  const next = { ...adamStep, step: 2 };
  t.deepEqual(await resumed.step(batch, neighborPairs(8), next), await trainer.step(batch, neighborPairs(8), next));
  t.deepEqual((await again.score(batch)).rewards, (await model.score(batch)).rewards, 'after another step');
  await Promise.all([model.dispose(), again.dispose()]);
});

test.serial("comparisons' targets, weights and margins reach the loss; the defaults are plain pairs", async (t) => {
  const batch = randomBatch(4, 16);
  const stepWith = async (numbers: Partial<ComparisonArrays>): Promise<StepResult> => {
    const model = await load();
    const trainer = await model.createTrainer({ regCoef: 0 });
    const result = await trainer.step(batch, { ...neighborPairs(4), ...numbers }, adamStep);
    await model.dispose();
    return result;
  };
  const plain = await stepWith({});
  const ones = Float32Array.of(1, 1);
  t.deepEqual(await stepWith({ targets: ones, weights: ones, margins: new Float32Array(2) }), plain);
  const [targets, weights, margins] = [Float32Array.of(0.25, 1), Float32Array.of(2, 0.5), Float32Array.of(0.5, -1)];
  const { loss, rewards } = await stepWith({ targets, weights, margins });
  const expected = [0, 1].map((pair) => {
    const difference = rewards[2 * pair]! - rewards[2 * pair + 1]! - margins[pair]!;
    const [right, wrong] = [Math.log1p(Math.exp(-difference)), Math.log1p(Math.exp(difference))];
    return weights[pair]! * (targets[pair]! * right + (1 - targets[pair]!) * wrong);
  });
  t.true(Math.abs(loss - (expected[0]! + expected[1]!) / 2) < 1e-12);
});

test.serial('a memory plan names its parts', async (t) => {
  const request = { folder, longestSample: 128, microBatchTokens: 1024 };
  const [score, train] = await Promise.all([
    engine.planMemory({ ...request, purpose: 'score' }),
    engine.planMemory({ ...request, purpose: 'train' }),
  ]);
  for (const plan of [score, train]) {
    t.is(
      plan.totalBytes,
      plan.entries.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    t.true(plan.availableBytes! > 0);
    t.is(plan.reserveBytes, 0, 'of the CPU');
    t.true(plan.entries.some(({ kind, bytes }) => kind === 'weights' && bytes > 0));
  }
  t.true(train.totalBytes > score.totalBytes);
  t.is((await engine.planMemory({ ...request, purpose: 'score', memoryReserve: 4096 })).reserveBytes, 4096);
  // Of a GPU that is not here.
  t.is((await engine.planMemory({ ...request, purpose: 'score', device: 'cuda:7' })).reserveBytes, 2 ** 30);
  const asStored = await engine.planMemory({ ...request, purpose: 'score', keep16Bit: true });
  t.true(asStored.totalBytes <= score.totalBytes, 'a float32 folder stays float32');
  t.true(
    asStored.entries.some(
      ({ name, kind, bytes }) =>
        /^weights, float32, mapped from their files$/.test(name) && kind === 'weights' && bytes > 0,
    ),
  );
  t.true(train.entries.some(({ kind }) => kind === 'optimizer'));
});

test.serial('16-bit matrices kept as stored take less memory and give the same rewards', async (t) => {
  const target = path.join(path.dirname(folder), 'bfloat16');
  await mkdir(target);
  const model = await load();
  await model.saveWeights(path.join(target, 'model.safetensors'), 'bfloat16');
  await model.dispose();
  await copyFile(path.join(folder, 'config.json'), path.join(target, 'config.json'));
  const [kept, widened] = await Promise.all([load({ folder: target, keep16Bit: true }), load({ folder: target })]);
  const batch = randomBatch(8, 32);
  t.deepEqual(await kept.score(batch), await widened.score(batch));
  await t.throwsAsync(kept.createTrainer({}), { code: 'COMPUTATION', message: /16-bit/ });
  const weights = async (keep16Bit: boolean): Promise<number> => {
    const { entries } = await engine.planMemory({ folder: target, purpose: 'score', longestSample: 32, keep16Bit });
    return entries.filter(({ kind }) => kind === 'weights').reduce((sum, { bytes }) => sum + bytes, 0);
  };
  t.true((await weights(true)) < 0.6 * (await weights(false)));
  await Promise.all([kept.dispose(), widened.dispose()]);
});

test.serial('wrong arguments are refused with sentences that name them', async (t) => {
  const model = await load();
  const batch = randomBatch(4, 8);
  const refuse = async (change: object, message: RegExp, code = 'INVALID_ARGUMENT'): Promise<void> => {
    await t.throwsAsync(model.score({ ...batch, ...change }), { instanceOf: EngineError, code, message });
  };
  await refuse({ tokens: [...batch.tokens] }, /batch\.tokens must be an Int32Array/);
  await refuse({ groups: new Float32Array(4) }, /batch\.groups must be an Int32Array/);
  await refuse({ offsets: undefined }, /batch\.offsets must be an Int32Array/);
  await refuse({ offsets: new Int32Array(0), groups: new Int32Array(0) }, /one more entry/);
  await refuse({ offsets: Int32Array.of(0, 8, 16, 24) }, /one more entry than there are samples/);
  await refuse({ offsets: Int32Array.of(1, 8, 16, 24, 32) }, /begin with 0, not 1/);
  await refuse({ offsets: Int32Array.of(0, 8, 8, 24, 32) }, /Sample 1 of the batch has no tokens/);
  await refuse({ offsets: Int32Array.of(0, 8, 16, 24, 31) }, /ends with 31 and batch\.tokens has 32/);
  await refuse({ groups: Int32Array.of(0, 1, 0, 1) }, /Samples of prompt 0 are not next to each other/);
  await refuse({ tokens: batch.tokens.map((_, index) => (index === 20 ? 512 : 1)) }, /vocabulary/, 'COMPUTATION');
  await refuse({ tokens: batch.tokens.map((_, index) => (index === 20 ? -1 : 1)) }, /vocabulary/, 'COMPUTATION');
  await t.throwsAsync(model.score(null as unknown as SampleBatch), { message: /batch must be an object/ });
  await t.throwsAsync(model.score(batch, { microBatchTokens: 0.5 }), {
    message: /microBatchTokens must be a whole number/,
  });
  await t.throwsAsync(model.score(batch, { onProgress: 1 as never }), { message: /onProgress must be a function/ });
  await t.throwsAsync(model.saveWeights('x', 'int8' as never), { message: /float32 or bfloat16, not int8/ });

  const trainer = await model.createTrainer({});
  const refusePairs = async (pairs: number[], message: RegExp): Promise<void> => {
    await t.throwsAsync(trainer.step(batch, { pairs: Int32Array.from(pairs) }, adamStep), {
      code: 'INVALID_ARGUMENT',
      message,
    });
  };
  await refusePairs([], /no pair/);
  await refusePairs([0, 1, 2], /two sample numbers per pair/);
  await refusePairs([0, 1, 2, 4], /Pair 1 names sample 4 of a batch of 4 samples/);
  await refusePairs([2, 2], /compares sample 2 with itself/);
  await t.throwsAsync(trainer.step(batch, neighborPairs(4), { ...adamStep, beta2: 1 }), { message: /beta2 must be/ });
  await t.throwsAsync(trainer.step(batch, neighborPairs(4), { ...adamStep, learningRate: NaN }), {
    message: /learningRate must be a finite number/,
  });
  await model.dispose();

  await t.throwsAsync(load({ folder: '' }), { code: 'INVALID_ARGUMENT', message: /folder must not be empty/ });
  await t.throwsAsync(load({ folder: path.join(folder, 'absent') }), { code: 'MODEL_FILE', message: /absent/ });
  await t.throwsAsync(load({ createHead: false }), { code: 'MODEL_FILE', message: /head/ });
  await t.throwsAsync(load({ seed: -1 }), { message: /seed must be a whole number/ });
  await t.throwsAsync(load({ device: 'cuda:99' }), { code: 'DEVICE', message: /cuda:99/ });
  await t.throwsAsync(load({ device: 'gpu' }), {
    message: /There is no device "gpu"; it is auto, cpu, cuda or cuda:N/,
  });
});
