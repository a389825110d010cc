// A reward model in memory: texts or token ids in, rewards out. `score`, `eval` and the library are built on it.

import { ScoringError } from './errors';
import { checkArguments } from '../arguments/checks';
import { emptyReport, type ReadingReport } from '../data/report';
import type { Source, TokenizedSample } from '../data/types';
import { engine as nativeEngine } from '../engine/engine';
import { asyncDispose } from '../support/async_dispose';
import { disposedBefore } from '../engine/errors';
import { closingNotes, newNotes } from '../engine/notes';
import type { ArchitectureInfo, HeadInfo, Precision } from '../engine/types.generated';
import type { Engine, EngineModel } from '../engine/types';
import { NO_TOKENS_ADDED, replacesSampleTemplate } from '../tokenization/tokenizer_files';
import { holdFiles, type HeldFiles } from '../tokenization/folder_files';
import { rebuiltTokenizerNote } from '../tokenization/transformers_classes';
import type { SpecialTokensInText } from '../options/special_tokens';
import type { TokenizeOptions } from '../tokenization/tokenize_dataset';
import { callsInOrder } from './calls_in_order';
import { callsOf, samplesIn } from './engine_calls';
import { promptsOf, type ScoreItem } from './items';
import { readSampleFacts, type SampleFacts } from './model_facts';
import type { RewardModelOptions, ScoreItemsOptions } from './options';
import { READ_AT, upToReadToken } from './pooling';
import { Meter } from './progress';
import { readoutRule, type ReadoutRule } from './readouts';
import { packSamples } from './sample_batch';
import { SampleTokenizer, type PromptWithResponses } from './sample_tokenizer';
import { STEP_REWARDS } from '../options/scoring';
import {
  ENTRY,
  GROUPS_AND_OPTIONS,
  GROUPS_AND_SIGNAL,
  IDS_AND_PLACE,
  LOAD,
  SAMPLE,
  SCORE,
  SIGNAL_ALONE,
} from './signatures';
import { joinSteps } from './step_reward';
import { knob } from '../text/knobs';

/** Prompts that `score` tokenizes ahead of the engine; affects memory, not the result. */
const PROMPTS_AHEAD = 64;

/** A loaded reward model: it scores conversations, and holds memory until it is disposed of. */
export class RewardModel {
  /** What was unusual about the texts so far, for `formatReport`. */
  readonly readingReport: ReadingReport = emptyReport();
  private readonly tokenizer: SampleTokenizer;
  /** The tokenizer as it was when the model was loaded: the folder may be moved, since the weights are held too. */
  private readonly held: HeldFiles;
  private paddingNoted = false;

  private readonly freshNotes: () => string[];

  private constructor(
    readonly folder: string,
    private readonly model: EngineModel,
    private readonly facts: SampleFacts,
    private readonly options: RewardModelOptions,
    private readonly readouts: ReadoutRule | undefined,
    private readonly engine: Pick<Engine, 'loadModel'>,
  ) {
    this.freshNotes = newNotes(model);
    this.held = holdFiles(folder, options.chatTemplateFile);
    const { vocabSize: vocabularySize, maxPositionEmbeddings, anyLength } = model.architecture;
    const maxPositions = anyLength === true ? Infinity : maxPositionEmbeddings;
    this.tokenizer = new SampleTokenizer(
      { folder, vocabularySize, maxPositions, readouts },
      this.tokenizeOptions(),
      this.readingReport,
    );
  }

