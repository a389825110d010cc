// The commands on a machine with several GPUs, and on one whose GPU's memory is small: emulated ones.

import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { emulatedCli } from '../testing/emulated_cli';

const work = mkdtempSync(join(tmpdir(), 'cheems-devices-'));
const model = join(work, 'model');

test.before(async (t) => {
  // 20 is no multiple of 8: cuBLASLt has no bfloat16 product for it.
  const made = await emulatedCli([
    'init',
    '--architecture',
    'qwen2',
    '--hidden_size',
    '20',
    '--num_hidden_layers',
    '1',
    '--num_attention_heads',
    '2',
    '--num_key_value_heads',
    '1',
    '--intermediate_size',
    '32',
    '--tie_word_embeddings',
    '--tokenizer',
    'data/tokenizer',
    '--output_dir',
    model,
  ]);
  t.is(made.code, 0, made.err);
});

const plan = (devices: string, ...options: string[]) =>
  emulatedCli(['plan', 'eval', '--model_path', model, '--max_length', '64', '--micro_batch_tokens', '64', ...options], {
    CHEEMS_EMULATED_DEVICES: devices,
  });

test('auto takes the GPU with the most free memory and says what it passed over; a number means that one', async (t) => {
  const devices = 'name=Small,memory=8192;name=Busy,memory=90000,busy=1;name=Large,memory=40960';
  const auto = await plan(devices);
  t.is(auto.code, 0, auto.err);
  t.regex(
    auto.err,
    /^cuda:2, Large, .*; chosen from 3 GPUs by free memory: 40\.0 GiB; cuda:1 \(Busy, .*\) was not used: .*another process has it/m,
  );
  const first = await plan(devices, '--device', 'cuda:0');
  t.regex(first.err, /^cuda:0, Small, [^;]*$/m);
});

test('of a GPU 1 GiB is left free, as the plan shows; what would eat into it is refused', async (t) => {
  const refused = await plan('memory=1025');
  t.is(refused.code, 1);
  t.regex(refused.out, /left free \(--device_memory_reserve\)\s+│\s+│\s+1\.00 GiB/);
  t.regex(refused.err, /10\d\d\.\d MiB are available, 1\.00 GiB of which must stay free \(--device_memory_reserve\)/);
  t.is((await plan('memory=1025', '--device_memory_reserve', '0.5')).code, 0);
});

test('products that run on a slow kernel are told once, with shape and reason, and counted at the end and in the log', async (t) => {
  const data = join(work, 'data.jsonl');
  const row = {
    input: 'x',
    responses: [
      { id: 'a', input_ids: [1, 2, 3] },
      { id: 'b', input_ids: [1, 2, 4] },
    ],
    annotations: [['a', 'b', '1']],
  };
  writeFileSync(data, `${JSON.stringify(row)}\n`);
  const trained = join(work, 'trained');
  const train = await emulatedCli([
    'train',
    '--model_path',
    model,
    '--train_data_path',
    data,
    '--output_dir',
    trained,
    '--max_steps',
    '2',
    '--global_batch_size',
    '2',
    '--device',
    'cuda',
    '--save_strategy',
    'no',
    '--report_to',
    'none',
  ]);
  t.is(train.code, 0, train.err);
  t.regex(
    train.err,
    /^Warning: The matrix product linear_\w+, .*, runs on a slow kernel, because .* 40 bytes apart, .* others like it; the end of the run lists all\.$/m,
  );
  t.is(train.err.match(/others like it/g)?.length, 1);
  t.regex(
    train.err,
    /^Warning: 2 times in this run: The matrix product linear_forward, \[\d+ x 64\] = \[\d+ x 20\] \[20 x 64\] in bfloat16, runs on a slow kernel, because rows of the first operand are 40 bytes apart/m,
  );
  const records = readFileSync(join(trained, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  t.true(
    records.some(
      ({ kind, step, text, count }) =>
        kind === 'note' && step === 2 && count === 2 && /linear_backward_weight/.test(text as string),
    ),
  );

  const rows = join(work, 'rows.jsonl');
  writeFileSync(rows, JSON.stringify({ id: 'one', input_ids: [1, 2, 3, 4] }));
  const scored = await emulatedCli([
    'score',
    '--model_path',
    trained,
    '--input',
    rows,
    '--output',
    '-',
    '--device',
    'cuda',
  ]);
  t.is(scored.code, 0, scored.err);
  t.is(scored.err.match(/others like it/g)?.length, 1, scored.err);
  t.regex(scored.err, /^1 time in this run: The matrix product linear_forward, /m);
});
