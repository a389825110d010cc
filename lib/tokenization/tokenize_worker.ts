// A worker thread that builds samples, so that the event loop stays free.

import { parentPort, workerData } from 'node:worker_threads';
import { keepQuiet } from './pipeline/build';
import { SampleBuilder } from './sample_builder';
import type { ChunkResult, SampleJob, WorkerAnswer, WorkerSetup } from './worker_messages';

const { source, options, isQuiet = false } = workerData as WorkerSetup;
if (isQuiet) keepQuiet();
let builder: SampleBuilder | undefined;
let current = -1;

function buildChunk(jobs: SampleJob[]): ChunkResult {
  builder ??= new SampleBuilder(source);
  const counts = new Int32Array(jobs.length);
  const lengths = new Int32Array(jobs.length);
  const truncated = new Uint8Array(jobs.length);
  const bosDoubled = new Uint8Array(jobs.length);
  const specialInText = new Uint8Array(jobs.length);
  const kept: Int32Array[] = [];
  const limit = options.truncation === true ? Infinity : (options.maxLength ?? Infinity);
  for (const [i, { prompt, systemPrompt, content, messages, templateVariables }] of jobs.entries()) {
    current = i;
    const response = { ...(content === undefined ? {} : { content }), ...(messages ? { messages } : {}) };
    const sample = builder.buildSample(prompt, systemPrompt, response, options, templateVariables);
    lengths[i] = sample.length;
    truncated[i] = sample.truncated ? 1 : 0;
    bosDoubled[i] = sample.bosDoubled ? 1 : 0;
    specialInText[i] = sample.specialInText ? 1 : 0;
    if (sample.length > limit) continue;
    counts[i] = sample.inputIds.length;
    kept.push(sample.inputIds);
  }
  const ids = new Int32Array(kept.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of kept) {
    ids.set(part, at);
    at += part.length;
  }
  return { ids, counts, lengths, truncated, bosDoubled, specialInText };
}

parentPort?.on('message', (jobs: SampleJob[]) => {
  current = -1;
  try {
    const result = buildChunk(jobs);
    const buffers = Object.values(result).map((array: Int32Array | Uint8Array) => array.buffer);
    parentPort?.postMessage({ result } satisfies WorkerAnswer, buffers as ArrayBuffer[]);
  } catch (error) {
    parentPort?.postMessage({ error: (error as Error).message, job: current } satisfies WorkerAnswer);
  }
});
