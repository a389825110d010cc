#!/usr/bin/env node
'use strict';
// What a whole `eval` costs beside the engine's pure forward time: the same data, model and batches, in turn.
//
// node bench/eval_overhead.cjs [--models quickstart,tiny,medium] [--prompts 2500] [--rounds 3] [--threads 2] [--output
// FILE]
//
// "forward": a process that has all samples tokenized and packed sums the wall time of its calls of the engine, nothing
// else running in it. "eval": the command from its start to its end: Node, reading, model, tokenizer, batches, metrics,
// bootstrap, report. Both also as CPU seconds (user and system, all threads), which other processes' work disturbs
// less. Rewards of both must be equal to the bit.

const { spawn } = require('node:child_process');
const { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { availableParallelism, cpus } = require('node:os');
const { dirname, join } = require('node:path');
const { parseArgs } = require('node:util');

const ROOT = join(__dirname, '..');
const OWN_TOKENIZER = join(ROOT, 'data', 'tokenizer');
const QWEN_TOKENIZER = join(ROOT, 'node_modules', '@lenml', 'tokenizer-qwen2_5', 'models');
const MODELS = {
  quickstart: {
    hidden_size: 128,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    intermediate_size: 384,
    vocab_size: 8192,
    tokenizer: OWN_TOKENIZER,
  },
  tiny: {
    hidden_size: 256,
    num_hidden_layers: 4,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    intermediate_size: 768,
    vocab_size: 8192,
    tokenizer: OWN_TOKENIZER,
  },
  medium: {
    hidden_size: 384,
    num_hidden_layers: 6,
    num_attention_heads: 6,
    num_key_value_heads: 2,
    intermediate_size: 1152,
    vocab_size: 151936,
    tokenizer: QWEN_TOKENIZER,
  },
};
const MICRO_BATCH_TOKENS = 8192; // eval's default

const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};
const cpuSeconds = (since) => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
};

/** A reward model with random weights, as `train` writes one. */
async function makeModel(name, folder) {
  if (existsSync(join(folder, 'model.safetensors'))) return;
  const { engine } = require(join(ROOT, 'dist', 'engine', 'engine.js'));
  const { tokenizer, ...sizes } = MODELS[name];
  mkdirSync(folder, { recursive: true });
  for (const file of ['tokenizer.json', 'tokenizer_config.json'])
    copyFileSync(join(tokenizer, file), join(folder, file));
  const config = (architecture) =>
    JSON.stringify({
      architectures: [architecture],
      model_type: 'qwen2',
      hidden_act: 'silu',
      initializer_range: 0.02,
      max_position_embeddings: 32768,
      rms_norm_eps: 1e-6,
      rope_theta: 1e6,
      tie_word_embeddings: true,
      num_labels: 1,
      pad_token_id: 0,
      ...sizes,
    });
  const base = join(folder, 'base');
  mkdirSync(base, { recursive: true });
  writeFileSync(join(base, 'config.json'), config('Qwen2ForCausalLM'));
  await engine.initialize(join(base, 'config.json'), 0, join(base, 'model.safetensors'));
  const model = await engine.loadModel({ folder: base, createHead: true, seed: 0 });
  writeFileSync(join(folder, 'config.json'), config('Qwen2ForSequenceClassification'));
  await model.saveWeights(join(folder, 'model.safetensors'));
  await model.dispose();
}

/**
 * Runs this very file, or the package's command line, in a process of its own; its last line of output and its times.
 */
function measure(args, usageFile) {
  return new Promise((resolve, reject) => {
    const began = performance.now();
    let firstOutput;
    let text = '';
    const child = spawn(process.execPath, ['--require', join(__dirname, 'process_usage.cjs'), ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, CHEEMS_BENCH_USAGE: usageFile },
    });
    child.stdout.on('data', (data) => {
      firstOutput ??= (performance.now() - began) / 1000;
      text += data;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`${args.join(' ')} ended with exit code ${code}.`));
      resolve({
        wall: (performance.now() - began) / 1000,
        table: firstOutput,
        text,
        ...JSON.parse(readFileSync(usageFile, 'utf8')),
      });
    });
  });
}

/** The engine's calls alone, on the batches that `eval` makes. */
async function forwardOnly(folder, data, threads) {
  const { RewardModel, readPreferenceDataset } = require(join(ROOT, 'dist', 'index.js'));
  const { tokenizeDataset } = require(join(ROOT, 'dist', 'tokenization', 'tokenize_dataset.js'));
  const { engine } = require(join(ROOT, 'dist', 'engine', 'engine.js'));
  const timer = { seconds: 0, cpu: 0, calls: 0, tokens: 0 };
  const timed = {
    async loadModel(...args) {
      const model = await engine.loadModel(...args);
      const score = model.score.bind(model);
      model.score = async (batch, { microBatchTokens }) => {
        const [began, cpu] = [performance.now(), process.cpuUsage()];
        const result = await score(batch, { microBatchTokens });
        timer.seconds += (performance.now() - began) / 1000;
        timer.cpu += cpuSeconds(cpu);
        timer.calls += 1;
        timer.tokens += result.computedTokens;
        return result;
      };
      return model;
    },
  };
  const model = await RewardModel.load(folder, { numThreads: threads, microBatchTokens: MICRO_BATCH_TOKENS }, timed);
  const { prompts } = await readPreferenceDataset([data]);
  const { prompts: tokenized } = await tokenizeDataset(
    { prompts },
    { ...model.tokenizeOptions(), dropUnpaired: false, cacheFolder: join(dirname(folder), 'tokens') },
  );
  const rewards = await model.scoreAll(tokenized.map(({ samples }) => samples));
  await model.dispose();
  return { ...timer, rewards: rewards.map((list) => [...list]) };
}

