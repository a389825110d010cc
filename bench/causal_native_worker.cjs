#!/usr/bin/env node
'use strict';
// This engine's side of bench/llama_cpp.cjs: answers the requests that it lists, one JSON line each.
//
//   node bench/causal_native_worker.cjs FOLDER [--threads N] [--precision float32|bfloat16]
//
// Weights stay as stored, in their mapped files; products are float32 or bfloat16. Scoring is a reward model's, with a
// new head.

const { createInterface } = require('node:readline');
const { availableParallelism } = require('node:os');
const { parseArgs } = require('node:util');
const { engine } = require('../dist/engine/engine.js');

/** Samples back to back. */
function toBatch(samples, groups) {
  const offsets = new Int32Array(samples.length + 1);
  samples.forEach((sample, i) => {
    offsets[i + 1] = offsets[i] + sample.length;
  });
  return { tokens: Int32Array.from(samples.flat()), offsets, groups: Int32Array.from(groups) };
}
const eachAlone = (samples) =>
  toBatch(
    samples,
    samples.map((_, i) => i),
  );

const seconds = (since) => Number(process.hrtime.bigint() - since) / 1e9;

function works(rewardModel, languageModel) {
  return {
    async score({ samples }) {
      await rewardModel.score(eachAlone(samples), { sharePrompts: false });
      return {};
    },
    async score_shared({ prompt, responses }) {
      await rewardModel.score(
        toBatch(
          responses.map((response) => [...prompt, ...response]),
          responses.map(() => 0),
        ),
      );
      return {};
    },
    async generate({ prompts, newTokens }) {
      const generation = await languageModel.startGeneration(eachAlone(prompts), { maxNewTokens: newTokens + 1 });
      await generation.advance(1);
      const begin = process.hrtime.bigint();
      await generation.advance(newTokens);
      const decodeSeconds = seconds(begin);
      await generation.dispose();
      return { decodeSeconds };
    },
    async next_tokens({ prompt, count }) {
      const { ids, logProbabilities } = await languageModel.nextTokenLogProbabilities(eachAlone([prompt]), { count });
      return { ids: [...ids], logProbabilities: [...logProbabilities] };
    },
  };
}

async function main() {
  const {
    values,
    positionals: [folder],
  } = parseArgs({
    allowPositionals: true,
    options: {
      threads: { type: 'string', default: String(availableParallelism()) },
      precision: { type: 'string', default: 'float32' },
    },
  });
  if (!folder) throw new Error('Usage: causal_native_worker.cjs FOLDER [--threads N] [--precision P]');
  const load = {
    folder,
    device: 'cpu',
    numThreads: Number(values.threads),
    keep16Bit: true,
    precision: values.precision,
  };
  const rewardModel = await engine.loadModel({ ...load, createHead: true, seed: 0 });
  const languageModel = await engine.loadCausalModel(load);
  const byName = works(rewardModel, languageModel);
  const reply = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
  reply({ ready: true, engine: `cheems-native ${engine.info().version}` });
  for await (const line of createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    const begin = process.hrtime.bigint();
    const answer = await byName[request.work](request);
    reply({ seconds: seconds(begin), ...answer });
  }
  await rewardModel.dispose();
  await languageModel.dispose();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
