// Whole runs on the real engine: against Hugging Face's numbers, stopped and resumed, and with any number of threads.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { engine } from '../engine/engine';
import type { ModelLoadOptions } from '../engine/types.generated';
import { readSafetensors, roundedToBfloat16 } from '../testing/fake_engine';
import { RewardModel } from '../scoring/reward_model';
import { train } from './loop';

const REFERENCE = join(__dirname, '..', '..', 'fixtures', 'reference', 'huggingface');
const CLASSIFIERS = [
  'llama-gqa',
  'llama3-rope',
  'mistral-sliding',
  'qwen2-gqa',
  'qwen2-tied',
  'qwen3-qknorm',
  'gemma-mqa',
  'gemma2-softcap',
];

interface Reference {
  eval: { ids: number[]; reward_f64: number }[];
  train: {
    groups: { prompt: number[]; responses: number[][]; indices: number[] }[];
    pairs: [number, number][];
    grad_norm_f32: number[];
    steps_f64: { loss: number; rewards: number[]; grad_norm_before_clip: number }[];
  };
}

const readReference = (name: string) =>
  JSON.parse(readFileSync(join(REFERENCE, name, 'reference.json'), 'utf8')) as Reference;

function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-end-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** The reference's three prompts as rows of token ids. */
function rowsOf({ train: { groups, pairs } }: Reference): string {
  return groups
    .map(({ prompt, responses, indices }, group) =>
      JSON.stringify({
        input: `group ${group}`,
        responses: responses.map((response, i) => ({ id: String(indices[i]), input_ids: [...prompt, ...response] })),
        annotations: pairs
          .filter(([chosen]) => indices.includes(chosen))
          .map(([chosen, rejected]) => [String(chosen), String(rejected), '1']),
      }),
    )
    .join('\n');
}

function optionsFor(folder: string, name: string, more: object = {}): Record<string, unknown> {
  const file = join(folder, 'train.jsonl');
  writeFileSync(file, rowsOf(readReference(name)));
  return {
    model_path: join(REFERENCE, name),
    train_data_path: file,
    output_dir: join(folder, 'out'),
    report_to: 'none',
    global_batch_size: 11,
    max_steps: 3,
    learning_rate: 1e-3,
    lr_scheduler_type: 'constant',
    warmup_ratio: 0,
    weight_decay: 0.01,
    max_grad_norm: 1,
    reg_coef: 0.1,
    num_threads: 1,
    ...more,
  };
}

const lossesIn = (folder: string) =>
  readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { loss: number; grad_norm: number });

const near = (value: number, expected: number, relative: number) =>
  Math.abs(value - expected) <= relative * Math.max(1e-6, Math.abs(expected));

for (const name of CLASSIFIERS) {
  for (const spelling of ['config.json', 'config.legacy.json']) {
    test(`${name} (${spelling}): three steps give Hugging Face's losses, norms and parameters`, async (t) => {
      const folder = temporaryFolder(t);
      const base = join(folder, 'base');
      mkdirSync(base);
      copyFileSync(join(REFERENCE, name, spelling), join(base, 'config.json'));
      copyFileSync(join(REFERENCE, name, 'model.safetensors'), join(base, 'model.safetensors'));
      const options = optionsFor(folder, name, { model_path: base });
      const result = await train(options, { engine });
      const reference = readReference(name);
      const steps = lossesIn(options['output_dir'] as string);
      t.is(steps.length, 3);
      for (const [i, { loss, grad_norm }] of steps.entries()) {
        const expected = reference.train.steps_f64[i]!;
        t.true(near(loss, expected.loss, 1e-4), `loss of step ${i + 1}: ${loss}, not ${expected.loss}`);
        // Where float32 costs transformers itself more (Gemma 2's third step), three times that.
        const theirs = Math.abs(reference.train.grad_norm_f32[i]! - expected.grad_norm_before_clip);
        t.true(
          Math.abs(grad_norm - expected.grad_norm_before_clip) <=
            Math.max(1e-4 * expected.grad_norm_before_clip, 3 * theirs),
          `norm of step ${i + 1}: ${grad_norm}, not ${expected.grad_norm_before_clip}`,
        );
      }
      const arrays = readSafetensors(join(REFERENCE, name, 'reference.safetensors'));
      const trained = readSafetensors(join(result.modelFolder!, 'model.safetensors'));
      let compared = 0;
      for (const [key, expected] of Object.entries(arrays)) {
        if (!key.startsWith('adamw3.')) continue;
        const values = trained[key.slice('adamw3.'.length)];
        t.is(values?.length, expected.length, key);
        const errors = expected.map((value, i) => Math.abs(values![i]! - value));
        t.true(
          errors.every((error) => error <= 3e-3),
          `${key}: ${Math.max(...errors)}`,
        );
        t.true(errors.filter((error) => error <= 2e-5).length >= 0.995 * errors.length, key);
        compared += 1;
      }
      t.is(compared, Object.keys(trained).length);
    });
  }
}

