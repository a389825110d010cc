// The commands on a CUDA device, emulated on the CPU (CHEEMS_DEVICE=emulated): the same kernels and host code as on a
// GPU, so output may differ from the CPU's only by rounding.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { emulatedCli as cli } from '../testing/emulated_cli';
import { STATE_FILE, type DeviceRecord, type TrainerState } from '../training/training_state';

const root = join(__dirname, '..', '..');
const work = mkdtempSync(join(tmpdir(), 'cheems-device-'));
const inWork = (name: string): string => join(work, name);

interface Metrics {
  loss: number;
  accuracy: number;
  margin: number;
  grad_norm: number;
}

/** Trains for three steps on real prompts; the metrics of each. */
async function train(
  t: { is: (a: unknown, b: unknown, c?: string) => void },
  name: string,
  options: string[],
): Promise<{ steps: Metrics[]; err: string }> {
  const { code, err } = await cli([
    'train',
    '--model_path',
    inWork('base'),
    '--train_data_path',
    inWork('train.jsonl'),
    '--output_dir',
    inWork(name),
    '--seed',
    '1',
    '--max_steps',
    '3',
    '--num_train_epochs',
    '3',
    '--learning_rate',
    '1e-3',
    '--global_batch_size',
    '6',
    '--max_length',
    '96',
    '--truncation',
    '--save_strategy',
    'no',
    '--report_to',
    'none',
    ...options,
  ]);
  t.is(code, 0, err);
  const lines = readFileSync(join(inWork(name), 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Metrics & { kind: string });
  return { steps: lines.filter(({ kind }) => kind === 'train'), err };
}

const rewards = (out: string): number[] =>
  out
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { reward: number }).reward);
const worst = (a: number[], b: number[]): number => Math.max(...a.map((value, i) => Math.abs(value - b[i]!)));

test.before(async (t) => {
  t.true(
    existsSync(join(root, 'build', 'Release', 'libcheems_cuda_emulated.so')),
    'Build it first: cmake --build build/cmake --target cheems_cuda_emulated',
  );
  const rows = readFileSync(join(root, 'data', 'oasst-zh', 'train.jsonl'), 'utf8')
    .split('\n')
    .slice(0, 6);
  writeFileSync(inWork('train.jsonl'), `${rows.join('\n')}\n`);
  const made = await cli([
    'init',
    '--architecture',
    'qwen2',
    '--hidden_size',
    '64',
    '--num_hidden_layers',
    '2',
    '--num_attention_heads',
    '4',
    '--num_key_value_heads',
    '2',
    '--intermediate_size',
    '128',
    '--tie_word_embeddings',
    '--tokenizer',
    'data/tokenizer',
    '--output_dir',
    inWork('base'),
  ]);
  t.is(made.code, 0, made.err);
});

test.serial('train on the emulated device: the metrics of the CPU', async (t) => {
  const onCpu = await train(t, 'cpu', ['--device', 'cpu']);
  t.regex(onCpu.err, /parameters on cpu in float32\.\nDevice: cpu, /);
  t.regex(onCpu.err, /tokens of a micro-batch .*│ +4096 │/);

  const float32 = await train(t, 'float32', ['--device', 'cuda', '--precision', 'float32']);
  t.regex(float32.err, /parameters on cuda:0 in float32\.\nDevice: cuda:0, CUDA emulated on the CPU/);
  const bfloat16 = await train(t, 'bfloat16', ['--device', 'auto']);
  t.regex(bfloat16.err, /parameters on cuda:0 in bfloat16\./);
  t.regex(bfloat16.err, /tokens of a micro-batch .*│ +1024 │/, 'no more than six samples of 96 tokens have');
  t.regex(bfloat16.err, /the float32 copy/, 'the memory plan names the copy that AdamW updates');
  const small = await train(t, 'small', ['--optimizer_state', 'bfloat16']);
  t.regex(small.err, /AdamW moments, bfloat16/);
  t.notRegex(small.err, /the float32 copy/);
  const bytes = (name: string): number => statSync(join(inWork(name), 'model.safetensors')).size;
  t.true(bytes('small') < 0.6 * bytes('cpu'), 'matrices in bfloat16 are saved so');
  t.is(bytes('bfloat16'), bytes('cpu'), 'of a float32 copy nothing is lost');

  const deviceOf = (name: string): DeviceRecord =>
    (JSON.parse(readFileSync(join(inWork(name), 'checkpoint-3', STATE_FILE), 'utf8')) as TrainerState).cheems.device!;
  t.like(deviceOf('bfloat16'), { id: 'cuda:0', facts: { name: 'CUDA emulated on the CPU', 'CUDA runtime': '13.0' } });
  t.is(deviceOf('bfloat16').arithmetic, `CUDA emulated on the CPU, cuBLAS ${deviceOf('bfloat16').facts['cuBLAS']}`);
  t.is(deviceOf('cpu').id, 'cpu');
  t.regex(deviceOf('cpu').arithmetic, /^a CPU with(out)? fused multiply-add$/);
  t.truthy(deviceOf('cpu').facts['SIMD target']);

  t.is(onCpu.steps.length, 3);
  for (const [i, expected] of onCpu.steps.entries()) {
    for (const [steps, tolerance] of [
      [float32.steps, 1e-5],
      [bfloat16.steps, 2e-2],
      [small.steps, 2e-2],
    ] as const) {
      const found = steps[i]!;
      t.true(
        Math.abs(found.loss - expected.loss) <= tolerance * expected.loss,
        `step ${i + 1}: loss ${found.loss} beside ${expected.loss}`,
      );
      t.true(
        Math.abs(found.grad_norm - expected.grad_norm) <= 3 * tolerance * expected.grad_norm,
        `step ${i + 1}: norm ${found.grad_norm} beside ${expected.grad_norm}`,
      );
      t.true(
        Math.abs(found.margin - expected.margin) <= tolerance,
        `step ${i + 1}: margin ${found.margin} beside ${expected.margin}`,
      );
    }
    t.is(float32.steps[i]!.accuracy, expected.accuracy);
  }
});

