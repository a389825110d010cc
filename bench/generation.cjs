// Tokens per second of text generation on the CPU, against transformers, in turns so that both meet the same machine:
//   node bench/generation.cjs [--model FOLDER] [--batches 1,8,32] [--prompt 64] [--new 16] [--rounds 2] [--threads 2] [--python PYTHON]
// Without --model, a random model of Qwen2.5-0.5B's shape is made (with the Python given, 1 GB in the temporary folder). Each side's figure is its best
// round. Beside the wall's time stands the time that processors spent, which other programs on the machine change least.
'use strict';
const { spawn } = require('node:child_process');
const { existsSync } = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { createInterface } = require('node:readline');
const { parseArgs } = require('node:util');

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: path.join(os.tmpdir(), 'cheems-bench-qwen2-0.5b') },
    batches: { type: 'string', default: '1,8,32' },
    prompt: { type: 'string', default: '64' },
    new: { type: 'string', default: '16' },
    rounds: { type: 'string', default: '2' },
    threads: { type: 'string', default: '2' },
    python: { type: 'string', default: process.env.CHEEMS_PYTHON ?? 'python3' },
  },
});
const [length, newTokens, rounds, threads] = ['prompt', 'new', 'rounds', 'threads'].map((name) => Number(values[name]));
const batches = values.batches.split(',').map(Number);

/** Prompts that share nothing. */
const promptsOf = (batch) => Array.from({ length: batch }, (_, p) => Array.from({ length }, (_, i) => 1000 + ((p * 7919 + i * 104729 + i * i) % 140000)));

async function engineSide() {
  const { engine } = require('../dist/engine/index.js');
  const model = await engine.loadCausalModel({ folder: values.model, device: 'cpu', numThreads: threads, keep16Bit: true });
  return {
    name: 'this engine, bfloat16 weights',
    async measure(batch) {
      const prompts = promptsOf(batch);
      const groups = Int32Array.from(prompts, (_, i) => i);
      const generation = await model.startGeneration(
        { tokens: Int32Array.from(prompts.flat()), offsets: Int32Array.from({ length: batch + 1 }, (_, i) => i * length), groups },
        { maxNewTokens: newTokens + 1 },
      );
      const usage = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1e6; };
      const [t0, c0] = [performance.now() / 1e3, usage()];
      await generation.advance(1);
      const [t1, c1] = [performance.now() / 1e3, usage()];
      await generation.advance(newTokens);
      const [t2, c2] = [performance.now() / 1e3, usage()];
      await generation.dispose();
      return { prefill: t1 - t0, prefillCpu: c1 - c0, decode: t2 - t1, decodeCpu: c2 - c1 };
    },
    close: () => model.dispose(),
  };
}

function pythonSide(dtype) {
  const child = spawn(values.python, [path.join(__dirname, 'generation_huggingface.py'), values.model, dtype, String(threads)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    name: `transformers, ${dtype}`,
    async measure(batch) {
      child.stdin.write(`${JSON.stringify({ prompts: promptsOf(batch), newTokens })}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`${values.python} ended without an answer.`);
      return JSON.parse(value);
    },
    close: () => child.stdin.end(),
  };
}

async function makeModel() {
  if (existsSync(path.join(values.model, 'config.json'))) return;
  await new Promise((resolve, reject) => {
    const child = spawn(values.python, [path.join(__dirname, 'generation_huggingface.py'), values.model, '--make'], { stdio: 'inherit' });
    child.on('error', reject).on('exit', (code) => (code === 0 ? resolve() : reject(new Error(`${values.python} could not make the model.`))));
  });
}

async function main() {
  await makeModel();
  const sides = [await engineSide(), pythonSide('float32'), pythonSide('bfloat16')];
  const figures = new Map();
  for (let round = 0; round < rounds; round += 1) {
    for (const batch of batches) {
      for (const side of sides) {
        const key = `${batch} ${side.name}`;
        const now = await side.measure(batch);
        const best = figures.get(key) ?? now;
        figures.set(key, Object.fromEntries(Object.keys(now).map((name) => [name, Math.min(now[name], best[name])])));
      }
    }
  }
  const columns = ['batch', 'who', 'prefill tok/s', 'decode tok/s', 'ms a step', 'CPU ms a step', 'decode, ratio', 'by CPU time'];
  console.log(`${threads} threads, prompts of ${length} tokens, ${newTokens} steps, best of ${rounds}, ${os.cpus()[0].model}\n`);
  console.log(`| ${columns.join(' | ')} |\n|${columns.map(() => '---').join('|')}|`);
  for (const batch of batches) {
    const own = figures.get(`${batch} ${sides[0].name}`);
    for (const { name } of sides) {
      const f = figures.get(`${batch} ${name}`);
      const cells = [batch, name, (batch * length) / f.prefill, (batch * newTokens) / f.decode, (1e3 * f.decode) / newTokens, (1e3 * f.decodeCpu) / newTokens, f.decode / own.decode, f.decodeCpu / own.decodeCpu];
      console.log(`| ${cells.map((cell) => (typeof cell === 'string' || Number.isInteger(cell) ? cell : cell.toFixed(2))).join(' | ')} |`);
    }
  }
  for (const side of sides) await side.close();
}
main().catch((error) => { console.error(error); process.exit(1); });
