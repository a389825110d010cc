#!/usr/bin/env node
'use strict';
// This engine beside Hugging Face transformers on the same CPU, same weights, same prompts, interleaved in one run.
//
//   node bench/compare.cjs --python .venv/bin/python [--configs tiny,small] [--modes train,eval] [--rounds 5]
//     [--prompts N] [--dtypes float32,bfloat16] [--output FILE]
//
// In every round each side works through the same prompts, each round another one first; the matrix peak of the same
// machine is measured between the rounds by --matrix_peak_command, a program that prints a JSON line {"gflops": N}.
// What both sides computed (losses, rewards) must agree, or the run fails: workers that do different work cannot be
// compared.

const { mkdirSync, existsSync, readFileSync, writeFileSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const { join } = require('node:path');
const { parseArgs } = require('node:util');
const { matrixWork } = require('./matrix_work.cjs');
const {
  Worker,
  describeMachine,
  fixed,
  inTurn,
  loadAverage,
  machineFacts,
  median,
  runToEnd,
  spread,
  warnUnlessQuiet,
  withWorkers,
} = require('./measuring.cjs');
const { transformersTable } = require('./tables.cjs');

/** Prompts of one round: enough for seconds on this engine, few enough for Hugging Face. */
const PROMPTS_PER_ROUND = { tiny: { train: 8, eval: 16 }, small: { train: 3, eval: 6 } };
const WARM_UP_PROMPTS = 2;
/** Training compares losses after a few steps from the same weights. This engine computes in float32. */
const AGREEMENT = { float32: 1e-3, bfloat16: 0.1 };
/** This engine's two sides; others are compared with both. */
const OURS = [
  { name: 'ours', precision: 'float32' },
  { name: 'oursBfloat16', precision: 'bfloat16' },
];

function measureMatrixPeak(command) {
  const [program, ...args] = command.split(' ');
  return JSON.parse(runToEnd(program, args).trim().split('\n').at(-1)).gflops;
}

function assertSameWork(mode, dtype, theirs, ours) {
  const name = mode === 'train' ? 'losses' : 'rewards';
  const difference = Math.max(...theirs[name].map((value, i) => Math.abs(value - ours[name][i])));
  if (theirs[name].length !== ours[name].length || !(difference <= AGREEMENT[dtype])) {
    throw new Error(
      `transformers in ${dtype} and this engine disagree by ${difference} in their ${name}: ` +
        'they do not do the same work.',
    );
  }
  return difference;
}

/** The folder of a random model and its prompts, made once. */
function prepare(config, options) {
  const folder = join(options.work, config);
  const paths = { model: join(folder, 'model'), workload: join(folder, 'workload.jsonl') };
  if (!existsSync(paths.workload)) {
    mkdirSync(folder, { recursive: true });
    const args = ['make', '--config', config, '--model', paths.model, '--workload', paths.workload];
    runToEnd(options.python, [join(__dirname, 'huggingface.py'), ...args]);
  }
  return paths;
}

async function compare(config, mode, options) {
  const { model, workload } = prepare(config, options);
  const prompts = readFileSync(workload, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const architecture = JSON.parse(readFileSync(join(model, 'config.json'), 'utf8'));
  const args = [mode, '--model', model, '--workload', workload, '--threads', String(options.threads)];
  const starts = [
    ...OURS.map(
      ({ precision }) =>
        () =>
          Worker.start(process.execPath, [join(__dirname, 'native_worker.cjs'), ...args, '--precision', precision]),
    ),
    ...options.dtypes.map(
      (dtype) => () => Worker.start(options.python, [join(__dirname, 'huggingface.py'), ...args, '--dtype', dtype]),
    ),
  ];
  return withWorkers(starts, async (workers) => {
    const names = [...OURS.map(({ name }) => name), ...options.dtypes];
    const sides = names.map((name, i) => ({ name, worker: workers[i] }));
    const differences = Object.fromEntries(options.dtypes.map((dtype) => [dtype, 0]));
    const runAll = async (count, round) => {
      const answers = {};
      for (const { name, worker } of inTurn(sides, round)) answers[name] = await worker.ask(`run ${count}`);
      assertSameWork(mode, 'bfloat16', answers.oursBfloat16, answers.ours);
      for (const dtype of options.dtypes) {
        differences[dtype] = Math.max(differences[dtype], assertSameWork(mode, dtype, answers[dtype], answers.ours));
      }
      return answers;
    };
    await runAll(WARM_UP_PROMPTS, 0);
    const count = options.prompts ?? PROMPTS_PER_ROUND[config][mode];
    const rounds = [];
    for (let round = 0; round < options.rounds; round += 1) {
      const peak = options.matrixPeakCommand ? measureMatrixPeak(options.matrixPeakCommand) : options.matrixPeak;
      const answers = await runAll(count, round);
      const first = WARM_UP_PROMPTS + round * count;
      const work = Array.from({ length: count }, (_, i) => prompts[(first + i) % prompts.length]).reduce(
        (sum, prompt) => sum + matrixWork(architecture, prompt, mode),
        0,
      );
      rounds.push({ peak, gflops: work / answers.ours.seconds / 1e9, load: loadAverage(), ...answers });
      const told = options.dtypes.map((dtype) => {
        const { seconds } = answers[dtype];
        return `transformers ${dtype} ${fixed(seconds, 2)} s (${fixed(seconds / answers.ours.seconds, 2)})`;
      });
      process.stderr.write(
        `${config} ${mode} round ${round + 1}: here ${fixed(answers.ours.seconds, 2)} s, ` +
          `in bfloat16 ${fixed(answers.oursBfloat16.seconds, 2)} s, ` +
          `${told.join(', ')}, load ${loadAverage()}\n`,
      );
    }
    return { config, mode, rounds, differences, engines: workers.map(({ engine }) => engine) };
  });
}

function summarizeDtype(dtype, rounds, difference) {
  const over = (side) => spread(rounds.map((round) => round[dtype].seconds / round[side].seconds));
  return {
    promptsPerSecond: median(rounds.map((round) => round[dtype].prompts / round[dtype].seconds)),
    ratio: over('ours'),
    bfloat16Ratio: over('oursBfloat16'),
    peakMib: Math.max(...rounds.map((round) => round[dtype].peak_rss_mib)),
    largestDifference: difference,
  };
}

function summarize({ config, mode, rounds, differences }) {
  const of = (pick) => median(rounds.map(pick));
  const names = [...OURS.map(({ name }) => name), ...Object.keys(differences)];
  const answersOf = (round) => names.map((name) => round[name]);
  return {
    config,
    mode,
    promptsPerSecond: of(({ ours }) => ours.prompts / ours.seconds),
    bfloat16PromptsPerSecond: of(({ oursBfloat16 }) => oursBfloat16.prompts / oursBfloat16.seconds),
    tokensPerSecond: of(({ ours }) => ours.tokens / ours.seconds),
    peakMib: Math.max(...rounds.map(({ ours }) => ours.peak_rss_mib)),
    matrixGflops: of(({ gflops }) => gflops),
    matrixPeakGflops: of(({ peak }) => peak),
    shareOfMatrixPeak: of(({ gflops, peak }) => gflops / peak),
    transformers: Object.fromEntries(
      Object.entries(differences).map(([dtype, difference]) => [dtype, summarizeDtype(dtype, rounds, difference)]),
    ),
    load: spread(rounds.map(({ load }) => load)),
    others: Math.max(...rounds.flatMap((round) => answersOf(round).map(({ others }) => others))),
  };
}

async function main() {
  const { values } = parseArgs({
    options: {
      python: { type: 'string', default: 'python3' },
      configs: { type: 'string', default: 'tiny,small' },
      modes: { type: 'string', default: 'train,eval' },
      dtypes: { type: 'string', default: 'float32,bfloat16' },
      rounds: { type: 'string', default: '5' },
      prompts: { type: 'string' },
      threads: { type: 'string', default: String(availableParallelism()) },
      work: { type: 'string', default: join(__dirname, '..', 'build', 'bench') },
      matrix_peak_command: { type: 'string' },
      matrix_peak: { type: 'string' },
      output: { type: 'string' },
    },
  });
  const options = {
    python: values.python,
    dtypes: values.dtypes.split(','),
    rounds: Number(values.rounds),
    prompts: values.prompts === undefined ? undefined : Number(values.prompts),
    threads: Number(values.threads),
    work: values.work,
    matrixPeakCommand: values.matrix_peak_command,
    matrixPeak: Number(values.matrix_peak ?? NaN),
  };
  for (const dtype of options.dtypes) {
    if (!AGREEMENT[dtype]) throw new Error(`Unknown dtype "${dtype}" in --dtypes: expected float32 or bfloat16.`);
  }
  const results = [];
  for (const config of values.configs.split(',')) {
    if (!PROMPTS_PER_ROUND[config]) throw new Error(`Unknown model "${config}" in --configs: expected tiny or small.`);
    for (const mode of values.modes.split(',')) results.push(await compare(config, mode, options));
  }
  const part = {
    engines: [...new Set(results[0].engines)],
    threads: options.threads,
    rounds: options.rounds,
    rows: results.map(summarize),
    results,
  };
  console.log(
    `${describeMachine(machineFacts())}; ${part.engines.join(' against ')}; ${options.threads} threads, ` +
      `${options.rounds} rounds, medians (lowest to highest)\n\n${transformersTable(part)}`,
  );
  warnUnlessQuiet(Math.max(...part.rows.map(({ others }) => others)));
  if (values.output) writeFileSync(values.output, `${JSON.stringify(part, null, 1)}\n`);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
