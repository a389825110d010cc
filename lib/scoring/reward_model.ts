// A reward model in memory: texts or token ids in, rewards out. `score`, `eval` and the library stand on it.

import { setImmediate } from 'node:timers/promises';
import { DataError, show } from '../data/errors';
import type { Message, Prompt, Response, Source, TokenizedSample } from '../data/types';
import { engine as nativeEngine } from '../engine';
import type { ArchitectureInfo, Engine, EngineModel, Precision } from '../engine/types';
import { localModelFolder } from '../hub';
import { TokenizerError } from '../tokenization/errors';
import { SampleBuilder } from '../tokenization/sample_builder';
import type { TokenizeOptions } from '../tokenization/tokenize_dataset';
import { readSampleFacts, type SampleFacts } from './model_facts';
import { packSamples } from './sample_batch';

export interface RewardModelOptions {
  /** 'auto' (the default), or a backend that `engineInfo()` lists. */
  device?: string | undefined;
  /** Of activations and weights: 'float32' or 'bfloat16'. Absent: bfloat16 on a GPU, float32 on the CPU. */
  precision?: Precision | undefined;
  /** Threads of the engine; 0 or absent: one for each usable core. Never changes a reward. */
  numThreads?: number | undefined;
  /** Keep bfloat16 and float16 weights as they are stored: half the memory, the same rewards. On by default. */
  keep16Bit?: boolean | undefined;
  /** Tokens computed at once: memory, never the result. 8192 by default. */
  microBatchTokens?: number | undefined;
  /** Tokens of a sample at most; absent: no limit. Longer ones are refused, or cut with `truncation`. */
  maxLength?: number | undefined;
  /** Cut what is longer than `maxLength` from the left. */
  truncation?: boolean | undefined;
  /** In place of what the model folder's cheems.json says (else true): strip the templated text before tokenising. */
  doStrip?: boolean | undefined;
  /** 'cheems': where template and tokenizer both begin with BOS, keep both, as the original does. Else cheems.json decides. */
  compat?: 'cheems' | undefined;
  /** A Jinja file in place of the model folder's chat template. */
  chatTemplateFile?: string | undefined;
  signal?: AbortSignal | undefined;
}

/** A response to be scored: text, the turns after the prompt, or the whole sample as token ids. */
export type ScoredResponse = string | Message[] | { content: string } | { inputIds: Int32Array | readonly number[] };

/** A prompt (text, or a conversation) with its responses. */
export interface ScoreItem {
  prompt?: string | Message[];
  /** The conversation, where `prompt` is absent. */
  messages?: Message[];
  systemPrompt?: string;
  responses: readonly ScoredResponse[];
}

export interface ScoreItemsProgress {
  /** Responses scored, and all of them. */
  done: number;
  total: number;
  /** Tokens computed so far, each shared prompt once. */
  tokens: number;
  tokensPerSecond: number;
}

export interface ScoreItemsOptions {
  /** Rejects with the signal's reason, within milliseconds. */
  signal?: AbortSignal | undefined;
  onProgress?: ((progress: ScoreItemsProgress) => void) | undefined;
}

/** What is tokenised: a prompt with its responses, and the place that error messages name. */
export interface PromptWithResponses {
  prompt: Prompt;
  systemPrompt?: string;
  responses: readonly Response[];
  source: Source;
}

const DEFAULT_MICRO_BATCH_TOKENS = 8192;
/** Micro-batches that one call of the engine gets: between calls progress is told and the next call's texts are tokenised. */
const MICRO_BATCHES_A_CALL = 8;

export class RewardModel {
  private builder: SampleBuilder | undefined;

  private constructor(
    readonly folder: string,
    private readonly model: EngineModel,
    private readonly facts: SampleFacts,
    private readonly options: RewardModelOptions,
  ) {}

