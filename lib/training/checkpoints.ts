// Checkpoints that a killed process cannot break.
//
//   output_dir/checkpoint-<step>/   config.json, model.safetensors, tokenizer files, cheems.json: a model folder;
//                                   optimizer.safetensors, trainer_state.json: what training continues from;
//                                   digests.json: SHA-256 and size of every other file
//   output_dir/checkpoint-last      a link to the newest one
//
// A checkpoint is written under a temporary name beside its final one, every file and the folder are flushed to the
// device, and then one rename makes it visible. So a folder named checkpoint-<step> is a complete checkpoint or does
// not exist. Removing works in reverse: first a rename to a temporary name, then the removal. Temporary names that a
// killed run left behind are removed by the next run.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { TrainingError } from './errors';
import { codeOf, messageOf } from '../support/thrown';
import { realFileSystem, type FileDigest, type FileSystem } from '../files/file_system';

const LAST_CHECKPOINT = 'checkpoint-last';
export const DIGESTS_FILE = 'digests.json';

const TEMPORARY_PREFIXES = ['.writing-', '.deleting-', '.link-'];
const BROKEN_PREFIX = '.broken-';
const CHECKPOINT_NAME = /^checkpoint-(\d+)$/;

const digestsSchema = z.object({
  files: z.record(z.string(), z.object({ sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.number().int().min(0) })),
});

export interface CheckpointReference {
  step: number;
  folder: string;
}

const temporaryName = (prefix: string, name: string): string =>
  `${prefix}${name}-${process.pid}-${randomBytes(4).toString('hex')}`;

/** All folders named checkpoint-<step>, oldest first, complete or not. */
export async function listCheckpoints(
  outputDir: string,
  files: FileSystem = realFileSystem,
): Promise<CheckpointReference[]> {
  if ((await files.kindOf(outputDir))?.kind !== 'folder') return [];
  const found: CheckpointReference[] = [];
  for (const name of await files.list(outputDir)) {
    const match = CHECKPOINT_NAME.exec(name);
    if (!match) continue;
    const folder = join(outputDir, name);
    if ((await files.kindOf(folder))?.kind === 'folder') found.push({ step: Number(match[1]), folder });
  }
  return found.sort((a, b) => a.step - b.step);
}

export interface SaveRequest {
  outputDir: string;
  step: number;
  /**
   * Writes every file of the checkpoint except digests.json into the (temporary) folder; it need not flush them. It may
   * call `written` with the name of a complete file, whose digest is then computed while the others are written.
   */
  write: (folder: string, written: (name: string) => void) => Promise<void>;
  /** Number of newest checkpoints to keep; 0: all. */
  totalLimit: number;
  /** Called with problems that do no harm to the checkpoint: a link or a removal that failed. */
  onWarning: (message: string) => void;
  files?: FileSystem;
}

/**
 * Writes checkpoint-<step> and returns once it is durable. When it throws, every earlier checkpoint is unchanged. Older
 * checkpoints are removed only after the new one is durable.
 */
export async function saveCheckpoint(request: SaveRequest): Promise<CheckpointReference> {
  const { outputDir, step, onWarning, files = realFileSystem } = request;
  const name = `checkpoint-${step}`;
  const folder = join(outputDir, name);
  const temporary = join(outputDir, temporaryName('.writing-', name));
  let visible = false;
  const early = new Map<string, Promise<FileDigest>>();
  try {
    if (await files.kindOf(folder))
      throw new TrainingError('something with that name exists already, which this run did not write');
    await files.makeFolder(temporary);
    await request.write(temporary, (file) => {
      const digest = flushedDigest(join(temporary, file), files);
      digest.catch(() => undefined); // reported by writeDigests, which awaits it
      early.set(file, digest);
    });
    await writeDigests(temporary, early, files);
    await files.flushFolder(temporary);
    await files.rename(temporary, folder);
    visible = true;
    await files.flushFolder(outputDir);
  } catch (error) {
    await Promise.allSettled(early.values());
    await (visible ? removeCheckpoint(folder, files) : files.removeFolder(temporary)).catch(() => undefined);
    throw await saveError(error, outputDir, name, files);
  }
  await pointLastAt(outputDir, name, files).catch((error: unknown) =>
    onWarning(`${folder} is saved, but the link ${LAST_CHECKPOINT} could not be set: ${messageOf(error)}`),
  );
  await removeOldest(request, files);
  return { step, folder };
}

async function flushedDigest(file: string, files: FileSystem): Promise<FileDigest> {
  await files.flushFile(file);
  return await files.digest(file);
}

/** Flushes each file and records its digest, if it is not in `early`. A checkpoint has no subfolders. */
async function writeDigests(
  folder: string,
  early: ReadonlyMap<string, Promise<FileDigest>>,
  files: FileSystem,
): Promise<void> {
  const digests: Record<string, FileDigest> = {};
  for (const name of (await files.list(folder)).sort()) {
    digests[name] = await (early.get(name) ?? flushedDigest(join(folder, name), files));
  }
  await files.writeDurably(join(folder, DIGESTS_FILE), `${JSON.stringify({ files: digests }, null, 2)}\n`);
}

