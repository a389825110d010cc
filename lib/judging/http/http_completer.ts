// Completions from any endpoint with OpenAI's chat completions API: OpenAI itself, vLLM, SGLang, llama.cpp and many
// others.
//
// Uses undici, because its timeouts for headers and bodies can be switched off, unlike those of Node's own fetch: long
// reasoning takes longer than its 300 s.

import { openCarrier } from '../../files/http';
import type { Message } from '../../data/types';
import type { Completer, Completion, CompletionControl, CompletionOptions } from '../completer';
import { openLockedCache, type LockedCache, type ResponseCache } from '../response_cache';
import { Adaptation, type OwnRoom } from './adaptation';
import { EmptyAnswer, UnknownRefusal } from './answer';
import { EndpointError } from './errors';
import { checkHeaders, requireSendable } from './headers';
import { lineOf, type Line } from './line';
import { completionsUrl, KEY_VARIABLE, type EndpointOptions } from './options';
import { forEachAtMost } from './parallel';
import { Pause } from './pause';
import { attempt } from './request';
import { requestKey } from './request_key';
import { withRetries } from './retry';
import { Spending } from './spending';
import { knob } from '../../text/knobs';

const CONCURRENCY = 8;
/** Size limit of one answer: 64 MiB. */
const LARGEST_ANSWER = 64 * 1024 * 1024;
/** Maximum number of changed requests for one conversation, after refusals that taught something. */
const LESSONS = 6;
/** Attempts for an empty answer: it may be what the endpoint wants to say. */
const EMPTY_ATTEMPTS = 3;
/** Number of answers to different conversations that show that a request's form is right. */
const PROOF = 3;
/** Consecutive refusals that no filter explains. */
const UNKNOWN_REFUSALS = 5;
/** Problems of a wrong address: they appear at once. Later, the same errors mean a server that is restarting. */
const WRONG_ADDRESS = ['refused', 'unknown host', 'proxy', 'web page'];

/** One call of `complete`: once `stopping` is aborted, nothing more is sent, and pending requests are waited for. */
interface Job {
  stopping: AbortSignal;
  /** Whether the answer's first position must have probabilities. */
  wantsTokens: boolean;
}

/**
 * Opens an endpoint, with its cache if one is named.
 * @throws JudgeError for an invalid address, header or proxy setting, or a cache that is in use or not valid.
 */
export async function openEndpoint(options: EndpointOptions): Promise<HttpCompleter> {
  const { headers = {}, ...rest } = options;
  const url = completionsUrl(rest.endpoint);
  checkHeaders(headers);
  const key = process.env[rest.keyVariable ?? KEY_VARIABLE]?.trim() || undefined;
  if (key !== undefined) requireSendable(key, `The environment variable ${rest.keyVariable ?? KEY_VARIABLE}`);
  const limits = {
    headersTimeout: 0,
    bodyTimeout: 0,
    connections: rest.concurrency ?? CONCURRENCY,
    maxResponseSize: LARGEST_ANSWER,
  };
  const line = lineOf(url, key, rest, headers, await openCarrier(limits));
  return new HttpCompleter(
    url,
    rest,
    line,
    rest.cacheFile === undefined ? undefined : await openLockedCache(rest.cacheFile),
  );
}

/** Answers from an endpoint with OpenAI's chat API. */
export class HttpCompleter implements Completer {
  readonly name: string;
  readonly #line: Line;
  private readonly pause = new Pause();
  private readonly spending: Spending;
  private readonly adaptation = new Adaptation();
  /** Pending requests, so that equal ones are sent once. */
  private readonly underWay = new Map<string, Promise<Completion>>();
  /** Answers, if no file keeps them. */
  private readonly memory = new Map<string, Completion>();
  private answers = 0;
  private unknownInARow = 0;
  private hasGivenTokens = false;
  private isDisposed = false;

  constructor(
    private readonly url: string,
    private readonly options: Omit<EndpointOptions, 'headers'>,
    line: Line,
    private readonly locked?: LockedCache,
  ) {
    this.name = options.model;
    this.#line = line;
    this.spending = new Spending(options.prices ?? {});
  }

