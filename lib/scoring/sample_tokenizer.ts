// Texts and token ids to checked samples for one model; texts in worker threads, many responses at once.

import { DataError } from '../data/errors';
import { note, type ReadingReport } from '../data/report';
import type { Prompt, Response, Source, TemplateVariables, TokenizedSample } from '../data/types';
import { disposedBefore, disposedDuring } from '../engine/errors';
import { TokenizerError } from '../tokenization/errors';
import type { TokenizeOptions } from '../tokenization/tokenize_dataset';
import { CHUNK, JobError, TokenizerPool } from '../tokenization/tokenizer_pool';
import { cutIds, endingWith } from '../tokenization/sample_builder';
import { specialKind } from '../tokenization/special_kind';
import { UnreadNames } from '../tokenization/template_names';
import type { ChunkResult, SampleJob } from '../tokenization/worker_messages';
import type { ReadoutRule } from './readouts';
import { knob } from '../text/knobs';

/** What is tokenized: a prompt with its responses, and the place that error messages name. */
export interface PromptWithResponses {
  prompt: Prompt;
  systemPrompt?: string;
  templateVariables?: TemplateVariables;
  responses: readonly Response[];
  source: Source;
}

export interface SampleLimits {
  folder: string;
  /** Ids from this number on are refused. */
  vocabularySize: number;
  /** Number of tokens that the model supports. */
  maxPositions: number;
  /** What the model's head reads, if not only the last token. */
  readouts?: ReadoutRule | undefined;
}

interface BuiltSample {
  inputIds: Int32Array;
  truncated: boolean;
  /** Tokens before cutting. */
  length: number;
  specialInText?: boolean;
}

interface Waiting {
  job: SampleJob;
  resolve(sample: BuiltSample): void;
  reject: (error: Error) => void;
}

export class SampleTokenizer {
  private pool: TokenizerPool | undefined;
  private closed: Error | undefined;
  private waiting: Waiting[] = [];

  /** @param options as `tokenizeDataset` takes them, `tokenizer` included. */
  constructor(
    private readonly limits: SampleLimits,
    private readonly options: TokenizeOptions,
    /** Receives what is unusual about the samples. */
    private readonly report?: ReadingReport,
  ) {}

  /**
   * One sample per response. Calls made without waiting for one another share their batches for the threads.
   * @throws DataError naming the place: no tokenizer, too long, ids outside the vocabulary.
   */
  tokenize({
    prompt,
    systemPrompt,
    templateVariables,
    responses,
    source,
  }: PromptWithResponses): Promise<TokenizedSample[]> {
    return Promise.all(
      responses.map(async (response, responseIndex) => {
        const place = response.source ?? source;
        const { inputIds, messages, content } = response;
        const built = inputIds
          ? this.given(inputIds, place)
          : await this.built({ prompt, systemPrompt, content, messages, templateVariables }, place);
        if (this.report)
          this.note(built, { prompt, ...(templateVariables ? { templateVariables } : {}) }, response, place);
        this.check(built, place);
        return { inputIds: built.inputIds, truncated: built.truncated, responseIndex };
      }),
    );
  }

  /** Stops the threads: pending work is rejected with the first error, later calls with the second. */
  async close(during = disposedDuring('The model'), later = disposedBefore('The model')): Promise<void> {
    this.closed ??= later;
    await this.pool?.close(during);
  }

  /**
   * @throws DataError if a sample has more tokens than config.json's max_position_embeddings, or lacks those that the
   * head reads.
   */
  refuseUnreadable(inputIds: Int32Array, place: Source): void {
    const { folder, maxPositions, readouts } = this.limits;
    const { length } = inputIds;
    if (readouts?.positions(inputIds).length === 0) throw new DataError(place, readouts.missing);
    if (length <= maxPositions) return;
    throw new DataError(
      place,
      `the sample has ${length} tokens, but the model in ${folder} supports ${maxPositions} ` +
        `(max_position_embeddings in its config.json); cut samples with ${knob('maxLength', maxPositions)} and ` +
        `${knob('truncation')}`,
    );
  }

