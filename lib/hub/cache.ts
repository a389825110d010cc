// The cache that Hugging Face's own tools share: models--owner--name/{blobs/ETAG, refs/REVISION, snapshots/COMMIT/FILE
// -> blob}.

import { copyFile, link, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { dirname, join, relative } from 'node:path';
import { writeFileAtomically } from '../files/atomic_file';
import type { ModelReference } from './reference';
import { shardsOf } from './needed_files';
import { CONFIG_FILE, isIndex, WEIGHTS_FILES } from '../model_folder/files';

const COMMIT = /^[0-9a-f]{40}$/;

/** The part of the cache for one model. */
export class ModelCache {
  readonly folder: string;

  constructor(
    cache: string,
    private readonly reference: ModelReference,
  ) {
    this.folder = join(cache, `models--${reference.name.replaceAll('/', '--')}`);
  }

  blob(etag: string): string {
    return join(this.folder, 'blobs', etag);
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  /** The commit that the revision pointed to when it was last fetched. */
  async knownCommit(): Promise<string | undefined> {
    const { revision } = this.reference;
    if (COMMIT.test(revision)) return revision;
    const text = await readFile(join(this.folder, 'refs', revision), 'utf8').catch(() => '');
    return COMMIT.test(text.trim()) ? text.trim() : undefined;
  }

  async rememberCommit(commit: string): Promise<void> {
    const { revision } = this.reference;
    if (revision === commit || (await this.knownCommit()) === commit) return;
    const file = join(this.folder, 'refs', revision);
    await mkdir(dirname(file), { recursive: true });
    await writeFileAtomically(file, [commit]);
  }

  /** Puts the blob into the snapshot, as a link; as a copy if the file system has no links. */
  async place(commit: string, path: string, etag: string): Promise<void> {
    const target = join(this.snapshot(commit), path);
    if (await sameFile(target, this.blob(etag))) return;
    await mkdir(dirname(target), { recursive: true });
    const aside = `${target}.${randomUUID()}`;
    await symlink(relative(dirname(target), this.blob(etag)), aside)
      .catch(() => link(this.blob(etag), aside))
      .catch(() => copyFile(this.blob(etag), aside));
    await rename(aside, target);
  }

  /** Removes a blob whose size is wrong, for example after another tool's interrupted download. */
  async dropUnlessSized(etag: string, bytes: number): Promise<void> {
    const size = (await stat(this.blob(etag)).catch(() => undefined))?.size;
    if (size !== undefined && size !== bytes) await rm(this.blob(etag));
  }

  /** Whether the snapshot holds config.json and all weights. Its files were checked when they were downloaded. */
  async isComplete(commit: string): Promise<boolean> {
    const has = (path: string) =>
      stat(join(this.snapshot(commit), path)).then(
        (file) => file.isFile(),
        () => false,
      );
    if (!(await has(CONFIG_FILE))) return false;
    const present = await Promise.all(WEIGHTS_FILES.map(has));
    const weights = WEIGHTS_FILES.find((_, i) => present[i]);
    if (weights === undefined || !isIndex(weights)) return weights !== undefined;
    try {
      const shards = shardsOf(
        await readFile(join(this.snapshot(commit), weights), 'utf8'),
        weights,
        this.reference.name,
      );
      return (await Promise.all(shards.map(has))).every(Boolean);
    } catch {
      return false;
    }
  }
}

async function sameFile(a: string, b: string): Promise<boolean> {
  const [first, second] = await Promise.all([a, b].map((file) => stat(file).catch(() => undefined)));
  return first !== undefined && second !== undefined && first.dev === second.dev && first.ino === second.ino;
}
