// What generation asks of the engine.

import type { ArchitectureInfo, Precision, WorkOptions } from '../engine/types';

export interface CausalLoadOptions {
  folder: string;
  device?: string;
  numThreads?: number;
  precision?: Precision;
  keep16Bit?: boolean;
}

/** Prompts back to back; those of one group stand next to each other and may share their beginning. */
export interface PromptBatch {
  tokens: Int32Array;
  offsets: Int32Array;
  groups: Int32Array;
}

export interface GenerationOptions {
  maxNewTokens: number | number[];
  /** 0: greedy. */
  temperature: number;
  /** 0: off. */
  topK: number;
  /** 1: off. */
  topP: number;
  seed: number;
  /** Each prompt's random stream. */
  sequenceNumbers: Int32Array;
  /** End an answer and are not part of it. */
  stopTokens: number[];
  microBatchTokens: number;
  /** Tokens of prompts and answers kept at once; absent: as many as half the available memory takes. Prompts wait for room. */
  cacheTokens?: number;
}

export interface GenerationStep {
  /** The new tokens of all prompts, back to back. */
  tokens: Int32Array;
  /** New tokens of each prompt. */
  counts: Int32Array;
  /** 0: goes on; 1: ended by a stop token; 2: by its length; 3: by `stop`. */
  finished: Uint8Array;
}

export interface EngineGeneration {
  advance(steps: number, options?: { stop?: readonly number[]; signal?: AbortSignal }): Promise<GenerationStep>;
  dispose(): Promise<void>;
}

export interface EngineCausalModel {
  readonly architecture: ArchitectureInfo;
  readonly device: string;
  readonly deviceChoice: string;
  readonly precision: Precision;
  readonly disposed: boolean;
  startGeneration(prompts: PromptBatch, options: GenerationOptions, work?: { signal?: AbortSignal }): Promise<EngineGeneration>;
  nextTokenLogProbabilities(
    prompts: PromptBatch,
    options: { count: number; microBatchTokens: number },
    work?: { signal?: AbortSignal },
  ): Promise<{ ids: Int32Array; logProbabilities: Float32Array }>;
  dispose(): Promise<void>;
}

export interface CausalEngine {
  loadCausalModel(options: CausalLoadOptions, work?: WorkOptions): Promise<EngineCausalModel>;
}
