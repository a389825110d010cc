// All output to the terminal: sentences on standard error, results on standard output, and the progress bar between
// them. Output never mixes with the bar, and no control characters from the data get through.

import { visibleJson, visibleText } from '../text/visible';

/** Something that is redrawn on the last line of the terminal. */
export interface LiveLine {
  /** Removes it from the screen; the cursor is at the beginning of an empty line. */
  hide(): void;
  /** Draws it again. */
  show(): void;
}

const live = new Set<LiveLine>();

/** @returns a function that ends it. */
export function addLiveLine(line: LiveLine): () => void {
  live.add(line);
  return () => void live.delete(line);
}

function between(write: () => void): void {
  for (const line of live) line.hide();
  write();
  for (const line of live) line.show();
}

/** Loaded only for sentences that name an option. */
const flagged = (sentence: string): string =>
  sentence.includes('`') ? (require('./flags') as typeof import('./flags')).withFlags(sentence) : sentence;

/**
 * A sentence on standard error. Line feeds in it begin indented lines, so that they do not look like sentences of
 * their own.
 */
export function say(sentence: string, stream: NodeJS.WritableStream = process.stderr): void {
  between(() => stream.write(`${visibleText(flagged(sentence)).replaceAll('\n', '\n  ')}\n`));
}

/** A result on standard output: lines that end in a line feed. */
export function print(text: string): void {
  between(() => process.stdout.write(visibleText(text)));
}

/** Rows of JSON on standard output; unchanged if that is a file or a pipe. */
export function printRows(lines: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null) => (error ? reject(error) : resolve());
    if (process.stdout.isTTY) between(() => process.stdout.write(visibleJson(lines), done));
    else process.stdout.write(lines, done);
  });
}
