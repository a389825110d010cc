// Runs that cannot start or continue: memory, disk, data, folders, and failures during a run.
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { Engine } from '../engine/types';
import { fakeEngine, readSafetensors } from '../testing/fake_engine';
import { realFileSystem, type FileSystem } from '../files/file_system';
import { train } from './loop';
import { metricsIn, setUp, weightsIn } from '../testing/training_setting';

test('of two runs on one folder at once, one is told of the other', async (t) => {
  for (let i = 0; i < 5; i += 1) {
    const { options } = setUp(t, { max_steps: 2 });
    const both = await Promise.allSettled([1, 2].map(() => train(options, { engine: fakeEngine() })));
    t.deepEqual(both.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
    const { reason } = both.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    t.regex(
      (reason as Error).message,
      new RegExp(
        `is in use by another training run \\(process ${process.pid} on .*, since .* UTC\\)\\. Wait for it, or ` +
          'choose another output_dir',
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
    'The model is saved, but what loading it in bfloat16 does to the test pairs could not be determined: no memory',
  ]);
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
  t.regex(warnings[0]!, /checkpoint-2 could not be saved.*disk is full.*Training continues/);
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
      /needs 3\.91 MiB of memory, and 488\.3 KiB are available\.\nIt fits with:[^]*`gradientCheckpointing`: 400\.0 KiB/,
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