test.serial(
  'train --dtype bfloat16: the metrics of the CPU, and a folder half as large, in either precision',
  async (t) => {
    const test = ['--dtype', 'bfloat16', '--test_data_path', inWork('train.jsonl'), '--evaluation_strategy', 'no'];
    const onCpu = await train(t, 'cpu-rounded', ['--device', 'cpu', ...test]);
    t.regex(onCpu.err, /weights, bfloat16/);
    t.regex(onCpu.err, /the float32 copy/, 'the masters are in the plan');
    for (const [name, precision, tolerance] of [
      ['wide-rounded', 'float32', 1e-5],
      ['narrow-rounded', 'bfloat16', 2e-2],
    ] as const) {
      const { steps, err } = await train(t, name, ['--device', 'cuda', '--precision', precision, ...test]);
      t.regex(err, /the float32 copy/);
      for (const [i, expected] of onCpu.steps.entries())
        t.true(
          Math.abs(steps[i]!.loss - expected.loss) <= tolerance * expected.loss,
          `step ${i + 1}: loss ${steps[i]!.loss} beside ${expected.loss}`,
        );
      t.true(
        statSync(join(inWork(name), 'model.safetensors')).size <
          0.6 * statSync(join(inWork('cpu'), 'model.safetensors')).size,
      );
    }
  },
);

test.serial('a second run on the device has the same bits', async (t) => {
  await train(t, 'again', ['--device', 'cuda']);
  const weights = (name: string): Buffer => readFileSync(join(inWork(name), 'model.safetensors'));
  t.true(weights('again').equals(weights('bfloat16')));
  t.false(weights('again').equals(weights('float32')));
});

test.serial('score on the device: the rewards of the CPU, and a bfloat16 model loads anywhere', async (t) => {
  const input = readFileSync(inWork('train.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .flatMap((line, row) => {
      const { input: prompt, responses } = JSON.parse(line) as {
        input: string | object[];
        responses: { content: string }[];
      };
      return responses.map(({ content }, i) =>
        JSON.stringify({
          id: `${row}-${i}`,
          ...(typeof prompt === 'string' ? { prompt } : { messages: prompt }),
          response: content.slice(0, 40),
        }),
      );
    });
  writeFileSync(inWork('rows.jsonl'), `${input.slice(0, 8).join('\n')}\n`);
  const score = async (...options: string[]): Promise<number[]> => {
    const { code, out, err } = await cli([
      'score',
      '--model_path',
      inWork('bfloat16'),
      '--input',
      inWork('rows.jsonl'),
      '--output',
      '-',
      '--max_length',
      '128',
      '--truncation',
      ...options,
    ]);
    t.is(code, 0, err);
    t.regex(err, /^Device: /m);
    return rewards(out);
  };
  const expected = await score('--device', 'cpu');
  t.is(expected.length, 8);
  t.true(worst(await score('--device', 'cuda', '--precision', 'float32'), expected) <= 1e-5);
  const spread = Math.max(...expected) - Math.min(...expected);
  t.true(worst(await score('--device', 'cuda:0'), expected) <= 0.05 * spread + 5e-3);
});

