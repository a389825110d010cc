import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Engine } from '../engine/types';
import { fakeEngine, readSafetensors, roundedToBfloat16, writeFakeModel } from '../testing/fake_engine';
import { realFileSystem, type FileSystem } from '../files/file_system';
import { train, type TrainContext } from './loop';
import { readPaddingToken } from './padding_token';
import { readState } from './training_state';

const VOCABULARY = 64;

interface Setting {
  folder: string;
  options: Record<string, unknown>;
}

/** Prompts with three responses whose better ones hold higher ids: something that the fake engine can learn. */
function rows(count: number, salt: number): string {
  const random = (n: number) => ((n * 2654435761 + salt * 40503) >>> 8) % 1000;
  return Array.from({ length: count }, (_, i) => {
    const responses = [0, 1, 2].map((rank) => ({
      id: `r${rank}`,
      input_ids: [
        10 + (i % 5),
        ...Array.from(
          { length: 3 + (random(i + rank) % 4) },
          (_id, j) => 12 + 15 * (2 - rank) + (random(31 * i + 7 * rank + j) % 15),
        ),
        3,
      ],
    }));
    return JSON.stringify({
      input: `prompt ${i} ${salt}`,
      responses,
      annotations: [
        ['r0', 'r1', '1'],
        ['r1', 'r2', '1'],
      ],
      rank: { r0: '1', r1: '2', r2: '3' },
    });
  }).join('\n');
}

function setUp(t: ExecutionContext, more: Record<string, unknown> = {}): Setting {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-loop-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const base = join(folder, 'base');
  mkdirSync(base);
  writeFakeModel(base, VOCABULARY);
  writeFileSync(join(folder, 'train.jsonl'), rows(20, 1));
  writeFileSync(join(folder, 'test.jsonl'), rows(6, 2));
  return {
    folder,
    options: {
      model_path: base,
      train_data_path: join(folder, 'train.jsonl'),
      test_data_path: join(folder, 'test.jsonl'),
      output_dir: join(folder, 'out'),
      global_batch_size: 12,
      num_train_epochs: 3,
      learning_rate: 0.02,
      save_steps: 2,
      eval_steps: 4,
      logging_steps: 1,
      report_to: 'none',
      ...more,
    },
  };
}

const weightsIn = (folder: string) => readFileSync(join(folder, 'model.safetensors'));
const metricsIn = (folder: string) =>
  readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number | string>);
const withoutTimes = (records: Record<string, unknown>[]) =>
  records.map(({ seconds: _s, tokens_per_second: _t, ...rest }) => rest);

/** Stops the run in good order after the given step. */
function stopAfter(step: number, engine: Engine = fakeEngine()): TrainContext {
  const stop = new AbortController();
  return { engine, stop: stop.signal, callbacks: { onStep: (metrics) => metrics.step === step && stop.abort() } };
}

test('a run learns, evaluates, saves, keeps the newest checkpoints and leaves a finished model', async (t) => {
  const { options } = setUp(t, { save_total_limit: 2 });
  const saved: number[] = [];
  const result = await train(options, { engine: fakeEngine(), callbacks: { onSave: ({ step }) => saved.push(step) } });
  t.false(result.interrupted);
  t.is(result.step, 15);
  t.deepEqual(saved, [2, 4, 5, 6, 8, 10, 12, 14, 15]);
  const out = options['output_dir'] as string;
  t.deepEqual(
    readdirSync(out)
      .filter((name) => name.startsWith('checkpoint'))
      .sort(),
    ['checkpoint-14', 'checkpoint-15', 'checkpoint-last'],
  );
  t.is(readlinkSync(join(out, 'checkpoint-last')), 'checkpoint-15');
  t.deepEqual(weightsIn(out), weightsIn(join(out, 'checkpoint-last')));
  t.is(statSync(join(out, 'model.safetensors')).ino, statSync(join(out, 'checkpoint-15', 'model.safetensors')).ino);
  t.false(readdirSync(out).some((name) => /^\.(writing|deleting|link|training-lock)/.test(name)));
  const metrics = metricsIn(out);
  t.deepEqual(
    metrics.filter(({ kind }) => kind === 'train').map(({ step }) => step),
    Array.from({ length: 15 }, (_, i) => i + 1),
  );
  t.deepEqual(
    metrics.filter(({ kind }) => kind === 'evaluation').map(({ step }) => step),
    [4, 5, 8, 10, 12, 15],
  );
  t.is(result.evaluation?.report.cheems['accuracy-rank'], 1);
  t.true((metrics.findLast(({ kind }) => kind === 'train')!['loss'] as number) < (metrics[0]!['loss'] as number));
  t.is(metrics[0]!['learning_rate'], 0);
});

