// The library as its users see it: types under both module settings, require and import, and a model that is a
// stand-in.

import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import type { Engine, EngineModel, ScoreOptions } from './engine/types';
import type { ModelLoadOptions, SampleBatch } from './engine/types.generated';
import { EngineError } from './engine/errors';
import { evaluate } from './evaluation/evaluate';
import { rewardModelPredictor } from './evaluation/predictors/reward_model';
import { datasetFromRows } from './data/dataset';
import { RewardModel } from './scoring/reward_model';

/** An empty folder: the stand-in engine reads none. */
const NO_MODEL = mkdtempSync(join(tmpdir(), 'cheems-empty-'));
test.after.always(() => rmSync(NO_MODEL, { recursive: true, force: true }));

const run = promisify(execFile);
const root = join(__dirname, '..');

const USER = `
import { RewardModel, computeMetrics, datasetFromRows, definePredictor, engineInfo, evaluate, readPreferenceDataset, registerPredictor, train, version } from 'cheems-native';
import type { MetricReport, PreferenceDataset, ScoreItem, TrainResult } from 'cheems-native';

export async function everything(signal: AbortSignal): Promise<void> {
  const model = await RewardModel.load('folder', { device: 'auto', numThreads: 2, keep16Bit: true });
  const items: ScoreItem[] = [{ prompt: '问', responses: ['答', { inputIds: [1, 2] }] }, { messages: [{ role: 'user', content: '问' }], responses: [] }, { messages: [{ role: 'user', content: '问' }, { role: 'assistant', content: '答' }] }];
  const rewards: number[][] = await model.score(items, { signal, onProgress: ({ done, total, tokensPerSecond }) => void (done + total + tokensPerSecond) });
  await model.dispose();
  const data: PreferenceDataset = await readPreferenceDataset(['a.jsonl']);
  const own = datasetFromRows([{ prompt: 'p', chosen: 'a', rejected: 'b' }]);
  const result: TrainResult = await train({ model_path: 'm', train_data_path: 'a.jsonl', output_dir: 'o', learning_rate: 1e-5 }, { signal, onStep: ({ loss }) => void loss.toFixed() });
  const report: MetricReport = computeMetrics({ prompts: [{ rewards: rewards[0]!, pairs: [[0, 1]] }] });
  const predictor = definePredictor({ name: 'mine', score: (samples) => samples.map((sample) => -sample.response.length) });
  registerPredictor(predictor);
  await evaluate({ datasets: [{ name: 'own', dataset: own }, { name: 'read', dataset: data }], predictor });
  // @ts-expect-error an option that does not exist
  await train({ model_path: 'm', train_data_path: 'a.jsonl', output_dir: 'o', learning_rat: 1 });
  // @ts-expect-error responses are needed
  await model.score([{ prompt: 'p' }]);
  void [report.cheems, result.interrupted, engineInfo().version, version];
}
`;

/** A project with this package under node_modules. */
function project(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-user-'));
  mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true });
  symlinkSync(root, join(folder, 'node_modules', 'cheems-native'));
  symlinkSync(join(root, 'node_modules', '@types', 'node'), join(folder, 'node_modules', '@types', 'node'));
  return folder;
}

test('a consumer compiles as CommonJS and as ESM, on node16 and nodenext', async (t) => {
  const folder = project();
  writeFileSync(
    join(folder, 'common.cts'),
    `${USER}\nimport required = require('cheems-native');\nvoid required.RewardModel;\n`,
  );
  writeFileSync(join(folder, 'module.mts'), USER);
  for (const module of ['node16', 'nodenext']) {
    const args = [
      join(root, 'node_modules', '.bin', 'tsc'),
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--target',
      'es2022',
      '--types',
      'node',
      '--module',
      module,
      'common.cts',
      'module.mts',
    ];
    const result = await run(process.execPath, args, { cwd: folder }).catch((error: { stdout: string }) => error);
    t.is(result.stdout, '', module);
  }
});

