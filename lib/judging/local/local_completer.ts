// A judge that the engine runs here: conversations are processed in waves that share prefixes. Every answer is on disk
// before it counts.

import { createHash } from 'node:crypto';
import type { Message } from '../../data/types';
import { modelDigest } from '../../model_folder/digest';
import { checkSampling, type Sampling } from '../../generation/options';
import { GenerationError } from '../../generation/errors';
import { LanguageModel, type PreparedPrompt } from '../../generation/language_model';
import type { Answer } from '../../generation/answer';
import { beginning } from '../../generation/thoughts';
import { TokenizerError } from '../../tokenization/errors';
import type { Completer, Completion, CompletionControl, CompletionOptions, TokenProbability } from '../completer';
import { JudgeError } from '../errors';
import { openLockedCache, type LockedCache } from '../response_cache';
import { knob } from '../../text/knobs';

/** How the language model of a judge is loaded. */
export interface LocalJudgeOptions {
  /** The name in tables and results; the model's folder by default. */
  name?: string;
  /** Where answers are cached; absent: nowhere. */
  cacheFile?: string | undefined;
}

const WITHOUT_THOUGHTS =
  `Give ${knob('judgeMode', 'text')}, or, where the template knows it, ` +
  `${knob('judgeTemplateOptions', '{"enable_thinking": false}')}.`;

/** One conversation that has no answer yet, with the others that are equal to it. */
interface Question extends PreparedPrompt {
  key: string;
  indices: number[];
}

/** One call of `complete`. */
interface Job {
  conversations: Iterable<readonly Message[]>;
  sampling: Sampling;
  firstTokens: number | undefined;
  control: CompletionControl;
  completions: Completion[];
  /** Pending questions, by key. */
  asked: Map<string, Question>;
}

/** A judge on a loaded model, which it disposes of. @throws JudgeError if the cache is in use or not valid. */
export async function openLocalJudge(
  model: LanguageModel,
  { name = model.folder, cacheFile }: LocalJudgeOptions = {},
): Promise<LocalCompleter> {
  const digest = await modelDigest(model.folder);
  return new LocalCompleter(
    name,
    model,
    digest,
    cacheFile === undefined ? undefined : await openLockedCache(cacheFile),
  );
}

/** Answers from a language model on this machine. */
export class LocalCompleter implements Completer {
  /** Answers, if no file keeps them. */
  private readonly memory = new Map<string, Completion>();
  private readonly counts = { computed: 0, from_cache: 0, too_long: 0 };
  private readonly spent = { prompt: 0, completion: 0, prompt_from_cache: 0, completion_from_cache: 0 };
  private longest = 0;
  /** Answers of one token that would have begun with reasoning. */
  private thinking = 0;

  constructor(
    readonly name: string,
    private readonly model: LanguageModel,
    private readonly digest: string,
    private readonly locked?: LockedCache,
  ) {}

  /**
   * An answer depends only on the model, its conversation and the options: the conversation determines the random
   * stream of sampling, and equal conversations have the same answer. When the signal is aborted, finished answers are
   * kept, and the promise rejects with its reason.
   * @throws JudgeError if a conversation cannot be given to the model.
   */
  async complete(
    conversations: Iterable<readonly Message[]>,
    options: CompletionOptions,
    control: CompletionControl = {},
  ): Promise<Completion[]> {
    const { firstTokens, temperature, topP, topK, maxTokens, seed, stop } = options;
    const sampling = checkSampling({ temperature, topP, topK, maxTokens, seed, stop });
    const job: Job = { conversations, sampling, firstTokens, control, completions: [], asked: new Map() };
    const { signal } = control;
    try {
      if (firstTokens === undefined) {
        await this.model.answerAll(this.questions(job), sampling, {
          signal,
          onAnswer: (question, answer) => this.answered(job, question, completionOf(answer)),
        });
      } else {
        await this.model.firstTokensOfAll(this.questions(job), firstTokens, {
          signal,
          onTokens: (question, tokens) => this.probed(job, question, tokens),
        });
      }
    } catch (error) {
      throw error instanceof GenerationError || error instanceof TokenizerError
        ? new JudgeError(`${this.name}: ${error.message}`, { cause: error })
        : error;
    }
    return job.completions;
  }

  describe(): Record<string, unknown> {
    const { notes, ...facts } = this.model.describe();
    const all = [
      ...(notes as string[]),
      ...this.model.engineNotes,
      ...[this.tooLong, this.thinksFirst].filter((note) => note !== undefined),
    ];
    return {
      ...facts,
      notes: all,
      digest: this.digest,
      cache: this.locked?.cache.file ?? null,
      answers: { ...this.counts },
      tokens: { ...this.spent },
    };
  }

  /** Tokens computed by this run so far, without those of shared prefixes. */
  get tokens(): number {
    return this.spent.prompt + this.spent.completion;
  }