  /**
   * Every answer is on disk before it counts. If one request fails for good, or the signal is aborted, nothing more is
   * sent, pending answers are waited for and kept, and then the promise rejects.
   * @throws EndpointError with one sentence; the signal's reason when aborted.
   */
  async complete(
    conversations: Iterable<readonly Message[]>,
    options: CompletionOptions,
    control: CompletionControl = {},
  ): Promise<Completion[]> {
    const failed = new AbortController();
    const stopping = control.signal ? AbortSignal.any([control.signal, failed.signal]) : failed.signal;
    const job: Job = { stopping, wantsTokens: options.firstTokens !== undefined };
    const completions: Completion[] = [];
    const next = function* (): Generator<[number, readonly Message[]]> {
      let index = 0;
      try {
        for (const conversation of conversations) {
          if (stopping.aborted) return;
          yield [index++, conversation];
        }
      } catch (error) {
        failed.abort(error); // the conversation could not be made
      }
    };
    const work = async ([index, messages]: [number, readonly Message[]]): Promise<void> => {
      try {
        const completion = await this.ask(this.bodyOf(messages, options), job);
        completions[index] = completion;
        control.onCompletion?.(index, completion);
      } catch (error) {
        failed.abort(error);
      }
    };
    const items = next();
    // The first answer shows whether there are probabilities; the others are not paid for before that.
    if (job.wantsTokens && !this.hasGivenTokens) {
      const first = items.next();
      if (!first.done) await work(first.value);
    }
    await forEachAtMost(this.concurrency, items, work);
    control.signal?.throwIfAborted();
    if (failed.signal.aborted) throw this.lastWord(failed.signal.reason);
    return completions;
  }

  describe(): Record<string, unknown> {
    const { extra, model } = this.options;
    const { origin, pathname } = new URL(this.url);
    const { headers } = this.#line.asked;
    return {
      endpoint: `${origin}${pathname}`,
      model,
      ...(extra ? { extra } : {}),
      ...(headers.length > 0 ? { headers: [...headers] } : {}),
      notes: this.adaptation.notes(),
      cache: this.cache?.file ?? null,
      ...this.spending.describe(),
    };
  }

  /** Tokens that this run has been charged for so far. */
  get tokens(): number {
    return this.spending.tokens;
  }

  /** Waits for pending requests and closes the cache. */
  async dispose(): Promise<void> {
    if (this.isDisposed) return;
    this.isDisposed = true;
    await this.locked?.close();
    await this.#line.carrier.dispatcher.close();
  }

  private get cache(): ResponseCache | undefined {
    return this.locked?.cache;
  }

  private get concurrency(): number {
    return this.options.concurrency ?? CONCURRENCY;
  }

  private get retries(): number {
    return this.options.retries ?? 8;
  }

  private bodyOf(
    messages: readonly Message[],
    { temperature, topP, maxTokens, seed, stop, firstTokens }: CompletionOptions,
  ): Record<string, unknown> {
    const body: Record<string, unknown> = {
      model: this.options.model,
      messages: messages.map(({ role, content }) => ({ role, content })),
      temperature,
      max_tokens: maxTokens,
      ...(topP === undefined ? {} : { top_p: topP }),
      ...(seed === undefined ? {} : { seed }),
      ...(stop === undefined ? {} : { stop }),
      ...(firstTokens === undefined ? {} : { logprobs: true, top_logprobs: firstTokens }),
      ...this.options.extra,
    };
    return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
  }

  private async ask(body: Record<string, unknown>, job: Job): Promise<Completion> {
    const key = requestKey(this.url, body);
    const known = this.cache ? await this.cache.get(key) : this.memory.get(key);
    if (known && isAnswer(known, job)) {
      if (known.firstTokens?.length) this.hasGivenTokens = true;
      const completion = { ...known, cached: true };
      this.spending.answered(completion);
      return completion;
    }
    const asked = this.underWay.get(key);
    if (asked) {
      const completion = { ...(await asked), cached: true };
      this.spending.answered(completion);
      return completion;
    }
    const asking = this.askEndpoint(key, body, job).finally(() => this.underWay.delete(key));
    this.underWay.set(key, asking);
    return asking;
  }

  private async askEndpoint(
    key: string,
    body: Record<string, unknown>,
    { stopping, wantsTokens }: Job,
  ): Promise<Completion> {
    const { backoffMs = { from: 1000, to: 60_000 } } = this.options;
    const once = async (): Promise<Completion> => {
      const completion = await this.askInAnyForm(body, stopping);
      this.answers++;
      if (completion.finish !== 'filtered') this.unknownInARow = 0;
      this.spending.answered(completion);
      if (wantsTokens) this.requireTokens(completion);
      if (this.cache)
        await this.cache.set(key, completion, { model: this.options.model, date: new Date().toISOString() });
      else this.memory.set(key, completion);
      return completion;
    };
    const shouldRetry = (error: unknown, failures: number): boolean => {
      this.noteFailure(error);
      if (!(error instanceof EndpointError)) return false;
      error.attempts = failures;
      if (!error.retryable || this.isHopeless(error)) return false;
      const isEmpty = error instanceof EmptyAnswer || (error.kind === 'empty answer' && this.answers === 0);
      return failures <= (isEmpty ? Math.min(this.retries, EMPTY_ATTEMPTS - 1) : this.retries);
    };
    try {
      return await withRetries(once, { shouldRetry, backoffMs, signal: stopping });
    } catch (error) {
      if (!(error instanceof EmptyAnswer || error instanceof UnknownRefusal)) throw error;
      this.answers++;
      this.spending.answered(error.completion);
      if (wantsTokens) this.requireTokens(error.completion);
      return error.completion;
    }
  }

