// Where `score` and `generate` write: a file that an interrupted run can be continued in, or standard output.

import { constants, existsSync, fstat } from 'node:fs';
import { open, readFile, stat, type FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { checkOutputFile, whyNot } from '../files/output_checks';
import { cutTornLine, WrittenRows, type RowKind } from '../scoring/resume';
import { ReaderGone } from './failure';
import { printRows } from './terminal';

const fstatOf = promisify(fstat);

export interface ScoreOutput {
  written: WrittenRows;
  /** What was found of an earlier run, as a sentence; absent for a fresh file. */
  found?: string;
  write(lines: string): Promise<void>;
  close(): Promise<void>;
}

/** @throws Error with a sentence where the rows could not be written: before the model is loaded. */
export async function checkOutput(path: string): Promise<void> {
  if (path !== '-') return checkOutputFile('--output', path);
  if (await isStandardOutputClosed()) {
    throw new Error('--output -: standard output is closed, so every row would be lost. Redirect it to a file or a pipe, or name a file.');
  }
}

/**
 * Node opens a closed standard stream as a null device before any program runs. It does so for reading and writing, as nobody who
 * redirects to a null device does. Only Linux tells.
 */
async function isStandardOutputClosed(): Promise<boolean> {
  const [status, nothing] = await Promise.all([fstatOf(1), stat('/dev/null').catch(() => undefined)]);
  if (!status?.isCharacterDevice() || status.rdev !== nothing?.rdev) return false;
  const facts = await readFile('/proc/self/fdinfo/1', 'utf8').catch(() => '');
  const flags = /^flags:\s*([0-7]+)/m.exec(facts);
  return flags !== null && (parseInt(flags[1]!, 8) & 3) === constants.O_RDWR;
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
    throw new Error(`--output: ${path} cannot be written: ${whyNot(error)}.`, { cause: error });
  }
}

async function append(handle: FileHandle, lines: string, path: string): Promise<void> {
  try {
    await handle.appendFile(lines);
  } catch (error) {
    throw new Error(`${path} cannot be written: ${whyNot(error)}. The rows before are kept; the same command goes on from there.`, { cause: error });
  }
  // A file without a name takes rows without complaint, and nobody finds them again. Pipes and devices have names elsewhere.
  const status = await handle.stat();
  if (status.isFile() && status.nlink === 0) {
    throw new Error(`${path} was removed or replaced while it was written, so its rows are lost. Leave the file alone while the command runs, and start it again.`);
  }
}

async function writeToStdout(lines: string): Promise<void> {
  try {
    await printRows(lines);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') throw new ReaderGone();
    throw new Error(`Standard output cannot be written: ${whyNot(error)}. Rows that were not read yet are lost.`, { cause: error });
  }
}