test('require and import give the same names', async (t) => {
  const folder = project();
  const names =
    "['RewardModel', 'train', 'computeMetrics', 'definePredictor', 'registerPredictor', " +
    "'readPreferenceDataset', 'datasetFromRows', 'engineInfo', 'evaluate']";
  writeFileSync(
    join(folder, 'a.cjs'),
    `const c = require('cheems-native'); console.log(${names}.map((n) => typeof c[n]).join());`,
  );
  writeFileSync(
    join(folder, 'a.mjs'),
    `import { RewardModel, train } from 'cheems-native'; import * as c from 'cheems-native'; ` +
      `console.log(${names}.map((n) => typeof c[n]).join(), typeof RewardModel, typeof train);`,
  );
  const functions = Array(9).fill('function').join();
  t.is((await run(process.execPath, ['a.cjs'], { cwd: folder })).stdout, `${functions}\n`);
  t.is((await run(process.execPath, ['a.mjs'], { cwd: folder })).stdout, `${functions} function function\n`);
});

/** An engine whose reward of a sample is the mean of its ids; it remembers what it was given. */
function fakeEngine(vocabSize: number): {
  engine: Pick<Engine, 'loadModel'>;
  batches: SampleBatch[];
  loads: ModelLoadOptions[];
  disposed: () => boolean;
} {
  const batches: SampleBatch[] = [];
  const loads: ModelLoadOptions[] = [];
  let isDisposed = false;
  const model: EngineModel = {
    architecture: {
      family: 'qwen2',
      savedFamily: 'qwen2',
      sampleForm: 'conversation',
      anyLength: false,
      classPrefix: 'Qwen2',
      hiddenSize: 8,
      intermediateSize: 8,
      numLayers: 1,
      numHeads: 1,
      numKeyValueHeads: 1,
      headSize: 8,
      vocabSize,
      maxPositionEmbeddings: 64,
      parameters: 1000,
    },
    head: { kind: 'linear', source: 'score.weight', description: 'linear, score.weight [1, 4]', readout: 'last_token' },
    device: 'cpu',
    deviceChoice: 'The fake engine, for tests.',
    deviceFacts: { entries: {}, arithmetic: 'none' },
    precision: 'float32',
    microBatchTokens: 8192,
    get disposed() {
      return isDisposed;
    },
    async score(batch: SampleBatch, options: ScoreOptions = {}) {
      batches.push(batch);
      await new Promise((resolve) => setTimeout(resolve, 5));
      options.signal?.throwIfAborted();
      const rewards = Float32Array.from(
        Array.from(batch.groups, (_, i) => {
          const ids = batch.tokens.subarray(batch.offsets[i], batch.offsets[i + 1]);
          return ids.reduce((sum, id) => sum + id, 0) / ids.length;
        }),
      );
      options.onProgress?.({ done: rewards.length, total: rewards.length, tokens: batch.tokens.length });
      return { rewards, computedTokens: batch.tokens.length };
    },
    notes: () => [],
    saveWeights: () => Promise.reject(new Error('not here')),
    createTrainer: () => Promise.reject(new Error('not here')),
    dispose: async () => void (isDisposed = true),
  };
  return {
    engine: { loadModel: async (options) => (loads.push(options), model) },
    batches,
    loads,
    disposed: () => isDisposed,
  };
}

function modelFolder(facts?: object): string {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-model-'));
  cpSync(join(root, 'data', 'tokenizer'), folder, { recursive: true });
  if (facts) writeFileSync(join(folder, 'cheems.json'), JSON.stringify(facts));
  return folder;
}

test('score: rewards by item and response, prompts together, progress to the end', async (t) => {
  const fake = fakeEngine(8192);
  const model = await RewardModel.load(modelFolder(), { numThreads: 2, microBatchTokens: 4 }, fake.engine);
  t.like(fake.loads[0], { device: 'auto', numThreads: 2 });
  const progress: number[] = [];
  const items = [
    ...Array.from({ length: 20 }, (_, i) => ({ responses: [{ inputIds: [i, i, i] }, { inputIds: [i, i + 2] }] })),
    { prompt: '你好', responses: ['你好！', [{ role: 'assistant', content: '你好！' }]] },
  ];
  const rewards = await model.score(items, {
    onProgress: ({ done, total }) => void (t.is(total, 42), progress.push(done)),
  });
  t.deepEqual(
    rewards.slice(0, 20),
    Array.from({ length: 20 }, (_, i) => [i, i + 1]),
  );
  t.is(rewards[20]![0], rewards[20]![1]);
  t.is(progress.at(-1), 42);
  t.true(fake.batches.length > 1, 'several calls');
  t.deepEqual([...fake.batches[0]!.groups].slice(0, 4), [0, 0, 1, 1]);
  await model[Symbol.asyncDispose]();
  t.true(fake.disposed());
});

