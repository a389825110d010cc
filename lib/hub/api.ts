// Requests to the hub, through @huggingface/hub, and the sentences for its refusals.

import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReadableStream } from 'node:stream/web';
import { reasonOf, type ExpectedDigest } from '../files/download';
import { fetchThroughProxy } from '../files/http';
import { ConnectionError } from '../files/proxy';
import type { HubEnvironment } from './environment';
import { HubError } from './errors';
import type { ModelReference } from './reference';

/** Loaded only when the hub is asked: a local model folder does not need it. */
const library = () => require('@huggingface/hub') as typeof import('@huggingface/hub');

export interface HubFile {
  path: string;
  bytes: number;
  /** The digest in hexadecimal, which is the blob's name in the cache. */
  etag: string;
  digest: ExpectedDigest;
}

/** The hub cannot be reached, or keeps failing: worth another attempt, or the copy in the cache. */
export class HubUnreachable extends Error {}

const METADATA_ATTEMPTS = 3;

export class HubApi {
  private readonly repository: { type: 'model'; name: string };

  constructor(
    private readonly environment: HubEnvironment,
    private readonly reference: ModelReference,
    private readonly signal: AbortSignal | undefined,
    private readonly pauseMs = 500,
  ) {
    this.repository = { type: 'model', name: reference.name };
  }

  /** The commit that the revision currently points to. */
  async commit(): Promise<string> {
    const { name, revision } = this.reference;
    const { sha } = await this.ask(() =>
      library().modelInfo({ name, revision, additionalFields: ['sha'], ...this.access(this.signal) }),
    );
    if (typeof sha !== 'string' || !/^[0-9a-f]{40}$/.test(sha))
      throw new HubError(
        `${this.environment.endpoint} did not say which commit ` +
          `${revision} of ${name} is; it may be no mirror of the hub. Check HF_ENDPOINT.`,
      );
    return sha;
  }

  /** The files at the top of the repository; files in folders do not belong to a model. */
  async files(commit: string): Promise<HubFile[]> {
    const entries = await this.ask(async () => {
      const list = [];
      for await (const entry of library().listFiles({
        repo: this.repository,
        revision: commit,
        ...this.access(this.signal),
      }))
        list.push(entry);
      return list;
    });
    return entries
      .filter(({ type, path }) => type === 'file' && !path.includes('/'))
      .map(({ path, size, oid, lfs }): HubFile => {
        const digest: ExpectedDigest = lfs
          ? { algorithm: 'sha256', hex: lfs.oid }
          : { algorithm: 'git-blob', hex: oid ?? '' };
        if (!/^[0-9a-f]{40}([0-9a-f]{24})?$/.test(digest.hex))
          throw new HubError(
            `${this.environment.endpoint} gave no digest for ${path} of ` +
              `${this.reference.name}, so it could not be checked. Check HF_ENDPOINT.`,
          );
        return { path, bytes: lfs?.size ?? size, etag: digest.hex, digest };
      });
  }

  /** A file's content from `offset` on. */
  async open(
    commit: string,
    path: string,
    offset: number,
    signal: AbortSignal | undefined,
  ): Promise<AsyncIterable<Uint8Array>> {
    const refusal: { error?: HubError } = {};
    const blob = await library().downloadFile({
      repo: this.repository,
      path,
      revision: commit,
      xet: false,
      ...this.access(signal, refusal),
    });
    if (blob === null) throw new HubError(`${this.reference.name} lists ${path}, but the hub does not have it.`);
    const stream = Readable.fromWeb(blob.slice(offset).stream() as ReadableStream<Uint8Array>);
    return withErrors(stream, refusal);
  }

  /**
   * The address, and a `fetch` with token and signal. The library's own token check requires "hf_", which mirrors do
   * not.
   */
  private access(
    signal: AbortSignal | undefined,
    refusal?: { error?: HubError },
  ): { hubUrl: string; fetch: typeof fetch } {
    const { endpoint, token } = this.environment;
    const carrying: typeof fetch = async (input, init) => {
      const url = new URL(input instanceof Request ? input.url : input);
      const headers = new Headers(init?.headers);
      if (token !== undefined && url.origin === new URL(endpoint).origin)
        headers.set('Authorization', `Bearer ${token}`);
      const response = await fetchThroughProxy(url, { ...init, headers, ...(signal ? { signal } : {}) });
      const error = this.refusalOf(response);
      if (error === undefined) return response;
      await response.body?.cancel();
      if (refusal) refusal.error = error;
      throw error;
    };
    return { hubUrl: endpoint, fetch: carrying };
  }

  /** A sentence for a failure that no further attempt can change. */
  private refusalOf({ status, headers }: Response): HubError | undefined {
    const { endpoint, token } = this.environment;
    const { name, revision } = this.reference;
    const code = headers.get('X-Error-Code');
    const page = `${endpoint}/${name}`;
    if (code === 'GatedRepo' || (status === 403 && code !== 'EntryNotFound')) {
      return new HubError(
        token === undefined
          ? `${name} is gated: accept its conditions at ${page}, then set HF_TOKEN to a token of that account.`
          : `The account of your token may not read ${name}: accept its conditions at ${page} (some models then ` +
              'wait for the owner), or use a token ' +
              `that may read it.`,
      );
    }
    if (code === 'RevisionNotFound')
      return new HubError(
        `${name} has no revision "${revision}"; its branches and tags are listed at ${page}/tree/main.`,
      );
    if (status === 401 || code === 'RepoNotFound' || (status === 404 && code !== 'EntryNotFound')) {
      const local = `There is no folder ${name} here, and`;
      if (status === 401 && token !== undefined)
        return new HubError(
          `${local} ${endpoint} does not let your token (HF_TOKEN, or the stored one) ` +
            `read a model of that name: the token may be wrong or expired, or the model private or not there.`,
        );
      return new HubError(
        `${local} ${endpoint} has no model of that name that may be read` +
          `${token === undefined ? ' without a token. If it is private, set HF_TOKEN' : ''}; check the ` +
          'spelling, or give the path of a folder.',
      );
    }
    return undefined;
  }

  /** Retries after failures of the network or the server. */
  private async ask<T>(request: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await request();
      } catch (error) {
        this.signal?.throwIfAborted();
        if (error instanceof HubError) throw error;
        if (error instanceof library().HubApiError && error.statusCode < 500 && error.statusCode !== 429)
          throw new HubError(
            `${this.environment.endpoint} ` + `refused to tell about ${this.reference.name}: ${error.message}`,
            { cause: error },
          );
        const isLast = attempt === METADATA_ATTEMPTS || (error instanceof ConnectionError && !error.retryable);
        if (isLast) throw new HubUnreachable(reasonOf(error), { cause: error });
        await sleep(this.pauseMs * 2 ** (attempt - 1), undefined, this.signal ? { signal: this.signal } : {}).catch(
          () => this.signal?.throwIfAborted(),
        );
      }
    }
  }
}

/** The library reports a failed request only by its message. */
async function* withErrors(
  stream: AsyncIterable<Uint8Array>,
  refusal: { error?: HubError },
): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    throw refusal.error ?? (error instanceof Error ? error : new Error(String(error)));
  }
}
