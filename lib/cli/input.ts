// Where `score` and `generate` read: a file or standard input.

import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { DataError } from '../data/errors';
import { readRows, rowsOfStream, type Row } from '../data/rows';
import { UsageError } from './failure';

/** What `--input` names. */
export const INPUT_FORMS =
  'file of JSON lines or a JSON array (each gzipped too) or a parquet table, told by its content; or - for standard input';

/** Which fields a row's conversation stands in: the same in every command. */
export const CONVERSATION_FORMS =
  'The prompt stands in "prompt" or "messages" (or another name that docs/data_formats.md lists), as text or as a list of messages, with their ' +
  '"tool_calls" and whatever else the chat template reads. Beside it may stand "system_prompt", "tools", "documents" and "chat_template_kwargs". ' +
  'Keys that are not read are counted and named; what looks like one of these, misspelled, is refused.';

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
  if (resolve(input) === resolve(output) || (a.dev === b.dev && a.ino === b.ino))
    throw new UsageError(`--input and --output are one file (${input}); give another --output.`);
}
