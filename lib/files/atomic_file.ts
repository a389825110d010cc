// Atomic writes: a result file is either complete or unchanged, whenever the process is killed.

import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { realFileSystem, type FileDigest } from './file_system';
import { whyNot } from './output_checks';

/**
 * Writes the pieces to a temporary file in the target's folder, flushes it, and renames it to the target.
 * @throws the signal's reason when aborted before the target is replaced, else a sentence that names the file.
 */
export async function writeFileAtomically(file: string, pieces: Iterable<string>, signal?: AbortSignal): Promise<void> {
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    const handle = await open(temporary, 'w');
    try {
      for (const text of gathered(pieces)) {
        signal?.throwIfAborted();
        await handle.writeFile(text);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    await realFileSystem.flushFolder(dirname(file)); // so that the new name also survives a power failure
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    signal?.throwIfAborted();
    throw new Error(`${file} could not be written: ${whyNot(error)}.`, { cause: error });
  }
}

/** Joins pieces to texts of about a million characters: a write for each small piece would be slow. */
function* gathered(pieces: Iterable<string>): Generator<string> {
  let text = '';
  for (const piece of pieces) {
    text += piece;
    if (text.length < 1 << 20) continue;
    yield text;
    text = '';
  }
  if (text !== '') yield text;
}

export async function digestFile(file: string): Promise<FileDigest & { file: string }> {
  return { file, ...(await realFileSystem.digest(file)) };
}
