// Where `score` and `generate` read: a file or standard input.

import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { DataError } from '../data/errors';
import { readRows, rowsOfStream, type Row } from '../data/rows';
import { UsageError } from './failure';

/** `-`: standard input. @throws DataError where the file does not exist. */
export function openInput(input: string, signal: AbortSignal): AsyncIterable<Row> {
  if (input === '-') return rowsOfStream(process.stdin, 'standard input', { signal });
  if (!existsSync(input)) throw new DataError({ file: input }, 'the file does not exist');
  return readRows(input, { signal });
}

/** @throws UsageError where both name the same file. */
export function refuseOneFile(input: string, output: string): void {
  if (input === '-' || output === '-' || !existsSync(input) || !existsSync(output)) return;
  const [a, b] = [statSync(input), statSync(output)];
  if (resolve(input) === resolve(output) || (a.dev === b.dev && a.ino === b.ino)) throw new UsageError(`--input and --output are one file (${input}); give another --output.`);
}