  /**
   * Loads a model folder, or a model from the hub (`owner/name[@revision]`, fetched into the usual cache): config.json,
   * safetensors and, to score texts, the tokenizer's files.
   * @throws Error naming file or tensor; a folder without a reward head is refused.
   */
  static load(folderOrId: string, options?: RewardModelOptions): Promise<RewardModel>;
  /** @internal With another engine, for tests. */
  static load(folderOrId: string, options: RewardModelOptions, engine: Pick<Engine, 'loadModel'>): Promise<RewardModel>;
  static async load(
    folderOrId: string,
    options: RewardModelOptions = {},
    engine: Pick<Engine, 'loadModel'> = nativeEngine,
  ): Promise<RewardModel> {
    checkArguments('RewardModel.load', LOAD, [folderOrId, options]);
    // with the first model
    const { localModelFolder } = require('../hub/fetch_model') as typeof import('../hub/fetch_model');
    const folder = await localModelFolder(folderOrId, { signal: options.signal });
    await readSampleFacts(folder); // a broken file is reported before weights are read
    const model = await engine.loadModel(
      {
        folder,
        device: options.device ?? 'auto',
        numThreads: options.numThreads ?? 0,
        keep16Bit: options.keep16Bit ?? true,
        ...(options.precision ? { precision: options.precision } : {}),
        ...(options.dtype ? { dtype: options.dtype } : {}),
        ...(options.rewardHead === undefined ? {} : { rewardHead: options.rewardHead }),
        normalizeReward: options.normalizeReward,
      },
      options.signal ? { signal: options.signal } : {},
    );
    try {
      if (model.architecture.sampleForm === 'pair' && options.chatTemplateFile !== undefined) {
        throw new ScoringError(
          `The model in ${folder} (${model.architecture.family}) reads question and answer as a pair of texts, ` +
            `without a chat template; leave ${knob('chatTemplateFile')} out.`,
        );
      }
      const found = await readSampleFacts(folder, { chatTemplateFile: options.chatTemplateFile, head: model.head });
      const facts: SampleFacts = {
        ...found,
        ...(options.doStrip === undefined ? {} : { doStrip: options.doStrip, reason: 'the option do_strip' }),
        compat: options.compat ?? found.compat,
      };
      return new RewardModel(
        folder,
        model,
        facts,
        options,
        readoutRule(model.head, { folder, family: model.architecture.family }, options),
        engine,
      );
    } catch (error) {
      await model.dispose();
      throw error;
    }
  }

  get architecture(): ArchitectureInfo {
    return this.model.architecture;
  }

  get device(): string {
    return this.model.device;
  }

  /** Which device was chosen and why: a sentence. */
  get deviceChoice(): string {
    return this.model.deviceChoice;
  }

  get precision(): Precision {
    return this.model.precision;
  }

  /** The folder's reward head. */
  get head(): HeadInfo {
    return this.model.head;
  }

  /** Whether a response has a reward for each of its steps instead of a single one. */
  get rewardsSteps(): boolean {
    return this.head.readout === 'every_step' && this.options.stepReward === undefined;
  }

  /** How samples are made from texts, and why: a sentence. */
  get sampleChoice(): string {
    const { doStrip, reason } = this.facts;
    const ways = {
      true: 'stripped of white space',
      false: 'taken as the chat template writes them',
      newlines: 'taken as OpenRLHF does: without last newlines, with an EOS at the end',
    };
    const caution = replacesSampleTemplate(this.folder, this.options.chatTemplateFile) ? ` ${NO_TOKENS_ADDED}` : '';
    return `Texts are ${ways[`${doStrip}`]} (${reason}).${caution}`;
  }

  /** A sentence if transformers 5 may tokenize texts differently from this model; usually undefined. */
  get tokenizerNote(): string | undefined {
    return rebuiltTokenizerNote(this.folder, this.held);
  }

  /** What happens to special tokens within texts: as requested, else as in training. */
  get specialTokensInText(): SpecialTokensInText {
    return this.options.specialTokensInText ?? this.facts.specialTokensInText;
  }

  get disposed(): boolean {
    return this.model.disposed;
  }

  /** Tokens computed at once. */
  get microBatchTokens(): number {
    const { microBatchTokens = 'auto' } = this.options;
    return microBatchTokens === 'auto' ? this.model.microBatchTokens : microBatchTokens;
  }

  /**
   * The reward of every response, item by item, in order; for a conversation alone, a list of one. A reward depends
   * only on its prompt and response.
   * @throws DataError for a malformed item or a sample that is too long; the signal's reason when aborted; Error for
   * a process reward model without `stepReward`.
   */
  async score(items: readonly ScoreItem[], options: ScoreItemsOptions = {}): Promise<number[][]> {
    checkArguments('RewardModel.score', SCORE, [items, options]);
    this.refuseDisposed();
    this.refuseSteps();
    const { prompts, total } = promptsOf(items);
    const rewards = await this.scoreAsTheyCome(this.tokenizeAll(prompts), total, options);
    return rewards.map((list) => Array.from(list));
  }