test(
  "compat 'transformers': with a pad token that samples hold, losses and norms are transformers', and its row has " +
    'the decay alone',
  async (t) => {
    // transformers 5.24 with torch, float64 arithmetic, the options of `optionsFor`, qwen2-gqa with pad_token_id 73 in
    // config.json.
    const expected = [
      [0.8087634515373714, 34.05621310428065],
      [0.42244597387951793, 8.50239022521106],
      [0.35062142717601574, 4.099747000127436],
    ] as const;
    const pad = 73;
    const folder = temporaryFolder(t);
    const base = join(folder, 'base');
    mkdirSync(base);
    const config = JSON.parse(readFileSync(join(REFERENCE, 'qwen2-gqa', 'config.json'), 'utf8')) as {
      hidden_size: number;
    };
    const hidden = config.hidden_size;
    writeFileSync(join(base, 'config.json'), JSON.stringify({ ...config, pad_token_id: pad }));
    copyFileSync(join(REFERENCE, 'qwen2-gqa', 'model.safetensors'), join(base, 'model.safetensors'));
    const options = optionsFor(folder, 'qwen2-gqa', { model_path: base, compat: 'transformers' });
    const { modelFolder } = await train(options, { engine });
    for (const [i, { loss, grad_norm }] of lossesIn(options['output_dir'] as string).entries()) {
      t.true(near(loss, expected[i]![0], 1e-4), `loss of step ${i + 1}: ${loss}`);
      t.true(near(grad_norm, expected[i]![1], 1e-4), `norm of step ${i + 1}: ${grad_norm}`);
    }
    const rowIn = (at: string) =>
      readSafetensors(join(at, 'model.safetensors'))['model.embed_tokens.weight']!.subarray(
        pad * hidden,
        (pad + 1) * hidden,
      );
    const keep = Math.fround(1 - 1e-3 * 0.01);
    const decayed = rowIn(base).map((value) => Math.fround(Math.fround(Math.fround(value * keep) * keep) * keep));
    t.deepEqual(rowIn(modelFolder!), decayed);
  },
);

test('the written folder loads again and scores as the trained model does', async (t) => {
  const folder = temporaryFolder(t);
  const { modelFolder } = await train(optionsFor(folder, 'qwen3-qknorm'), { engine });
  const reference = readReference('qwen3-qknorm');
  const model = await engine.loadModel({ folder: modelFolder!, numThreads: 1 });
  t.teardown(() => model.dispose());
  t.is(model.head.source, 'score.weight');
  const samples = reference.train.groups.flatMap(({ prompt, responses }) =>
    responses.map((response) => [...prompt, ...response]),
  );
  const offsets = Int32Array.from([
    0,
    ...samples.map((_, i) => samples.slice(0, i + 1).reduce((sum, { length }) => sum + length, 0)),
  ]);
  const { rewards } = await model.score({
    tokens: Int32Array.from(samples.flat()),
    offsets,
    groups: Int32Array.from(samples.map((_, i) => i)),
  });
  const order = reference.train.groups.flatMap(({ indices }) => indices);
  const expected = reference.train.steps_f64[3]!.rewards;
  for (const [i, reward] of rewards.entries())
    t.true(Math.abs(reward - expected[order[i]!]!) < 5e-3, `${reward}, not ${expected[order[i]!]}`);
});

