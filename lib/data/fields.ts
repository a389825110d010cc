// Checked access to the fields of one row. Every complaint names file and line.

import { createHash } from 'node:crypto';
import { DataError, show } from './errors';
import type { Message, Prompt, Source } from './types';

export type JsonObject = Record<string, unknown>;

/** Whether the row has the field with a value; null counts as absent, as tables exported to JSON write it. */
export function has(row: JsonObject, key: string): boolean {
  return Object.hasOwn(row, key) && row[key] !== null && row[key] !== undefined;
}

/** The field's value, undefined where the row has none of its own (so "constructor" finds nothing). */
export function field(row: JsonObject, key: string): unknown {
  return has(row, key) ? row[key] : undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A well-formed text. `what` is the subject of the error message. */
export function textOf(value: unknown, what: string, source: Source): string {
  if (typeof value !== 'string') throw new DataError(source, `${what} must be text, but is ${show(value)}`);
  if (/\p{Surrogate}/u.test(value)) {
    throw new DataError(source, `${what} holds half of a surrogate pair (a lone \\uD800 to \\uDFFF), which is no character`);
  }
  return value;
}

/** An id: text, or an integer written as its digits. */
export function idOf(value: unknown, what: string, source: Source): string {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  if (typeof value !== 'string') throw new DataError(source, `${what} must be text or an integer, but is ${show(value)}`);
  return textOf(value, what, source);
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

const ROLES = new Map([
  ['human', 'user'],
  ['user', 'user'],
  ['gpt', 'assistant'],
  ['assistant', 'assistant'],
  ['model', 'assistant'],
  ['system', 'system'],
  ['tool', 'tool'],
  ['observation', 'tool'],
]);

/** One turn as {role, content} or {from, value}; ShareGPT's names of roles become the templates' names. */
export function messageOf(value: unknown, what: string, source: Source): Message {
  const turn = objectOf(value, what, source);
  const named = has(turn, 'role') || has(turn, 'content');
  const [roleKey, textKey] = named ? ['role', 'content'] : ['from', 'value'];
  if (!has(turn, roleKey) || !has(turn, textKey)) {
    throw new DataError(source, `${what} must be {role, content} or {from, value}, but is ${show(value)}`);
  }
  const role = textOf(turn[roleKey], `${what}.${roleKey}`, source);
  const content = textOf(turn[textKey], `${what}.${textKey}`, source);
  if (named) return { role, content };
  const known = ROLES.get(role);
  if (known === undefined) {
    throw new DataError(source, `${what}.from is ${show(role)}; known are ${[...ROLES.keys()].join(', ')}`);
  }
  return { role: known, content };
}

export function messagesOf(value: unknown, what: string, source: Source): Message[] {
  return listOf(value, what, source).map((turn, i) => messageOf(turn, `${what}[${i}]`, source));
}

/** A text, or a list of turns. A list of a single user turn is that turn's text: both give the same sample. */
export function promptOf(value: unknown, what: string, source: Source): Prompt {
  if (typeof value === 'string') return textOf(value, what, source);
  if (!Array.isArray(value)) {
    throw new DataError(source, `${what} must be text or a list of messages, but is ${show(value)}`);
  }
  return simplified(messagesOf(value, what, source));
}

export function simplified(messages: Message[]): Prompt {
  const [first] = messages;
  return messages.length === 1 && first !== undefined && first.role === 'user' ? first.content : messages;
}

export function asMessages(prompt: Prompt): Message[] {
  return typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt;
}

/** The original's id of an answer that has none: md5 of its UTF-8 text, in hexadecimal digits. */
export function textId(text: string): string {
  return createHash('md5').update(text, 'utf8').digest('hex');
}

/** The id of an answer given as token ids: md5 of "ids:1,2,3". */
export function tokensId(ids: Int32Array): string {
  return createHash('md5').update(`ids:${ids.join(',')}`).digest('hex');
}

/**
 * The prompt of an instruction row: `history` of [question, answer] turns, then `instruction` and, on a line of its own,
 * `input` where it is not empty.
 */
export function instructionPrompt(row: JsonObject, source: Source): Prompt {
  const instruction = has(row, 'instruction') ? textOf(row['instruction'], 'instruction', source) : '';
  const input = has(row, 'input') ? textOf(row['input'], 'input', source) : '';
  const question = instruction !== '' && input !== '' ? `${instruction}\n${input}` : instruction + input;
  const turns: Message[] = [];
  if (has(row, 'history')) {
    listOf(row['history'], 'history', source).forEach((pair, i) => {
      if (!Array.isArray(pair) || pair.length !== 2) {
        throw new DataError(source, `history[${i}] must be [question, answer], but is ${show(pair)}`);
      }
      turns.push({ role: 'user', content: textOf(pair[0], `history[${i}][0]`, source) });
      turns.push({ role: 'assistant', content: textOf(pair[1], `history[${i}][1]`, source) });
    });
  }
  turns.push({ role: 'user', content: question });
  return simplified(turns);
}

/** The keys that may hold a row's prompt, in the order in which they are looked for. */
const PROMPT_KEYS = ['input', 'prompt', 'messages', 'question'];

/** The row's prompt by any of its names; undefined where there is none. */
export function readPrompt(row: JsonObject, source: Source): Prompt | undefined {
  if (has(row, 'instruction')) return instructionPrompt(row, source);
  if (has(row, 'conversations')) return promptOf(row['conversations'], 'conversations', source);
  for (const key of PROMPT_KEYS) {
    if (has(row, key)) return promptOf(row[key], key, source);
  }
  return undefined;
}