  /** The rewards of every response's steps, item by item, of a process reward model (loaded without `stepReward`). */
  async scoreSteps(items: readonly ScoreItem[], options: ScoreItemsOptions = {}): Promise<number[][][]> {
    checkArguments('RewardModel.scoreSteps', SCORE, [items, options]);
    this.refuseDisposed();
    if (!this.rewardsSteps)
      throw new ScoringError(`The model in ${this.folder} gives one reward per response; use score().`);
    const { prompts } = promptsOf(items);
    const steps: number[][][] = [];
    for await (const samples of this.tokenizeAll(prompts)) {
      const rewards = await this.callEngine([samples], options.signal);
      let next = 0;
      steps.push(samples.map((sample) => Array.from(rewards.subarray(next, (next += this.rewardCount(sample))))));
    }
    return steps;
  }

  /** Number of rewards of the sample: 1, or one for each of its steps. */
  rewardCount(sample: Pick<TokenizedSample, 'inputIds'>): number {
    checkArguments('RewardModel.rewardCount', [['sample', SAMPLE]], [sample]);
    const { inputIds } = sample;
    return this.rewardsSteps ? this.readouts!.positions(inputIds).length : 1;
  }

  /** The rewards of tokenized samples, group by group; the samples of a group may share their prefix. */
  async scoreAll(groups: readonly TokenizedSample[][], options: ScoreItemsOptions = {}): Promise<Float32Array[]> {
    checkArguments('RewardModel.scoreAll', GROUPS_AND_OPTIONS, [groups, options]);
    this.refuseDisposed();
    return this.scoreAsTheyCome(groups, samplesIn(groups), options);
  }

  /**
   * The same for groups that are still being made: the next ones are requested while the engine computes.
   * @param samples how many there will be, for the progress.
   */
  async scoreAsTheyCome(
    groups: Iterable<TokenizedSample[]> | AsyncIterable<TokenizedSample[]>,
    samples: number,
    options: ScoreItemsOptions = {},
  ): Promise<Float32Array[]> {
    this.refuseSteps();
    const { signal } = options;
    const meter = new Meter(samples, options.onProgress);
    const results: Float32Array[] = [];
    const rewardsOf = (call: TokenizedSample[][], stop: AbortSignal) => this.callEngine(call, stop, meter);
    for await (const [call, rewards] of callsInOrder(callsOf(groups, this.microBatchTokens), rewardsOf, signal)) {
      let next = 0;
      for (const group of call) results.push(rewards.slice(next, (next += group.length)));
    }
    signal?.throwIfAborted();
    return results;
  }

  /**
   * The rewards of tokenized samples in one list, from one call of the engine; `rewardCount` says how many per sample.
   */
  scoreGroups(groups: readonly TokenizedSample[][], signal?: AbortSignal): Promise<Float32Array> {
    checkArguments('RewardModel.scoreGroups', GROUPS_AND_SIGNAL, [groups, signal]);
    return this.callEngine(groups, signal);
  }

  /**
   * One sample per response, made in worker threads. @throws DataError naming the place: no tokenizer, too long, ids
   * outside the vocabulary.
   */
  async tokenize(entry: PromptWithResponses): Promise<TokenizedSample[]> {
    checkArguments('RewardModel.tokenize', ENTRY, [entry]);
    return this.tokenizer.tokenize(entry);
  }

  /**
   * @throws DataError if a sample has more tokens than config.json's max_position_embeddings, or lacks those that the
   * head reads.
   */
  refuseUnreadable(inputIds: Int32Array, place: Source): void {
    checkArguments('RewardModel.refuseUnreadable', IDS_AND_PLACE, [inputIds, place]);
    this.tokenizer.refuseUnreadable(inputIds, place);
  }

  /** How this model's samples are built, for `tokenizeDataset`. */
  tokenizeOptions(): TokenizeOptions {
    return {
      tokenizer: {
        folder: this.folder,
        chatTemplateFile: this.options.chatTemplateFile,
        held: this.held,
        form: this.model.architecture.sampleForm,
      },
      doStrip: this.facts.doStrip,
      doubledBos: this.facts.compat === 'cheems' ? 'keep' : 'drop',
      maxLength: this.options.maxLength ?? null,
      truncation: this.options.truncation ?? false,
      vocabularySize: this.model.architecture.vocabSize,
      rewardToken: this.model.architecture.rewardToken,
      specialTokensInText: this.specialTokensInText,
    };
  }

  /**
   * The same model computed in float32, on the same device and with the same options. This one is disposed of first, so
   * that the memory of one suffices.
   */
  async inFloat32(signal?: AbortSignal): Promise<RewardModel> {
    checkArguments('RewardModel.inFloat32', SIGNAL_ALONE, [signal]);
    const { device, folder } = this;
    await this.dispose();
    return RewardModel.load(folder, { ...this.options, device, precision: 'float32', signal }, this.engine);
  }