  private names: UnreadNames | undefined;

  private note(
    { specialInText }: BuiltSample,
    prompt: Pick<PromptWithResponses, 'prompt' | 'templateVariables'>,
    response: Response,
    place: Source,
  ): void {
    if (specialInText) note(this.report!, specialKind(this.options.specialTokensInText), place);
    if (response.inputIds || !this.options.tokenizer) return;
    this.names ??= new UnreadNames(this.options.tokenizer);
    const unread = this.names.of(prompt, response);
    if (unread.length > 0) note(this.report!, 'unreadByTemplate', place, 1, unread);
  }

  private given(givenIds: Int32Array, place: Source): BuiltSample {
    const { maxLength, truncation, rewardToken } = this.options;
    const ids = endingWith(givenIds, rewardToken);
    this.refuseForeignIds(ids, place);
    const truncated = typeof maxLength === 'number' && truncation === true && ids.length > maxLength;
    return {
      inputIds: truncated ? cutIds(ids, maxLength, this.options.tokenizer?.form) : ids,
      truncated,
      length: ids.length,
    };
  }

  private async built(job: SampleJob, place: Source): Promise<BuiltSample> {
    if (this.closed) throw this.closed;
    try {
      return await new Promise<BuiltSample>((resolve, reject) => {
        this.waiting.push({ job, resolve, reject });
        if (this.waiting.length >= CHUNK) this.send();
        else if (this.waiting.length === 1) setImmediate(() => this.send());
      });
    } catch (error) {
      if (error instanceof JobError || error instanceof TokenizerError) throw new DataError(place, error.message);
      throw error;
    }
  }

  private send(): void {
    const waiting = this.waiting;
    this.waiting = [];
    if (waiting.length > 0) void this.build(waiting);
  }

  /**
   * A chunk stops at its first failure; then each of its responses is built separately, so that the others get their
   * samples.
   */
  private async build(waiting: readonly Waiting[]): Promise<void> {
    if (this.closed) return waiting.forEach(({ reject }) => reject(this.closed!));
    this.pool ??= new TokenizerPool(this.options.tokenizer!, this.options).closeWith(this);
    try {
      const result = await this.pool.build(waiting.map(({ job }) => job));
      samplesOf(result).forEach((sample, i) => waiting[i]!.resolve(sample));
    } catch (error) {
      if (error instanceof JobError && error.job >= 0 && waiting.length > 1)
        await Promise.all(waiting.map((one) => this.build([one])));
      else for (const one of waiting) one.reject(error as Error);
    }
  }

  private check({ inputIds, length, truncated }: BuiltSample, place: Source): void {
    const { maxLength } = this.options;
    if (length === 0) throw new DataError(place, 'the sample has no tokens at all');
    if (typeof maxLength === 'number' && length > maxLength && !truncated) {
      throw new DataError(
        place,
        `the sample has ${length} tokens, and max_length is ${maxLength}; give ${knob('truncation')} to cut it ` +
          'from the left, or a larger max_length',
      );
    }
    this.refuseForeignIds(inputIds, place);
    this.refuseUnreadable(inputIds, place);
  }

  private refuseForeignIds(ids: Int32Array, place: Source): void {
    const { folder, vocabularySize } = this.limits;
    for (let index = 0; index < ids.length; index += 1) {
      const id = ids[index]!;
      if (id < 0 || id >= vocabularySize) {
        throw new DataError(
          place,
          `token ${index} of the sample is ${id}, but the model in ${folder} has the ids 0 to ` +
            `${vocabularySize - 1}; was it tokenized with this model's tokenizer?`,
        );
      }
    }
  }
}

function samplesOf({ ids, counts, lengths, truncated, specialInText }: ChunkResult): BuiltSample[] {
  let at = 0;
  return Array.from(counts, (count, i) => ({
    inputIds: ids.slice(at, (at += count)),
    truncated: truncated[i] === 1,
    length: lengths[i]!,
    specialInText: specialInText[i] === 1,
  }));
}
