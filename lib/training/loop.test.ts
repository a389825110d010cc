import { readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { fakeEngine, readSafetensors, roundedToBfloat16 } from '../testing/fake_engine';
import { realFileSystem } from '../files/file_system';
import { train } from './loop';
import { readPaddingToken } from './padding_token';
import { VOCABULARY, metricsIn, setUp, stopAfter, weightsIn, withoutTimes } from '../testing/training_setting';

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

test(
  "with compat the base model's pad token keeps its embedding row, as in transformers, and a resumed run must " +
    'have the same rule',
  async (t) => {
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
  },
);

test("what transformers takes for an absent pad_token_id is its configuration classes' own", async (t) => {
  const { options } = setUp(t);
  const folder = options['model_path'] as string;
  const padOf = (family: string) => readPaddingToken(folder, { family, vocabSize: VOCABULARY }, realFileSystem);
  for (const family of ['llama', 'mistral', 'qwen2', 'qwen3']) t.is(await padOf(family), null, family);
  for (const family of ['gemma', 'gemma2']) t.is(await padOf(family), 0, family);
  await t.throwsAsync(padOf('internlm2'), { message: /no pad_token_id.*write the id there, or null/ });
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
