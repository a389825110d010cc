#!/usr/bin/env node
// llama.cpp's side of bench/llama_cpp.cjs, through node-llama-cpp and its prebuilt library: answers the requests that
// bench/llama_cpp.cjs lists, one JSON line each.
//
//   node bench/llama_cpp_worker.mjs FILE.gguf --package FOLDER_OF_NODE_LLAMA_CPP [--threads N] [--sequences 8]
//
// Flash attention is on and the key/value cache float16, its default. Scoring ends with the last token's hidden
// state and logits; llama.cpp has no head of ours.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const SCORING_CONTEXT = { contextSize: 4096, batchSize: 2048 };
const GENERATION_CONTEXT = { contextSize: 512, batchSize: 512 };
const seconds = (since) => (performance.now() - since) / 1000;

/** Each sample from an empty context. */
async function score(sequence, { samples }) {
  for (const sample of samples) {
    await sequence.clearHistory();
    await sequence.evaluateWithoutGeneratingNewTokens(sample);
  }
  return {};
}

/** The prompt once; each response behind it, then erased. */
async function scoreShared(sequence, { prompt, responses }) {
  await sequence.clearHistory();
  await sequence.evaluateWithoutGeneratingNewTokens(prompt);
  for (const response of responses) {
    await sequence.evaluateWithoutGeneratingNewTokens(response);
    await sequence.eraseContextTokenRanges([{ start: prompt.length, end: prompt.length + response.length }]);
    if (sequence.nextTokenIndex !== prompt.length) throw new Error('llama.cpp did not keep the prompt.');
  }
  return {};
}

/**
 * All prompts at once, greedily; the library puts their steps into common batches. The first tokens are not
 * counted.
 */
async function generate(sequences, { prompts, newTokens }) {
  const streams = prompts.map((prompt, i) => sequences[i].evaluate(prompt, { temperature: 0, yieldEogToken: true }));
  const step = async () => {
    const tokens = await Promise.all(streams.map((stream) => stream.next()));
    if (tokens.some(({ done }) => done)) throw new Error('llama.cpp ended a text early.');
  };
  await step();
  const begin = performance.now();
  for (let i = 0; i < newTokens; i += 1) await step();
  const decodeSeconds = seconds(begin);
  for (const [i, stream] of streams.entries()) {
    await stream.return();
    await sequences[i].clearHistory();
  }
  return { decodeSeconds };
}

async function nextTokens(sequence, { prompt, count }) {
  await sequence.clearHistory();
  const logits = { filter: { tokens: [], includeTop: count, includeMax: true } };
  const options = { temperature: 1, topK: 0, topP: 1, minP: 0 }; // the whole vocabulary counts
  const last = [prompt.at(-1), { generateNext: { logits, totalLogitWeight: true, options } }];
  const answers = await sequence.controlledEvaluate([...prompt.slice(0, -1), last]);
  const { logits: top, totalLogitWeight } = answers[prompt.length - 1].next;
  const entries = [...top].sort(([, a], [, b]) => b - a).slice(0, count);
  const [, largest] = entries[0];
  return {
    ids: entries.map(([id]) => id),
    logProbabilities: entries.map(([, logit]) => logit - largest - Math.log(totalLogitWeight)),
  };
}

const {
  values,
  positionals: [modelPath],
} = parseArgs({
  allowPositionals: true,
  options: {
    package: { type: 'string' },
    threads: { type: 'string', default: String(availableParallelism()) },
    sequences: { type: 'string', default: '8' },
  },
});
const packageFolder = join(values.package, 'node_modules', 'node-llama-cpp');
const { getLlama } = await import(pathToFileURL(join(packageFolder, 'dist', 'index.js')).href);
const threads = Number(values.threads);
const llama = await getLlama({ gpu: false, build: 'never', maxThreads: threads, logLevel: 'error' });
const model = await llama.loadModel({ modelPath });
const context = (options) => model.createContext({ ...options, threads, flashAttention: true });
const scoring = (await context(SCORING_CONTEXT)).getSequence();
const sequences = Number(values.sequences);
const generating = await context({ ...GENERATION_CONTEXT, sequences });
const all = Array.from({ length: sequences }, () => generating.getSequence());

const works = {
  score: (request) => score(scoring, request),
  score_shared: (request) => scoreShared(scoring, request),
  generate: (request) => generate(all, request),
  next_tokens: (request) => nextTokens(scoring, request),
};
const reply = (answer) => process.stdout.write(`${JSON.stringify(answer)}\n`);
reply({ ready: true, engine: `llama.cpp ${llama.llamaCppRelease.release}` });
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const begin = performance.now();
  const answer = await works[request.work](request);
  reply({ seconds: seconds(begin), ...answer });
}
await llama.dispose();