test('stopped after any step and resumed, and with one thread or two, the bits are the same', async (t) => {
  const folder = temporaryFolder(t);
  const options = optionsFor(folder, 'qwen2-gqa', {
    max_steps: 6,
    global_batch_size: 4,
    lr_scheduler_type: 'cosine',
    warmup_ratio: 0.3,
    save_steps: 2,
  });
  const bits = (name: string) => readFileSync(join(folder, name, 'model.safetensors'));
  const moments = (name: string) => readFileSync(join(folder, name, 'checkpoint-6', 'optimizer.safetensors'));
  await train({ ...options, output_dir: join(folder, 'whole') }, { engine });
  await train({ ...options, output_dir: join(folder, 'threads'), num_threads: 2 }, { engine });
  t.deepEqual(bits('threads'), bits('whole'));
  for (const step of [1, 2, 5]) {
    const name = `stopped-${step}`;
    const stop = new AbortController();
    const run = { ...options, output_dir: join(folder, name), resume_if_possible: true };
    const first = await train(run, {
      engine,
      stop: stop.signal,
      callbacks: { onStep: (metrics) => metrics.step === step && stop.abort() },
    });
    t.true(first.interrupted);
    await train(run, { engine });
    t.deepEqual(bits(name), bits('whole'));
    t.deepEqual(moments(name), moments('whole'));
  }
});

/** The rewards of a folder for the reference's prompts, in the order in which a run's evaluation has them. */
async function folderRewards(folder: string, name: string, more: Partial<ModelLoadOptions> = {}): Promise<number[]> {
  const model = await engine.loadModel({ folder, numThreads: 1, ...more });
  try {
    const samples = readReference(name).train.groups.flatMap(({ prompt, responses }, group) =>
      responses.map((response) => ({ ids: [...prompt, ...response], group })),
    );
    const offsets = Int32Array.from([
      0,
      ...samples.map((_, i) => samples.slice(0, i + 1).reduce((sum, { ids }) => sum + ids.length, 0)),
    ]);
    const { rewards } = await model.score({
      tokens: Int32Array.from(samples.flatMap(({ ids }) => ids)),
      offsets,
      groups: Int32Array.from(samples.map(({ group }) => group)),
    });
    return [...rewards];
  } finally {
    await model.dispose();
  }
}

test(
  'trained with dtype bfloat16, the folder is half as large and has the rewards of the last evaluation wherever ' +
    'it is loaded',
  async (t) => {
    const folder = temporaryFolder(t);
    const options = optionsFor(folder, 'qwen3-qknorm');
    const tested = { ...options, test_data_path: options['train_data_path'], dtype: 'bfloat16' };
    const { modelFolder, evaluation, rounding } = await train(tested, { engine });
    t.is(rounding, undefined, 'there is nothing that loading would round');
    const config = JSON.parse(readFileSync(join(modelFolder!, 'config.json'), 'utf8')) as Record<string, unknown>;
    t.like(config, { dtype: 'bfloat16', torch_dtype: 'bfloat16' });
    const float32 = await train({ ...tested, dtype: 'float32', output_dir: join(folder, 'float32') }, { engine });
    const bytes = (of: string) => statSync(join(of, 'model.safetensors')).size;
    t.true(bytes(modelFolder!) < 0.6 * bytes(float32.modelFolder!));
    t.deepEqual(readSafetensors(join(modelFolder!, 'model.safetensors')), {}, 'no tensor is float32');
    const expected = evaluation!.rewards.flatMap((rewards) => [...rewards]);
    for (const dtype of ['float32', 'bfloat16'] as const) {
      for (const keep16Bit of [true, false])
        t.deepEqual(await folderRewards(modelFolder!, 'qwen3-qknorm', { dtype, keep16Bit }), expected);
    }
    // The float32 run says what rounding its folder does, and that is what loading it so gives.
    const [before, after] = [
      await folderRewards(float32.modelFolder!, 'qwen3-qknorm'),
      await folderRewards(float32.modelFolder!, 'qwen3-qknorm', { dtype: 'bfloat16' }),
    ];
    t.is(float32.rounding?.largestShift, Math.max(...after.map((reward, i) => Math.abs(reward - before[i]!))));
    t.true(float32.rounding!.largestShift > 0);
  },
);

test('a float32 folder loaded in bfloat16 has the rewards of the folder whose every tensor was rounded', async (t) => {
  const folder = temporaryFolder(t);
  const { modelFolder } = await train(optionsFor(folder, 'llama-gqa'), { engine });
  const rounded = join(folder, 'rounded');
  mkdirSync(rounded);
  copyFileSync(join(modelFolder!, 'config.json'), join(rounded, 'config.json'));
  roundFile(join(modelFolder!, 'model.safetensors'), join(rounded, 'model.safetensors'));
  const expected = await folderRewards(rounded, 'llama-gqa');
  t.notDeepEqual(await folderRewards(modelFolder!, 'llama-gqa'), expected);
  for (const keep16Bit of [true, false])
    t.deepEqual(await folderRewards(modelFolder!, 'llama-gqa', { dtype: 'bfloat16', keep16Bit }), expected);
  const items = readReference('llama-gqa').train.groups.map(({ prompt, responses }) => ({
    responses: responses.map((response) => ({ inputIds: [...prompt, ...response] })),
  }));
  const model = await RewardModel.load(modelFolder!, { dtype: 'bfloat16', numThreads: 1 });
  t.teardown(() => model.dispose());
  t.deepEqual((await model.score(items)).flat(), expected);
  t.is(model.describe()['dtype'], 'bfloat16');
});

