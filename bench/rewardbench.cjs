#!/usr/bin/env node
'use strict';
// RewardBench's own command beside `cheems-native eval`: same model folder, same pairs, whole processes in turn.
//
//   node bench/rewardbench.cjs --python PYTHON --model FOLDER --data_path ROWS.jsonl [--pairs 200] [--rounds 2]
//     [--dtypes float32,bfloat16] [--threads N] [--output FILE]
//
// PYTHON has rewardbench (bench/setup.sh). FOLDER is a reward model that `train` wrote: its chat template gives
// every tool the same tokens. Rows are {prompt, chosen, rejected}: prompts as texts or lists of messages, responses
// as texts. Rewards of both in float32 must agree, or the run fails. RewardBench scores both texts of every pair;
// `eval` scores a response that came in several pairs once, and a prompt once for all its responses.

const { createHash } = require('node:crypto');
const { spawn } = require('node:child_process');
const { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const { join, resolve } = require('node:path');
const { parseArgs } = require('node:util');
const {
  describeMachine,
  fixed,
  inTurn,
  loadAverage,
  machineCpuSeconds,
  machineFacts,
  median,
  runToEnd,
  spread,
  warnUnlessQuiet,
} = require('./measuring.cjs');
const { rewardbenchTable } = require('./tables.cjs');

const ROOT = join(__dirname, '..');
const OURS = '`cheems-native eval`';
const BATCH_SIZE = 8; // RewardBench's default
const AGREEMENT = 1e-3;

const asMessages = (prompt) => (typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt);

function readPairs(file, count) {
  const pairs = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .slice(0, count)
    .map((line) => JSON.parse(line));
  const odd = pairs.findIndex(
    ({ prompt, chosen, rejected }) =>
      prompt === undefined || typeof chosen !== 'string' || typeof rejected !== 'string',
  );
  if (odd >= 0)
    throw new Error(`${file}, line ${odd + 1}: expected {prompt, chosen, rejected} with texts as responses.`);
  return pairs;
}

/** The folder of one side's files, made anew: inputs for both commands. */
function prepare(work, model, pairs) {
  rmSync(work, { recursive: true, force: true });
  mkdirSync(work, { recursive: true });
  symlinkSync(model, join(work, 'model')); // RewardBench writes to its output folder under the model's path
  writeFileSync(join(work, 'rows.jsonl'), pairs.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const conversation = (prompt, content) => [...asMessages(prompt), { role: 'assistant', content }];
  writeFileSync(
    join(work, 'rows.json'),
    JSON.stringify(
      pairs.map(({ prompt, chosen, rejected }) => ({
        chosen: conversation(prompt, chosen),
        rejected: conversation(prompt, rejected),
      })),
    ),
  );
}

/** Runs a whole process; its wall time, and what it wrote of its CPU time and memory. */
function measure(command, args, cwd, env) {
  const usage = join(cwd, 'usage.json');
  return new Promise((done, fail) => {
    const machine = machineCpuSeconds();
    const began = performance.now();
    let text = '';
    const child = spawn(command, args, {
      cwd,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env, CHEEMS_BENCH_USAGE: usage },
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data) => {
        text = (text + data).slice(-4000);
      });
    child.on('error', fail);
    child.on('close', (code) => {
      const seconds = (performance.now() - began) / 1000;
      if (code !== 0)
        return fail(new Error(`"${[command, ...args].join(' ')}" ended with exit code ${code}:\n${text}`));
      const { cpu, peakMib } = JSON.parse(readFileSync(usage, 'utf8'));
      const others = Math.max(0, (machineCpuSeconds() - machine - cpu) / seconds / machineFacts().cores);
      return done({ seconds, cpuSeconds: cpu, peakMib, others, load: loadAverage() });
    });
  });
}

/** Rewards of `eval` by pair: responses are named by their text's MD5, prompts by the order in which they come. */
function readOwnRewards(file, pairs) {
  const rewards = new Map(
    readFileSync(file, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => {
        const { prompt_id: prompt, response_id: response, reward } = JSON.parse(line);
        return [`${prompt} ${response}`, reward];
      }),
  );
  const numbers = new Map();
  const rewardOf = (prompt, text) => {
    const key = JSON.stringify(asMessages(prompt));
    if (!numbers.has(key)) numbers.set(key, numbers.size);
    const reward = rewards.get(`${numbers.get(key)} ${createHash('md5').update(text).digest('hex')}`);
    if (reward === undefined) throw new Error(`${file} has no reward for "${text.slice(0, 60)}".`);
    return reward;
  };
  return pairs.map(({ prompt, chosen, rejected }) => [rewardOf(prompt, chosen), rewardOf(prompt, rejected)]);
}

function readTheirRewards(file) {
  return readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { chosen, rejected } = JSON.parse(line);
      return [chosen, rejected].flat();
    });
}

