// The texts within messages, tools and other values that templates print.

import { DataError } from '../errors';
import { textOf } from '../fields';
import type { Message, Source } from '../types';

/** @throws DataError if any text or key in the value has half of a surrogate pair. */
export function checkTexts(value: unknown, what: string, source: Source): void {
  try {
    visit(value, what, source);
  } catch (error) {
    if (error instanceof RangeError) throw new DataError(source, `${what} is nested too deeply`);
    throw error;
  }
}

function visit(value: unknown, what: string, source: Source): void {
  if (typeof value === 'string') textOf(value, what, source);
  else if (Array.isArray(value)) value.forEach((entry, i) => visit(entry, `${what}[${i}]`, source));
  else if (isRecord(value)) {
    for (const [key, entry] of entriesOf(value)) {
      textOf(key, `a key of ${what}`, source);
      visit(entry, `${what}.${key}`, source);
    }
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !(value instanceof Number);

/** Maps represent objects whose keys JavaScript would reorder. */
const entriesOf = (value: Record<string, unknown>): [string, unknown][] =>
  value instanceof Map ? [...(value as Map<string, unknown>)] : Object.entries(value);

/** The value with `change` made to every text in it, keys included. */
export function mapTexts<T>(value: T, change: (text: string) => string): T {
  if (typeof value === 'string') return change(value) as T;
  if (Array.isArray(value)) return value.map((entry: unknown) => mapTexts(entry, change)) as T;
  if (!isRecord(value)) return value;
  const changed = entriesOf(value).map(([key, entry]) => [change(key), mapTexts(entry, change)] as const);
  return (value instanceof Map ? new Map(changed) : Object.fromEntries(changed)) as T;
}

/** A message as text, if no chat template renders it: its content, reasoning before it, calls after it as JSON. */
export function textOfMessage({ role: _, content, ...others }: Message): string {
  const parts = content === null || content === '' ? [] : [content];
  for (const key of ['reasoning_content', 'reasoning', 'thinking']) {
    if (typeof others[key] === 'string' && others[key] !== '') parts.unshift(others[key]);
  }
  for (const key of ['tool_calls', 'function_call', 'function_calls']) {
    if (others[key] !== undefined) parts.push(jsonOf(others[key]));
  }
  return parts.join('\n');
}

/** Written like JSON.stringify, except for what that cannot write. */
function jsonOf(value: unknown): string {
  if (value instanceof Map)
    return `{${[...value].map(([key, entry]) => `${JSON.stringify(key)}:${jsonOf(entry)}`).join(',')}}`;
  if (typeof value === 'bigint') return JSON.stringify(String(value));
  if (Array.isArray(value)) return `[${value.map(jsonOf).join(',')}]`;
  if (typeof value !== 'object' || value === null || value instanceof Number) return JSON.stringify(value ?? null);
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${jsonOf(entry)}`).join(',')}}`;
}