async function measureModel(name, values) {
  const work = join(ROOT, 'build', 'bench', 'eval');
  const folder = join(work, name);
  const data = join(work, `data-${values.prompts}.jsonl`);
  if (!existsSync(data))
    await measure(
      [join(__dirname, 'eval_data.cjs'), '--prompts', values.prompts, '--output', data],
      join(work, 'usage.json'),
    );
  await makeModel(name, folder);
  const rounds = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const output = join(work, `${name}-results`);
    const sides = {
      forward: async () => {
        const { text } = await measure(
          [__filename, '--forward', folder, '--data', data, '--threads', values.threads],
          join(work, 'usage.json'),
        );
        return JSON.parse(text);
      },
      eval: () =>
        measure(
          [
            join(ROOT, 'dist', 'cli', 'main.js'),
            'eval',
            '--model_name',
            folder,
            '--data_path',
            data,
            '--output_dir',
            output,
            '--num_threads',
            values.threads,
            '--micro_batch_tokens',
            String(MICRO_BATCH_TOKENS),
          ],
          join(work, 'usage.json'),
        ),
    };
    const result = {};
    for (const side of round % 2 === 0 ? ['forward', 'eval'] : ['eval', 'forward']) result[side] = await sides[side]();
    assertSameRewards(result.forward.rewards, join(output, 'scores.jsonl'));
    const { forward, eval: whole } = result;
    rounds.push({
      forward: forward.seconds,
      forwardCpu: forward.cpu,
      tokens: forward.tokens,
      calls: forward.calls,
      table: whole.table,
      whole: whole.wall,
      wholeCpu: whole.cpu,
      peakMib: whole.peakMib,
    });
    process.stderr.write(
      `${name} round ${round + 1}: forward ${forward.seconds.toFixed(1)} s (CPU ${forward.cpu.toFixed(1)}), ` +
        `eval ${whole.wall.toFixed(1)} s (CPU ${whole.cpu.toFixed(1)}), ratio ` +
        `${(whole.wall / forward.seconds).toFixed(3)}, of CPU seconds ${(whole.cpu / forward.cpu).toFixed(3)}\n`,
    );
  }
  return { name, rounds };
}

function assertSameRewards(rewards, file) {
  const stored = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => Math.fround(JSON.parse(line).reward));
  const own = rewards.flat();
  const at = own.findIndex((reward, i) => reward !== stored[i]);
  if (at >= 0 || own.length !== stored.length)
    throw new Error(`eval's reward ${at} is ${stored[at]}, the engine's ${own[at]}.`);
}

function toMarkdown(results) {
  const head = [
    'model',
    'tokens computed',
    'forward, s',
    'eval, s',
    'ratio (lowest to highest)',
    'CPU s: forward',
    'eval',
    'ratio',
    'peak memory, MiB',
  ];
  const lines = results.map(({ name, rounds }) => {
    const of = (pick) => median(rounds.map(pick));
    const ratios = rounds.map(({ whole, forward }) => whole / forward);
    return [
      name,
      rounds[0].tokens,
      of((r) => r.forward).toFixed(1),
      of((r) => r.whole).toFixed(1),
      `**${median(ratios).toFixed(3)}** (${Math.min(...ratios).toFixed(3)} to ${Math.max(...ratios).toFixed(3)})`,
      of((r) => r.forwardCpu).toFixed(1),
      of((r) => r.wholeCpu).toFixed(1),
      median(rounds.map((r) => r.wholeCpu / r.forwardCpu)).toFixed(3),
      Math.max(...rounds.map((r) => r.peakMib)),
    ];
  });
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

async function main() {
  const { values } = parseArgs({
    options: {
      models: { type: 'string', default: 'quickstart,tiny,medium' },
      prompts: { type: 'string', default: '2500' },
      rounds: { type: 'string', default: '3' },
      threads: { type: 'string', default: String(availableParallelism()) },
      output: { type: 'string' },
      forward: { type: 'string' },
      data: { type: 'string' },
    },
  });
  if (values.forward)
    return console.log(JSON.stringify(await forwardOnly(values.forward, values.data, Number(values.threads))));
  mkdirSync(join(ROOT, 'build', 'bench', 'eval'), { recursive: true });
  const results = [];
  for (const name of values.models.split(',')) {
    if (!MODELS[name])
      throw new Error(`Unknown model "${name}" in --models: expected ${Object.keys(MODELS).join(', ')}.`);
    results.push(await measureModel(name, values));
  }
  console.log(
    `${cpus()[0].model}, ${values.threads} threads, Node ${process.version}, ${values.prompts} prompts, ` +
      `${values.rounds} rounds, medians\n`,
  );
  console.log(toMarkdown(results));
  if (values.output) writeFileSync(values.output, `${JSON.stringify(results, null, 1)}\n`);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
