// The one way out to the terminal: sentences on standard error, results on standard output, and the progress bar between them. What is
// written never mixes with the bar, and no control character of the data gets through.

import { visibleJson, visibleText } from '../text/visible';

/** Something that is drawn again and again on the last line of the terminal. */
export interface LiveLine {
  /** Takes it off the screen; the cursor is at the beginning of an empty line. */
  hide(): void;
  /** Draws it again. */
  show(): void;
}

const live = new Set<LiveLine>();

/** @returns what ends it. */
export function addLiveLine(line: LiveLine): () => void {
  live.add(line);
  return () => void live.delete(line);
}

function between(write: () => void): void {
  for (const line of live) line.hide();
  write();
  for (const line of live) line.show();
}

/** Loaded for those who say something of an option. */
const flagged = (sentence: string): string =>
  sentence.includes('`') ? (require('./flags') as typeof import('./flags')).withFlags(sentence) : sentence;

/** A sentence on standard error. Line feeds in it begin indented lines, which nobody takes for sentences of ours. */
export function say(sentence: string, stream: NodeJS.WritableStream = process.stderr): void {
  between(() => stream.write(`${visibleText(flagged(sentence)).replaceAll('\n', '\n  ')}\n`));
}

/** A result on standard output: lines that end in a line feed. */
export function print(text: string): void {
  between(() => process.stdout.write(visibleText(text)));
}

/** Rows of JSON on standard output; as they are where that is a file or a pipe. */
export function printRows(lines: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error | null) => (error ? reject(error) : resolve());
    if (process.stdout.isTTY) between(() => process.stdout.write(visibleJson(lines), done));
    else process.stdout.write(lines, done);
  });
}
