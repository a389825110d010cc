// A row to be scored, as `score` reads it:
//   {id, prompt | messages, response}            one reward
//   {id, prompt | messages, responses: [...]}    one reward a response
//   {id, messages}                               one reward: the conversation as it stands, which the assistant's message ends
//   {id, input_ids} or {id, responses: [{input_ids}, ...]}   the same, tokenised: prompt, response and template in one
// A response is text, {content}, {input_ids} or a list of messages. `sys_prompt` is honoured. Other keys are ignored.

import { DataError, show } from '../data/errors';
import type { Message, Prompt, Response, Source } from '../data/types';
import { conversationParts } from './conversation';

export type RowId = string | number;

export interface ScoreRow {
  /** Undefined where the row has none. */
  id: RowId | undefined;
  prompt: Prompt;
  systemPrompt?: string;
  responses: Response[];
  /** Whether the row held a list, so that its result is one. */
  isList: boolean;
  source: Source;
}

/** @throws DataError naming file, line, key and what is wanted. */
export function parseScoreRow(value: unknown, source: Source): ScoreRow {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new DataError(source, `a row must be a JSON object, but is ${show(value)}`);
  }
  const row = value as Record<string, unknown>;
  const { prompt, responses } = partsOf(row, source);
  const result: ScoreRow = {
    id: parseId(row['id'], source),
    prompt,
    responses: responses.map((response, index) => ({ ...response, id: String(index) })),
    isList: isGiven(row['responses']),
    source,
  };
  const system = row['sys_prompt'];
  if (system !== undefined && system !== null) {
    if (typeof system !== 'string') throw new DataError(source, `"sys_prompt" must be text, but is ${show(system)}`);
    result.systemPrompt = system;
  }
  return result;
}

function partsOf(row: Record<string, unknown>, source: Source): { prompt: Prompt; responses: Omit<Response, 'id'>[] } {
  const { response, responses, input_ids: ids, prompt, messages } = row;
  const forms = ['response', 'responses', 'input_ids'].filter((key) => isGiven(row[key]));
  if (forms.length === 0 && isGiven(messages) && !isGiven(prompt)) {
    const parts = conversationParts(parseMessages(messages, 'messages', source), '"response", "responses" or "input_ids"', source);
    return { prompt: parts.prompt, responses: [parts.response] };
  }
  if (forms.length !== 1) {
    const found = forms.length === 0 ? 'has none of them' : `has ${forms.join(' and ')}`;
    throw new DataError(
      source,
      `a row must have exactly one of "response", "responses" and "input_ids" (or "messages" that the assistant's ends), but this one ${found}`,
    );
  }
  const list = isGiven(responses)
    ? listOf(responses, 'responses', source).map((entry, index) => parseResponse(entry, `responses[${index}]`, source))
    : [isGiven(ids) ? { inputIds: parseIds(ids, 'input_ids', source) } : parseResponse(response, 'response', source)];
  return { prompt: parsePrompt(row, list.some(({ inputIds }) => inputIds === undefined), source), responses: list };
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null;

function parseId(value: unknown, source: Source): RowId | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' || (typeof value === 'number' && Number.isFinite(value))) return value;
  throw new DataError(source, `"id" must be text or a number, but is ${show(value)}`);
}

function parsePrompt(row: Record<string, unknown>, needed: boolean, source: Source): Prompt {
  const { prompt, messages } = row;
  if (prompt !== undefined && messages !== undefined) throw new DataError(source, 'a row has either "prompt" or "messages", but this one has both');
  const given = prompt ?? messages;
  if (given === undefined || given === null) {
    if (!needed) return [];
    throw new DataError(source, 'the row has neither "prompt" nor "messages", which its response answers');
  }
  if (typeof given === 'string' && prompt !== undefined) return given;
  return parseMessages(given, prompt === undefined ? 'messages' : 'prompt', source);
}

function parseMessages(value: unknown, key: string, source: Source): Message[] {
  return listOf(value, key, source).map((turn, index) => {
    const { role, content } = (turn ?? {}) as Record<string, unknown>;
    if (typeof role !== 'string' || typeof content !== 'string') {
      throw new DataError(source, `"${key}[${index}]" must be {"role": text, "content": text}, but is ${show(turn)}`);
    }
    return { role, content };
  });
}

function parseResponse(value: unknown, key: string, source: Source): Omit<Response, 'id'> {
  if (typeof value === 'string') return { content: value };
  if (Array.isArray(value)) {
    const messages = parseMessages(value, key, source);
    return { content: messages.at(-1)!.content, messages };
  }
  const { content, input_ids: ids } = (value ?? {}) as Record<string, unknown>;
  if (typeof content === 'string' && ids === undefined) return { content };
  if (content === undefined && ids !== undefined) return { inputIds: parseIds(ids, `${key}.input_ids`, source) };
  throw new DataError(source, `"${key}" must be text, a list of messages, {"content": text} or {"input_ids": [...]}, but is ${show(value)}`);
}

function parseIds(value: unknown, key: string, source: Source): Int32Array {
  const list = listOf(value, key, source);
  for (const [index, id] of list.entries()) {
    if (!Number.isInteger(id) || (id as number) < 0 || (id as number) > 0x7fffffff) {
      throw new DataError(source, `"${key}[${index}]" must be a token id (a whole number from 0), but is ${show(id)}`);
    }
  }
  return Int32Array.from(list as number[]);
}

function listOf(value: unknown, key: string, source: Source): unknown[] {
  if (!Array.isArray(value)) throw new DataError(source, `"${key}" must be a list, but is ${show(value)}`);
  if (value.length === 0) throw new DataError(source, `"${key}" is an empty list; there is nothing to score`);
  return value;
}