  /** A sentence about what was too long to be judged; undefined if nothing was. */
  get tooLong(): string | undefined {
    const { too_long: count } = this.counts;
    if (count === 0) return undefined;
    return (
      `${count} conversations were not put to the judge: with the tokens left for an answer they are longer ` +
      `than the ${this.model.positions} that the model is made for ` +
      `(the longest has ${this.longest}). A lower ${knob('judgeMaxTokens')} leaves more room.`
    );
  }

  /** A sentence for first tokens that are not letters because the model reasons first. */
  get thinksFirst(): string | undefined {
    if (this.thinking === 0) return undefined;
    return `${this.thinking} answers would begin with thoughts, whose first token is no letter. ${WITHOUT_THOUGHTS}`;
  }

  /** Releases the model's memory. */
  async dispose(): Promise<void> {
    await this.locked?.close();
    await this.model.dispose();
  }

  /** The conversations without a known answer, each once; known answers are reported on the way. */
  private async *questions(job: Job): AsyncGenerator<Question> {
    let index = -1;
    for (const conversation of job.conversations) {
      index += 1;
      const prompt = this.model.prepare(conversation);
      if (prompt.thoughts !== undefined && job.firstTokens !== undefined) throw this.opensThoughts(prompt.thoughts);
      const key = this.keyOf(prompt.ids, job);
      const known = this.locked ? await this.locked.cache.get(key) : this.memory.get(key);
      const twin = job.asked.get(key);
      if (known) {
        this.tell(job, [index], { ...known, cached: true });
      } else if (twin) {
        twin.indices.push(index);
      } else {
        const question = { ...prompt, sequence: LanguageModel.sequenceOf(prompt.ids), key, indices: [index] };
        job.asked.set(key, question);
        yield question;
      }
    }
  }

  private opensThoughts(tag: string): JudgeError {
    return new JudgeError(
      `The chat template of ${this.name} opens thoughts (<${tag}>) before the answer, so that its first token ` +
        `is no letter. ${WITHOUT_THOUGHTS}`,
    );
  }

  private async answered(job: Job, question: Question, completion: Completion): Promise<void> {
    const { key, indices, ids } = question;
    if (completion.finish === 'too_long') {
      this.longest = Math.max(this.longest, ids.length);
    } else if (this.locked) {
      await this.locked.cache.set(key, completion, { model: this.name, date: new Date().toISOString() });
    } else {
      this.memory.set(key, completion);
    }
    job.asked.delete(key);
    const [first, ...twins] = indices;
    if (completion.firstTokens && beginning(completion.firstTokens[0]!.token).kind === 'thoughts') this.thinking += 1;
    this.tell(job, [first!], completion);
    this.tell(job, twins, { ...completion, cached: true });
  }

  private probed(
    job: Job,
    question: Question,
    tokens: (TokenProbability & { id: number })[] | undefined,
  ): Promise<void> {
    const usage = { promptTokens: question.ids.length, completionTokens: tokens ? 1 : 0 };
    if (!tokens) return this.answered(job, question, { text: '', finish: 'too_long', usage });
    const isEnd = this.model.stopTokens.some(({ id }) => id === tokens[0]!.id);
    const firstTokens = tokens.map(({ token, logprob }) => ({ token, logprob }));
    return this.answered(job, question, {
      text: isEnd ? '' : tokens[0]!.token,
      finish: isEnd ? 'stop' : 'length',
      firstTokens,
      usage,
    });
  }

  private tell({ completions, control }: Job, indices: readonly number[], completion: Completion): void {
    const { finish, cached, usage } = completion;
    for (const index of indices) {
      this.counts[finish === 'too_long' ? 'too_long' : cached ? 'from_cache' : 'computed'] += 1;
      const [prompt, answer] = cached
        ? (['prompt_from_cache', 'completion_from_cache'] as const)
        : (['prompt', 'completion'] as const);
      if (finish !== 'too_long') {
        this.spent[prompt] += usage!.promptTokens;
        this.spent[answer] += usage!.completionTokens;
      }
      completions[index] = completion;
      control.onCompletion?.(index, completion);
    }
  }

  /** The cache key of an answer. The prompt's ids represent the conversation, the chat template and its options. */
  private keyOf(ids: Int32Array, { sampling, firstTokens }: Job): string {
    const { temperature, topP, topK, seed, maxTokens, stop } = sampling;
    const drawn = temperature === 0 ? { temperature } : { temperature, topP, topK, seed };
    const how =
      firstTokens === undefined
        ? { ...drawn, maxTokens, stop, stopTokens: this.model.stopTokens.map(({ id }) => id) }
        : { firstTokens };
    const hash = createHash('sha256').update(
      JSON.stringify({ model: this.digest, precision: this.model.precision, ...how }),
    );
    return hash.update(Buffer.from(ids.buffer, ids.byteOffset, ids.byteLength)).digest('hex');
  }
}

function completionOf({ text, reasoning, finish, usage }: Answer): Completion {
  return { text, finish, usage, ...(reasoning === undefined ? {} : { reasoning }) };
}