/** A safetensors file of float32 tensors with every number rounded to bfloat16, still stored in float32. */
function roundFile(source: string, target: string): void {
  const bytes = readFileSync(source);
  const begin = 8 + Number(bytes.readBigUInt64LE(0));
  const values = new Float32Array(Uint8Array.from(bytes.subarray(begin)).buffer);
  writeFileSync(target, Buffer.concat([bytes.subarray(0, begin), Buffer.from(roundedToBfloat16(values).buffer)]));
}

test('with dtype bfloat16, stopped and resumed the bits are the same, masters too', async (t) => {
  const folder = temporaryFolder(t);
  const options = optionsFor(folder, 'qwen2-gqa', {
    max_steps: 4,
    global_batch_size: 4,
    dtype: 'bfloat16',
    save_steps: 1,
  });
  const bits = (name: string) =>
    ['model.safetensors', 'optimizer.safetensors'].map((file) =>
      readFileSync(join(folder, name, 'checkpoint-4', file)),
    );
  await train({ ...options, output_dir: join(folder, 'whole') }, { engine });
  const stop = new AbortController();
  const run = { ...options, output_dir: join(folder, 'stopped'), resume_if_possible: true, num_threads: 2 };
  await train(run, { engine, stop: stop.signal, callbacks: { onStep: ({ step }) => step === 2 && stop.abort() } });
  await train(run, { engine });
  for (const [i, file] of bits('stopped').entries()) t.true(file.equals(bits('whole')[i]!));
  const masters = readSafetensors(join(folder, 'whole', 'checkpoint-4', 'optimizer.safetensors'));
  t.is(masters['master.score.weight']?.length, masters['first_moment.score.weight']?.length);
  await t.throwsAsync(train({ ...run, dtype: 'float32' }, { engine }), {
    message: /dtype \(bfloat16 then, float32 now\)/,
  });
});

test('a base without a head gets a seeded one: the same seed, the same bits', async (t) => {
  const folder = temporaryFolder(t);
  const options = optionsFor(folder, 'qwen2-gqa', { model_path: join(REFERENCE, 'qwen2-causal'), max_steps: 1 });
  const logs: string[] = [];
  const callbacks = { onLog: ({ message }: { message: string }) => logs.push(message) };
  const run = async (name: string, seed: number) => {
    await train({ ...options, output_dir: join(folder, name), seed }, { engine, callbacks });
    return readSafetensors(join(folder, name, 'model.safetensors'))['score.weight']!;
  };
  const first = await run('a', 3);
  t.deepEqual(await run('b', 3), first);
  t.notDeepEqual(await run('c', 4), first);
  t.true(logs.some((message) => message.includes('has no reward head')));
});

test(
  'going on from a classifier that is read before its padding says so where samples end with it; the trained ' +
    "folder's padding is another",
  async (t) => {
    const folder = temporaryFolder(t);
    const options: Record<string, unknown> = {
      ...optionsFor(folder, 'qwen2-gqa'),
      model_path: join(REFERENCE, '../trainers/trl_texts'),
      max_steps: 1,
    };
    const run = async (name: string, end: number) => {
      writeFileSync(
        options['train_data_path'] as string,
        JSON.stringify({ chosen_ids: [1, 5, 6, end], rejected_ids: [1, 5, 7, end] }),
      );
      const said: string[] = [];
      await train(
        { ...options, output_dir: join(folder, name) },
        { engine, callbacks: { onLog: ({ level, message }) => level === 'warning' && said.push(message) } },
      );
      return {
        said,
        pad: (JSON.parse(readFileSync(join(folder, name, 'config.json'), 'utf8')) as { pad_token_id: number })
          .pad_token_id,
      };
    };
    const padded = await run('padded', 2);
    t.regex(padded.said.join(), /end with the id that is padding in .*trl_texts \(pad_token_id 2\)/);
    t.not(padded.pad, 2);
    t.deepEqual((await run('plain', 9)).said, []);
  },
);
