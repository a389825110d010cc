// The commands on transformers' numbers: `score` and `train` on rows of token ids, family by family, both spellings of
// the configuration. What the fixtures hold and where the tolerances come from:
// fixtures/reference/huggingface/README.md.

import { execFile } from 'node:child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const run = promisify(execFile);
const fixtures = join(__dirname, '..', '..', 'fixtures', 'reference', 'huggingface');
const main = join(__dirname, 'main.js');

interface Reference {
  eval?: { ids: number[]; reward_f64: number }[];
  train?: {
    groups: { prompt: number[]; responses: number[][]; indices: number[] }[];
    pairs: [number, number][];
    steps_f64: { loss: number; rewards: number[] }[];
  };
}

const families = readdirSync(fixtures, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const referenceOf = (name: string): Reference =>
  JSON.parse(readFileSync(join(fixtures, name, 'reference.json'), 'utf8')) as Reference;
const classifiers = families.filter((name) => referenceOf(name).train !== undefined);

/** A model folder of a fixture with one of its configurations. */
function modelFolder(name: string, config: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-reference-'));
  symlinkSync(join(fixtures, name, 'model.safetensors'), join(folder, 'model.safetensors'));
  copyFileSync(join(fixtures, name, config), join(folder, 'config.json'));
  return folder;
}

function writeRows(folder: string, name: string, rows: object[]): string {
  const file = join(folder, name);
  writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  return file;
}

const readRows = <T>(file: string): T[] =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T);

/** All float32 tensors of a file. */
function readTensors(file: string): Map<string, Float32Array> {
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  return new Map(
    Object.entries(header)
      .filter(([, entry]) => entry.dtype === 'F32')
      .map(
        ([
          name,
          {
            data_offsets: [begin, end],
          },
        ]) => [name, new Float32Array(Uint8Array.from(bytes.subarray(8 + length + begin, 8 + length + end)).buffer)],
      ),
  );
}

test('there are fixtures of all four families', (t) => {
  for (const family of ['llama', 'mistral', 'qwen2', 'qwen3'])
    t.true(
      classifiers.some((name) => name.startsWith(family)),
      family,
    );
});

for (const name of classifiers) {
  for (const config of ['config.json', 'config.legacy.json']) {
    test.serial(`score: ${name}, ${config}`, async (t) => {
      const folder = modelFolder(name, config);
      const samples = referenceOf(name).eval!;
      const input = writeRows(
        folder,
        'in.jsonl',
        samples.map(({ ids }, id) => ({ id, input_ids: ids })),
      );
      const outputs: string[] = [];
      for (const extra of [[], ['--micro_batch_tokens', '16', '--num_threads', '1'], ['--num_threads', '3']]) {
        const output = join(folder, `out-${outputs.length}.jsonl`);
        await run(process.execPath, [
          main,
          'score',
          '--model_path',
          folder,
          '--input',
          input,
          '--output',
          output,
          ...extra,
        ]);
        outputs.push(readFileSync(output, 'utf8'));
      }
      const rows = readRows<{ id: number; reward: number; tokens: number; truncated: boolean }>(
        join(folder, 'out-0.jsonl'),
      );
      t.is(rows.length, samples.length);
      for (const [index, { ids, reward_f64: expected }] of samples.entries()) {
        t.like(rows[index], { id: index, tokens: ids.length, truncated: false });
        const error = Math.abs(rows[index]!.reward - expected);
        t.true(
          error <= 2e-5 * Math.max(1, Math.abs(expected)),
          `sample ${index}: ${rows[index]!.reward} instead of ${expected}`,
        );
      }
      t.is(outputs[1], outputs[0], 'the cut changes no bit');
      t.is(outputs[2], outputs[0], 'threads change no bit');
    });
  }

  test.serial(`train: ${name}, three steps`, async (t) => {
    const folder = modelFolder(name, 'config.json');
    const { groups, pairs, steps_f64: steps } = referenceOf(name).train!;
    const input = writeRows(
      folder,
      'train.jsonl',
      groups.map(({ prompt, responses, indices }, group) => ({
        input: `group ${group}`,
        responses: responses.map((response, i) => ({ id: String(indices[i]), input_ids: [...prompt, ...response] })),
        annotations: pairs
          .filter(([chosen]) => indices.includes(chosen))
          .map(([chosen, rejected]) => [String(chosen), String(rejected), '1']),
      })),
    );
    const output = join(folder, 'trained');
    await run(process.execPath, [
      main,
      'train',
      '--model_path',
      folder,
      '--train_data_path',
      input,
      '--output_dir',
      output,
      '--max_steps',
      '3',
      '--global_batch_size',
      '11',
      '--learning_rate',
      '1e-3',
      '--lr_scheduler_type',
      'constant',
      '--warmup_ratio',
      '0',
      '--weight_decay',
      '0.01',
      '--max_grad_norm',
      '1',
      '--reg_coef',
      '0.1',
    ]);
    const log = readRows<{ kind: string; step: number; loss: number; grad_norm: number }>(
      join(output, 'metrics.jsonl'),
    ).filter(({ kind }) => kind === 'train');
    t.is(log.length, 3);
    for (const [step, { loss }] of log.entries())
      t.true(Math.abs(loss - steps[step]!.loss) <= 1e-4 * steps[step]!.loss, `loss of step ${step + 1}: ${loss}`);
    const trained = readTensors(join(output, 'model.safetensors'));
    const expected = [...readTensors(join(fixtures, name, 'reference.safetensors'))].filter(([key]) =>
      key.startsWith('adamw3.'),
    );
    t.true(expected.length > 5);
    for (const [key, values] of expected) {
      const own = trained.get(key.slice('adamw3.'.length));
      if (!own) return t.fail(`${key} is not in the trained model`);
      const errors = values.map((value, i) => Math.abs(value - own[i]!));
      t.true(
        errors.every((error) => error <= 3e-3),
        key,
      );
      t.true(
        errors.filter((error) => error > 2e-5).length <= 0.005 * errors.length,
        `${key}: ${errors.filter((error) => error > 2e-5).length} of ${errors.length} entries differ by more than 2e-5`,
      );
    }
  });
}
