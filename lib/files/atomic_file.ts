// Result files are either whole or as they were before, whenever the process is killed.

import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { realFileSystem, type FileDigest } from './file_system';

/** Writes the pieces to a temporary file beside the target, flushes it, and puts it in the target's place. */
export async function writeFileAtomically(file: string, pieces: Iterable<string>): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    const handle = await open(temporary, 'w');
    try {
      for (const piece of pieces) await handle.writeFile(piece);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await realFileSystem.flushFolder(dirname(file)); // so that the new name, too, survives a loss of power
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw new Error(`${file} could not be written: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

export async function digestFile(file: string): Promise<FileDigest & { file: string }> {
  return { file, ...(await realFileSystem.digest(file)) };
}
