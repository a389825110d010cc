// A language model in memory: conversations or texts in, answers out. `generate`, the local judge and the library use
// it.

import { memoryReserve } from '../options/engine';
import { createHash } from 'node:crypto';
import { checkArguments, filledText, flag, list, made, shape, textOr, type Signature } from '../arguments/checks';
import { optionsOf } from '../options/library_options';
import { asMessages } from '../data/conversation/messages';
import { emptyReport, note, type ReadingReport } from '../data/report';
import type { Message, Source } from '../data/types';
import { engine as nativeEngine } from '../engine/engine';
import { asyncDispose } from '../support/async_dispose';
import { disposedBefore } from '../engine/errors';
import { closingNotes } from '../engine/notes';
import type { ArchitectureInfo, Precision } from '../engine/types.generated';
import type { Engine, EngineCausalModel } from '../engine/types';
import { specialKind } from '../tokenization/special_kind';
import { GenerationError } from './errors';
import type { Answer } from './answer';
import {
  checkSampling,
  generateOptions,
  languageModelOptions,
  type GenerateOptions,
  type LanguageModelOptions,
  type Sampling,
} from './options';
import { PromptBuilder, type EncodedPrompt } from './prompts';
import { parseGenerationItem } from './rows';
import type { GenerationItem, PromptToAnswer } from './items';
import { readStopTokens, type StopToken } from './stop_tokens';
import { runWave } from './wave';
import { packPrompts, wavesOf, type WaveBounds, type WaveControl } from './waves';

interface TokenProbability {
  token: string;
  /** Natural logarithm of its probability. */
  logprob: number;
}

/**
 * A prompt as token ids. `sequence` selects its own stream of random numbers, so that its answer depends on no other
 * prompt.
 */
export interface PreparedPrompt extends EncodedPrompt {
  sequence: number;
}

/** Maximum number of prompt tokens in one batch. */
const LARGEST_BATCH = 1 << 22;

const LOAD: Signature = [
  ['folderOrId', filledText],
  ['options', optionsOf(languageModelOptions)],
];
const conversation = list(shape({}, 'a message'), 'a list of messages');
const ITEM = textOr('text, a list of messages, or an object with "prompt" or "messages"', {
  list: conversation,
  object: shape({}),
});
const GENERATE: Signature = [
  ['items', list(ITEM, 'a list of prompts')],
  ['options', optionsOf(generateOptions)],
];
const ONE_ITEM: Source = { file: 'items', line: 1 };
const IDS: Signature = [['ids', made('an Int32Array of token ids', 'BYTES_PER_ELEMENT', 'subarray')]];
const PREPARE: Signature = [
  ['item', ITEM],
  ['raw', flag],
];

/** A loaded language model: it answers prompts, and holds memory until it is disposed. */
export class LanguageModel {
  private constructor(
    readonly folder: string,
    private readonly model: EngineCausalModel,
    private readonly prompts: PromptBuilder,
    /** The tokens that end an answer, and the files that name them. */
    readonly stopTokens: readonly StopToken[],
    private readonly options: LanguageModelOptions,
  ) {}

  /**
   * Loads a model folder, or a model of the hub (`owner/name[@revision]`). From generation_config.json only the stop
   * tokens are used; its temperature and other sampling settings are not applied.
   * @throws Error naming file, tensor or option.
   */
  static load(folderOrId: string, options?: LanguageModelOptions): Promise<LanguageModel>;
  /** @internal With another engine, for tests. */
  static load(
    folderOrId: string,
    options: LanguageModelOptions,
    engine: Pick<Engine, 'loadCausalModel'>,
  ): Promise<LanguageModel>;
  static async load(
    folderOrId: string,
    options: LanguageModelOptions = {},
    engine: Pick<Engine, 'loadCausalModel'> = nativeEngine,
  ): Promise<LanguageModel> {
    checkArguments('LanguageModel.load', LOAD, [folderOrId, options]);
    const { device = 'auto', numThreads = 0, keep16Bit = true, precision, signal } = options;
    // with the first model
    const { localModelFolder } = require('../hub/fetch_model') as typeof import('../hub/fetch_model');
    const folder = await localModelFolder(folderOrId, { signal });
    // Before the weights, so that errors in these files appear at once.
    const prompts = new PromptBuilder(folder, options);
    const stopTokens = await readStopTokens(folder, prompts);
    const reserve = memoryReserve(options.deviceMemoryReserve);
    const model = await engine.loadCausalModel(
      { folder, device, numThreads, keep16Bit, ...reserve, ...(precision ? { precision } : {}) },
      signal ? { signal } : {},
    );
    return new LanguageModel(folder, model, prompts, stopTokens, options);
  }