test.serial(
  'eval --compare_precision: the bfloat16 of a device beside float32, where no precision is given',
  async (t) => {
    const ids = (seed: number) => Array.from({ length: 12 }, (_, i) => (i * 7 + seed * 13) % 100);
    const pairs = [0, 1, 2, 3].map((i) => JSON.stringify({ chosen_ids: ids(2 * i), rejected_ids: ids(2 * i + 1) }));
    writeFileSync(inWork('ids.jsonl'), `${pairs.join('\n')}\n`);
    const { code, out, err } = await cli([
      'eval',
      '--model_path',
      join('fixtures', 'reference', 'models', 'cheems-vhead'),
      '--data_path',
      inWork('ids.jsonl'),
      '--compare_precision',
    ]);
    t.is(code, 0, err);
    t.regex(err, /^Device: cuda:0, [^]*\neval in float32 /m);
    t.regex(out, /\nbfloat16 +[\d.]+ +[\d.]+\nfloat32 +[\d.]+ +[\d.]+\n\d+ of \d+ pairs are flipped\./);
  },
);

test.serial('a device that is not there is told as such; plan reckons for it all the same', async (t) => {
  const scored = await cli([
    'score',
    '--model_path',
    inWork('base'),
    '--input',
    '-',
    '--output',
    '-',
    '--device',
    'cuda:7',
  ]);
  t.is(scored.code, 1);
  t.regex(scored.err, /cuda:7/);
  t.is((await cli(['info'], { CHEEMS_DEVICE: 'fast' })).code, 1);

  const planned = await cli([
    'plan',
    'train',
    '--model_path',
    inWork('base'),
    '--device',
    'cuda:7',
    '--optimizer_state',
    'bfloat16',
  ]);
  t.is(planned.code, 0, planned.err);
  t.regex(planned.err, /Planned for a CUDA device that is not here/);
  t.regex(planned.out, /weights, bfloat16/);
  t.regex(planned.out, /available on this machine\s+│\s+│\s+not known/);
});

test('what the plug-in throws is an error with its sentence, and not the end of the process', async (t) => {
  // Thrown in the library by the first copy, and by the first kernel; it and the addon have an unwinder each.
  for (const variable of ['CHEEMS_EMULATED_STREAMS', 'CHEEMS_EMULATED_SCHEDULE']) {
    const { code, err } = await cli(
      [
        'train',
        '--model_path',
        inWork('base'),
        '--train_data_path',
        inWork('train.jsonl'),
        '--output_dir',
        inWork(variable),
        '--max_steps',
        '1',
        '--global_batch_size',
        '6',
        '--max_length',
        '96',
        '--truncation',
        '--save_strategy',
        'no',
        '--report_to',
        'none',
        '--device',
        'cuda',
      ],
      { CHEEMS_DEVICE: 'emulated', [variable]: 'sideways' },
    );
    t.is(code, 1, err);
    t.regex(err, new RegExp(`${variable}.* is "sideways"`));
  }
});

test('plan: a 7B model trains in bfloat16 within the 80 GB of one card, without recomputing', async (t) => {
  const folder = inWork('7b');
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'config.json'),
    JSON.stringify({
      architectures: ['Qwen2ForCausalLM'],
      model_type: 'qwen2',
      hidden_act: 'silu',
      hidden_size: 3584,
      intermediate_size: 18944,
      max_position_embeddings: 32768,
      num_attention_heads: 28,
      num_hidden_layers: 28,
      num_key_value_heads: 4,
      rms_norm_eps: 1e-6,
      rope_theta: 1e6,
      tie_word_embeddings: false,
      use_sliding_window: false,
      vocab_size: 152064,
    }),
  );
  const total = async (...options: string[]): Promise<number> => {
    const planned = await cli([
      'plan',
      'train',
      '--model_path',
      folder,
      '--device',
      'cuda:7',
      '--micro_batch_tokens',
      '4096',
      '--max_length',
      '1024',
      ...options,
    ]);
    t.is(planned.code, 0, planned.err);
    const [, value, unit] = /in all\s+│\s+│\s+([\d.]+) (\w+)/.exec(planned.out) ?? [];
    t.is(unit, 'GiB', planned.out);
    return Number(value) * 2 ** 30;
  };
  t.log(
    `bfloat16 state: ${((await total('--optimizer_state', 'bfloat16')) / 1e9).toFixed(1)} GB; float32 state: ` +
      `${((await total()) / 1e9).toFixed(1)} GB`,
  );
  t.true((await total('--optimizer_state', 'bfloat16')) < 79e9);
  t.true(
    (await total('--optimizer_state', 'bfloat16', '--gradient_checkpointing')) <
      (await total('--optimizer_state', 'bfloat16')) - 5e9,
  );
});
