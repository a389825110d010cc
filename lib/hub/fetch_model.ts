// The folder of a model's files on this machine: the folder that was named, or the hub's copy in the cache.

import { mkdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { download } from '../files/download';
import { realFileSystem } from '../files/file_system';
import { HubApi, HubUnreachable, type HubFile } from './api';
import { ModelCache } from './cache';
import { hubEnvironment, type HubEnvironment } from './environment';
import { HubError } from './errors';
import { refuseForeignForms } from './local_folder';
import { isIndex } from '../model_folder/files';
import { isWeights, neededFiles, shardsOf } from './needed_files';
import { hubReference, type ModelReference } from './reference';

/** The progress of a model's download. */
export interface FetchProgress {
  /** The file being fetched. */
  file: string;
  /** Bytes of all files of the model, including those that were already present. */
  done: number;
  total: number;
}

/** How a model is fetched from the hub. */
export interface ModelFolderOptions {
  /** Rejects with the signal's reason; what was fetched is kept. */
  signal?: AbortSignal | undefined;
  /** Called as bytes arrive. */
  onProgress?: ((progress: FetchProgress) => void) | undefined;
  /** A sentence to show: a copy is used because the hub cannot be reached, or another process is fetching. */
  onNote?: ((sentence: string) => void) | undefined;
  /** `hubEnvironment()` unless given. */
  environment?: HubEnvironment;
  /** As in `download`. */
  pauseMs?: number;
  /** Consecutive attempts without a single byte before the download fails. */
  attempts?: number;
}

/**
 * The folder of a model that is named by its path or as `owner/name[@revision]`. A path is returned unchanged, whether
 * it exists or not, unless it holds a model in another form. A model from the hub is fetched into the cache (config,
 * tokenizer, weights, heads; every file checked by its digest), unless it is already there; what an interrupted call
 * received is kept for the next one.
 * @throws HubError or DownloadError with a sentence; the signal's reason when aborted.
 */
export async function localModelFolder(folderOrId: string, options: ModelFolderOptions = {}): Promise<string> {
  const reference = hubReference(folderOrId);
  if (!reference) {
    await refuseForeignForms(folderOrId);
    return folderOrId;
  }
  const environment = options.environment ?? hubEnvironment();
  const cache = new ModelCache(environment.cache, reference);
  if (environment.offline)
    return cachedFolder(
      cache,
      `HF_HUB_OFFLINE is set, and there is no complete copy of ${nameOf(reference)} in ` +
        `${environment.cache}. Unset it to fetch the model, or give the path of a folder.`,
    );
  const fetcher = new ModelFetch(reference, environment, cache, options);
  try {
    return await fetcher.run();
  } catch (error) {
    if (!(error instanceof HubUnreachable)) throw error;
    const folder = await cachedFolder(
      cache,
      `${environment.endpoint} cannot be reached (${error.message}), and there is no complete copy of ` +
        `${nameOf(reference)} in ${environment.cache}. Check the connection and HF_ENDPOINT, or give the path ` +
        'of a folder.',
    );
    options.onNote?.(
      `${environment.endpoint} cannot be reached (${error.message}): the copy of ${nameOf(reference)} in the ` +
        'cache is used.',
    );
    return folder;
  }
}

const nameOf = ({ name, revision }: ModelReference): string => (revision === 'main' ? name : `${name}@${revision}`);

async function cachedFolder(cache: ModelCache, otherwise: string): Promise<string> {
  const commit = await cache.knownCommit();
  if (commit !== undefined && (await cache.isComplete(commit))) return cache.snapshot(commit);
  throw new HubError(otherwise);
}

/** The download of one model. */
class ModelFetch {
  private readonly api: HubApi;
  private total = 0;
  private before = 0;

  constructor(
    private readonly reference: ModelReference,
    private readonly environment: HubEnvironment,
    private readonly cache: ModelCache,
    private readonly options: ModelFolderOptions,
  ) {
    this.api = new HubApi(environment, reference, options.signal, options.pauseMs);
  }

  async run(): Promise<string> {
    const commit = await this.api.commit();
    const files = await this.api.files(commit);
    const needed = neededFiles(
      files.map(({ path }) => path),
      this.reference.name,
    ).map((path) => files.find((file) => file.path === path)!);
    this.total = sum(needed);
    const small = needed.filter(({ path }) => !isWeights(path));
    for (const file of small) await this.fetch(commit, file);
    const weights = [...needed.filter((file) => !small.includes(file)), ...(await this.shards(commit, files, needed))];
    this.total = sum(small) + sum(weights);
    await this.refuseFullDisk(weights);
    for (const file of weights) await this.fetch(commit, file);
    await this.cache.rememberCommit(commit);
    return this.cache.snapshot(commit);
  }

  /** The shards that the index names, if the weights are in several files. */
  private async shards(commit: string, files: readonly HubFile[], needed: readonly HubFile[]): Promise<HubFile[]> {
    const index = needed.find(({ path }) => isIndex(path))?.path;
    if (index === undefined) return [];
    const { name } = this.reference;
    const shards = shardsOf(await readFile(join(this.cache.snapshot(commit), index), 'utf8'), index, name);
    return shards.map(
      (path) =>
        files.find((file) => file.path === path) ??
        fail(`${index} of ${name} names ${path}, which the repository does not have.`),
    );
  }

  private async fetch(commit: string, file: HubFile): Promise<void> {
    const { signal, onProgress, onNote, attempts, pauseMs } = this.options;
    const what = `${file.path} of ${this.reference.name}`;
    await this.cache.dropUnlessSized(file.etag, file.bytes);
    await download({
      what,
      file: this.cache.blob(file.etag),
      bytes: file.bytes,
      digest: file.digest,
      open: (offset, stop) => this.api.open(commit, file.path, offset, stop),
      signal,
      onProgress:
        onProgress && ((bytes) => onProgress({ file: file.path, done: this.before + bytes, total: this.total })),
      onWait: onNote && (({ pid, host }) => onNote(`Process ${pid} on ${host} is fetching ${what}; waiting for it.`)),
      ...(attempts === undefined ? {} : { attempts }),
      ...(pauseMs === undefined ? {} : { pauseMs }),
    });
    this.before += file.bytes;
    await this.cache.place(commit, file.path, file.etag);
  }

  /** Before the large files, so that nobody waits an hour for the error. */
  private async refuseFullDisk(files: readonly HubFile[]): Promise<void> {
    await mkdir(join(this.cache.folder, 'blobs'), { recursive: true });
    const present = async (file: string) => (await stat(file).catch(() => undefined))?.size ?? 0;
    let missing = 0;
    for (const { etag, bytes } of files)
      missing +=
        (await present(this.cache.blob(etag))) === bytes
          ? 0
          : bytes - (await present(`${this.cache.blob(etag)}.incomplete`));
    const free = await realFileSystem.freeBytes(this.cache.folder);
    if (missing <= free) return;
    const gigabytes = (value: number) => `${(value / 1e9).toFixed(1)} GB`;
    throw new HubError(
      `${this.reference.name} takes ${gigabytes(missing)} more on the disk of ${this.environment.cache}, which has ` +
        `${gigabytes(free)} free. Free some space, or set HF_HOME to a folder on a larger disk.`,
    );
  }
}

const sum = (files: readonly HubFile[]): number => files.reduce((total, { bytes }) => total + bytes, 0);

function fail(message: string): never {
  throw new HubError(message);
}
