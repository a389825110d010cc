#!/usr/bin/env node
'use strict';
// Every comparison of docs/speed.md and bench/RESULTS.md in one go, on a quiet machine; about 20 minutes on two cores.
//
//   bash bench/setup.sh
//   node bench/run_all.cjs [--model FOLDER --data_path ROWS.jsonl] [--parts transformers,rewardbench,llama_cpp]
//     [--tools build/bench/tools] [--work build/bench] [--output FILE] [--tiny]
//
// --model and --data_path are bench/rewardbench.cjs's, whose part is left out without them. The figures go to
// bench/results/cpu-<generation>-<date>.json; parts that this run leaves out stay as the file has them. `node
// bench/tables.cjs --write` then puts the tables into the documents. --tiny tries every part at
// sizes that say nothing.

const { spawnSync } = require('node:child_process');
const { existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { loadavg } = require('node:os');
const { dirname, join, relative } = require('node:path');
const { parseArgs } = require('node:util');
const { machineFacts } = require('./measuring.cjs');

const ROOT = join(__dirname, '..');
const MATRIX_PEAK = join(ROOT, 'build', 'cmake', 'operation_times');
/** Above this load of the last minute something else computes already. */
const QUIET_LOAD = 0.3;

/** name → the bench's file and options, or a text: why the part is left out. */
function partsOf({ tools, work, model, data_path: data, tiny, threads }) {
  const python = (name) => ['--python', join(tools, name, 'bin', 'python')];
  const peak = existsSync(MATRIX_PEAK) ? ['--matrix_peak_command', `${MATRIX_PEAK} peak ${threads}`] : [];
  if (peak.length === 0) {
    console.error(
      'Without the matrix peak, for which: cmake -S . -B build/cmake; cmake --build build/cmake --target ' +
        'operation_times',
    );
  }
  return {
    transformers: [
      'compare.cjs',
      ...python('transformers'),
      ...peak,
      '--work',
      work,
      ...(tiny ? ['--configs', 'tiny', '--rounds', '1', '--prompts', '1'] : ['--rounds', '4']),
    ],
    rewardbench:
      model && data
        ? [
            'rewardbench.cjs',
            ...python('rewardbench'),
            '--model',
            model,
            '--data_path',
            data,
            '--work',
            join(work, 'rewardbench'),
            ...(tiny ? ['--pairs', '4', '--rounds', '1'] : ['--pairs', '200', '--rounds', '2']),
          ]
        : 'it needs --model and --data_path',
    llama_cpp: [
      'llama_cpp.cjs',
      ...python('transformers'),
      '--llama',
      join(tools, 'node-llama-cpp'),
      '--work',
      work,
      ...(tiny
        ? ['--tiny', '--rounds', '1', '--shared_rounds', '1', '--generation_rounds', '1', '--new_tokens', '2']
        : []),
    ],
  };
}

function runPart(name, [file, ...args], figures) {
  const output = join(figures, `${name}.json`);
  const began = performance.now();
  console.log(`\n== ${name} (load ${loadavg()[0].toFixed(2)})\n`);
  const { status } = spawnSync(process.execPath, [join(__dirname, file), ...args, '--output', output], {
    stdio: 'inherit',
  });
  const minutes = (performance.now() - began) / 60000;
  console.log(`\n== ${name}: ${status === 0 ? 'done' : 'FAILED'} after ${minutes.toFixed(1)} minutes`);
  return status === 0 ? { minutes, ...JSON.parse(readFileSync(output, 'utf8')) } : undefined;
}

function main() {
  const { values } = parseArgs({
    options: {
      tools: { type: 'string', default: join(ROOT, 'build', 'bench', 'tools') },
      work: { type: 'string', default: join(ROOT, 'build', 'bench') },
      model: { type: 'string' },
      data_path: { type: 'string' },
      parts: { type: 'string', default: 'transformers,rewardbench,llama_cpp' },
      output: { type: 'string' },
      tiny: { type: 'boolean', default: false },
    },
  });
  const machine = machineFacts();
  const date = new Date().toISOString().slice(0, 10);
  const slug = machine.generation.toLowerCase().replace(/[^a-z0-9]+/g, '');
  const folder = join(ROOT, values.tiny ? 'build/bench' : 'bench/results');
  const output = values.output ?? join(folder, `cpu-${slug}-${date}.json`);
  const figures = join(values.work, 'figures');
  for (const needed of [figures, dirname(output)]) mkdirSync(needed, { recursive: true });
  if (loadavg()[0] > QUIET_LOAD) {
    console.error(
      `The load of the last minute is ${loadavg()[0].toFixed(2)}: beside other work the figures say nothing.`,
    );
  }
  const all = partsOf({ ...values, threads: machine.cores });
  const result = existsSync(output) ? JSON.parse(readFileSync(output, 'utf8')) : { parts: {} };
  const failed = [];
  for (const name of values.parts.split(',')) {
    if (!all[name]) throw new Error(`Unknown part "${name}" in --parts: expected ${Object.keys(all).join(', ')}.`);
    if (typeof all[name] === 'string') {
      console.error(`${name} is left out: ${all[name]}.`);
      continue;
    }
    const part = runPart(name, all[name], figures);
    if (part === undefined) failed.push(name);
    else result.parts[name] = part;
    // After every part, so that a part that fails loses no other's figures.
    writeFileSync(output, `${JSON.stringify({ machine, date, parts: result.parts }, null, 1)}\n`);
  }
  console.log(`\n${relative(process.cwd(), output)}\n`);
  spawnSync(process.execPath, [join(__dirname, 'tables.cjs'), '--results', output], { stdio: 'inherit' });
  if (failed.length > 0) {
    console.error(`${failed.join(', ')} failed: see above.`);
    process.exitCode = 1;
  }
}

try {
  main();
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
