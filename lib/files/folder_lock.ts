// A lock for work that writes a set of files into a folder: one process at a time.

import { mkdir, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { LockHeld, takeLock } from './process_lock';

const LOCK_FILE = '.output-lock';

/**
 * Runs `work` while no other process writes into the folder, which is created if needed. If it was created here and is
 * empty afterwards, it is removed again. Without a folder there is nothing to lock.
 * @throws Error with a sentence that begins with `name`, such as `--output_dir`, if another run uses it.
 */
export async function withFolderLock<T>(name: string, folder: string | undefined, work: () => Promise<T>): Promise<T> {
  if (folder === undefined) return work();
  const made = await mkdir(folder, { recursive: true });
  const lock = await takeLock(join(folder, LOCK_FILE)).catch((error: unknown) => {
    if (!(error instanceof LockHeld)) throw error;
    throw new Error(`${name}: another run writes into ${folder} (${error.holder}). ${error.again}, or give another.`, {
      cause: error,
    });
  });
  try {
    return await work();
  } finally {
    await lock.release();
    if (made !== undefined) await removeEmpty(resolve(folder), resolve(made));
  }
}

/** Removes the folders from the innermost to the outermost, as long as they are empty. */
async function removeEmpty(inner: string, outer: string): Promise<void> {
  for (let folder = inner; folder.length >= outer.length; folder = dirname(folder)) {
    try {
      await rmdir(folder);
    } catch {
      return;
    }
  }
}
