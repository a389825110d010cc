// Ids of rows: text, or a number with its digits.

import { DataError, show } from '../errors';
import { field, textOf, type JsonObject } from '../fields';
import type { Source } from '../types';
import { JsonNumber } from './numbers';

export type RowId = string | number | JsonNumber;

/** The row's id; undefined if it has none. */
export function rowIdOf(row: JsonObject, source: Source): RowId | undefined {
  const value = field(row, 'id');
  if (value === undefined) return undefined;
  if (typeof value === 'string') return textOf(value, '"id"', source);
  if (typeof value === 'bigint') return new JsonNumber(String(value));
  return numberOf(value, '"id"', source);
}

/** As JSON, to be written exactly as it was read. Two ids are equal if these are. */
export function idText(id: RowId): string {
  return id instanceof JsonNumber ? id.spelling : JSON.stringify(id);
}

/** A row of an output: its id as it was read, then the fields. */
export function withId(id: RowId, fields: object): string {
  return `{"id":${idText(id)},${JSON.stringify(fields).slice(1)}`;
}

/** An id as text: a number is its digits. */
export function idOf(value: unknown, what: string, source: Source): string {
  return typeof value === 'string' ? textOf(value, what, source) : String(numberOf(value, what, source));
}

function numberOf(value: unknown, what: string, source: Source): number | JsonNumber {
  if (value instanceof JsonNumber || typeof value === 'bigint') return value as JsonNumber;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new DataError(source, `${what} must be text or a number, but is ${show(value)}`);
}