  /**
   * Loads a model folder, or a model of the hub (`owner/name[@revision]`, fetched into the usual cache): config.json, safetensors
   * and, where texts are to be scored, the tokenizer's files.
   * @throws Error naming file or tensor; a folder without a reward head is refused.
   */
  static async load(folderOrId: string, options: RewardModelOptions = {}, engine: Pick<Engine, 'loadModel'> = nativeEngine): Promise<RewardModel> {
    const folder = await localModelFolder(folderOrId, { signal: options.signal });
    const found = await readSampleFacts(folder);
    const facts: SampleFacts = { doStrip: options.doStrip ?? found.doStrip, compat: options.compat ?? found.compat };
    const model = await engine.loadModel(
      {
        folder,
        device: options.device ?? 'auto',
        numThreads: options.numThreads ?? 0,
        keep16Bit: options.keep16Bit ?? true,
        ...(options.precision ? { precision: options.precision } : {}),
      },
      options.signal ? { signal: options.signal } : {},
    );
    return new RewardModel(folder, model, facts, options);
  }

  get architecture(): ArchitectureInfo {
    return this.model.architecture;
  }

  get device(): string {
    return this.model.device;
  }

  /** What was taken and why: a sentence. */
  get deviceChoice(): string {
    return this.model.deviceChoice;
  }

  get precision(): Precision {
    return this.model.precision;
  }

  /** The tensor that the reward is read with: 'score.weight' or 'v_head.weight'. */
  get headSource(): string {
    return this.model.headSource;
  }

  get disposed(): boolean {
    return this.model.disposed;
  }

  /** Tokens computed at once. */
  get microBatchTokens(): number {
    return this.options.microBatchTokens ?? DEFAULT_MICRO_BATCH_TOKENS;
  }

  /**
   * The reward of every response, item by item, in order. A reward depends on its prompt and response alone.
   * @throws DataError for a malformed item or a sample that is too long; the signal's reason when aborted.
   */
  async score(items: readonly ScoreItem[], options: ScoreItemsOptions = {}): Promise<number[][]> {
    const prompts = items.map((item, index) => promptOf(item, index));
    const total = prompts.reduce((sum, { responses }) => sum + responses.length, 0);
    const rewards = await this.scoreCalls(prompts.length, total, (begin) => this.tokenizeCall(prompts, begin, options.signal), options);
    return rewards.map((list) => Array.from(list));
  }

  /** The rewards of tokenised samples, group by group; the samples of a group may share their beginning. */
  async scoreAll(groups: readonly TokenizedSample[][], options: ScoreItemsOptions = {}): Promise<Float32Array[]> {
    return this.scoreCalls(groups.length, samplesIn(groups), async (begin) => groups.slice(begin, begin + this.groupsOfCall(groups, begin)), options);
  }

  /** The rewards of tokenised samples in one list, by one call of the engine. */
  scoreGroups(groups: readonly TokenizedSample[][], signal?: AbortSignal): Promise<Float32Array> {
    return this.callEngine(groups, signal);
  }

  /** One sample for each response. @throws DataError naming the place: no tokenizer, too long, ids outside the vocabulary. */
  tokenize(entry: PromptWithResponses): TokenizedSample[] {
    return entry.responses.map((response, responseIndex) => ({ ...this.buildSample(entry, response), responseIndex }));
  }

  /** How this model's samples are built, for `tokenizeDataset`. */
  tokenizeOptions(): TokenizeOptions {
    return {
      tokenizer: { folder: this.folder, chatTemplateFile: this.options.chatTemplateFile },
      doStrip: this.facts.doStrip,
      doubledBos: this.facts.compat === 'cheems' ? 'keep' : 'drop',
      maxLength: this.options.maxLength ?? null,
      truncation: this.options.truncation ?? false,
      vocabularySize: this.model.architecture.vocabSize,
    };
  }

  /** Facts for `results.json`: plain JSON. */
  describe(): Record<string, unknown> {
    const { family, parameters } = this.model.architecture;
    return {
      folder: this.folder,
      family,
      parameters,
      head: this.headSource,
      device: this.device,
      precision: this.precision,
      do_strip: this.facts.doStrip,
      compat: this.facts.compat,
      max_length: this.options.maxLength ?? null,
      truncation: this.options.truncation ?? false,
    };
  }

