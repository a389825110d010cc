// Completions of any endpoint that speaks OpenAI's chat completions: OpenAI itself, vLLM, SGLang, llama.cpp and many more.
//
// Libraries: p-map takes conversations as there is room, p-retry waits and tries again, undici carries (its limits on waiting for
// headers and bodies can be taken off, which Node's own fetch does not allow: long thoughts take longer than its 300 s).

import pMap from 'p-map';
import pRetry from 'p-retry';
import type { Message } from '../../../data/types';
import type { Completer, Completion, CompletionControl, CompletionOptions } from '../completer';
import { openLockedCache, type LockedCache, type ResponseCache } from '../response_cache';
import { openCarrier, type Carrier } from './carrier';
import { EndpointError } from './errors';
import { completionsUrl, type EndpointOptions } from './options';
import { Pause } from './pause';
import { attempt } from './request';
import { requestKey } from './request_key';
import { Spending } from './spending';

export { EndpointError } from './errors';
export type { EndpointOptions } from './options';

const CONCURRENCY = 8;

/** One call of `complete`: once `stopping` is aborted nothing more is sent, and what is under way is waited for. */
interface Job {
  stopping: AbortSignal;
}

/** Opens an endpoint, with its cache where one is named. @throws JudgeError for an unfit address, or a cache that is in use or is none. */
export async function openEndpoint(options: EndpointOptions): Promise<HttpCompleter> {
  const url = completionsUrl(options.endpoint);
  const carrier = await openCarrier(options.concurrency ?? CONCURRENCY);
  return new HttpCompleter(url, options, carrier, options.cacheFile === undefined ? undefined : await openLockedCache(options.cacheFile));
}

export class HttpCompleter implements Completer {
  readonly name: string;
  readonly #key: string | undefined;
  private readonly pause = new Pause();
  private readonly spending: Spending;
  /** Requests without an answer so far, so that equal ones are asked once. */
  private readonly underWay = new Map<string, Promise<Completion>>();
  /** Answers where no file keeps them. */
  private readonly memory = new Map<string, Completion>();
  private hasAnswered = false;

  constructor(
    private readonly url: string,
    private readonly options: EndpointOptions,
    private readonly carrier: Carrier,
    private readonly locked?: LockedCache,
  ) {
    this.name = options.model;
    this.#key = process.env[this.keyVariable]?.trim() || undefined;
    this.spending = new Spending(options.prices ?? {});
  }

  /**
   * Every answer is on disk before it counts. When one request cannot be had, or the signal is aborted, nothing more is sent, the
   * answers under way are waited for and kept, and then the promise rejects.
   * @throws EndpointError with one sentence; the signal's reason when aborted.
   */
  async complete(conversations: Iterable<readonly Message[]>, options: CompletionOptions, control: CompletionControl = {}): Promise<Completion[]> {
    const failed = new AbortController();
    const stopping = control.signal ? AbortSignal.any([control.signal, failed.signal]) : failed.signal;
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
    await pMap(
      next(),
      async ([index, messages]) => {
        try {
          const completion = await this.ask(this.bodyOf(messages, options), { stopping });
          completions[index] = completion;
          control.onCompletion?.(index, completion);
        } catch (error) {
          failed.abort(error);
        }
      },
      { concurrency: this.concurrency },
    );
    control.signal?.throwIfAborted();
    if (failed.signal.aborted) throw this.lastWord(failed.signal.reason);
    return completions;
  }

  describe(): Record<string, unknown> {
    const { extra, model } = this.options;
    const { origin, pathname } = new URL(this.url);
    return { endpoint: `${origin}${pathname}`, model, ...(extra ? { extra } : {}), cache: this.cache?.file ?? null, ...this.spending.describe() };
  }

  /** Tokens that this run was charged for so far. */
  get tokens(): number {
    return this.spending.tokens;
  }

  async dispose(): Promise<void> {
    await this.locked?.close();
    await this.carrier.dispatcher.close();
  }

  private get cache(): ResponseCache | undefined {
    return this.locked?.cache;
  }

  private get keyVariable(): string {
    return this.options.keyVariable ?? 'OPENAI_API_KEY';
  }

  private get concurrency(): number {
    return this.options.concurrency ?? CONCURRENCY;
  }

  private bodyOf(messages: readonly Message[], { temperature, topP, maxTokens, seed, stop, firstTokens }: CompletionOptions): Record<string, unknown> {
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
    if (known) {
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
    const asking = this.askEndpoint(key, JSON.stringify(body), job).finally(() => this.underWay.delete(key));
    this.underWay.set(key, asking);
    return asking;
  }

  private askEndpoint(key: string, body: string, { stopping }: Job): Promise<Completion> {
    const { retries = 8, backoffMs = { from: 1000, to: 60_000 }, timeoutMs = 300_000 } = this.options;
    const asked = { url: this.url, model: this.options.model, keyVariable: this.keyVariable, hasKey: this.#key !== undefined };
    const once = async (): Promise<Completion> => {
      await this.pause.over(stopping);
      stopping.throwIfAborted();
      const completion = await attempt({ ...asked, key: this.#key, body, timeoutMs, carrier: this.carrier });
      this.hasAnswered = true;
      this.spending.answered(completion);
      if (this.cache) await this.cache.set(key, completion, { model: this.options.model, date: new Date().toISOString() });
      else this.memory.set(key, completion);
      return completion;
    };
    return pRetry(once, {
      retries,
      minTimeout: backoffMs.from,
      maxTimeout: backoffMs.to,
      randomize: true,
      signal: stopping,
      onFailedAttempt: ({ error }) => this.noteFailure(error),
      shouldRetry: ({ error }) => error instanceof EndpointError && error.retryable && !this.isHopeless(error),
    });
  }

  private noteFailure(error: Error): void {
    if (!(error instanceof EndpointError)) return;
    this.spending.failed(error.kind);
    if (error.retryable && error.retryAfter !== undefined && !this.isHopeless(error)) this.pause.lengthen(error.retryAfter);
  }

  /** A wrong address shows at once; later the same trouble is a server that starts anew. And nobody waits for hours. */
  private isHopeless({ kind, retryAfter }: EndpointError): boolean {
    return (!this.hasAnswered && ['refused', 'unknown host'].includes(kind)) || (retryAfter ?? 0) > (this.options.longestPauseMs ?? 600_000);
  }

  private lastWord(error: unknown): unknown {
    if (!(error instanceof EndpointError)) return error;
    const { kind, retryable, retryAfter } = error;
    const tried = !retryable || this.isHopeless(error) ? '' : ` It was tried ${(this.options.retries ?? 8) + 1} times (--judge_retries).`;
    const wait = retryAfter !== undefined && this.isHopeless(error) ? ` It asks to wait ${Math.ceil(retryAfter / 60_000)} min.` : '';
    const slower = kind === '429' && retryable ? ` Fewer requests at once may pass: --judge_concurrency, now ${this.concurrency}.` : '';
    const kept = this.cache ? ` The ${this.cache.size} answers so far are in ${this.cache.file}; the same command goes on from there.` : '';
    return new EndpointError(`${error.message}${tried}${wait}${slower}${kept}`, { kind, retryable, cause: error });
  }
}