function sidesOf(options, pairs) {
  const { work, threads, python } = options;
  const out = join(work, 'eval');
  const own = [
    '--require',
    join(__dirname, 'process_usage.cjs'),
    join(ROOT, 'dist', 'cli', 'main.js'),
    'eval',
    '--model_path',
    'model',
    '--data_path',
    'rows.jsonl',
    '--output_dir',
    out,
    '--num_threads',
    String(threads),
  ];
  const theirs = (dtype) => async () => {
    for (const name of ['out', 'cache']) rmSync(join(work, name), { recursive: true, force: true });
    const args = [
      join(__dirname, 'rewardbench_cpu.py'),
      '--model=model',
      '--dataset=rows.json',
      '--load_json',
      '--not_quantized',
      `--torch_dtype=${dtype}`,
      '--save_all',
      '--output_dir=out/',
      `--batch_size=${BATCH_SIZE}`,
    ];
    const env = { OMP_NUM_THREADS: String(threads), HF_DATASETS_CACHE: join(work, 'cache') };
    return {
      ...(await measure(python, args, work, env)),
      rewards: readTheirRewards(join(work, 'out', 'model_all.jsonl')),
    };
  };
  return [
    {
      name: OURS,
      dtype: null,
      run: async () => {
        rmSync(out, { recursive: true, force: true });
        const measured = await measure(process.execPath, own, work, {});
        return { ...measured, rewards: readOwnRewards(join(out, 'scores.jsonl'), pairs) };
      },
    },
    ...options.dtypes.map((dtype) => ({ name: `RewardBench, ${dtype}`, dtype, run: theirs(dtype) })),
  ];
}

const accuracy = (rewards) => rewards.filter(([chosen, rejected]) => chosen > rejected).length / rewards.length;

/** How far rewards are from this engine's, and how many pairs get the other verdict. */
function compareRewards(name, dtype, theirs, ours) {
  if (theirs.length !== ours.length)
    throw new Error(`${name} gave rewards for ${theirs.length} pairs, not ${ours.length}.`);
  const differences = theirs.flatMap((pair, i) => pair.map((reward, side) => Math.abs(reward - ours[i][side])));
  const largestDifference = Math.max(...differences);
  if (dtype === 'float32' && !(largestDifference <= AGREEMENT)) {
    throw new Error(`${name} and ${OURS} differ by ${largestDifference}: they do not score the same tokens.`);
  }
  return {
    largestDifference,
    rmsDifference: Math.sqrt(differences.reduce((sum, value) => sum + value * value, 0) / differences.length),
    flips: theirs.filter(([c, r], i) => c > r !== ours[i][0] > ours[i][1]).length,
  };
}

function summarize(sides, rounds) {
  const of = (name) => rounds.map((round) => round[name]);
  return sides.map(({ name, dtype }) => {
    const answers = of(name);
    return {
      name,
      dtype,
      seconds: spread(answers.map(({ seconds }) => seconds)),
      cpuSeconds: median(answers.map(({ cpuSeconds }) => cpuSeconds)),
      peakMib: Math.max(...answers.map(({ peakMib }) => peakMib)),
      accuracy: accuracy(answers[0].rewards),
      ...(dtype === null
        ? {}
        : {
            ratio: spread(answers.map(({ seconds }, i) => seconds / of(OURS)[i].seconds)),
            ...compareRewards(name, dtype, answers[0].rewards, of(OURS)[0].rewards),
          }),
    };
  });
}

async function main() {
  const { values } = parseArgs({
    options: {
      python: { type: 'string', default: 'python3' },
      model: { type: 'string' },
      data_path: { type: 'string' },
      pairs: { type: 'string', default: '200' },
      rounds: { type: 'string', default: '2' },
      dtypes: { type: 'string', default: 'float32,bfloat16' },
      threads: { type: 'string', default: String(availableParallelism()) },
      work: { type: 'string', default: join(ROOT, 'build', 'bench', 'rewardbench') },
      output: { type: 'string' },
    },
  });
  if (!values.model || !values.data_path)
    throw new Error('--model and --data_path are required; see the top of this file.');
  const pairs = readPairs(values.data_path, Number(values.pairs));
  const options = {
    work: resolve(values.work),
    python: resolve(values.python),
    threads: Number(values.threads),
    dtypes: values.dtypes.split(','),
  };
  prepare(options.work, resolve(values.model), pairs);
  const versions = runToEnd(options.python, [
    '-c',
    'from importlib.metadata import version as v; ' +
      'print(", ".join(f"{n} {v(n)}" for n in ("rewardbench", "transformers", "torch")))',
  ]).trim();
  const sides = sidesOf(options, pairs);
  const rounds = [];
  for (let round = 0; round < Number(values.rounds); round += 1) {
    const answers = {};
    for (const { name, run } of inTurn(sides, round)) {
      answers[name] = await run();
      process.stderr.write(`${name}: ${fixed(answers[name].seconds, 1)} s, load ${answers[name].load}\n`);
    }
    rounds.push(answers);
  }
  const part = {
    engines: [versions],
    threads: options.threads,
    rounds: rounds.length,
    pairs: pairs.length,
    prompts: new Set(pairs.map(({ prompt }) => JSON.stringify(prompt))).size,
    responses: new Set(
      pairs.flatMap(({ prompt, chosen, rejected }) => [chosen, rejected].map((text) => JSON.stringify([prompt, text]))),
    ).size,
    rows: summarize(sides, rounds),
    others: Math.max(...rounds.flatMap((round) => Object.values(round).map(({ others }) => others))),
    load: spread(rounds.flatMap((round) => Object.values(round).map(({ load }) => load))),
    results: rounds.map((round) =>
      Object.fromEntries(Object.entries(round).map(([name, { rewards, ...measured }]) => [name, measured])),
    ),
  };
  console.log(
    `${describeMachine(machineFacts())}; ${versions}; ${part.threads} threads; ${part.pairs} pairs of ` +
      `${part.prompts} prompts, ${part.responses} different responses\n\n${rewardbenchTable(part)}`,
  );
  warnUnlessQuiet(part.others);
  if (values.output) writeFileSync(values.output, `${JSON.stringify(part, null, 1)}\n`);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