async function saveError(error: unknown, outputDir: string, name: string, files: FileSystem): Promise<Error> {
  const earlier = (await listCheckpoints(outputDir, files).catch(() => [])).at(-1);
  const kept = earlier ? `${earlier.folder} is unchanged.` : 'There is no earlier checkpoint.';
  const advice: Record<string, string> = {
    ENOSPC: 'The disk is full: free some space, or keep fewer checkpoints with save_total_limit.',
    EDQUOT: 'The disk quota is used up: free some space, or keep fewer checkpoints with save_total_limit.',
    EACCES: 'The folder may not be written by this user: change its permissions or choose another output_dir.',
    EPERM: 'The folder may not be written by this user: change its permissions or choose another output_dir.',
    EROFS: 'The file system is read-only: choose another output_dir.',
    ENOENT: 'The folder was removed during training: create it again.',
  };
  const code = codeOf(error);
  const message = messageOf(error).replace(/\.$/, '');
  // The engine's own errors include their advice.
  const hint = code && !/disk is full/i.test(message) ? advice[code] : undefined;
  return new TrainingError(`${name} could not be saved in ${outputDir}: ${message}. ${hint ? `${hint} ` : ''}${kept}`, {
    cause: error,
  });
}

/** Points checkpoint-last to a checkpoint by a rename, so that the link is never missing or incomplete. */
async function pointLastAt(outputDir: string, name: string, files: FileSystem): Promise<void> {
  const last = join(outputDir, LAST_CHECKPOINT);
  if ((await files.kindOf(last))?.kind === 'folder') {
    throw new TrainingError(`${last} is a folder of an earlier run, not a link; rename it`);
  }
  const temporary = join(outputDir, temporaryName('.link-', LAST_CHECKPOINT));
  await files.symbolicLink(name, temporary);
  await files.rename(temporary, last);
  await files.flushFolder(outputDir);
}

/** The rename comes first, so that a kill during the removal leaves no incomplete checkpoint under a final name. */
export async function removeCheckpoint(folder: string, files: FileSystem = realFileSystem): Promise<void> {
  if ((await files.kindOf(folder)) === undefined) return;
  const parent = join(folder, '..');
  const doomed = join(parent, temporaryName('.deleting-', 'checkpoint'));
  await files.rename(folder, doomed);
  await files.flushFolder(parent);
  await files.removeFolder(doomed);
}

async function removeOldest(request: SaveRequest, files: FileSystem): Promise<void> {
  if (request.totalLimit <= 0) return;
  try {
    const others = (await listCheckpoints(request.outputDir, files)).filter(({ step }) => step !== request.step);
    const surplus = others.slice(0, Math.max(0, others.length - (request.totalLimit - 1)));
    for (const { folder } of surplus) await removeCheckpoint(folder, files);
  } catch (error) {
    request.onWarning(`An old checkpoint in ${request.outputDir} could not be removed: ${messageOf(error)}`);
  }
}

/**
 * Removes what killed runs left behind under temporary names; returns those names. Call it only while holding the
 * run's lock.
 */
export async function removeLeftovers(outputDir: string, files: FileSystem = realFileSystem): Promise<string[]> {
  if ((await files.kindOf(outputDir))?.kind !== 'folder') return [];
  const removed: string[] = [];
  for (const name of await files.list(outputDir)) {
    if (!TEMPORARY_PREFIXES.some((prefix) => name.startsWith(prefix))) continue;
    await files.removeFolder(join(outputDir, name));
    removed.push(name);
  }
  return removed;
}

/** What is wrong with a checkpoint, as a sentence; undefined if every file has its recorded size and digest. */
export async function findFault(folder: string, files: FileSystem = realFileSystem): Promise<string | undefined> {
  const digestsFile = join(folder, DIGESTS_FILE);
  let recorded: z.output<typeof digestsSchema>;
  try {
    recorded = digestsSchema.parse(JSON.parse(await files.readText(digestsFile)));
  } catch (error) {
    return codeOf(error) === 'ENOENT' ? `${digestsFile} is missing` : `${digestsFile} cannot be read`;
  }
  for (const [name, expected] of Object.entries(recorded.files)) {
    const file = join(folder, name);
    const status = await files.kindOf(file);
    if (status?.kind !== 'file') return `${file} is missing`;
    if (status.bytes !== expected.bytes) return `${file} has ${status.bytes} bytes, but ${expected.bytes} were written`;
  }
  for (const [name, expected] of Object.entries(recorded.files)) {
    const file = join(folder, name);
    if ((await files.digest(file)).sha256 !== expected.sha256)
      return `${file} does not have the SHA-256 that was recorded when it was written`;
  }
  return undefined;
}

export interface LatestCheckpoint {
  /** The newest complete checkpoint, if there is one. */
  latest?: CheckpointReference;
  /** Newer ones that are incomplete or damaged, newest first, each with its fault. */
  broken: (CheckpointReference & { fault: string })[];
}

/**
 * The newest checkpoint whose every file has the digest recorded when it was written; broken ones are skipped and
 * listed.
 */
export async function findLatestCheckpoint(
  outputDir: string,
  files: FileSystem = realFileSystem,
): Promise<LatestCheckpoint> {
  const broken: LatestCheckpoint['broken'] = [];
  for (const checkpoint of (await listCheckpoints(outputDir, files)).reverse()) {
    const fault = await findFault(checkpoint.folder, files);
    if (fault === undefined) return { latest: checkpoint, broken };
    broken.push({ ...checkpoint, fault });
  }
  return { broken };
}

/** Renames a broken checkpoint out of the way, so that the run's own can take its name; returns the new path. */
export async function setAside(checkpoint: CheckpointReference, files: FileSystem = realFileSystem): Promise<string> {
  const parent = join(checkpoint.folder, '..');
  const target = join(parent, temporaryName(BROKEN_PREFIX, `checkpoint-${checkpoint.step}`));
  await files.rename(checkpoint.folder, target);
  await files.flushFolder(parent);
  return target;
}
