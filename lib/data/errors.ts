import { show as showAny } from '../support/show';
import { JsonNumber } from './conversation/numbers';
import type { Source } from './types';

/** Something is wrong with the user's data. The message names the file and, if there is one, the line. */
export class DataError extends Error {
  override readonly name = 'DataError';
  readonly file: string;
  /** From 1; undefined if it concerns the whole file. */
  readonly line: number | undefined;

  constructor(where: { file: string; line?: number | undefined }, message: string) {
    super(`${where.file}${where.line === undefined ? '' : `:${where.line}`}: ${message}`);
    this.file = where.file;
    this.line = where.line;
  }
}

/** "path:line", as messages and reports print it. */
export function placeOf(source: Source): string {
  return `${source.file}:${source.line}`;
}

/** A value shortened to one line, for an error message. */
export const show = (value: unknown): string => (value instanceof JsonNumber ? value.spelling : showAny(value));