test('a conversation alone is the sample that its last message is as the response', async (t) => {
  const fake = fakeEngine(8192);
  const model = await RewardModel.load(modelFolder(), {}, fake.engine);
  const turns = [
    { role: 'user', content: '问' },
    { role: 'assistant', content: '答' },
    { role: 'user', content: '再问' },
  ];
  const rewards = await model.score([
    { messages: [...turns, { role: 'assistant', content: '再答' }] },
    { messages: turns, responses: ['再答'] },
  ]);
  t.is(rewards[0]!.length, 1);
  t.deepEqual(rewards[0], rewards[1]);
  const [{ tokens, offsets }] = fake.batches as [SampleBatch];
  t.deepEqual([...tokens.subarray(0, offsets[1])], [...tokens.subarray(offsets[1], offsets[2])]);
  await t.throwsAsync(model.score([{ messages: turns }]), {
    message: /^items:1: there is no "responses", and the "messages" end with a message of role "user"/,
  });
  await model.dispose();
});

test('nothing to score gives nothing, and asks the engine nothing', async (t) => {
  const fake = fakeEngine(10);
  const model = await RewardModel.load(NO_MODEL, {}, fake.engine);
  t.deepEqual(await model.score([]), []);
  t.deepEqual(await model.score([{ prompt: 'p', responses: [] }]), [[]]);
  t.is(fake.batches.length, 0);
});

test('the strip that training chose is obeyed: with it the sample ends at <|im_end|>, without it at the newline', async (t) => {
  const last: number[] = [];
  for (const facts of [undefined, { do_strip: true }, { do_strip: false }]) {
    const fake = fakeEngine(8192);
    const model = await RewardModel.load(modelFolder(facts), {}, fake.engine);
    await model.score([{ prompt: 'p', responses: ['r'] }]);
    last.push(fake.batches[0]!.tokens.at(-1)!);
  }
  t.is(last[0], last[2], 'a folder of other tools: as its template writes it');
  t.is(last[1], 8191);
  t.not(last[2], 8191);
  const fake = fakeEngine(8192);
  await (
    await RewardModel.load(modelFolder({ do_strip: false }), { doStrip: true }, fake.engine)
  ).score([{ prompt: 'p', responses: ['r'] }]);
  t.is(fake.batches[0]!.tokens.at(-1), 8191, 'what is asked for wins');
  await t.throwsAsync(RewardModel.load(modelFolder({ do_strip: 'yes' }), {}, fakeEngine(8).engine), {
    message: /cheems\.json is broken/,
  });
});

test('what cannot be scored is refused with the item, and what is to be done', async (t) => {
  const model = await RewardModel.load(modelFolder(), { maxLength: 4 }, fakeEngine(100).engine);
  const unlimited = await RewardModel.load(modelFolder(), {}, fakeEngine(100).engine);
  const bare = await RewardModel.load(NO_MODEL, {}, fakeEngine(100).engine);
  for (const [scored, items, message] of [
    [model, [{ responses: [{ inputIds: [1, 2, 3, 4, 5] }] }], /items:1: the sample has 5 tokens, and max_length is 4/],
    [
      model,
      [{ responses: [{ inputIds: [1] }] }, { responses: [{ inputIds: [100] }] }],
      /items:2: token 0 of the sample is 100, but the model in .* has the ids 0 to 99/,
    ],
    [
      unlimited,
      [{ responses: [{ inputIds: Array(65).fill(1) }] }],
      /items:1: the sample has 65 tokens, but the model in .* supports 64/,
    ],
    [model, [{ responses: ['text'] }], /items:1: the item has neither "prompt" nor "messages"/],
    [model, [{ responses: [{ inputIds: [] }] }], /"inputIds" of response 0 is empty/],
    [bare, [{ prompt: 'p', responses: ['r'] }], /items:1: .*tokenizer\.json/],
  ] as const) {
    await t.throwsAsync(scored.score(items as never), { message });
  }
  const cut = await RewardModel.load(NO_MODEL, { maxLength: 2, truncation: true }, fakeEngine(100).engine);
  t.deepEqual(await cut.score([{ responses: [{ inputIds: [50, 1, 2] }] }]), [[1.5]]);
});

