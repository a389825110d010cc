// Where `score` and `generate` write to: a file, in which a stopped run can be continued, or standard output.

import { constants, fstat } from 'node:fs';
import { open, readFile, stat, type FileHandle } from 'node:fs/promises';
import { promisify } from 'node:util';
import { OutputError } from '../continuing/output_error';
import { FileOutput, linesTo, type RowKind, type RowOutput } from '../continuing/row_output';
import type { RunFacts } from '../continuing/run_record';
import { whyNot } from '../files/output_checks';
import { ReaderGone } from './failure';
import { printRows, say } from './terminal';

const fstatOf = promisify(fstat);

export interface CommandOutput extends RowOutput {
  /** Before the first row. `facts`: what a row can depend on. Reports what it found of an earlier run. */
  begin(facts: () => Promise<RunFacts>, overwrite: boolean): Promise<void>;
  /** After the last row, before anything is reported as saved. */
  finish(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the output before the model is loaded, for this run only.
 * @throws Error with a sentence if rows cannot be written, or another run writes there.
 */
export async function openOutput(path: string, kind: RowKind): Promise<CommandOutput> {
  if (path === '-') {
    await refuseClosedOutput();
    return streamOutput(writeToStdout);
  }
  const there = await stat(path).catch(() => undefined);
  // A device or a pipe holds no rows of an earlier run.
  if (there !== undefined && !there.isFile() && !there.isDirectory()) {
    return deviceOutput(path);
  }
  if (path.endsWith('.gz')) {
    throw new OutputError(
      `--output: rows are written uncompressed, so ${path} would not be a gzip file. ` +
        'Name it .jsonl, or pipe: --output - | gzip.',
    );
  }
  const output = await FileOutput.open(path, kind);
  return {
    begin: async (facts, overwrite) => {
      const found = await output.begin(await facts(), overwrite);
      if (found !== undefined) say(found);
    },
    has: (read, source) => output.has(read, source),
    write: (rows) => output.write(rows),
    finish: () => output.finish(),
    close: () => output.close(),
  };
}

/** Opened once, at the first row: closing a pipe in between would end its reader. */
function deviceOutput(path: string): CommandOutput {
  let handle: FileHandle | undefined;
  const write = async (lines: string): Promise<void> => {
    try {
      handle ??= await open(path, 'a');
      await handle.appendFile(lines);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EPIPE') throw new ReaderGone();
      throw new OutputError(`--output: ${path} cannot be written: ${whyNot(error)}.`, { cause: error });
    }
  };
  return { ...streamOutput(write), close: async () => handle?.close() };
}

function streamOutput(write: (lines: string) => Promise<void>): CommandOutput {
  return { ...linesTo(write), begin: async () => {}, finish: async () => {}, close: async () => {} };
}

/** @throws Error with a sentence if standard output is closed. */
async function refuseClosedOutput(): Promise<void> {
  if (await isStandardOutputClosed()) {
    throw new Error(
      '--output -: standard output is closed, so every row would be lost. Redirect it to a file or a pipe, or ' +
        'give a file name.',
    );
  }
}

/**
 * Node opens a closed standard stream as a null device before any program runs, for reading and writing, which nobody
 * who redirects to a null device does. This can be seen only on Linux.
 */
async function isStandardOutputClosed(): Promise<boolean> {
  const [status, nothing] = await Promise.all([fstatOf(1), stat('/dev/null').catch(() => undefined)]);
  if (!status?.isCharacterDevice() || status.rdev !== nothing?.rdev) return false;
  const facts = await readFile('/proc/self/fdinfo/1', 'utf8').catch(() => '');
  const flags = /^flags:\s*([0-7]+)/m.exec(facts);
  return flags !== null && (parseInt(flags[1]!, 8) & 3) === constants.O_RDWR;
}

async function writeToStdout(lines: string): Promise<void> {
  try {
    await printRows(lines);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') throw new ReaderGone();
    throw new Error(`Standard output cannot be written: ${whyNot(error)}. Rows that were not read yet are lost.`, {
      cause: error,
    });
  }
}
