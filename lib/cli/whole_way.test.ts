// From nothing to rewards, each step by its command, on text.

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { RewardModel } from '../scoring/reward_model';

const root = join(__dirname, '..', '..');
const work = mkdtempSync(join(tmpdir(), 'cheems-way-'));
const inWork = (name: string): string => join(work, name);

function cli(args: string[], stdin = ''): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(__dirname, 'main.js'), ...args], { cwd: root });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  child.stdin.end(stdin);
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

const sizes = [
  '--hidden_size',
  '16',
  '--num_attention_heads',
  '2',
  '--num_key_value_heads',
  '1',
  '--num_hidden_layers',
  '2',
  '--tokenizer',
  'data/tokenizer',
];
const digest = (file: string): string => createHash('sha256').update(readFileSync(file)).digest('hex');

test.serial(
  'init: same seed, same bytes; another seed, others; all families; nothing is overwritten unasked',
  async (t) => {
    for (const [name, extra] of [
      ['base', []],
      ['again', []],
      ['other', ['--seed', '1']],
      ['llama', ['--architecture', 'llama']],
      ['mistral', ['--architecture', 'mistral', '--sliding_window', '8']],
      ['qwen3', ['--architecture', 'qwen3', '--head_dim', '16']],
    ] as const) {
      const { code, err } = await cli(['init', ...sizes, '--output_dir', inWork(name), ...extra]);
      t.is(code, 0, err);
    }
    t.is(digest(join(inWork('base'), 'model.safetensors')), digest(join(inWork('again'), 'model.safetensors')));
    t.not(digest(join(inWork('base'), 'model.safetensors')), digest(join(inWork('other'), 'model.safetensors')));
    t.like(JSON.parse(readFileSync(join(inWork('base'), 'config.json'), 'utf8')), {
      vocab_size: 8192,
      eos_token_id: 8191,
      pad_token_id: 8189,
    });
    const refused = await cli(['init', ...sizes, '--output_dir', inWork('base')]);
    t.is(refused.code, 1);
    t.regex(refused.err, /exists already; give --overwrite/);
    t.is((await cli(['init', ...sizes, '--seed', '1', '--output_dir', inWork('base'), '--overwrite'])).code, 0);
    t.is(digest(join(inWork('base'), 'model.safetensors')), digest(join(inWork('other'), 'model.safetensors')));
    t.deepEqual(
      readdirSync(work).filter((name) => name.startsWith('.')),
      [],
      'no temporary folder is left',
    );
  },
);

test.serial('a folder without a reward head is not scored with', async (t) => {
  for (const args of [
    ['eval', '--model_name', inWork('base'), '--data_path', 'data/oasst-zh/test.jsonl'],
    ['score', '--model_path', inWork('base'), '--input', '-', '--output', '-'],
  ]) {
    const { code, out, err } = await cli(args, '{"id": 1, "prompt": "你好", "response": "好"}\n');
    t.is(code, 1);
    t.is(out, '');
    t.regex(err, /no reward head/);
  }
});

test.serial(
  'train, then eval and score: rewards are one, in a file, a pipe, an evaluation and the library',
  async (t) => {
    const rows = readFileSync(join(root, 'data', 'oasst-zh', 'test.jsonl'), 'utf8')
      .split('\n')
      .slice(0, 12)
      .map((line) => JSON.parse(line) as { input: string | object[]; responses: { content: string }[] });
    writeFileSync(inWork('data.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const trained = await cli([
      'train',
      '--model_path',
      inWork('base'),
      '--train_data_path',
      inWork('data.jsonl'),
      '--output_dir',
      inWork('rm'),
      '--max_steps',
      '2',
      '--global_batch_size',
      '8',
      '--learning_rate',
      '1e-3',
      '--no-do-shuffle',
    ]);
    t.is(trained.code, 0, trained.err);
    t.regex(trained.err, /AdamW moments/, 'the memory plan stands before the first step');
    t.true(existsSync(join(inWork('rm'), 'checkpoint-last')));

    const evaluated = await cli([
      'eval',
      '--model_name',
      inWork('rm'),
      '--data_path',
      inWork('data.jsonl'),
      '--output_dir',
      inWork('eval'),
      '--bootstrap',
      '0',
    ]);
    t.is(evaluated.code, 0, evaluated.err);
    const inEvaluation = readFileSync(join(inWork('eval'), 'scores.jsonl'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => Math.fround((JSON.parse(line) as { reward: number }).reward));

    const items = rows.map(({ input, responses }) => ({
      ...(typeof input === 'string' ? { prompt: input } : { messages: input as [] }),
      responses: responses.map(({ content }) => content),
    }));
    const input = items.map((item, id) => `${JSON.stringify({ id, ...item })}\n`).join('');
    writeFileSync(inWork('in.jsonl'), input);
    const piped = await cli(['score', '--model_path', inWork('rm'), '--input', '-', '--output', '-'], input);
    t.is(piped.code, 0, piped.err);
    t.is(
      (
        await cli([
          'score',
          '--model_path',
          inWork('rm'),
          '--input',
          inWork('in.jsonl'),
          '--output',
          inWork('out.jsonl'),
          '--micro_batch_tokens',
          '64',
        ])
      ).code,
      0,
    );
    t.is(readFileSync(inWork('out.jsonl'), 'utf8'), piped.out);
    const inPipe = piped.out
      .trimEnd()
      .split('\n')
      .flatMap((line) => (JSON.parse(line) as { rewards: number[] }).rewards.map(Math.fround));
    t.deepEqual(inPipe, inEvaluation);

    const model = await RewardModel.load(inWork('rm'));
    t.deepEqual((await model.score(items)).flat(), inPipe);
    await model.dispose();

    const apart = items.flatMap(({ responses, ...prompt }, i) =>
      responses.map((response, k) => `${JSON.stringify({ id: `${i}-${k}`, ...prompt, response })}\n`),
    );
    const one = await cli(
      ['score', '--model_path', inWork('rm'), '--input', '-', '--output', '-'],
      apart.reverse().join(''),
    );
    t.deepEqual(
      one.out
        .trimEnd()
        .split('\n')
        .map((line) => Math.fround((JSON.parse(line) as { reward: number }).reward))
        .reverse(),
      inPipe,
      'one row per response, the other way round',
    );
  },
);
