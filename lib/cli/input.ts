// Where `score` and `generate` read from: a file or standard input.

import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { DataError } from '../data/errors';
import { readRows, rowsOfStream, type Row } from '../data/rows';
import { UsageError } from './failure';

/** The forms of `--input`. */
export const INPUT_FORMS =
  'file of JSON lines, a JSON array (both may be gzipped) or a parquet table, recognized by its content; or - ' +
  'for standard input';

/** Which fields hold a row's conversation: the same in every command. */
export const CONVERSATION_FORMS =
  'The prompt is in "prompt" or "messages" (or another name that docs/data_formats.md lists), as text or as a ' +
  'list of messages, with their ' +
  '"tool_calls" and anything else that the chat template reads. The row may also have "system_prompt", "tools", ' +
  '"documents" and "chat_template_kwargs". ' +
  'Keys that are not used are counted and listed; a key that looks like a misspelling of one of these is an error.';

/** `-`: standard input. @throws DataError if the file does not exist. */
export function openInput(input: string, signal: AbortSignal): AsyncIterable<Row> {
  if (input === '-') return rowsOfStream(process.stdin, 'standard input', { signal });
  if (!existsSync(input)) throw new DataError({ file: input }, 'the file does not exist');
  return readRows(input, { signal });
}

/** @throws UsageError if both name the same file. */
export function refuseOneFile(input: string, output: string): void {
  if (input === '-' || output === '-' || !existsSync(input) || !existsSync(output)) return;
  const [a, b] = [statSync(input), statSync(output)];
  if (resolve(input) === resolve(output) || (a.dev === b.dev && a.ino === b.ino))
    throw new UsageError(`--input and --output are the same file (${input}); give another --output.`);
}
