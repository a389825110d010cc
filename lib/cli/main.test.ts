// The command line as a process: exit codes, messages, streams.

import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { normalizeArguments } from './arguments';
import { resolveValues } from './command';
import { makeInitConfig } from './init_config';
import { checkValue } from './options';
import { choice, flag, number, paths, requiredText, text } from '../options/kinds';
import { suggestion } from '../arguments/checks';
import { settleTrainOptions, trainOptions } from './train';

const root = join(__dirname, '..', '..');
const testData = join(root, 'data', 'oasst-zh', 'test.jsonl');

interface Outcome {
  code: number | null;
  out: string;
  err: string;
}

function cli(args: string[], options: { stdin?: string; env?: Record<string, string> } = {}): Promise<Outcome> {
  const child = spawn(process.execPath, [join(__dirname, 'main.js'), ...args], {
    env: { ...process.env, ...options.env },
    cwd: root,
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  child.stdin.end(options.stdin ?? '');
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

const folder = (): string => mkdtempSync(join(tmpdir(), 'cheems-cli-'));

function file(name: string, content: string): string {
  const path = join(folder(), name);
  writeFileSync(path, content);
  return path;
}

test('names in either case are one; values and what follows -- stay', (t) => {
  t.deepEqual(
    normalizeArguments([
      'train',
      '--model-path',
      'a-b',
      '--do-shuffle',
      'True',
      '--no-do-strip',
      '--reg_coef=0.5',
      '--eval-steps=FALSE',
      '-h',
      '--',
      '--as-is',
    ]),
    [
      'train',
      '--model_path',
      'a-b',
      '--do_shuffle',
      'true',
      '--no-do_strip',
      '--reg_coef=0.5',
      '--eval_steps=false',
      '-h',
      '--',
      '--as-is',
    ],
  );
});

test('the nearest name is suggested, and none where none is near', (t) => {
  t.is(suggestion('learning_rat', ['learning_rate', 'seed']), ' Did you mean "learning_rate"?');
  t.is(suggestion('frobnicate', ['learning_rate', 'seed']), '');
});

const facts = { group: 'g', describe: 'd' };
const command = {
  name: 'x',
  options: { rate: number(1, { above: 0 }, facts), name: text(facts), on: flag(true, facts), files: paths(facts, 0) },
};

test('the command line wins over the file, the file over the defaults', (t) => {
  const config = file('run.yaml', '# a run\nrate: 5e-6\nname: from file\non: false\nfiles: [a, b]\n');
  t.deepEqual(resolveValues(command, { _: ['x'], config, name: 'from line' }), {
    rate: 5e-6,
    name: 'from line',
    on: false,
    files: ['a', 'b'],
  });
  t.deepEqual(resolveValues(command, { _: ['x'] }), { rate: 1, name: undefined, on: true, files: [] });
  t.deepEqual(resolveValues(command, { _: ['x'], rate: ['2', '3'], files: ['c', 'd'] }), {
    rate: 3,
    name: undefined,
    on: true,
    files: ['c', 'd'],
  });
});

test('a JSON file and kebab-case keys are taken', (t) => {
  t.is(resolveValues(command, { _: ['x'], config: file('run.json', '{"rate": 4, "name": "n"}') }).rate, 4);
  const options = { ...command.options, long_name: number(1, {}, facts) };
  t.is(resolveValues({ name: 'x', options }, { _: ['x'], config: file('run.yml', 'long-name: 7\n') }).long_name, 7);
});

test('an option goes by its other name too, on the command line and in a file, but not by both with different values', (t) => {
  const named = {
    name: 'x',
    options: {
      model_path: requiredText({ ...facts, otherName: 'model_name' }),
      count: number(1, {}, { ...facts, otherName: 'number' }),
    },
  };
  t.deepEqual(resolveValues(named, { _: ['x'], model_name: 'm', number: '2' }), { model_path: 'm', count: 2 });
  t.deepEqual(
    resolveValues(named, {
      _: ['x'],
      model_path: 'm',
      model_name: 'm',
      config: file('a.yaml', 'model-name: other\nnumber: 3\n'),
    }),
    { model_path: 'm', count: 3 },
  );
  t.throws(() => resolveValues(named, { _: ['x'], model_path: 'm', model_name: 'n' }), {
    message: /^--model_path and --model_name are two names .*Give only one/,
  });
  t.throws(() => resolveValues(named, { _: ['x'], config: file('b.yaml', 'model_path: m\nmodel_name: n\n') }), {
    message: /b\.yaml:2: "model_path" is set twice \("model_name" is another/,
  });
  t.throws(() => resolveValues(named, { _: ['x'], modle_name: 'm' }), { message: /Did you mean "model_name"\?/ });
});

test("an option's other name is taken on the command line and in a file, and counts once", async (t) => {
  const options = { dtype: choice(['float32', 'bfloat16'], 'float32', { ...facts, otherName: 'torch_dtype' }) };
  t.is(
    resolveValues({ name: 'x', options }, { _: ['x'], config: file('run.yaml', 'torch-dtype: bfloat16\n') }).dtype,
    'bfloat16',
  );
  t.throws(
    () =>
      resolveValues(
        { name: 'x', options },
        { _: ['x'], config: file('run.yaml', 'torch_dtype: bfloat16\ndtype: float32\n') },
      ),
    { message: /"dtype" is set twice/ },
  );
  for (const name of ['--dtype', '--torch_dtype', '--torch-dtype']) {
    const { code, err } = await cli([
      'train',
      '--model_path',
      'm',
      '--train_data_path',
      'a',
      '--output_dir',
      'o',
      '--optimizer_state',
      'bfloat16',
      name,
      'bfloat16',
    ]);
    t.is(code, 2);
    t.regex(err, /Option dtype \('bfloat16'\)/, name);
  }
});

test('what a file may not hold is refused with file, line and key', (t) => {
  for (const [content, message] of [
    ['rate: 1\nnmae: x\n', /run\.yaml:2: unknown key "nmae"\. Did you mean "name"\?/],
    ['rate: fast\n', /run\.yaml:1: rate \("fast"\): expected a number/],
    ['rate: -1\n', /run\.yaml:1: rate \(-1\): must be above 0/],
    ['rate:\n', /run\.yaml:1: "rate" has no value/],
    ['rate: 1\nrate: 2\n', /run\.yaml: .*unique/],
    ['- rate\n', /must hold "name: value" lines/],
    ['rate: [\n', /run\.yaml: /],
    ['config: other.yaml\n', /unknown key "config"/],
  ] as const) {
    t.throws(
      () => resolveValues(command, { _: ['x'], config: file('run.yaml', content) }),
      { message, name: 'UsageError' },
      content,
    );
  }
});

test('train takes every option of its table from text', (t) => {
  const given = {
    model_path: 'm',
    train_data_path: ['a', 'b'],
    output_dir: 'o',
    learning_rate: '1e-5',
    max_steps: '3',
    do_shuffle: 'false',
    global_batch_size: '11',
  };
  const values = Object.fromEntries(
    Object.entries(given).map(([name, raw]) => [
      name,
      checkValue(trainOptions[name as keyof typeof trainOptions], raw, name),
    ]),
  );
  const settled = settleTrainOptions(values);
  t.like(settled, {
    learning_rate: 1e-5,
    max_steps: 3,
    do_shuffle: false,
    global_batch_size: 11,
    reg_coef: 0.1,
    max_length: 2048,
  });
  t.throws(() => settleTrainOptions({ ...values, resume_if_possible: true, overwrite_output_dir: true }), {
    name: 'UsageError',
    message: /contradicts/,
  });
});

test('init writes configurations that both versions of transformers read, and refuses sizes that cannot be', (t) => {
  const sizes = {
    architecture: 'qwen2',
    hidden_size: 64,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    vocab_size: 100,
    max_position_embeddings: 512,
    tie_word_embeddings: true,
    initializer_range: 0.02,
  } as const;
  const config = makeInitConfig(sizes, { eos: 2 });
  t.like(config, {
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    rope_theta: 1e6,
    rope_parameters: { rope_type: 'default', rope_theta: 1e6 },
    torch_dtype: 'float32',
    dtype: 'float32',
    eos_token_id: 2,
    pad_token_id: null,
  });
  t.false('head_dim' in config);
  t.like(makeInitConfig({ ...sizes, sliding_window: 16 }, {}), {
    use_sliding_window: true,
    sliding_window: 16,
    max_window_layers: 0,
  });
  t.like(makeInitConfig({ ...sizes, architecture: 'mistral', sliding_window: 16 }, {}), {
    sliding_window: 16,
    head_dim: 16,
  });
  t.throws(() => makeInitConfig({ ...sizes, architecture: 'llama', sliding_window: 16 }, {}), {
    message: /cannot be used with --architecture llama/,
  });
  t.throws(() => makeInitConfig({ ...sizes, num_attention_heads: 5 }, {}), { message: /not divisible/ });
  t.throws(() => makeInitConfig({ ...sizes, num_key_value_heads: 3 }, {}), {
    message: /not divisible by --num_key_value_heads 3/,
  });
  t.throws(() => makeInitConfig({ ...sizes, head_dim: 3 }, {}), { message: /must be even/ });
});

test('help of every command has examples and goes to standard output', async (t) => {
  for (const name of ['train', 'eval', 'score', 'generate', 'init', 'build', 'info', 'plan train', 'plan eval']) {
    const { code, out, err } = await cli([...name.split(' '), '--help']);
    t.is(code, 0, name);
    t.is(err, '');
    t.regex(out, new RegExp(`^cheems-native ${name} \\[options\\]`));
    t.regex(out, /Examples:\n/);
    t.regex(out, /--config/);
    t.is(/--model_path/.test(out), /\(also\s+--model_name\)/.test(out), `${name} takes a model by both names`);
  }
});

test('usage errors: one sentence, exit code 2, nothing on standard output', async (t) => {
  for (const [args, message] of [
    [[], /No command was given/],
    [['trian'], /no command "trian"\. Did you mean "train"\?/],
    [['eval', '--predctor', 'length'], /Unknown option "--predctor"\. Did you mean "predictor"\?/],
    [['eval', '--seed', 'x'], /--seed \("x"\): expected a whole number/],
    [['eval', '--seed'], /--seed needs a value/],
    [['eval', 'stray'], /"stray" stands alone/],
    [['eval', '--data_path', 'x'], /either --model_path .* or --predictor/],
    [
      ['score', '--model_path', 'a', '--model_name', 'b', '--input', '-', '--output', '-'],
      /--model_path and --model_name are two names of the same option/,
    ],
    [
      ['eval', '--judge_model', 'j', '--predictor', 'length', '--data_path', 'x'],
      /--judge_model j asks for a judge and --predictor length for another scorer/,
    ],
    [
      ['eval', '--judge_model', 'j', '--model_name', 'm', '--data_path', 'x'],
      /--judge_model j asks for a judge and --model_path m for a reward model/,
    ],
    [
      ['eval', '--predictor', 'length', '--dtype', 'bfloat16', '--data_path', 'x'],
      /--dtype \(bfloat16\).*but there is none/,
    ],
    [['plan'], /"plan train" or "plan eval"/],
    [['train', '--output_dir', 'x'], /--model_path is missing/],
    [['score', '--model_path', 'm', '--input', testData, '--output', testData], /the same file/],
    [['init', '--output_dir', 'x'], /--tokenizer DIR.*--vocab_size/],
  ] as const) {
    const { code, out, err } = await cli([...args]);
    t.is(code, 2, args.join(' '));
    t.is(out, '');
    t.regex(err, message);
    t.notRegex(err, /\n\s+at /, 'no stack');
  }
});

test('other errors: exit code 1, a stack only with CHEEMS_DEBUG=1', async (t) => {
  const missing = ['eval', '--predictor', 'length', '--data_path', 'nowhere.jsonl'];
  const plain = await cli(missing);
  t.is(plain.code, 1);
  t.is(plain.err, 'cheems-native: error: nowhere.jsonl: the file does not exist\n');
  t.regex((await cli(missing, { env: { CHEEMS_DEBUG: '1' } })).err, /\n\s+at /);
});

test('eval with a predictor of one own: table on standard output, files in the folder, options from a file', async (t) => {
  const predictor = file(
    'shorter.mjs',
    "export default { name: 'shorter', score: (samples) => samples.map((s) => -s.response.length) };\n",
  );
  const outputDir = folder();
  const config = file('eval.yaml', `predictor: ${predictor}\nbootstrap: 50\nseed: 3\n`);
  const { code, out, err } = await cli([
    'eval',
    '--config',
    config,
    '--data-path',
    testData,
    '--output_dir',
    outputDir,
  ]);
  t.is(code, 0, err);
  t.regex(out, /overall = 0\.\d+/);
  const results = JSON.parse(readFileSync(join(outputDir, 'results.json'), 'utf8')) as {
    overall: number;
    meta: { seed: number; predictor: string };
  };
  t.is(results.meta.seed, 3);
  t.is(results.meta.predictor, 'shorter');
  const scores = readFileSync(join(outputDir, 'scores.jsonl'), 'utf8').trimEnd().split('\n');
  t.is(scores.length, 413);
});

test('a reader of standard output that goes away is no crash', async (t) => {
  const child = spawn(
    'bash',
    [
      '-c',
      `"${process.execPath}" dist/cli/main.js eval --predictor length --data_path "${testData}" --bootstrap 0 | ` +
        `true; exit "\${PIPESTATUS[0]}"`,
    ],
    { cwd: root },
  );
  let err = '';
  child.stderr.on('data', (chunk) => (err += chunk));
  const code = await new Promise((resolve) => child.on('close', resolve));
  t.is(code, 0, err);
  t.notRegex(err, /EPIPE|\n\s+at /);
});

test('Ctrl-C ends an evaluation with 130 and a sentence, a second one at once by the signal itself', async (t) => {
  const slow = file(
    'slow.mjs',
    "export default { name: 'slow', batchSize: 1, score: async (s) => { process.stderr.write('at work\\n'); " +
      'await new Promise((r) => setTimeout(r, 100)); return s.map(() => 0); } };\n',
  );
  const stuck = file(
    'stuck.mjs',
    "export default { name: 'stuck', score: () => { process.stderr.write('at work\\n'); return new Promise(() " +
      '=> setInterval(() => {}, 1000)); } };\n',
  );
  for (const [predictor, signals] of [
    [slow, 1],
    [stuck, 2],
  ] as const) {
    const child = spawn(
      process.execPath,
      [join(__dirname, 'main.js'), 'eval', '--predictor', predictor, '--data_path', testData],
      { cwd: root },
    );
    let err = '';
    child.stderr.on('data', (chunk) => (err += chunk));
    while (!err.includes('at work')) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGINT');
    if (signals === 2) setTimeout(() => child.kill('SIGINT'), 300);
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
      child.on('close', (...end) => resolve(end)),
    );
    // A shell reports both as 130.
    t.deepEqual([code, signal], signals === 2 ? [null, 'SIGINT'] : [130, null], err);
    t.regex(err, /Stopping/);
  }
});
