// A local server that answers as the Hugging Face hub does, for one model, with faults on demand.

import { createHash } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { isWeights } from '../hub/needed_files';
import { FileServer, serveBytes, type Request, type ServeOptions } from './file_server';
import { sha256 } from '../support/sha256';

export const COMMIT = '0123456789abcdef0123456789abcdef01234567';

export interface StandInModel {
  name: string;
  /** Those named as weights are stored with LFS. */
  files: Record<string, Buffer>;
  /** Revisions beside the commit; ['main'] by default. */
  revisions?: string[];
  /** The only token that may read; absent: anyone may. */
  token?: string;
  /** Whether a reader without rights is told so only for files, as for a gated model. */
  gated?: boolean;
  /** What happens to the n-th request for a file's content. */
  fault?: (file: string, time: number) => ServeOptions & { status?: number; content?: Buffer };
  /** Large files are served from this origin, as from a storage network. */
  storage?: () => string;
}

const gitBlob = (bytes: Buffer): string =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

export function startHub(model: StandInModel): Promise<FileServer> {
  const times = new Map<string, number>();
  return FileServer.start((request, response) => {
    const url = new URL(request.url, 'http://hub');
    const known = [COMMIT, ...(model.revisions ?? ['main'])];
    const allowed = model.token === undefined || request.headers.authorization === `Bearer ${model.token}`;
    const api = new RegExp(`^/api/models/${model.name}/(revision|tree)/([^/]+)$`).exec(url.pathname);
    const file = new RegExp(`^/${model.name}/resolve/([^/]+)/(.+)$`).exec(url.pathname);
    if (!api && !file) return refuse(response, 401, 'RepoNotFound', 'Repository not found');
    if (!known.includes(decodeURIComponent((api?.[2] ?? file?.[1])!)))
      return refuse(response, 404, 'RevisionNotFound', 'Invalid rev id');
    if (!allowed && (file || !model.gated))
      return refuse(
        response,
        request.headers.authorization ? 403 : 401,
        model.gated ? 'GatedRepo' : 'RepoNotFound',
        'no access',
      );
    if (api?.[1] === 'revision')
      return json(response, {
        _id: '1',
        id: model.name,
        sha: COMMIT,
        private: false,
        gated: model.gated ?? false,
        downloads: 0,
        likes: 0,
        lastModified: '2024-01-01T00:00:00Z',
      });
    if (api) return json(response, listing(model.files));
    return serveFile(model, times, request, response, file![2]!);
  });
}

function serveFile(
  model: StandInModel,
  times: Map<string, number>,
  request: Request,
  response: ServerResponse,
  path: string,
): void {
  const own = model.files[path];
  if (!own) return refuse(response, 404, 'EntryNotFound', 'Entry not found');
  const etag = isWeights(path) ? sha256(own) : gitBlob(own);
  if (request.headers.range === 'bytes=0-0')
    return serveBytes(request, response, own, { headers: { ETag: `"${etag}"` } });
  if (model.storage && isWeights(path))
    return void response.writeHead(302, { Location: `${model.storage()}/${path}` }).end();
  const time = (times.get(path) ?? 0) + 1;
  times.set(path, time);
  const { status, content, ...options } = model.fault?.(path, time) ?? {};
  if (status !== undefined) return void response.writeHead(status).end();
  serveBytes(request, response, content ?? own, options);
}

function listing(files: StandInModel['files']): unknown[] {
  return Object.entries(files).map(([path, bytes]) => ({
    type: 'file',
    path,
    oid: gitBlob(bytes),
    size: bytes.length,
    ...(isWeights(path) ? { lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } } : {}),
  }));
}

function json(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(value));
}

function refuse(response: ServerResponse, status: number, code: string, message: string): void {
  response
    .writeHead(status, { 'Content-Type': 'application/json', 'X-Error-Code': code })
    .end(JSON.stringify({ error: message }));
}
