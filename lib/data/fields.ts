// Checked access to the fields of one row. Every error names file and line.

import { createHash } from 'node:crypto';
import { isObject } from '../support/is_object';
import { DataError, show } from './errors';
import type { Source } from './types';

export type JsonObject = Record<string, unknown>;

/** Whether the row has the field with a value; null counts as absent, as in tables exported to JSON. */
export function has(row: JsonObject, key: string): boolean {
  return Object.hasOwn(row, key) && row[key] !== null && row[key] !== undefined;
}

/** The field's value; undefined if it is not the row's own (so "constructor" finds nothing). */
export function field(row: JsonObject, key: string): unknown {
  return has(row, key) ? row[key] : undefined;
}

/** A well-formed text. `what` is the subject of the error message. */
export function textOf(value: unknown, what: string, source: Source): string {
  if (typeof value !== 'string') throw new DataError(source, `${what} must be text, but is ${show(value)}`);
  if (/\p{Surrogate}/u.test(value)) {
    throw new DataError(
      source,
      `${what} holds half of a surrogate pair (a lone \\uD800 to \\uDFFF), which is not a character`,
    );
  }
  return value;
}

export function listOf(value: unknown, what: string, source: Source): unknown[] {
  if (!Array.isArray(value)) throw new DataError(source, `${what} must be a list, but is ${show(value)}`);
  return value;
}

export function objectOf(value: unknown, what: string, source: Source): JsonObject {
  if (!isObject(value)) throw new DataError(source, `${what} must be an object, but is ${show(value)}`);
  return value;
}

/** Token ids of a whole sample: a non-empty list of integers from 0 to 2^31 - 1. */
export function tokenIdsOf(value: unknown, what: string, source: Source): Int32Array {
  const list = listOf(value, what, source);
  if (list.length === 0) throw new DataError(source, `${what} is empty; a sample needs at least one token`);
  const ids = new Int32Array(list.length);
  for (let i = 0; i < list.length; i += 1) {
    const id: unknown = list[i];
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > 0x7fffffff) {
      throw new DataError(source, `${what}[${i}] must be an integer from 0 to 2147483647, but is ${show(id)}`);
    }
    ids[i] = id;
  }
  return ids;
}

/** The original's id for an answer without one: md5 of its UTF-8 text, in hexadecimal digits. */
export function textId(text: string): string {
  return createHash('md5').update(text, 'utf8').digest('hex');
}

/** The id of an answer given as token ids: md5 of "ids:1,2,3". */
export function tokensId(ids: Int32Array): string {
  return createHash('md5')
    .update(`ids:${ids.join(',')}`)
    .digest('hex');
}