  get architecture(): ArchitectureInfo {
    return this.model.architecture;
  }

  get device(): string {
    return this.model.device;
  }

  /** Which device was chosen and why, in one sentence. */
  get deviceChoice(): string {
    return this.model.deviceChoice;
  }

  get precision(): Precision {
    return this.model.precision;
  }

  get disposed(): boolean {
    return this.model.disposed;
  }

  /** The model's number of positions: prompt and answer together have at most this many tokens. */
  get positions(): number {
    return this.model.architecture.maxPositionEmbeddings;
  }

  /**
   * How system turns reach the model: as turns of their own, or, if the chat template accepts none, at the beginning of
   * the first user turn.
   */
  get systemTurns(): 'turn' | 'folded' {
    return this.prompts.hasTemplate ? this.prompts.systemTurns : 'turn';
  }

  /** Sentences about behavior that may be unexpected; usually empty. */
  get notes(): string[] {
    return [
      ...(this.prompts.hasTemplate && this.systemTurns === 'folded'
        ? [
            "The model's chat template takes no system turn: a system text stands at the beginning of the first " +
              'user turn.',
          ]
        : []),
      ...(this.architecture.keepsOutputLayer
        ? [
            'config.json says tie_word_embeddings, but lm_head.weight of the weights is another matrix than the ' +
              'embedding: it is used, as transformers 5 does ' +
              '(transformers 4 takes the embedding). Set tie_word_embeddings to false, or remove the tensor, so ' +
              'that every program does the same.',
          ]
        : []),
      ...(this.prompts.rebuiltNote === undefined ? [] : [this.prompts.rebuiltNote]),
      ...(this.stopTokens.length === 0
        ? ['Nothing in the model folder names an end-of-text token: answers end at the token limit or a stop string.']
        : []),
    ];
  }

  /**
   * The answers to all prompts, in order. Each prompt draws from its own random stream, chosen by its position in the
   * list: an answer does not depend on the others, nor on how many are computed at once (on a GPU, except for
   * rounding).
   * @throws GenerationError, TokenizerError; the signal's reason when aborted.
   */
  async generate(items: readonly GenerationItem[], options: GenerateOptions = {}): Promise<Answer[]> {
    checkArguments('LanguageModel.generate', GENERATE, [items, options]);
    if (this.disposed) throw disposedBefore('The language model');
    const { raw = false, signal, onAnswer, ...sampling } = options;
    const answers: Answer[] = [];
    const prompts = items.map((item, index) => {
      const source = { file: 'items', line: index + 1 };
      return { ...this.prepareRead(parseGenerationItem(item, source), raw, source), sequence: index, index };
    });
    await this.answerAll(prompts, checkSampling(sampling), {
      signal,
      onAnswer: ({ index }, answer) => {
        answers[index] = answer;
        onAnswer?.(index, answer);
      },
    });
    return answers;
  }

  /** The text of a prompt as the model receives it. */
  renderPrompt(item: GenerationItem): string {
    checkArguments('LanguageModel.renderPrompt', PREPARE, [item, false]);
    const prompt = parseGenerationItem(item, ONE_ITEM);
    return this.prompts.render(conversationOf(prompt), prompt.templateVariables);
  }

  /** @throws DataError, GenerationError, TokenizerError */
  prepare(item: GenerationItem, raw = false): EncodedPrompt {
    checkArguments('LanguageModel.prepare', PREPARE, [item, raw]);
    return this.prepareRead(parseGenerationItem(item, ONE_ITEM), raw, ONE_ITEM);
  }

