// Python's textwrap.wrap, without its handling of tabs and of white space other than blanks.

import { JinjaValueError } from './errors';
import { lengthOf } from './text';

const SPACE = '[\\t\\n\\v\\f\\r ]';
const WORD_PUNCTUATION = '[\\p{L}\\p{N}_!"\'&.,?]';
const LETTER = '(?:(?![\\p{N}_])[\\p{L}\\p{N}_])';
const CHUNKS = new RegExp(
  `(${SPACE}+|(?<=${WORD_PUNCTUATION})-{2,}(?=[\\p{L}\\p{N}_])|` +
    `(?:(?!${SPACE}).)+?(?:-(?:(?<=${LETTER}{2}-)|(?<=${LETTER}-${LETTER}-))(?=${LETTER}-?${LETTER})|` +
    `(?=${SPACE}|$)|(?<=${WORD_PUNCTUATION})(?=-{2,}[\\p{L}\\p{N}_])))`,
  'su',
);
const SPACES = new RegExp(`(${SPACE}+)`, 'u');

export function wrap(text: string, width: number, breakLong: boolean, breakOnHyphens: boolean): string[] {
  if (width <= 0) throw new JinjaValueError(`invalid width ${width} (must be > 0)`);
  const chunks = text.split(breakOnHyphens ? CHUNKS : SPACES).filter((chunk) => chunk !== undefined && chunk !== '');
  chunks.reverse();
  const lines: string[] = [];
  while (chunks.length > 0) {
    const line = nextLine(chunks, width, breakLong, breakOnHyphens, lines.length > 0);
    if (line !== '') lines.push(line);
  }
  return lines;
}

/** Takes a line's chunks from the end of the list. */
function nextLine(
  chunks: string[],
  width: number,
  breakLong: boolean,
  breakOnHyphens: boolean,
  later: boolean,
): string {
  const line: string[] = [];
  let length = 0;
  if (later && isBlank(chunks.at(-1)!)) chunks.pop();
  while (chunks.length > 0 && length + lengthOf(chunks.at(-1)!) <= width) {
    length += lengthOf(chunks.at(-1)!);
    line.push(chunks.pop()!);
  }
  const next = chunks.at(-1);
  if (next !== undefined && lengthOf(next) > width) {
    if (breakLong) line.push(cut(chunks, Math.max(1, width - length), breakOnHyphens));
    else if (line.length === 0) line.push(chunks.pop()!);
  }
  if (line.length > 0 && isBlank(line.at(-1)!)) line.pop();
  return line.join('');
}

const isBlank = (chunk: string): boolean => chunk.trim() === '';

/** The beginning of a chunk that is too long for a line, cut after its last hyphen in that part if there is one. */
function cut(chunks: string[], room: number, breakOnHyphens: boolean): string {
  const points = Array.from(chunks.pop()!);
  let end = room;
  if (breakOnHyphens && points.length > room) {
    const hyphen = points.lastIndexOf('-', room - 1);
    if (hyphen > 0 && points.slice(0, hyphen).some((point) => point !== '-')) end = hyphen + 1;
  }
  if (end < points.length) chunks.push(points.slice(end).join(''));
  return points.slice(0, end).join('');
}
