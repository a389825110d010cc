// Where `score` and `generate` write: a file that an interrupted run can be continued in, or standard output.

import { existsSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { cutTornLine, WrittenRows, type RowKind } from '../scoring/resume';

export interface ScoreOutput {
  written: WrittenRows;
  /** What was found of an earlier run, as a sentence; absent for a fresh file. */
  found?: string;
  write(lines: string): Promise<void>;
  close(): Promise<void>;
}

export async function openScoreOutput(path: string, overwrite: boolean, kind?: RowKind): Promise<ScoreOutput> {
  if (path === '-') return { written: WrittenRows.none(), write: writeToStdout, close: async () => {} };
  const isContinued = !overwrite && existsSync(path);
  const handle = await openFile(path, overwrite ? 'w' : 'a');
  if (!isContinued) return { written: WrittenRows.none(), write: (lines) => append(handle, lines, path), close: () => handle.close() };
  const { length, cut } = await cutTornLine(path);
  const torn = cut > 0 ? `; its torn last line (${cut} bytes) was cut` : '';
  const written = await WrittenRows.open(path, length, kind);
  return {
    written,
    ...(length > 0 || cut > 0 ? { found: `${path} exists: rows whose ids are in it are skipped${torn}. (--overwrite would replace it.)` } : {}),
    write: (lines) => append(handle, lines, path),
    close: async () => {
      await written.close();
      await handle.close();
    },
  };
}

async function openFile(path: string, flags: string): Promise<FileHandle> {
  try {
    return await open(path, flags);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const why = code === 'ENOENT' ? 'its folder does not exist' : code === 'EISDIR' ? 'it is a folder' : (error as Error).message;
    throw new Error(`--output: ${path} cannot be written (${why}).`);
  }
}

async function append(handle: FileHandle, lines: string, path: string): Promise<void> {
  try {
    await handle.appendFile(lines);
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code === 'ENOSPC' ? 'the disk is full' : (error as Error).message;
    throw new Error(`${path} cannot be written: ${why}. The rows before are kept; the same command goes on from there.`);
  }
}

function writeToStdout(lines: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(lines, (error) => {
      if (!error) resolve();
      else reject((error as NodeJS.ErrnoException).code === 'EPIPE' ? new Error('The reader of standard output went away before all rows were written.') : error);
    });
  });
}