  /** The same for a prompt that was read from a file. @param source its file and line, for the report. */
  prepareRead(item: PromptToAnswer, raw: boolean, source: Source): EncodedPrompt {
    const prompt = raw
      ? this.prompts.encodeText(textOf(item))
      : this.prompts.encode(conversationOf(item), item.templateVariables);
    this.report(prompt, source);
    if (prompt.ids.length === 0) throw new GenerationError('The prompt has no tokens; there is nothing to go on from.');
    const { vocabSize } = this.model.architecture;
    const foreign = prompt.ids.find((id) => id >= vocabSize);
    if (foreign === undefined) return prompt;
    throw new GenerationError(
      `The tokenizer in ${this.folder} gives the token ${foreign}, but the model has the ids 0 to ` +
        `${vocabSize - 1}; they do not belong together.`,
    );
  }

  /** What was unusual about the prompts so far, for `formatReport`. */
  readonly readingReport: ReadingReport = emptyReport();

  private report({ specialInText, unread }: EncodedPrompt, source: Source): void {
    if (specialInText) note(this.readingReport, specialKind(this.options.specialTokensInText), source);
    if (unread) note(this.readingReport, 'unreadByTemplate', source, 1, unread);
  }

  /** A prompt's random stream, determined by its ids alone. */
  static sequenceOf(ids: Int32Array): number {
    checkArguments('LanguageModel.sequenceOf', IDS, [ids]);
    const bytes = Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength);
    return createHash('sha256').update(bytes).digest().readInt32LE(0) & 0x7fffffff;
  }

  /**
   * Answers prompts as they arrive, in waves of bounded size; `onAnswer` gets each answer as it ends. A promise that it
   * returns is awaited at the end of the wave, also if the work is aborted.
   */
  async answerAll<T extends PreparedPrompt>(
    prompts: Iterable<T> | AsyncIterable<T>,
    sampling: Sampling,
    { signal, patience, onAnswer }: WaveControl & { onAnswer: (prompt: T, answer: Answer) => void | Promise<void> },
  ): Promise<void> {
    const setting = {
      model: this.model,
      tokenizer: this.prompts.tokenizer,
      sampling,
      stopTokens: this.stopTokens.map(({ id }) => id).filter((id) => id < this.model.architecture.vocabSize),
      microBatchTokens: this.microBatchTokens,
      cacheTokens: this.options.kvCacheTokens,
      reserve: this.options.deviceMemoryReserve,
      signal,
    };
    for await (const wave of wavesOf(prompts, this.bounds, ({ ids }) => ids.length, { signal, patience })) {
      signal?.throwIfAborted();
      await settled(async (keep) => {
        const fitting = wave.filter((prompt) => this.fits(prompt, sampling.maxTokens));
        for (const prompt of wave) if (!fitting.includes(prompt)) keep(onAnswer(prompt, tooLong(prompt)));
        if (fitting.length === 0) return;
        await runWave(fitting, setting, (index, { stopped: _, tokens, ...answer }) => {
          const prompt = fitting[index]!;
          keep(onAnswer(prompt, { ...answer, usage: { promptTokens: prompt.ids.length, completionTokens: tokens } }));
        });
      });
    }
    signal?.throwIfAborted();
  }

  /**
   * Like `answerAll`, but gives the probabilities of the `count` most likely first tokens of each answer, the most
   * likely first. Undefined: the prompt is too long.
   */
  async firstTokensOfAll<T extends EncodedPrompt>(
    prompts: Iterable<T> | AsyncIterable<T>,
    count: number,
    {
      signal,
      onTokens,
    }: {
      signal?: AbortSignal | undefined;
      onTokens: (prompt: T, tokens: FirstToken[] | undefined) => void | Promise<void>;
    },
  ): Promise<void> {
    const wanted = Math.min(count, this.model.architecture.vocabSize);
    const bounds = { prompts: this.bounds.prompts, tokens: 2 * this.microBatchTokens };
    for await (const wave of wavesOf(prompts, bounds, ({ ids }) => ids.length, { signal })) {
      signal?.throwIfAborted();
      await settled(async (keep) => {
        const fitting = wave.filter((prompt) => this.fits(prompt, 0));
        for (const prompt of wave) if (!fitting.includes(prompt)) keep(onTokens(prompt, undefined));
        if (fitting.length === 0) return;
        const packed = packPrompts(fitting.map(({ ids }) => ids));
        const { ids, logProbabilities } = await this.model.nextTokenLogProbabilities(
          packed,
          { count: wanted, microBatchTokens: this.microBatchTokens },
          signal ? { signal } : {},
        );
        fitting.forEach((prompt, p) => {
          const tokens = Array.from({ length: wanted }, (_, rank) => {
            const id = ids[p * wanted + rank]!;
            return { id, token: this.tokenText(id), logprob: logProbabilities[p * wanted + rank]! };
          });
          keep(onTokens(prompt, tokens));
        });
      });
    }
    signal?.throwIfAborted();
  }

  /** Facts for `results.json`: plain JSON. */
  describe(): Record<string, unknown> {
    const { family, parameters } = this.model.architecture;
    return {
      folder: this.folder,
      family,
      parameters,
      device: this.device,
      precision: this.precision,
      positions: this.positions,
      stop_tokens: this.stopTokens,
      system_turns: this.systemTurns,
      template_options: this.options.templateOptions ?? {},
      notes: this.notes,
    };
  }

  /**
   * The engine's notes about its work, such as matrix products that ran on a slow kernel: a sentence each, with the
   * number of times.
   */
  get engineNotes(): string[] {
    return closingNotes(this.model);
  }

  /** Frees the model's memory once running work has stopped; later calls reject. */
  async dispose(): Promise<void> {
    await this.model.dispose();
  }

  /** For `await using`: the same as `dispose`. */
  async [asyncDispose](): Promise<void> {
    await this.dispose();
  }

  /** Prompt tokens computed at once. */
  get microBatchTokens(): number {
    const { microBatchTokens = 'auto' } = this.options;
    return microBatchTokens === 'auto' ? this.model.microBatchTokens : microBatchTokens;
  }

  private get bounds(): WaveBounds {
    return { prompts: this.options.batchPrompts ?? 256, tokens: LARGEST_BATCH };
  }

  private fits({ ids }: EncodedPrompt, maxTokens: number): boolean {
    return ids.length + maxTokens <= this.positions;
  }

  private readonly texts = new Map<number, string>();

  private tokenText(id: number): string {
    const known = this.texts.get(id);
    if (known !== undefined) return known;
    const text = this.prompts.tokenizer.tokenText(id);
    this.texts.set(id, text);
    return text;
  }
}

