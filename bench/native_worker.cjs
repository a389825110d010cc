#!/usr/bin/env node
'use strict';
// This engine's side of the comparison: the same protocol and the same work as bench/huggingface.py's `train` and
// `eval`.
//
//   node bench/native_worker.cjs train|eval --model DIR --workload FILE [--threads N] [--micro_batch_tokens N]
//     [--precision float32|bfloat16]
//
// train: one prompt a step, all pairs, AdamW, norm clipped at 1. eval: all prompts of a "run N" in one call.

const { readFileSync } = require('node:fs');
const { availableParallelism } = require('node:os');
const { createInterface } = require('node:readline');
const { parseArgs } = require('node:util');
const { engine } = require('../dist/engine/engine.js');

const REG_COEF = 0.1;
const OPTIMIZER = { learningRate: 1e-5, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 1 };

/** Every response of `prompts` as one whole sample (prompt and response), numbered by prompt. */
function toBatch(prompts) {
  const samples = prompts.flatMap((prompt) =>
    prompt.response_ids.map((response) => [...prompt.prompt_ids, ...response]),
  );
  const offsets = new Int32Array(samples.length + 1);
  samples.forEach((sample, i) => {
    offsets[i + 1] = offsets[i] + sample.length;
  });
  const tokens = new Int32Array(offsets.at(-1));
  samples.forEach((sample, i) => tokens.set(sample, offsets[i]));
  return { tokens, offsets, groups: Int32Array.from(prompts.flatMap((prompt, i) => prompt.response_ids.map(() => i))) };
}

/** All pairs [chosen, rejected] of a ranking, best first. */
const pairsOf = (order) =>
  Int32Array.from(order.flatMap((better, i) => order.slice(i + 1).flatMap((worse) => [better, worse])));

async function makeTrainer(model, microBatchTokens) {
  const trainer = await model.createTrainer({ regCoef: REG_COEF, microBatchTokens });
  let step = 0;
  return async (prompts) => {
    const losses = [];
    for (const prompt of prompts) {
      step += 1;
      losses.push(
        (await trainer.step(toBatch([prompt]), { pairs: pairsOf(prompt.order) }, { ...OPTIMIZER, step })).loss,
      );
    }
    return { losses };
  };
}

async function makeEvaluator(model, microBatchTokens) {
  return async (prompts) => ({ rewards: [...(await model.score(toBatch(prompts), { microBatchTokens })).rewards] });
}

/** The process's own high-water mark, as the other worker reads it. */
function peakRssMib() {
  return Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))[1]) / 1024);
}

async function main() {
  const {
    values,
    positionals: [mode],
  } = parseArgs({
    allowPositionals: true,
    options: {
      model: { type: 'string' },
      workload: { type: 'string' },
      threads: { type: 'string', default: String(availableParallelism()) },
      micro_batch_tokens: { type: 'string' },
      precision: { type: 'string', default: 'float32' },
    },
  });
  if (!['train', 'eval'].includes(mode) || !values.model || !values.workload) {
    throw new Error(
      'Usage: native_worker.cjs train|eval --model DIR --workload FILE [--threads N] [--micro_batch_tokens N] ' +
        '[--precision float32|bfloat16]',
    );
  }
  const prompts = readFileSync(values.workload, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const model = await engine.loadModel({
    folder: values.model,
    numThreads: Number(values.threads),
    precision: values.precision,
  });
  const microBatchTokens = values.micro_batch_tokens ? Number(values.micro_batch_tokens) : undefined;
  const workOn = await (mode === 'train' ? makeTrainer : makeEvaluator)(model, microBatchTokens);

  const reply = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
  reply({ ready: true, engine: `cheems-native ${engine.info().version}` });
  let next = 0;
  for await (const line of createInterface({ input: process.stdin })) {
    const [command, count] = line.trim().split(' ');
    if (command !== 'run') throw new Error(`Unknown command "${command}": expected "run N".`);
    const batch = Array.from({ length: Number(count) }, (_, i) => prompts[(next + i) % prompts.length]);
    next += batch.length;
    const begin = process.hrtime.bigint();
    const results = await workOn(batch);
    const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
    const lengths = batch.flatMap((prompt) =>
      prompt.response_ids.map((response) => prompt.prompt_ids.length + response.length),
    );
    reply({
      seconds,
      prompts: batch.length,
      responses: lengths.length,
      tokens: lengths.reduce((sum, length) => sum + length, 0),
      peak_rss_mib: peakRssMib(),
      ...results,
    });
  }
  await model.dispose();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
