#!/usr/bin/env node
'use strict';
// This engine beside Hugging Face transformers on the same CPU, same weights, same prompts, interleaved in one run.
//
//   node bench/compare.cjs --python .venv/bin/python [--configs tiny,small] [--modes train,eval] [--rounds 5]
//
// In every round each side works through the same prompts, now one first, now the other; the matrix peak of the same machine
// is measured between the rounds by --matrix_peak_command, a program that prints a JSON line {"gflops": N}. What both sides
// computed (losses, rewards) must agree, or the run fails: two workers that do different work cannot be compared.

const { spawn, spawnSync } = require('node:child_process');
const { mkdirSync, existsSync, readFileSync, writeFileSync } = require('node:fs');
const { availableParallelism, cpus, release, totalmem } = require('node:os');
const { join } = require('node:path');
const { createInterface } = require('node:readline');
const { setTimeout: sleep } = require('node:timers/promises');
const { parseArgs } = require('node:util');
const { matrixWork } = require('./matrix_work.cjs');

const HERE = __dirname;
/** Prompts of one round: enough for seconds on this engine, few enough for Hugging Face. */
const PROMPTS_A_ROUND = { tiny: { train: 8, eval: 16 }, small: { train: 3, eval: 6 } };
const WARM_UP_PROMPTS = 2;
/** Both sides compute in float32; training compares losses after a few steps from the same weights. */
const AGREEMENT = 1e-3;
/** Above this share of the machine taken by other processes, the figures are no measurement. */
const QUIET = 0.1;
const CLOCK_TICKS = 100; // a second, in /proc: fixed on Linux
const SETTLE_MS = 400; // the other side's threads spin a while before they sleep

const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};
const fixed = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : '–');

