'use strict';
// Shared by the benchmarks: workers that are driven line by line, facts of the machine, medians, tables.

const { spawn, spawnSync } = require('node:child_process');
const { readFileSync } = require('node:fs');
const { cpus, loadavg, release, totalmem } = require('node:os');
const { createInterface } = require('node:readline');
const { setTimeout: sleep } = require('node:timers/promises');

/** If other processes use more than this fraction of the machine, the figures are not valid. */
const QUIET = 0.1;
const CLOCK_TICKS = 100; // per second, in /proc: fixed on Linux
const SETTLE_MS = 400; // the other side's threads spin for a while before they sleep

const median = (values) => {
  const sorted = values.toSorted((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1] + sorted[sorted.length >> 1]) / 2;
};
/** Median, lowest and highest: the form of every figure. */
const spread = (values) => ({ median: median(values), lowest: Math.min(...values), highest: Math.max(...values) });
const fixed = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : '–');
/** "2.00 (1.90 to 2.10)"; a figure that was taken once has no range. */
const withRange = ({ median: middle, lowest, highest }, digits) =>
  fixed(middle, digits) + (lowest === highest ? '' : ` (${fixed(lowest, digits)} to ${fixed(highest, digits)})`);
const toMarkdown = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

/**
 * A worker process that answers every line written to it with one JSON line; its first line says {"ready",
 * "engine"}.
 */
class Worker {
  static async start(command, args, env = {}) {
    const worker = new Worker(command, args, env);
    worker.engine = (await worker.#answer()).engine;
    return worker;
  }

  constructor(command, args, env) {
    this.name = [command, ...args].join(' ');
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, ...env } });
    this.failure = new Promise((_, reject) => {
      this.child.once('error', (error) => reject(new Error(`"${this.name}" did not start: ${error.message}`)));
      this.child.once('exit', (code, signal) => {
        reject(new Error(`"${this.name}" ended early (${signal ?? `exit code ${code}`}).`));
      });
    });
    this.failure.catch(() => {}); // reported by whoever waits for an answer
    this.child.stdin.on('error', () => {}); // a worker that ended: `failure` says so
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }

  async #answer() {
    const { value, done } = await Promise.race([this.lines.next(), this.failure]);
    if (done) return this.failure;
    return JSON.parse(value);
  }

  /** The answer to a line; as `others` the share of the machine that other processes took meanwhile. */
  async ask(line) {
    await sleep(SETTLE_MS);
    const before = this.#cpuSeconds();
    const begin = performance.now();
    this.child.stdin.write(`${line}\n`);
    const answer = await this.#answer();
    const seconds = (performance.now() - begin) / 1000;
    const after = this.#cpuSeconds();
    const others = after.machine - before.machine - (after.own - before.own);
    return { ...answer, others: Math.max(0, others / seconds / cpus().length) };
  }

  #cpuSeconds() {
    const fields = readFileSync(`/proc/${this.child.pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
    return { machine: machineCpuSeconds(), own: (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS };
  }

  async stop() {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = new Promise((resolve) => {
      this.child.once('exit', resolve);
    });
    this.child.stdin.end();
    await ended;
  }
}

/** CPU seconds that the whole machine has spent since its start. */
function machineCpuSeconds() {
  return cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0) / 1000;
}

/** Starts all workers, gives them to `work`, and ends them whatever happens. */
async function withWorkers(starts, work) {
  const workers = [];
  try {
    for (const start of starts) workers.push(await start());
    return await work(workers);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
  }
}

/** The order of the sides in a round: each round starts with another one. */
const inTurn = (sides, round) => sides.map((_, i) => sides[(i + round) % sides.length]);

function runToEnd(command, args, options = {}) {
  const stdio = ['ignore', 'pipe', 'inherit'];
  const { status, stdout, error } = spawnSync(command, args, { encoding: 'utf8', stdio, ...options });
  if (status !== 0)
    throw new Error(`"${[command, ...args].join(' ')}" failed: ${error?.message ?? `exit code ${status}`}`);
  return stdout;
}

/** Generations of CPUs by vendor, family and model: AMD's and Intel's public numbers. */
const GENERATIONS = [
  [
    'AuthenticAMD',
    23,
    [
      [0, 0x2f, 'Zen'],
      [0x30, 0xff, 'Zen 2'],
    ],
  ],
  [
    'AuthenticAMD',
    25,
    [
      [0, 0x0f, 'Zen 3'],
      [0x10, 0x1f, 'Zen 4'],
      [0x20, 0x5f, 'Zen 3'],
      [0x60, 0xaf, 'Zen 4'],
    ],
  ],
  ['AuthenticAMD', 26, [[0, 0xff, 'Zen 5']]],
  [
    'GenuineIntel',
    6,
    [
      [0x55, 0x55, 'Skylake-SP'],
      [0x6a, 0x6c, 'Ice Lake-SP'],
      [0x8f, 0x8f, 'Sapphire Rapids'],
      [0xad, 0xae, 'Granite Rapids'],
      [0xcf, 0xcf, 'Emerald Rapids'],
    ],
  ],
];
const COUNTED_FEATURES = ['avx2', 'avx512f', 'avx512_bf16', 'avx512_vnni', 'amx_tile'];

/** Facts of the machine that determine the figures. */
function machineFacts() {
  const cpuinfo = readFileSync('/proc/cpuinfo', 'utf8');
  const field = (name) => new RegExp(`^${name}\\s*:\\s*(.*)$`, 'm').exec(cpuinfo)?.[1] ?? '';
  const [vendor, family, model] = [field('vendor_id'), Number(field('cpu family')), Number(field('model'))];
  const models = GENERATIONS.find(([v, f]) => v === vendor && f === family)?.[2] ?? [];
  const unnamed = vendor === '' ? cpus()[0].model : `family ${family}, model ${model}`;
  const generation = models.find(([low, high]) => model >= low && model <= high)?.[2] ?? unnamed;
  const flags = new Set(field('flags').split(' '));
  return {
    cpu: cpus()[0].model,
    generation,
    family,
    model,
    features: COUNTED_FEATURES.filter((name) => flags.has(name)),
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
  };
}

const describeMachine = ({ cpu, generation, features, cores, memoryGib, kernel, node }) =>
  [
    `${cpu} (${[generation, ...features].join(', ')})`,
    `${cores} cores`,
    `${memoryGib} GiB`,
    ...(kernel ? [`Linux ${kernel}`] : []),
    `Node ${node}`,
  ].join(', ');

/** The load of the last minute, recorded with every round, so that a reader sees whether the machine was idle. */
const loadAverage = () => Number(loadavg()[0].toFixed(2));

/** Warns on standard error about what a reader must know before quoting figures. */
function warnUnlessQuiet(share) {
  if (share <= QUIET) return;
  console.error(
    `\nOther processes took up to ${fixed(share * 100, 0)} % of the machine during a run: ` +
      'repeat this on a quiet one before quoting it.',
  );
}

module.exports = {
  Worker,
  describeMachine,
  fixed,
  inTurn,
  loadAverage,
  machineCpuSeconds,
  machineFacts,
  median,
  runToEnd,
  spread,
  toMarkdown,
  warnUnlessQuiet,
  withRange,
  withWorkers,
};
