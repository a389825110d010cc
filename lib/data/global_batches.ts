// The optimizer's batches: whole prompts, so that every comparison counts in exactly one step of an epoch.

import { comparisonCount, comparisonsOf, type Comparison } from './comparisons';
import { shuffledIndices, SplitMix64 } from './random';
import { emptyReport, note } from './report';
import type { ReportEntry, TokenizedPrompt } from './types';

export interface GlobalBatchOptions {
  /** Maximum number of responses per batch; a single prompt may have more. */
  globalBatchSize: number;
  seed: number;
  /** Whether each epoch has its own order; otherwise all have the data's. */
  shuffle: boolean;
}

/** One optimizer step's prompts, as indices into the planned list. */
export interface GlobalBatch {
  promptIndices: number[];
  responses: number;
  pairs: number;
}

/**
 * Plans epochs of global batches. The order of the prompts is a function of seed and epoch (SplitMix64, stream =
 * epoch). Prompts are added to the current batch; one that does not fit closes it and opens the next. A prompt with
 * more responses than `globalBatchSize` gets its own batch. Nothing is carried over between epochs, so (epoch, batch
 * index) is all the state that a resumed run needs. The number of batches may differ between epochs, since the cuts do.
 */
export class GlobalBatchPlanner {
  /** `oversizedPrompts`, with the first one's source. */
  readonly report: { entries: Map<string, ReportEntry> } = emptyReport();
  private planned: { epoch: number; batches: GlobalBatch[] } | undefined;

  /** @throws RangeError for a batch size below 1 or an empty list. */
  constructor(
    private readonly prompts: readonly Pick<TokenizedPrompt, 'samples' | 'pairs' | 'comparisons' | 'prompt'>[],
    private readonly options: GlobalBatchOptions,
  ) {
    if (!Number.isInteger(options.globalBatchSize) || options.globalBatchSize < 1) {
      throw new RangeError(`the global batch size must be a positive integer, but is ${options.globalBatchSize}`);
    }
    if (prompts.length === 0) throw new RangeError('there is no prompt to plan batches of');
    for (const { samples, prompt } of prompts) {
      if (samples.length > options.globalBatchSize) note(this.report, 'oversizedPrompts', prompt.source);
    }
  }

  /** All batches of an epoch (from 0), in order. The last planned epoch is kept. */
  epoch(epoch: number): readonly GlobalBatch[] {
    if (this.planned?.epoch !== epoch) this.planned = { epoch, batches: this.plan(epoch) };
    return this.planned.batches;
  }

  /** One batch by its index, without replaying earlier ones; undefined past the epoch's end. */
  batch(epoch: number, index: number): GlobalBatch | undefined {
    return this.epoch(epoch)[index];
  }

  /**
   * Optimizer steps of the first `epochs` epochs; a fraction takes that fraction, rounded up, of the last one's steps.
   */
  stepsOf(epochs: number): number {
    let steps = 0;
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      steps += Math.ceil(this.epoch(epoch).length * Math.min(1, epochs - epoch));
    }
    return steps;
  }

  private plan(epoch: number): GlobalBatch[] {
    const count = this.prompts.length;
    const order = this.options.shuffle ? shuffledIndices(count, new SplitMix64(this.options.seed, epoch)) : undefined;
    const batches: GlobalBatch[] = [];
    let open: GlobalBatch = { promptIndices: [], responses: 0, pairs: 0 };
    const close = () => {
      if (open.promptIndices.length > 0) batches.push(open);
      open = { promptIndices: [], responses: 0, pairs: 0 };
    };
    for (let i = 0; i < count; i += 1) {
      const index = order ? order[i]! : i;
      const prompt = this.prompts[index]!;
      const { samples } = prompt;
      const pairs = comparisonCount(prompt);
      if (samples.length > this.options.globalBatchSize) {
        batches.push({ promptIndices: [index], responses: samples.length, pairs });
        continue;
      }
      if (open.responses + samples.length > this.options.globalBatchSize) close();
      open.promptIndices.push(index);
      open.responses += samples.length;
      open.pairs += pairs;
    }
    close();
    return batches;
  }
}

/** A batch's samples, one after another, in the order of its prompts: N tokens, R samples, P pairs. */
export interface FlatBatch {
  /** [N] token ids. */
  tokens: Int32Array;
  /** [R + 1]: sample i is tokens[sampleOffsets[i]] up to, not including, tokens[sampleOffsets[i + 1]]. */
  sampleOffsets: Int32Array;
  /**
   * [R]: the number, within the batch, of the prompt that the sample belongs to; samples of a group may share a prefix.
   */
  groups: Int32Array;
  /** Of all prompts, by sample numbers. */
  comparisons: Comparison[];
}

/**
 * The engine's arrays of some prompts; `promptIndices` default to all. The caller owns the arrays.
 * @throws RangeError beyond 2^31 - 1 tokens.
 */
export function flattenBatch(
  prompts: readonly Pick<TokenizedPrompt, 'samples' | 'pairs' | 'comparisons'>[],
  promptIndices: readonly number[] = prompts.map((_, i) => i),
): FlatBatch {
  const chosen = promptIndices.map((index) => prompts[index]!);
  const samples = chosen.reduce((n, prompt) => n + prompt.samples.length, 0);
  const tokens = chosen.reduce((n, prompt) => n + prompt.samples.reduce((m, one) => m + one.inputIds.length, 0), 0);
  if (tokens > 0x7fffffff)
    throw new RangeError(`a batch of ${tokens} tokens is too large; lower the global batch size`);
  const flat: FlatBatch = {
    tokens: new Int32Array(tokens),
    sampleOffsets: new Int32Array(samples + 1),
    groups: new Int32Array(samples),
    comparisons: [],
  };
  let sample = 0;
  chosen.forEach((prompt, group) => {
    const first = sample;
    for (const { inputIds } of prompt.samples) {
      const offset = flat.sampleOffsets[sample]!;
      flat.tokens.set(inputIds, offset);
      flat.groups[sample] = group;
      sample += 1;
      flat.sampleOffsets[sample] = offset + inputIds.length;
    }
    for (const one of comparisonsOf(prompt)) flat.comparisons.push({ ...one, a: first + one.a, b: first + one.b });
  });
  return flat;
}
