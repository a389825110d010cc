// The output folder at the start of a run: created, checked for writing, and cleared of what earlier runs left.
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { whyNot } from '../files/output_checks';
import {
  findLatestCheckpoint,
  listCheckpoints,
  removeCheckpoint,
  removeLeftovers,
  setAside,
  type CheckpointReference,
} from './checkpoints';
import { TrainingError } from './errors';
import type { FileSystem } from '../files/file_system';
import type { ProcessLock } from '../files/process_lock';
import type { TrainOptions } from './options';
import { lockFolder } from './run_lock';
import { knob } from '../text/knobs';

export type Say = (message: string, level?: 'info' | 'warning') => void;

/**
 * Creates the folder, takes its lock, and writes and removes one file in it, so that a folder that cannot be written is
 * reported before the training. The trial happens under the lock: its holder removes what other runs left unfinished.
 * @throws TrainingError if it cannot be written, or another run writes there.
 */
export async function takeOutputFolder(folder: string, files: FileSystem): Promise<ProcessLock> {
  const fail = (error: unknown): never => {
    if (error instanceof TrainingError) throw error;
    throw new TrainingError(
      `output_dir ${folder} cannot be written: ${whyNot(error)}. Change its permissions, free some space, or ` +
        'choose another.',
      { cause: error },
    );
  };
  const lock = await files
    .makeFolders(folder)
    .then(() => lockFolder(folder))
    .catch(fail);
  try {
    const probe = join(folder, `.writing-probe-${process.pid}-${randomBytes(4).toString('hex')}`);
    await files.writeDurably(probe, 'x');
    await files.removeFile(probe);
    return lock;
  } catch (error) {
    await lock.release();
    return fail(error);
  }
}

export interface OutputFolderState {
  /** The newest complete checkpoint, with resume_if_possible. */
  resumed: CheckpointReference | undefined;
  /** With overwrite_output_dir: what `removeEarlier` deletes once the new run is sure to begin. */
  doomed: CheckpointReference[];
}

/**
 * Cleans up after killed runs and decides about the checkpoints of an earlier one. With resume_if_possible, the newest
 * complete one is continued. With overwrite_output_dir, all are deleted. Otherwise a folder that has any is refused,
 * since the checkpoints of two runs could not be told apart. Call it under the folder's lock.
 */
export async function openOutputFolder(options: TrainOptions, files: FileSystem, say: Say): Promise<OutputFolderState> {
  const folder = options.output_dir;
  const leftovers = await removeLeftovers(folder, files);
  if (leftovers.length > 0)
    say(`Removed what a killed run left unfinished in ${folder}: ${leftovers.join(', ')}.`, 'warning');
  const existing = await listCheckpoints(folder, files);
  if (existing.length === 0) return { resumed: undefined, doomed: [] };
  if (options.overwrite_output_dir) return { resumed: undefined, doomed: existing };
  if (!options.resume_if_possible) {
    const held = existing.length === 1 ? 'a checkpoint' : `${existing.length} checkpoints`;
    throw new TrainingError(
      `${folder} already holds ${held} of an earlier run, the newest of step ${existing.at(-1)!.step}. Give ` +
        `${knob('resumeIfPossible')} to continue from it, ${knob('overwriteOutputDir')} to delete them, or ` +
        `another ${knob('outputDir')}.`,
    );
  }
  return { resumed: await newestWhole(folder, files, say), doomed: [] };
}

/** Deletes the checkpoints of an earlier run. */
export async function removeEarlier(
  checkpoints: readonly CheckpointReference[],
  files: FileSystem,
  say: Say,
): Promise<void> {
  if (checkpoints.length === 0) return;
  for (const { folder } of checkpoints) await removeCheckpoint(folder, files);
  say(
    `Removed ${checkpoints.length === 1 ? 'a checkpoint' : `${checkpoints.length} checkpoints`} of an earlier ` +
      'run (overwrite_output_dir).',
    'warning',
  );
}

async function newestWhole(folder: string, files: FileSystem, say: Say): Promise<CheckpointReference | undefined> {
  const { latest, broken } = await findLatestCheckpoint(folder, files);
  for (const checkpoint of broken) {
    const place = await setAside(checkpoint, files);
    say(
      `${checkpoint.folder} is damaged or incomplete (${checkpoint.fault}) and is not used. It was renamed to ` +
        `${place}.`,
      'warning',
    );
  }
  if (!latest) say(`No checkpoint in ${folder} is complete: the run starts from the beginning.`, 'warning');
  return latest;
}