  /** Facts for `results.json`: plain JSON. */
  describe(): Record<string, unknown> {
    const { family, parameters } = this.model.architecture;
    return {
      folder: this.folder,
      family,
      parameters,
      head: this.head.description,
      ...(this.options.stepReward === undefined ? {} : { step_reward: this.options.stepReward }),
      device: this.device,
      device_facts: this.model.deviceFacts.entries,
      precision: this.precision,
      ...(this.options.dtype === undefined ? {} : { dtype: this.options.dtype }),
      do_strip: this.facts.doStrip,
      pooling: this.facts.pooling,
      compat: this.facts.compat,
      max_length: this.options.maxLength ?? null,
      truncation: this.options.truncation ?? false,
      special_tokens_in_text: this.specialTokensInText,
    };
  }

  /** The engine's notes, such as products that ran on a slow kernel: a sentence each, with how often. */
  get engineNotes(): string[] {
    return closingNotes(this.model);
  }

  /** Frees the model's memory once running work has stopped; later calls reject. */
  async dispose(): Promise<void> {
    await Promise.all([this.tokenizer.close(), this.model.dispose()]);
  }

  /** For `await using`: the same as `dispose`. */
  async [asyncDispose](): Promise<void> {
    await this.dispose();
  }

  private async callEngine(
    groups: readonly TokenizedSample[][],
    signal?: AbortSignal,
    meter?: Meter,
  ): Promise<Float32Array> {
    signal?.throwIfAborted();
    if (samplesIn(groups) === 0) return new Float32Array(0);
    try {
      const batch = packSamples(this.upToReadTokens(groups), this.readouts);
      const { rewards, computedTokens } = await this.model.score(batch, {
        microBatchTokens: this.microBatchTokens,
        ...(signal ? { signal } : {}),
        ...(meter ? { onProgress: ({ done, tokens }) => meter.during(done, tokens) } : {}),
      });
      meter?.after(batch.groups.length, computedTokens);
      for (const note of this.freshNotes()) this.options.onNote?.(note);
      return this.options.stepReward && batch.readoutOffsets && this.head.readout === 'every_step'
        ? joinSteps(rewards, batch.readoutOffsets, this.options.stepReward)
        : rewards;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }

  /** The samples up to the tokens that the model's class reads; reports once if these are not their last. */
  private upToReadTokens(groups: readonly TokenizedSample[][]): readonly TokenizedSample[][] {
    const { pooling } = this.facts;
    const { padToken, sampleForm } = this.model.architecture;
    if (pooling === 'last_token' || padToken === undefined || sampleForm === 'pair') return groups;
    let isCut = false;
    const read = groups.map((group) =>
      group.map((sample) => {
        const inputIds = upToReadToken(sample.inputIds, pooling, padToken);
        isCut ||= inputIds.length < sample.inputIds.length;
        return { ...sample, inputIds };
      }),
    );
    if (isCut && !this.paddingNoted) {
      this.paddingNoted = true;
      this.options.onNote?.(
        `There are samples that hold the id of padding (pad_token_id ${padToken}, by config.json in ` +
          `${this.folder} or its class's default) as a token of their own: their rewards are read ` +
          `${READ_AT[pooling]}, as the model's class does it.`,
      );
    }
    return read;
  }

  private refuseDisposed(): void {
    if (this.disposed) throw disposedBefore('The model');
  }

  private refuseSteps(): void {
    if (!this.rewardsSteps) return;
    throw new ScoringError(
      `The model in ${this.folder} rewards each step of a response and has no reward for the whole ` +
        `(${this.head.description}). Say how the steps are combined: ` +
        `${knob('stepReward', STEP_REWARDS.join(' | '))}; \`score\` gives them all without.`,
    );
  }

  private async *tokenizeAll(
    prompts: readonly PromptWithResponses[],
  ): AsyncGenerator<TokenizedSample[], void, undefined> {
    const ahead: Promise<TokenizedSample[]>[] = [];
    for (let begun = 0, done = 0; done < prompts.length; done += 1) {
      for (; begun < prompts.length && ahead.length < PROMPTS_AHEAD; begun += 1) {
        const samples = this.tokenize(prompts[begun]!);
        samples.catch(() => {}); // reported when it is awaited
        ahead.push(samples);
      }
      yield await ahead.shift()!;
    }
  }
}
