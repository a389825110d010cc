// Only one training run at a time may write to an output folder: a second one would mistake the first one's unfinished
// checkpoint for a leftover and remove it.
import { join } from 'node:path';
import { LockHeld, takeLock, type ProcessLock } from '../files/process_lock';
import { TrainingError } from './errors';

const LOCK_FILE = '.training-lock';

/** Takes the lock of an existing folder, or throws a TrainingError naming the process that holds it. */
export async function lockFolder(folder: string): Promise<ProcessLock> {
  try {
    return await takeLock(join(folder, LOCK_FILE));
  } catch (error) {
    if (error instanceof LockHeld)
      throw new TrainingError(
        `${folder} is in use by another training run (${error.holder}). ${error.again}, or choose another output_dir.`,
      );
    throw error;
  }
}