test('the finished config is a classifier whose padding no sample ends with', async (t) => {
  const { options } = setUp(t);
  await train(options, { engine: fakeEngine() });
  const config = JSON.parse(readFileSync(join(options['output_dir'] as string, 'config.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  t.like(config, {
    architectures: ['Qwen2ForSequenceClassification'],
    num_labels: 1,
    id2label: { 0: 'LABEL_0' },
    label2id: { LABEL_0: 0 },
    torch_dtype: 'float32',
    rope_theta: 10000,
  });
  t.is(config['pad_token_id'], VOCABULARY - 1);
  const facts = JSON.parse(readFileSync(join(options['output_dir'] as string, 'cheems.json'), 'utf8')) as Record<
    string,
    unknown
  >;
  t.like(facts, { do_strip: true, max_length: 2048, last_token_ids: [3], chat_template_sha256: null });
});

for (const step of [1, 3, 4, 7, 14]) {
  test(`stopped after step ${step} and resumed, a run ends with the same bits and the same log`, async (t) => {
    const { folder, options } = setUp(t);
    const whole = join(folder, 'whole');
    await train({ ...options, output_dir: whole }, { engine: fakeEngine() });
    const first = await train(options, stopAfter(step));
    t.true(first.interrupted);
    t.is(first.checkpoint?.step, step);
    t.is(first.modelFolder, undefined);
    const second = await train({ ...options, resume_if_possible: true }, { engine: fakeEngine() });
    t.false(second.interrupted);
    const out = options['output_dir'] as string;
    t.deepEqual(weightsIn(out), weightsIn(whole));
    t.deepEqual(
      readFileSync(join(out, 'checkpoint-15', 'optimizer.safetensors')),
      readFileSync(join(whole, 'checkpoint-15', 'optimizer.safetensors')),
    );
    t.deepEqual(withoutTimes(metricsIn(out)), withoutTimes(metricsIn(whole)));
  });
}

test('a run that dies between checkpoints goes on from the last one, and no step stands twice in the log', async (t) => {
  const { folder, options } = setUp(t);
  await train({ ...options, output_dir: join(folder, 'whole') }, { engine: fakeEngine() });
  const dying = fakeEngine({
    beforeStep: (step) => {
      if (step === 8) throw new Error('the machine stopped');
    },
  });
  await t.throwsAsync(train(options, { engine: dying }), {
    message: /Step 8 failed: the machine stopped.*checkpoint-6/,
  });
  const out = options['output_dir'] as string;
  mkdirSync(join(out, '.writing-checkpoint-8-1-deadbeef'));
  writeFileSync(join(out, '.writing-checkpoint-8-1-deadbeef', 'model.safetensors'), 'half');
  const warnings: string[] = [];
  await train(
    { ...options, resume_if_possible: true },
    {
      engine: fakeEngine(),
      callbacks: { onLog: ({ level, message }) => level === 'warning' && warnings.push(message) },
    },
  );
  t.true(warnings.some((message) => message.includes('.writing-checkpoint-8')));
  t.deepEqual(weightsIn(out), weightsIn(join(folder, 'whole')));
  t.deepEqual(withoutTimes(metricsIn(out)), withoutTimes(metricsIn(join(folder, 'whole'))));
});

test('a broken checkpoint is set aside with a warning, and the one before it is used', async (t) => {
  const { folder, options } = setUp(t);
  await train({ ...options, output_dir: join(folder, 'whole') }, { engine: fakeEngine() });
  await train(options, stopAfter(5));
  const out = options['output_dir'] as string;
  truncateSync(join(out, 'checkpoint-5', 'model.safetensors'), 100);
  const warnings: string[] = [];
  await train(
    { ...options, resume_if_possible: true },
    {
      engine: fakeEngine(),
      callbacks: { onLog: ({ level, message }) => level === 'warning' && warnings.push(message) },
    },
  );
  t.true(warnings.some((message) => /checkpoint-5 is not whole .*model\.safetensors has 100 bytes/.test(message)));
  t.deepEqual(weightsIn(out), weightsIn(join(folder, 'whole')));
});

test('resuming refuses other data and another seed, and warns of other numbers', async (t) => {
  const { folder, options } = setUp(t);
  await train(options, stopAfter(3));
  const again = { ...options, resume_if_possible: true };
  await t.throwsAsync(train({ ...again, seed: 5 }, { engine: fakeEngine() }), {
    message: /cannot be resumed.*seed \(0 then, 5 now\)/,
  });
  await t.throwsAsync(train({ ...again, global_batch_size: 6 }, { engine: fakeEngine() }), {
    message: /global_batch_size \(12 then, 6 now\)/,
  });
  writeFileSync(join(folder, 'other.jsonl'), rows(20, 9));
  await t.throwsAsync(train({ ...again, train_data_path: join(folder, 'other.jsonl') }, { engine: fakeEngine() }), {
    message: /the training data/,
  });
  const warnings: string[] = [];
  await train(
    { ...again, learning_rate: 0.01 },
    {
      engine: fakeEngine(),
      callbacks: { onLog: ({ level, message }) => level === 'warning' && warnings.push(message) },
    },
  );
  t.true(warnings.some((message) => message.startsWith('learning_rate was 0.02 and is now 0.01')));
});

test('resuming refuses other content under the same names: data, base weights, tokenizer; and warns of another version', async (t) => {
  const { folder, options } = setUp(t);
  const base = options['model_path'] as string;
  await train(options, stopAfter(3));
  const again = { ...options, resume_if_possible: true };
  const changed: [file: string, change: (content: Buffer) => Buffer | string, message: RegExp][] = [
    [
      join(folder, 'train.jsonl'),
      (content) => content.toString().replace('prompt 3 1', 'prompt 3 2'),
      /cannot be resumed.*the training data/,
    ],
    [
      join(base, 'model.safetensors'),
      (content) => content.map((byte, i) => (i === content.length - 3 ? byte ^ 1 : byte)) as Buffer,
      /cannot be resumed.*the base model's weights, configuration or tokenizer/,
    ],
    [
      join(base, 'tokenizer_config.json'),
      () => '{}',
      /cannot be resumed.*the base model's weights, configuration or tokenizer/,
    ],
  ];
  for (const [file, change, message] of changed) {
    const content = existsSync(file) ? readFileSync(file) : undefined;
    writeFileSync(file, change(content ?? Buffer.alloc(0)));
    await t.throwsAsync(train(again, { engine: fakeEngine() }), { message });
    if (content) writeFileSync(file, content);
    else rmSync(file);
  }
  await t.throwsAsync(train({ ...again, reward_head: 'linear' }, { engine: fakeEngine() }), {
    message: /cannot be resumed.*reward_head/,
  });
  await t.throwsAsync(train({ ...again, special_tokens_in_text: 'escape' }, { engine: fakeEngine() }), {
    message: /cannot be resumed.*special_tokens_in_text/,
  });
  const stateFile = join(options['output_dir'] as string, 'checkpoint-3', 'trainer_state.json');
  const state = JSON.parse(readFileSync(stateFile, 'utf8')) as {
    cheems: { identity: Record<string, unknown>; options: Record<string, unknown> };
  };
  state.cheems.options['package_version'] = '0.0.1';
  delete state.cheems.identity['base_model_digest']; // versions that did not record it
  const digests = join(options['output_dir'] as string, 'checkpoint-3', 'digests.json');
  writeFileSync(stateFile, JSON.stringify(state));
  const recorded = JSON.parse(readFileSync(digests, 'utf8')) as { files: Record<string, unknown> };
  recorded.files['trainer_state.json'] = await realFileSystem.digest(stateFile);
  writeFileSync(digests, JSON.stringify(recorded));
  const warnings: string[] = [];
  const quiet = { logging_steps: 2, save_steps: 3, num_threads: 1 }; // these change no number
  await train(
    { ...again, ...quiet },
    {
      engine: fakeEngine(),
      callbacks: { onLog: ({ level, message }) => level === 'warning' && warnings.push(message) },
    },
  );
  t.is(warnings.length, 1);
  t.regex(warnings[0]!, /^package_version was "0\.0\.1" and is now/);
});

test('of two runs on one folder at once, one is told of the other', async (t) => {
  for (let i = 0; i < 5; i += 1) {
    const { options } = setUp(t, { max_steps: 2 });
    const both = await Promise.allSettled([1, 2].map(() => train(options, { engine: fakeEngine() })));
    t.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    const { reason } = both.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    t.regex(
      (reason as Error).message,
      new RegExp(
        `is in use by another training run \\(process ${process.pid} on .*, since .* UTC\\)\\. Wait for it, or choose another output_dir`,
      ),
    );
  }
});

test('an output folder that is removed in the middle is made again by the next save, with all lines of the log', async (t) => {
  const { options } = setUp(t);
  const out = options['output_dir'] as string;
  const atSave: string[][] = [];
  const callbacks = {
    onStep: ({ step }: { step: number }) => void (step === 3 && rmSync(out, { recursive: true })),
    onSave: () => void atSave.push(readdirSync(out)),
  };
  const result = await train(options, { engine: fakeEngine(), callbacks });
  t.true(atSave[1]!.includes('checkpoint-4') && !atSave[1]!.includes('checkpoint-2'));
  t.deepEqual(
    metricsIn(out)
      .filter(({ kind }) => kind === 'train')
      .map(({ step }) => step),
    Array.from({ length: 15 }, (_, i) => i + 1),
  );
  t.is(result.modelFolder, out);
  t.deepEqual(weightsIn(out), weightsIn(join(out, 'checkpoint-last')));
});

test("with compat the base model's pad token keeps its embedding row, as in transformers, and a resumed run must have the same rule", async (t) => {
  const { folder, options } = setUp(t, { max_steps: 4 });
  const base = options['model_path'] as string;
  const setPad = (pad: unknown) => {
    const config = JSON.parse(readFileSync(join(base, 'config.json'), 'utf8')) as Record<string, unknown>;
    writeFileSync(join(base, 'config.json'), JSON.stringify({ ...config, pad_token_id: pad }));
  };
  const run = async (name: string, more: object) => {
    const logs: string[] = [];
    await train(
      { ...options, output_dir: join(folder, name), ...more },
      { engine: fakeEngine(), callbacks: { onLog: ({ message }) => logs.push(message) } },
    );
    return {
      weight: readSafetensors(join(folder, name, 'model.safetensors'))['weight']!,
      first: metricsIn(join(folder, name))[0]!,
      logs,
    };
  };
  setPad(3); // ends every sample
  const before = readSafetensors(join(base, 'model.safetensors'))['weight']!;
  const plain = await run('plain', {});
  const theirs = await run('transformers', { compat: 'transformers' });
  t.not(plain.weight[3], before[3]);
  t.is(theirs.weight[3], before[3]);
  t.is(theirs.first['loss'], plain.first['loss']);
  t.true((theirs.first['grad_norm'] as number) < (plain.first['grad_norm'] as number));
  t.true(theirs.logs.some((line) => /embedding row of token 3 .*no gradient/.test(line)));
  t.is(
    (JSON.parse(readFileSync(join(folder, 'transformers', 'cheems.json'), 'utf8')) as { compat: unknown }).compat,
    null,
  );
  const again = { ...options, output_dir: join(folder, 'transformers'), max_steps: 6, resume_if_possible: true };
  await t.throwsAsync(train(again, { engine: fakeEngine() }), {
    message: /cannot be resumed.*compat; the embedding row without a gradient/,
  });
  t.is((await train({ ...again, compat: 'transformers' }, { engine: fakeEngine() })).step, 6);

  setPad(null);
  t.deepEqual((await run('none', { compat: 'transformers' })).weight, plain.weight);
  setPad(3 - VOCABULARY); // counted from the end, as PyTorch does
  t.deepEqual((await run('negative', { compat: 'transformers' })).weight, theirs.weight);
  setPad(VOCABULARY);
  await t.throwsAsync(run('outside', { compat: 'transformers' }), {
    message: /pad_token_id in .*config\.json is 64, with which transformers loads no model of 64 tokens/,
  });
  t.deepEqual((await run('not asked for', {})).weight, plain.weight);
});

test("what transformers takes for an absent pad_token_id is its configuration classes' own", async (t) => {
  const { options } = setUp(t);
  const folder = options['model_path'] as string;
  const padOf = (family: string) => readPaddingToken(folder, { family, vocabSize: VOCABULARY }, realFileSystem);
  for (const family of ['llama', 'mistral', 'qwen2', 'qwen3']) t.is(await padOf(family), null, family);
  for (const family of ['gemma', 'gemma2']) t.is(await padOf(family), 0, family);
  await t.throwsAsync(padOf('internlm2'), { message: /no pad_token_id.*write the id there, or null/ });
});

test('resuming refuses another dtype; checkpoints of before there was a choice are float32', async (t) => {
  const { options } = setUp(t);
  await train(options, stopAfter(3));
  const again = { ...options, resume_if_possible: true };
  await t.throwsAsync(train({ ...again, dtype: 'bfloat16' }, { engine: fakeEngine() }), {
    message: /cannot be resumed.*dtype \(float32 then, bfloat16 now\)/,
  });
  const checkpoint = join(options['output_dir'] as string, 'checkpoint-3');
  const state = JSON.parse(readFileSync(join(checkpoint, 'trainer_state.json'), 'utf8')) as {
    cheems: { identity: Record<string, unknown> };
  };
  t.is(state.cheems.identity['dtype'], 'float32');
  delete state.cheems.identity['dtype'];
  writeFileSync(join(checkpoint, 'trainer_state.json'), JSON.stringify(state));
  const { cheems } = await readState(checkpoint, realFileSystem);
  t.is(cheems.identity.dtype, 'float32');
});

test('the end of a float32 run tells what loading the folder in bfloat16 does to the test pairs, once', async (t) => {
  const { options } = setUp(t);
  const out = options['output_dir'] as string;
  const { rounding, evaluation } = await train(options, { engine: fakeEngine() });
  const weight = readSafetensors(join(out, 'model.safetensors'))['weight']!;
  const moved = roundedToBfloat16(weight).map((value, i) => Math.abs(value - weight[i]!));
  t.like(rounding, { step: 15, dtype: 'bfloat16', pairs: 12, accuracyBefore: 1 });
  t.true(rounding!.largestShift > 0 && rounding!.largestShift <= Math.max(...moved) + 1e-6);
  t.true(rounding!.standardDeviation > 0);
  t.is(evaluation?.rewards.length, 6);
  const lines = () => metricsIn(out).filter(({ kind }) => kind === 'rounding');
  t.deepEqual(lines(), [
    {
      kind: 'rounding',
      step: 15,
      dtype: 'bfloat16',
      pairs: 12,
      changed_pairs: rounding!.changedPairs,
      accuracy_before: 1,
      accuracy_after: rounding!.accuracyAfter,
      rms_shift: rounding!.rmsShift,
      largest_shift: rounding!.largestShift,
      standard_deviation: rounding!.standardDeviation,
    },
  ]);
  // On record it is not said again; where the line is lost, both sides are scored by the folder.
  const again = { ...options, resume_if_possible: true };
  t.is((await train(again, { engine: fakeEngine() })).rounding, undefined);
  const log = join(out, 'metrics.jsonl');
  writeFileSync(
    log,
    readFileSync(log, 'utf8')
      .split('\n')
      .filter((line) => !line.includes('"rounding"'))
      .join('\n'),
  );
  t.deepEqual((await train(again, { engine: fakeEngine() })).rounding, rounding);
  t.is(lines().length, 1);
});

test('a model that cannot be loaded again is saved all the same, with a warning', async (t) => {
  const { options } = setUp(t);
  const engine = fakeEngine();
  const failing: Engine = {
    ...engine,
    loadModel: async (load, work) =>
      load.keep16Bit ? Promise.reject(new Error('no memory')) : engine.loadModel(load, work),
  };
  const warnings: string[] = [];
  const result = await train(options, {
    engine: failing,
    callbacks: { onLog: ({ level, message }) => level === 'warning' && warnings.push(message) },
  });
  t.is(result.modelFolder, options['output_dir'] as string);
  t.is(result.rounding, undefined);
  t.deepEqual(warnings, [
    'The model is saved, but what loading it in bfloat16 does to the test pairs could not be found out: no memory',
  ]);
});

test('an output folder with checkpoints is refused, resumed or emptied, as asked', async (t) => {
  const { options } = setUp(t);
  await train(options, stopAfter(3));
  await t.throwsAsync(train(options, { engine: fakeEngine() }), {
    message: /already holds 2 checkpoints.*newest of step 3.*`resumeIfPossible`/,
  });
  const result = await train({ ...options, overwrite_output_dir: true, max_steps: 1 }, { engine: fakeEngine() });
  t.is(result.step, 1);
  t.deepEqual(
    readdirSync(options['output_dir'] as string)
      .filter((name) => name.startsWith('checkpoint-'))
      .sort(),
    ['checkpoint-1', 'checkpoint-last'],
  );
});

test('a finished run resumed again changes nothing', async (t) => {
  const { options } = setUp(t);
  await train(options, { engine: fakeEngine() });
  const before = weightsIn(options['output_dir'] as string);
  const steps: number[] = [];
  const result = await train(
    { ...options, resume_if_possible: true },
    { engine: fakeEngine(), callbacks: { onStep: ({ step }) => steps.push(step) } },
  );
  t.deepEqual(steps, []);
  t.is(result.step, 15);
  t.deepEqual(weightsIn(options['output_dir'] as string), before);
});

test('while the disk is full training goes on, and what was trained is saved once there is room', async (t) => {
  const { folder, options } = setUp(t);
  await train({ ...options, output_dir: join(folder, 'whole') }, { engine: fakeEngine() });
  let full = true;
  const files: FileSystem = {
    ...realFileSystem,
    flushFile: (file) =>
      full && file.includes('.writing-checkpoint')
        ? Promise.reject(Object.assign(new Error('ENOSPC: no space left on device, fsync'), { code: 'ENOSPC' }))
        : realFileSystem.flushFile(file),
  };
  const warnings: string[] = [];
  let waits = 0;
  const result = await train(options, {
    engine: fakeEngine(),
    files,
    callbacks: { onLog: ({ level, message }) => level === 'warning' && warnings.push(message) },
    sleep: async () => {
      waits += 1;
      if (waits === 3) full = false;
    },
  });
  t.is(waits, 3);
  t.regex(warnings[0]!, /checkpoint-2 could not be saved.*disk is full.*Training goes on/);
  t.regex(warnings.at(-1)!, /checkpoint-15 could not be saved.*still in memory/);
  t.is(result.checkpoint?.step, 15);
  const out = options['output_dir'] as string;
  t.deepEqual(weightsIn(out), weightsIn(join(folder, 'whole')));
  t.deepEqual(
    readdirSync(out).filter((name) => name.startsWith('.')),
    [],
  );
});

test('a loss that is not finite, a hard abort and a run in the same folder end with clear errors', async (t) => {
  const { options } = setUp(t);
  const bad = fakeEngine({
    beforeStep: (step) => {
      if (step === 2) throw new Error('the loss is not finite (nan)');
    },
  });
  await t.throwsAsync(train({ ...options, output_dir: `${options['output_dir']}1` }, { engine: bad }), {
    message: /Step 2 failed.*A lower learning_rate/,
  });

  const abort = new AbortController();
  const aborting = fakeEngine({
    beforeStep: (step) => {
      if (step === 4) abort.abort(new Error('left at once'));
      abort.signal.throwIfAborted();
    },
  });
  await t.throwsAsync(
    train({ ...options, output_dir: `${options['output_dir']}2` }, { engine: aborting, signal: abort.signal }),
    { message: 'left at once' },
  );
  t.true(existsSync(`${options['output_dir']}2/checkpoint-2`));

  let second: Promise<unknown> | undefined;
  const overlapping = fakeEngine({
    beforeStep: async () =>
      void (await (second ??= t.throwsAsync(
        train({ ...options, output_dir: `${options['output_dir']}3` }, { engine: fakeEngine() }),
        { message: /in use by another training run \(process \d+/ },
      ))),
  });
  await train({ ...options, output_dir: `${options['output_dir']}3`, max_steps: 2 }, { engine: overlapping });
  t.truthy(second);
});

test('what the engine notes is said once when it comes about, and at the end with its count, in the log too', async (t) => {
  const { options } = setUp(t);
  let steps = 0;
  const text = 'The matrix product linear_forward runs on a slow kernel, because of the test.';
  const engine = fakeEngine({
    beforeStep: () => void (steps += 1),
    notes: () => (steps > 1 ? [{ text, count: 3 * steps }] : []),
  });
  const said: string[] = [];
  await train(
    { ...options, max_steps: 4 },
    { engine, callbacks: { onLog: ({ message }) => void (message.includes('slow kernel') && said.push(message)) } },
  );
  t.deepEqual(said, [text, `12 times in this run: ${text}`]);
  const records = readFileSync(join(options['output_dir'] as string, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  t.deepEqual(
    records.filter(({ kind }) => kind === 'note'),
    [{ kind: 'note', step: 4, text, count: 12 }],
  );
});

test('what cannot fit is refused with the options that would help', async (t) => {
  const { options } = setUp(t);
  const engine = fakeEngine({
    memory: ({ microBatchTokens: asked = 'auto', gradientCheckpointing }) => {
      const microBatchTokens = asked === 'auto' ? 4096 : asked;
      const bytes = microBatchTokens * (gradientCheckpointing ? 100 : 1000);
      return {
        entries: [{ name: 'activations', kind: 'activations', bytes }],
        totalBytes: bytes,
        availableBytes: 500_000,
        reserveBytes: 0,
        microBatchTokens,
        deviceChoice: 'Device: the fake engine.',
      };
    },
  });
  await t.throwsAsync(train(options, { engine }), {
    message:
      /takes 3\.91 MiB of memory, and 488\.3 KiB are available\.\nIt fits with:[^]*`gradientCheckpointing`: 400\.0 KiB/,
  });
  t.false(existsSync(join(options['output_dir'] as string, 'metrics.jsonl')));
});

test('the base model, ids outside the vocabulary and data without a pair are refused', async (t) => {
  const { folder, options } = setUp(t);
  await t.throwsAsync(train({ ...options, output_dir: options['model_path'] }, { engine: fakeEngine() }), {
    message: /folder of the base model/,
  });
  const row = (ids: number[]) =>
    JSON.stringify({
      input: 'x',
      responses: [
        { id: 'a', input_ids: ids },
        { id: 'b', input_ids: [1, 2] },
      ],
      annotations: [['a', 'b', '1']],
    });
  writeFileSync(join(folder, 'ids.jsonl'), `${row([1, 64])}\n`);
  await t.throwsAsync(train({ ...options, train_data_path: join(folder, 'ids.jsonl') }, { engine: fakeEngine() }), {
    message: /ids\.jsonl:1: .*64/,
  });
  writeFileSync(join(folder, 'long.jsonl'), `${row([1, 2, 3, 4, 5])}\n`);
  await t.throwsAsync(
    train({ ...options, train_data_path: join(folder, 'long.jsonl'), max_length: 3 }, { engine: fakeEngine() }),
    { message: /Nothing is left of the training data[^]*1 response is longer/ },
  );
  t.truthy(readSafetensors(join(options['model_path'] as string, 'model.safetensors'))['weight']);
});

test('the disk must hold all checkpoints that stand there at once; those of an earlier run that go count as free', async (t) => {
  const { options } = setUp(t, { save_total_limit: 2 });
  const withFree = (free: number, more: object = {}) =>
    train({ ...options, ...more }, { engine: fakeEngine(), files: { ...realFileSystem, freeBytes: async () => free } });
  const message = (await t.throwsAsync(withFree(1))).message;
  t.regex(
    message,
    /^A checkpoint takes about [\d.]+ \w+ in .*out, and 3 of them stand there at once \([\d.]+ \w+; save_total_limit 2, .*\), and 1 B are free\./,
  );
  const { parameters } = await fakeEngine().readArchitecture(options['model_path'] as string);
  const each = 12 * parameters;
  await t.throwsAsync(withFree(3 * each - 1), { message: /3 of them/ });
  await t.throwsAsync(withFree(each - 1, { save_strategy: 'no' }), {
    message: /^A checkpoint takes about [^,]+ in [^,]+, and [^,]+ are free\./,
  });
  t.is((await withFree(3 * each)).step, 15);
  t.is((await withFree(3 * each - 1, { overwrite_output_dir: true, max_steps: 5 })).step, 5, 'what is removed counts');
});
