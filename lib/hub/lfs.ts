// Fetches files of a public Git repository that are stored with Git LFS, through its batch API, without git-lfs.
// https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md

import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { join } from 'node:path';
import { download, DownloadError, reasonOf } from '../files/download';
import { fetchThroughProxy } from '../files/http';

export interface LfsFile {
  /** The target path below the folder. */
  path: string;
  bytes: number;
  /** Its digest, which is its name in LFS. */
  sha256: string;
}

export interface LfsOptions {
  /** Such as `https://github.com/OWNER/NAME.git`. */
  repository: string;
  folder: string;
  signal?: AbortSignal | undefined;
  onProgress?: ((file: LfsFile, bytes: number) => void) | undefined;
  onWait?: ((file: LfsFile, pid: number) => void) | undefined;
  /** As in `download`. */
  attempts?: number;
  pauseMs?: number;
  stallMs?: number;
}

const MEDIA_TYPE = 'application/vnd.git-lfs+json';

/**
 * Fetches the missing files; each is checked by size and SHA-256 and resumed where an earlier call stopped.
 * @throws DownloadError; the signal's reason when aborted.
 */
export async function fetchLfsFiles(files: readonly LfsFile[], options: LfsOptions): Promise<void> {
  const { attempts, pauseMs, stallMs } = options;
  const patience = Object.fromEntries(
    Object.entries({ attempts, pauseMs, stallMs }).filter(([, value]) => value !== undefined),
  );
  for (const file of files) {
    await download({
      what: file.path,
      file: join(options.folder, file.path),
      bytes: file.bytes,
      digest: { algorithm: 'sha256', hex: file.sha256 },
      open: (offset, signal) => openObject(file, offset, options.repository, signal),
      signal: options.signal,
      onProgress: options.onProgress && ((bytes) => options.onProgress!(file, bytes)),
      onWait: options.onWait && (({ pid }) => options.onWait!(file, pid)),
      ...patience,
    });
  }
}

interface DownloadAction {
  href: string;
  header?: Record<string, string>;
}

/** Each attempt requests the object's address again: such addresses expire. */
async function openObject(
  file: LfsFile,
  offset: number,
  repository: string,
  signal: AbortSignal | undefined,
): Promise<AsyncIterable<Uint8Array>> {
  const { href, header } = await locate(file, repository, signal);
  const headers = { ...header, ...(offset > 0 ? { Range: `bytes=${offset}-` } : {}) };
  const response = await fetchThroughProxy(href, { headers, ...(signal ? { signal } : {}) });
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    throw new Error(`the storage of ${repository} answered ${response.status} ${response.statusText}`.trimEnd());
  }
  return Readable.fromWeb(response.body as ReadableStream<Uint8Array>);
}

async function locate(
  { path, bytes, sha256 }: LfsFile,
  repository: string,
  signal: AbortSignal | undefined,
): Promise<DownloadAction> {
  const response = await fetchThroughProxy(`${repository}/info/lfs/objects/batch`, {
    method: 'POST',
    headers: { Accept: MEDIA_TYPE, 'Content-Type': MEDIA_TYPE },
    body: JSON.stringify({ operation: 'download', transfers: ['basic'], objects: [{ oid: sha256, size: bytes }] }),
    ...(signal ? { signal } : {}),
  });
  if (!response.ok) {
    await response.body?.cancel();
    const sentence = `${repository} answered ${response.status} when asked for ${path}`;
    if ([401, 403, 404].includes(response.status))
      throw new DownloadError(
        `${sentence}: the repository is gone, private, or has no Git LFS files. ` + `Check the address.`,
      );
    throw new Error(sentence);
  }
  const answer = (await response.json().catch((error: unknown) => {
    throw new Error(`${repository} gave no JSON (${reasonOf(error)})`);
  })) as { objects?: { error?: { code?: number; message?: string }; actions?: { download?: DownloadAction } }[] };
  const object = answer.objects?.[0];
  if (object?.error)
    throw new DownloadError(
      `${repository} does not have ${path} (SHA-256 ${sha256}): ${object.error.message ?? 'no reason given'} ` +
        `(${object.error.code ?? 'no code'}).`,
    );
  const action = object?.actions?.download;
  if (typeof action?.href !== 'string') throw new Error(`${repository} did not say where ${path} can be fetched`);
  return action;
}