  /** Frees the model's memory once running work has stopped; later calls reject. */
  async dispose(): Promise<void> {
    await this.model.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** `groupsFrom(begin)` gives the next groups for one call of the engine; it works while the engine's own thread computes. */
  private async scoreCalls(count: number, samples: number, groupsFrom: (begin: number) => Promise<TokenizedSample[][]>, options: ScoreItemsOptions): Promise<Float32Array[]> {
    const { signal } = options;
    const meter = new Meter(samples, options.onProgress);
    const results: Float32Array[] = [];
    let ahead = groupsFrom(0);
    while (results.length < count) {
      const groups = await ahead;
      ahead = groupsFrom(results.length + groups.length);
      ahead.catch(() => {}); // shows when it is awaited
      const rewards = await this.callEngine(groups, signal, meter);
      let next = 0;
      for (const group of groups) results.push(rewards.slice(next, (next += group.length)));
    }
    signal?.throwIfAborted();
    return results;
  }

  private async callEngine(groups: readonly TokenizedSample[][], signal?: AbortSignal, meter?: Meter): Promise<Float32Array> {
    signal?.throwIfAborted();
    if (samplesIn(groups) === 0) return new Float32Array(0);
    try {
      const { rewards, computedTokens } = await this.model.score(packSamples(groups), {
        microBatchTokens: this.microBatchTokens,
        ...(signal ? { signal } : {}),
        ...(meter ? { onProgress: ({ done, tokens }) => meter.during(done, tokens) } : {}),
      });
      meter?.after(rewards.length, computedTokens);
      return rewards;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }

  private groupsOfCall(groups: readonly TokenizedSample[][], begin: number): number {
    let end = begin;
    for (let tokens = 0; end < groups.length && tokens < this.tokensOfCall; end += 1) tokens += tokensIn(groups[end]!);
    return end - begin;
  }

  private async tokenizeCall(prompts: readonly PromptWithResponses[], begin: number, signal?: AbortSignal): Promise<TokenizedSample[][]> {
    const groups: TokenizedSample[][] = [];
    for (let tokens = 0; begin + groups.length < prompts.length && tokens < this.tokensOfCall; ) {
      // The event loop gets its turn between prompts.
      await setImmediate();
      signal?.throwIfAborted();
      const samples = this.tokenize(prompts[begin + groups.length]!);
      groups.push(samples);
      tokens += tokensIn(samples);
    }
    return groups;
  }

  private get tokensOfCall(): number {
    return MICRO_BATCHES_A_CALL * this.microBatchTokens;
  }

  private buildSample({ prompt, systemPrompt, source }: PromptWithResponses, response: Response): { inputIds: Int32Array; truncated: boolean } {
    const { maxLength, truncation } = this.options;
    const place = response.source ?? source;
    if (response.inputIds) {
      const ids = response.inputIds;
      this.refuseForeignIds(ids, place);
      if (maxLength === undefined || ids.length <= maxLength) {
        this.refuseBeyondPositions(ids.length, place);
        return { inputIds: ids, truncated: false };
      }
      if (truncation === true) return { inputIds: ids.slice(-maxLength), truncated: true };
      throw this.tooLong(ids.length, place);
    }
    try {
      this.builder ??= new SampleBuilder({ folder: this.folder, chatTemplateFile: this.options.chatTemplateFile });
      const sample = this.builder.buildSample(prompt, systemPrompt, response, this.tokenizeOptions());
      if (sample.inputIds.length === 0) throw new DataError(place, 'the sample has no tokens at all');
      if (maxLength !== undefined && sample.inputIds.length > maxLength) throw this.tooLong(sample.length, place);
      this.refuseForeignIds(sample.inputIds, place);
      this.refuseBeyondPositions(sample.inputIds.length, place);
      return sample;
    } catch (error) {
      if (error instanceof TokenizerError) throw new DataError(place, error.message);
      throw error;
    }
  }

  private refuseForeignIds(ids: Int32Array, place: Source): void {
    const { vocabSize } = this.model.architecture;
    for (const [index, id] of ids.entries()) {
      if (id < 0 || id >= vocabSize) {
        throw new DataError(place, `token ${index} of the sample is ${id}, but the model in ${this.folder} has the ids 0 to ${vocabSize - 1}; was it tokenised with this model's tokenizer?`);
      }
    }
  }

  /** @throws DataError where a sample has more tokens than config.json's max_position_embeddings. */
  refuseBeyondPositions(length: number, place: Source): void {
    const { maxPositionEmbeddings } = this.model.architecture;
    if (length <= maxPositionEmbeddings) return;
    throw new DataError(place, `the sample has ${length} tokens, but the model in ${this.folder} is made for ${maxPositionEmbeddings} (max_position_embeddings in its config.json); cut samples with --max_length ${maxPositionEmbeddings} --truncation (truncation: true)`);
  }

  private tooLong(length: number, place: Source): DataError {
    return new DataError(place, `the sample has ${length} tokens, and max_length is ${this.options.maxLength}; give --truncation (truncation: true) to cut it from the left, or a greater max_length`);
  }
}

const tokensIn = (samples: readonly TokenizedSample[]): number => samples.reduce((sum, { inputIds }) => sum + inputIds.length, 0);
const samplesIn = (groups: readonly TokenizedSample[][]): number => groups.reduce((sum, group) => sum + group.length, 0);

/** Progress over several calls of the engine. */
class Meter {
  private readonly began = performance.now();
  private done = 0;
  private tokens = 0;

  constructor(
    private readonly total: number,
    private readonly onProgress: ((progress: ScoreItemsProgress) => void) | undefined,
  ) {}

  during(done: number, tokens: number): void {
    this.tell(this.done + done, this.tokens + tokens);
  }

  after(done: number, tokens: number): void {
    this.done += done;
    this.tokens += tokens;
    this.tell(this.done, this.tokens);
  }

  private tell(done: number, tokens: number): void {
    const seconds = (performance.now() - this.began) / 1000;
    this.onProgress?.({ done, total: this.total, tokens, tokensPerSecond: tokens / Math.max(seconds, 1e-9) });
  }
}

function promptOf(item: ScoreItem, index: number): PromptWithResponses {
  const source = { file: 'items', line: index + 1 };
  const { prompt, messages, responses, systemPrompt } = item;
  if (!Array.isArray(responses)) throw new DataError(source, `"responses" must be a list, but is ${show(responses)}`);
  if (prompt !== undefined && messages !== undefined) throw new DataError(source, 'an item has either "prompt" or "messages", but this one has both');
  const given = prompt ?? messages;
  const list = (responses as readonly ScoredResponse[]).map((response, number) => responseOf(response, String(number), source));
  if (given === undefined && list.some(({ inputIds }) => inputIds === undefined)) throw new DataError(source, 'the item has neither "prompt" nor "messages", which its responses answer');
  return { prompt: given ?? [], responses: list, source, ...(systemPrompt === undefined ? {} : { systemPrompt }) };
}

function responseOf(response: ScoredResponse, id: string, source: Source): Response {
  if (typeof response === 'string') return { id, content: response };
  if (Array.isArray(response)) {
    const content = response.at(-1)?.content;
    if (content === undefined) throw new DataError(source, `response ${id} is an empty list of messages`);
    return { id, content, messages: response };
  }
  if (typeof response === 'object' && response !== null) {
    if ('content' in response && typeof response.content === 'string') return { id, content: response.content };
    if ('inputIds' in response && response.inputIds.length > 0) return { id, inputIds: Int32Array.from(response.inputIds) };
  }
  throw new DataError(source, `response ${id} must be text, messages, { content } or { inputIds } that are not empty, but is ${show(response)}`);
}