export interface FirstToken extends TokenProbability {
  id: number;
}

function tooLong({ ids }: EncodedPrompt): Answer {
  return { text: '', finish: 'too_long', usage: { promptTokens: ids.length, completionTokens: 0 } };
}

/**
 * Runs `work` and awaits all promises that it gave to `keep`, whether it succeeds or not; its own failure takes
 * precedence.
 */
async function settled(work: (keep: (promise: void | Promise<void>) => void) => Promise<void>): Promise<void> {
  const kept: Promise<void>[] = [];
  try {
    await work((promise) => {
      if (!promise) return;
      promise.catch(() => {}); // awaited below
      kept.push(promise);
    });
  } finally {
    await Promise.allSettled(kept);
  }
  await Promise.all(kept);
}

function conversationOf({ prompt, systemPrompt }: PromptToAnswer): readonly Message[] {
  const turns = asMessages(prompt);
  return systemPrompt === undefined ? turns : [{ role: 'system', content: systemPrompt }, ...turns];
}

function textOf({ prompt, systemPrompt, templateVariables }: PromptToAnswer): string {
  if (typeof prompt === 'string' && systemPrompt === undefined && templateVariables === undefined) return prompt;
  throw new GenerationError('What is continued as it stands must be a text ("prompt"), not a conversation.');
}
