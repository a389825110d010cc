// Checked fields of benchmark rows. Every error names file, line and the form of the benchmark's rows.

import { DataError, show } from '../../data/errors';
import { idOf } from '../../data/conversation/ids';
import { has, listOf, textOf, type JsonObject } from '../../data/fields';
import type { PreferencePrompt, Prompt, Response, Source } from '../../data/types';

/** The fields of one row of one benchmark. */
export class RowFields {
  constructor(
    private readonly row: JsonObject,
    private readonly source: Source,
    /** What a row is, as the end of a sentence: `a RewardBench row is {…}`. */
    private readonly form: string,
  ) {}

  has(key: string): boolean {
    return has(this.row, key);
  }

  text(key: string): string {
    return textOf(this.required(key), key, this.source);
  }

  /** The row's id, else its line. */
  id(key = 'id'): string {
    return has(this.row, key) ? idOf(this.row[key], key, this.source) : String(this.source.line);
  }

  integer(key: string): number {
    const value = this.required(key);
    if (typeof value !== 'number' || !Number.isInteger(value))
      this.fail(`${key} must be a whole number, but is ${show(value)}`);
    return value;
  }

  texts(key: string, length?: number): string[] {
    const list = listOf(this.required(key), key, this.source).map((value, i) =>
      textOf(value, `${key}[${i}]`, this.source),
    );
    if (length !== undefined && list.length !== length)
      this.fail(`${key} must list ${length} texts, but lists ${list.length}`);
    if (list.length === 0) this.fail(`${key} is empty`);
    return list;
  }

  /** One text: given directly, or as a list with a single one, as in the hub's tables. */
  oneText(key: string): string {
    return Array.isArray(this.row[key]) ? this.texts(key, 1)[0]! : this.text(key);
  }

  oneOf<const T extends string>(key: string, known: readonly T[]): T {
    const value = this.text(key);
    if (!known.includes(value as T)) this.fail(`${key} is ${show(value)}; known are ${known.join(', ')}`);
    return value as T;
  }

  fail(message: string): never {
    throw new DataError(this.source, `${message}; ${this.form}`);
  }

  private required(key: string): unknown {
    if (!has(this.row, key)) this.fail(`${key} is missing`);
    return this.row[key];
  }
}

/**
 * A row as a prompt: the chosen responses first, then the rejected ones, every chosen one better than every rejected
 * one.
 */
export function pairedPrompt(
  facts: { id: string; prompt: Prompt; chosen: readonly string[]; rejected: readonly string[]; category: string },
  source: Source,
): PreferencePrompt {
  const name = (side: string, list: readonly string[], i: number) => (list.length === 1 ? side : `${side}-${i}`);
  const responsesOf = (side: string, list: readonly string[]) =>
    list.map((content, i): Response => ({ id: name(side, list, i), content, source }));
  const { id, prompt, chosen, rejected, category } = facts;
  return {
    id,
    prompt,
    responses: [...responsesOf('chosen', chosen), ...responsesOf('rejected', rejected)],
    pairs: chosen.flatMap((_, c) => rejected.map((__, r): [number, number] => [c, chosen.length + r])),
    category,
    source,
  };
}