test('canceled: the promise rejects with the reason, and the model can go on', async (t) => {
  const fake = fakeEngine(100);
  const model = await RewardModel.load(NO_MODEL, { microBatchTokens: 1 }, fake.engine);
  const items = Array.from({ length: 500 }, () => ({ responses: [{ inputIds: [1, 2] }] }));
  const controller = new AbortController();
  setTimeout(() => controller.abort(new Error('no more')), 30);
  await t.throwsAsync(model.score(items, { signal: controller.signal }), { message: 'no more' });
  t.true(fake.batches.length < 500 / 8);
  t.deepEqual(await model.score(items.slice(0, 1)), [[1.5]]);
});

test('as a predictor: too long responses are not scored, and all rewards find their responses', async (t) => {
  const dataset = datasetFromRows([
    {
      id: 'p',
      input: 'x',
      responses: [
        { id: 'a', input_ids: [1, 1] },
        { id: 'b', input_ids: [9, 9, 9, 9] },
        { id: 'c', input_ids: [4] },
      ],
      annotations: [['c', 'a', '1']],
    },
    {
      id: 'q',
      input: 'y',
      responses: [
        { id: 'a', input_ids: [9, 9, 9, 9] },
        { id: 'b', input_ids: [9, 9, 9, 9] },
      ],
      annotations: [['a', 'b', '1']],
    },
  ]);
  const model = await RewardModel.load(NO_MODEL, { maxLength: 3 }, fakeEngine(10).engine);
  const evaluation = await evaluate({ datasets: [{ name: 'd', dataset }], predictor: rewardModelPredictor(model) });
  t.deepEqual(
    evaluation.files[0]!.scores.map(({ rewards }) => rewards),
    [
      [1, null, 4],
      [null, null],
    ],
  );
  t.is(evaluation.files[0]!.unscoredResponses, 3);
  t.is(evaluation.files[0]!.report.cheems['accuracy-labels'], 1);
});

test('ids that are no ids are refused, whatever holds them', async (t) => {
  const model = await RewardModel.load(NO_MODEL, {}, fakeEngine(100).engine);
  for (const inputIds of [
    [1, 1.5],
    [1, NaN],
    [1, -1],
    [1, '2'],
    [1, 2 ** 40],
    [1, undefined],
    [1, , 2],
    [1n],
    '12',
    { length: 1 },
    null,
    Float32Array.of(0.5),
  ]) {
    await t.throwsAsync(model.score([{ responses: [{ inputIds: inputIds as never }] }]), {
      name: 'DataError',
      message: /^items:1: "inputIds" of response 0 /,
    });
  }
  const rewards = await model.score([
    {
      responses: [[1, 3], Int32Array.of(1, 3), Uint8Array.of(1, 3), BigInt64Array.of(1n, 3n)].map((inputIds) => ({
        inputIds,
      })),
    },
  ]);
  t.deepEqual(rewards, [[2, 2, 2, 2]]);
});

test('disposed before, in the middle: the model says so, and no row is blamed', async (t) => {
  const model = await RewardModel.load(modelFolder(), {}, fakeEngine(8192).engine);
  const items = Array.from({ length: 500 }, (_, i) => ({ prompt: `你好${i}`, responses: ['好'] }));
  const work = model.score(items);
  setTimeout(() => void model.dispose(), 20);
  await t.throwsAsync(work, {
    instanceOf: EngineError,
    code: 'DISPOSED',
    message: /^The model (was|has been) disposed/,
  });
  for (const call of [() => model.score([]), () => model.score(items.slice(0, 1)), () => model.scoreAll([])]) {
    await t.throwsAsync(call(), {
      code: 'DISPOSED',
      message: 'The model has been disposed: load it again to go on using it.',
    });
  }
  await model.dispose();
});

test.serial('disposed after an abort: nothing of the work is left to reject unheard', async (t) => {
  const unheard: unknown[] = [];
  const listen = (reason: unknown) => unheard.push(reason);
  process.on('unhandledRejection', listen);
  for (const patience of [0, 1, 30]) {
    const model = await RewardModel.load(modelFolder(), {}, fakeEngine(8192).engine);
    const controller = new AbortController();
    if (patience === 0) controller.abort();
    else setTimeout(() => controller.abort(), patience);
    const work = model.score(
      [
        { prompt: '你好', responses: ['好'] },
        { prompt: '你'.repeat(50_000), responses: ['好'] },
      ],
      { signal: controller.signal },
    );
    await Promise.allSettled([work]);
    await model.dispose();
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  process.off('unhandledRejection', listen);
  t.deepEqual(unheard, []);
});
