// A causal model for tests of what stands around the engine: next-token scores that are a hash of the last tokens,
// greedy and sampled generation by the engine's interface, prompts advancing together. Same inputs give the same
// tokens, whatever is computed beside them. With a script, prompts are answered by given tokens instead.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Engine, EngineCausalModel, EngineGeneration } from '../engine/types';
import type { GenerationOptions, SampleBatch } from '../engine/types.generated';

export interface FakeCausalOptions {
  /** The answer of a prompt, a stop token at its end included; undefined: by the hash. */
  script?: (ids: number[]) => number[] | undefined;
  positions?: number;
  /** Called before each stretch of steps; throw or wait as a test needs. */
  beforeAdvance?: () => void | Promise<void>;
}

export interface FakeCausalEngine extends Pick<Engine, 'loadCausalModel'> {
  /** What was started: prompts, their groups, and the options. */
  started: { prompts: number[][]; groups: number[]; options: GenerationOptions }[];
  probed: { prompts: number[][]; count: number }[];
  /** Tokens computed, and generations not disposed of. */
  tokens: number;
  open: number;
}

const unpack = ({ tokens, offsets }: SampleBatch): number[][] =>
  Array.from({ length: offsets.length - 1 }, (_, p) => [...tokens.subarray(offsets[p], offsets[p + 1])]);

/** A number from 0 to 1 from a text. */
function random(text: string): number {
  return createHash('md5').update(text).digest().readUInt32LE(0) / 2 ** 32;
}

/** Scores of a few tokens after these; the others are out of reach. */
function scores(ids: readonly number[], vocabSize: number): [id: number, score: number][] {
  const context = ids.slice(-3).join();
  const candidates = new Map(
    Array.from({ length: 24 }, (_, i) => [
      Math.floor(random(`${context}:${i}`) * vocabSize),
      3 * random(`${context}/${i}`),
    ]),
  );
  return [...candidates].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
}

function next(
  ids: readonly number[],
  vocabSize: number,
  { temperature = 0, topK = 0, seed = 0 }: GenerationOptions,
  sequence: number,
  step: number,
): number {
  const ranked = scores(ids, vocabSize).slice(0, topK === 0 ? undefined : topK);
  if (temperature === 0) return ranked[0]![0];
  const weights = ranked.map(([, score]) => Math.exp(score / temperature));
  let left = random(`${seed}:${sequence}:${step}`) * weights.reduce((a, b) => a + b, 0);
  return ranked[weights.findIndex((weight) => (left -= weight) <= 0)]?.[0] ?? ranked[0]![0];
}

export function fakeCausalEngine(options: FakeCausalOptions = {}): FakeCausalEngine {
  const fake: FakeCausalEngine = {
    started: [],
    probed: [],
    tokens: 0,
    open: 0,
    async loadCausalModel({ folder }) {
      const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as {
        vocab_size: number;
        max_position_embeddings: number;
      };
      return fakeModel(fake, options, config.vocab_size, options.positions ?? config.max_position_embeddings);
    },
  };
  return fake;
}

function fakeModel(
  fake: FakeCausalEngine,
  options: FakeCausalOptions,
  vocabSize: number,
  positions: number,
): EngineCausalModel {
  let disposed = false;
  return {
    architecture: {
      family: 'qwen2',
      savedFamily: 'qwen2',
      sampleForm: 'conversation',
      anyLength: false,
      classPrefix: 'Qwen2',
      hiddenSize: 1,
      intermediateSize: 1,
      numLayers: 1,
      numHeads: 1,
      numKeyValueHeads: 1,
      headSize: 1,
      vocabSize,
      maxPositionEmbeddings: positions,
      parameters: vocabSize,
    },
    device: 'fake',
    deviceChoice: 'The fake engine, for tests.',
    notes: () => [],
    precision: 'float32',
    microBatchTokens: 8192,
    get disposed() {
      return disposed;
    },
    async startGeneration(batch, given, { signal } = {}) {
      signal?.throwIfAborted();
      const prompts = unpack(batch);
      fake.started.push({ prompts, groups: [...batch.groups], options: given });
      fake.open += 1;
      return fakeGeneration(fake, options, prompts, given, vocabSize);
    },
    async nextTokenLogProbabilities(batch, { count }) {
      const prompts = unpack(batch);
      fake.probed.push({ prompts, count });
      const ranked = prompts.map((ids) => {
        const first = options.script?.(ids)?.[0];
        const all =
          first === undefined
            ? scores(ids, vocabSize)
            : ([[first, 5], ...scores(ids, vocabSize).filter(([id]) => id !== first)] as [number, number][]);
        const sum = all.reduce((total, [, score]) => total + Math.exp(score), 0);
        // The rest of the vocabulary, with next to no probability.
        for (let id = 0; all.length < count; id += 1) if (!all.some(([known]) => known === id)) all.push([id, -30]);
        return all.slice(0, count).map(([id, score]) => [id, score - Math.log(sum)] as const);
      });
      return {
        ids: Int32Array.from(ranked.flat(), ([id]) => id),
        logProbabilities: Float32Array.from(ranked.flat(), ([, score]) => score),
      };
    },
    async dispose() {
      disposed = true;
    },
  };
}

function fakeGeneration(
  fake: FakeCausalEngine,
  { script, beforeAdvance }: FakeCausalOptions,
  prompts: number[][],
  given: GenerationOptions,
  vocabSize: number,
): EngineGeneration {
  const states = prompts.map((ids, p) => ({
    ids: [...ids],
    script: script?.(ids),
    made: 0,
    finished: 0,
    sequence: given.sequenceNumbers?.[p] ?? p,
  }));
  const limit = (p: number) => (typeof given.maxNewTokens === 'number' ? given.maxNewTokens : given.maxNewTokens[p]!);
  return {
    async advance(steps, { stop = [], signal } = {}) {
      await beforeAdvance?.();
      signal?.throwIfAborted();
      for (const p of stop) states[p]!.finished = 3;
      const fresh: number[][] = states.map(() => []);
      for (const [p, state] of states.entries()) {
        for (let step = 0; step < steps && state.finished === 0; step += 1) {
          const id = state.script?.[state.made] ?? next(state.ids, vocabSize, given, state.sequence, state.made);
          if (given.stopTokens?.includes(id)) {
            state.finished = 1;
            break;
          }
          state.ids.push(id);
          fresh[p]!.push(id);
          state.made += 1;
          fake.tokens += 1;
          if (state.made >= limit(p)) state.finished = 2;
        }
      }
      return {
        tokens: Int32Array.from(fresh.flat()),
        counts: Int32Array.from(fresh, ({ length }) => length),
        finished: Uint8Array.from(states, ({ finished }) => finished),
      };
    },
    async dispose() {
      fake.open -= 1;
    },
  };
}