  /** One attempt, and further ones in the forms that refusals teach. */
  private async askInAnyForm(body: Record<string, unknown>, stopping: AbortSignal): Promise<Completion> {
    const own: OwnRoom = {};
    for (let lessons = 0; ; lessons++) {
      await this.pause.over(stopping);
      stopping.throwIfAborted();
      const sent = this.adaptation.shape(body, own);
      const again = (learned: boolean) => learned && lessons < LESSONS;
      try {
        const completion = await attempt(this.#line, sent);
        if (completion.finish === 'too_long' && again(this.adaptation.learnRoom(completion.said ?? '', sent, own)))
          continue;
        if (completion.finish !== 'too_long') this.adaptation.noteFitted(own);
        return completion;
      } catch (error) {
        const said =
          error instanceof EndpointError && ['400', '403', '404', '422', '500'].includes(error.kind)
            ? error.said
            : undefined;
        if (said === undefined) throw error;
        if (again(this.adaptation.learn(said, sent, own))) continue;
        throw this.isUnknownRefusal(error as EndpointError) ? new UnknownRefusal(error as EndpointError) : error;
      }
    }
  }

  /**
   * Whether a refusal concerns its conversation, because others in the same form were answered; several in a row
   * concern something else.
   */
  private isUnknownRefusal({ kind, hasRemedy }: EndpointError): boolean {
    if (!['400', '422'].includes(kind) || hasRemedy || this.answers < PROOF) return false;
    if (this.unknownInARow >= UNKNOWN_REFUSALS) return false;
    this.unknownInARow++;
    this.adaptation.noteUnknownRefusal();
    return true;
  }

  /**
   * @throws EndpointError if no answer has had probabilities so far; a single one without them is an answer without a
   * verdict.
   */
  private requireTokens(completion: Completion): void {
    if (completion.finish === 'filtered' || completion.finish === 'too_long') return;
    if (completion.firstTokens?.length) {
      this.hasGivenTokens = true;
    } else if (this.hasGivenTokens) {
      completion.firstTokens = [];
    } else {
      const sentence =
        `The judge ${this.name} at ${this.#line.asked.url} gives no probabilities of tokens ` + `("logprobs")`;
      throw new EndpointError(
        `${sentence}, which ${knob('judgeMode', 'logits')} reads; use ${knob('judgeMode', 'text')}.`,
        {
          kind: 'no logprobs',
        },
      );
    }
  }

  private noteFailure(error: unknown): void {
    if (!(error instanceof EndpointError)) return;
    this.spending.failed(error.kind);
    if (error.retryable && error.retryAfter !== undefined && !this.isHopeless(error))
      this.pause.lengthen(error.retryAfter);
  }

  /** A wrong address shows at once, so nobody waits for hours. */
  private isHopeless({ kind, retryAfter }: EndpointError): boolean {
    return (
      (this.answers === 0 && WRONG_ADDRESS.includes(kind)) ||
      (retryAfter ?? 0) > (this.options.longestPauseMs ?? 600_000)
    );
  }

  private lastWord(error: unknown): unknown {
    if (!(error instanceof EndpointError)) return error;
    const { kind, retryable, retryAfter, attempts } = error;
    const tried = attempts === 1 ? '' : ` It was tried ${attempts} times (${knob('judgeRetries')}).`;
    const wait =
      retryAfter !== undefined && this.isHopeless(error)
        ? ` It asks to wait ${Math.ceil(retryAfter / 60_000)} min.`
        : '';
    const slower =
      kind === '429' && retryable
        ? ` Fewer requests at once may pass: ${knob('judgeConcurrency')}, now ${this.concurrency}.`
        : '';
    const kept = this.cache
      ? ` The ${this.cache.size} answers so far are in ${this.cache.file}; the same command continues from there.`
      : '';
    return new EndpointError(`${error.message}${tried}${wait}${slower}${kept}`, { kind, retryable, cause: error });
  }
}

/** Earlier versions cached answers that had broken off, and answers without the requested probabilities. */
function isAnswer({ finish, text, reasoning, firstTokens }: Completion, { wantsTokens }: Job): boolean {
  if (finish === 'filtered' || finish === 'too_long') return true;
  if (wantsTokens) return firstTokens !== undefined;
  return finish !== 'other' || text !== '' || reasoning !== undefined;
}
