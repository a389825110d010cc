// Runs that continue from their checkpoints, and the settings that must be unchanged.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { fakeEngine } from '../testing/fake_engine';
import { realFileSystem } from '../files/file_system';
import { train } from './loop';
import { readState } from './training_state';
import { metricsIn, rows, setUp, stopAfter, weightsIn, withoutTimes } from '../testing/training_setting';

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
  t.true(
    warnings.some((message) =>
      /checkpoint-5 is damaged or incomplete .*model\.safetensors has 100 bytes/.test(message),
    ),
  );
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

test(
  'resuming refuses other content under the same names: data, base weights, tokenizer; and warns of another ' +
    'version',
  async (t) => {
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
  },
);

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