/** A worker process that answers every line written to it by one JSON line. */
class Worker {
  static async start(command, args) {
    const worker = new Worker(command, args);
    worker.engine = (await worker.#answer()).engine;
    return worker;
  }

  constructor(command, args) {
    this.name = [command, ...args].join(' ');
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.failure = new Promise((_, reject) => {
      this.child.once('error', (error) => reject(new Error(`"${this.name}" did not start: ${error.message}`)));
      this.child.once('exit', (code, signal) => reject(new Error(`"${this.name}" ended early (${signal ?? `exit code ${code}`}).`)));
    });
    this.failure.catch(() => {}); // reported by whoever waits for an answer
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async #answer() {
    const { value, done } = await Promise.race([this.lines.next(), this.failure]);
    if (done) return this.failure;
    return JSON.parse(value);
  }

  /** The answer to "run N", and as `others` the share of the machine that other processes took meanwhile. */
  async run(prompts) {
    const before = this.#cpuSeconds();
    this.child.stdin.write(`run ${prompts}\n`);
    const answer = await this.#answer();
    const after = this.#cpuSeconds();
    const others = after.machine - before.machine - (after.own - before.own);
    return { ...answer, others: Math.max(0, others / answer.seconds / cpus().length) };
  }

  #cpuSeconds() {
    const machine = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return { machine, own: (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS };
  }

  async stop() {
    const ended = new Promise((resolve) => { this.child.once('exit', resolve); });
    this.child.stdin.end();
    await ended;
  }
}

function runToEnd(command, args) {
  const { status, stdout, error } = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
  if (status !== 0) throw new Error(`"${[command, ...args].join(' ')}" failed: ${error?.message ?? `exit code ${status}`}`);
  return stdout;
}

function measureMatrixPeak(command) {
  const [program, ...args] = command.split(' ');
  return JSON.parse(runToEnd(program, args).trim().split('\n').at(-1)).gflops;
}

function assertSameWork(mode, theirs, ours) {
  const name = mode === 'train' ? 'losses' : 'rewards';
  const difference = Math.max(...theirs[name].map((value, i) => Math.abs(value - ours[name][i])));
  if (theirs[name].length !== ours[name].length || !(difference <= AGREEMENT)) {
    throw new Error(`The two sides disagree by ${difference} in their ${name}; they do not do the same work.`);
  }
  return difference;
}

async function compare(config, mode, options) {
  const folder = join(options.work, config);
  const model = join(folder, 'model');
  const workload = join(folder, 'workload.jsonl');
  if (!existsSync(workload)) {
    mkdirSync(folder, { recursive: true });
    runToEnd(options.python, [join(HERE, 'huggingface.py'), 'make', '--config', config, '--model', model, '--workload', workload]);
  }
  const prompts = readFileSync(workload, 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
  const architecture = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'));
  const args = [mode, '--model', model, '--workload', workload, '--threads', String(options.threads)];
  const theirs = await Worker.start(options.python, [join(HERE, 'huggingface.py'), ...args]);
  const ours = await Worker.start(process.execPath, [join(HERE, 'native_worker.cjs'), ...args]);

  const count = PROMPTS_A_ROUND[config][mode];
  let difference = assertSameWork(mode, await theirs.run(WARM_UP_PROMPTS), await ours.run(WARM_UP_PROMPTS));
  const rounds = [];
  for (let round = 0; round < options.rounds; round += 1) {
    const result = { peak: options.matrixPeakCommand ? measureMatrixPeak(options.matrixPeakCommand) : options.matrixPeak };
    for (const side of round % 2 === 0 ? ['theirs', 'ours'] : ['ours', 'theirs']) {
      await sleep(SETTLE_MS);
      result[side] = await (side === 'ours' ? ours : theirs).run(count);
    }
    difference = Math.max(difference, assertSameWork(mode, result.theirs, result.ours));
    const first = WARM_UP_PROMPTS + round * count;
    const work = Array.from({ length: count }, (_, i) => prompts[(first + i) % prompts.length])
      .reduce((sum, prompt) => sum + matrixWork(architecture, prompt, mode), 0);
    result.gflops = work / result.ours.seconds / 1e9;
    result.share = result.gflops / result.peak;
    result.ratio = result.theirs.seconds / result.ours.seconds;
    result.others = Math.max(result.theirs.others, result.ours.others);
    rounds.push(result);
    process.stderr.write(`${config} ${mode} round ${round + 1}: Hugging Face ${fixed(result.theirs.seconds, 2)} s, ` +
      `here ${fixed(result.ours.seconds, 2)} s, ratio ${fixed(result.ratio, 2)}, other processes at most ${fixed(result.others * 100, 0)} %\n`);
  }
  await Promise.all([theirs.stop(), ours.stop()]);
  return { config, mode, rounds, difference, engines: [theirs.engine, ours.engine] };
}

function summarise({ config, mode, rounds, difference }) {
  const of = (pick) => median(rounds.map(pick));
  const ratios = rounds.map(({ ratio }) => ratio);
  return {
    config,
    mode,
    huggingFacePromptsPerSecond: of(({ theirs }) => theirs.prompts / theirs.seconds),
    nativePromptsPerSecond: of(({ ours }) => ours.prompts / ours.seconds),
    nativeTokensPerSecond: of(({ ours }) => ours.tokens / ours.seconds),
    ratio: median(ratios),
    lowestRatio: Math.min(...ratios),
    highestRatio: Math.max(...ratios),
    matrixGflops: of(({ gflops }) => gflops),
    matrixPeakGflops: of(({ peak }) => peak),
    shareOfMatrixPeak: of(({ share }) => share),
    huggingFacePeakMib: Math.max(...rounds.map(({ theirs }) => theirs.peak_rss_mib)),
    nativePeakMib: Math.max(...rounds.map(({ ours }) => ours.peak_rss_mib)),
    largestDifference: difference,
    othersShare: Math.max(...rounds.map(({ others }) => others)),
  };
}

function toMarkdown(rows) {
  const head = ['model', 'mode', 'Hugging Face, prompts/s', 'here, prompts/s', 'ratio (lowest to highest)', 'peak memory, MiB: Hugging Face / here',
    'matrix GFLOP/s here / machine', 'share'];
  const lines = rows.map((row) => [row.config, row.mode, fixed(row.huggingFacePromptsPerSecond, 3), fixed(row.nativePromptsPerSecond, 3),
    `**${fixed(row.ratio, 2)}** (${fixed(row.lowestRatio, 2)} to ${fixed(row.highestRatio, 2)})`,
    `${row.huggingFacePeakMib} / ${row.nativePeakMib}`, `${fixed(row.matrixGflops, 1)} / ${fixed(row.matrixPeakGflops, 1)}`,
    `${fixed(row.shareOfMatrixPeak * 100, 0)} %`]);
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

async function main() {
  const { values } = parseArgs({
    options: {
      python: { type: 'string', default: 'python3' },
      configs: { type: 'string', default: 'tiny,small' },
      modes: { type: 'string', default: 'train,eval' },
      rounds: { type: 'string', default: '5' },
      threads: { type: 'string', default: String(availableParallelism()) },
      work: { type: 'string', default: join(HERE, '..', 'build', 'bench') },
      matrix_peak_command: { type: 'string' },
      matrix_peak: { type: 'string' },
      output: { type: 'string' },
    },
  });
  const options = {
    python: values.python,
    rounds: Number(values.rounds),
    threads: Number(values.threads),
    work: values.work,
    matrixPeakCommand: values.matrix_peak_command,
    matrixPeak: Number(values.matrix_peak ?? NaN),
  };
  const results = [];
  for (const config of values.configs.split(',')) {
    if (!PROMPTS_A_ROUND[config]) throw new Error(`Unknown model "${config}" in --configs: expected tiny or small.`);
    for (const mode of values.modes.split(',')) results.push(await compare(config, mode, options));
  }
  const rows = results.map(summarise);
  console.log(`${cpus()[0].model}, ${options.threads} threads, ${Math.round(totalmem() / 2 ** 30)} GiB, Linux ${release()}, ` +
    `Node ${process.version}; ${results[0].engines.join(' against ')}; ${options.rounds} rounds, medians\n`);
  console.log(toMarkdown(rows));
  for (const { config, mode, largestDifference } of rows) {
    console.log(`${config} ${mode}: largest difference between the two sides' ${mode === 'train' ? 'losses' : 'rewards'} ${largestDifference.toExponential(1)}`);
  }
  const others = Math.max(...rows.map(({ othersShare }) => othersShare));
  if (others > QUIET) {
    console.log(`\nOther processes took up to ${fixed(others * 100, 0)} % of the machine during a run: repeat this on a quiet one before quoting it.`);
  }
  if (values.output) writeFileSync(values.output, `${JSON.stringify({ rows, results }, null, 1)}\n`);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
