// One turn of a conversation in the data: {role, content}, with anything else that chat templates read, or ShareGPT's
// {from, value}.

import { DataError, show } from '../errors';
import { has, type JsonObject, listOf, objectOf, textOf } from '../fields';
import { isObject } from '../../support/is_object';
import type { Message, Prompt, Source } from '../types';
import { parseTemplateJson } from './numbers';
import { refuseNearly } from './known_keys';
import { checkTexts } from './texts';

/** Roles that chat templates support. */
const ROLES = ['system', 'developer', 'user', 'assistant', 'tool', 'function', 'ipython', 'observation', 'environment'];

/** ShareGPT's names of roles. */
const SHAREGPT_ROLES = new Map([
  ['human', 'user'],
  ['user', 'user'],
  ['gpt', 'assistant'],
  ['chatgpt', 'assistant'],
  ['assistant', 'assistant'],
  ['model', 'assistant'],
  ['system', 'system'],
  ['tool', 'tool'],
  ['observation', 'tool'],
  ['tool_response', 'tool'],
  ['function_response', 'tool'],
]);
/** Turns with these roles are tool calls, written as JSON. */
const CALL_ROLES = ['function_call', 'tool_call', 'tool_calls'];

/** Keys of a message that may replace the content. */
const INSTEAD_OF_CONTENT = [
  'tool_calls',
  'function_call',
  'function_calls',
  'reasoning_content',
  'reasoning',
  'thinking',
];
/**
 * The known keys of messages. Others are passed to the template too, unless they look like a misspelling of one of
 * these.
 */
export const MESSAGE_KEYS = [
  'role',
  'content',
  'from',
  'value',
  'name',
  'tool_call_id',
  'functions',
  'refusal',
  'audio',
  ...INSTEAD_OF_CONTENT,
];

/** @throws DataError with the turn and what is wrong with it. */
export function messageOf(value: unknown, what: string, source: Source): Message {
  const turn = objectOf(value, what, source);
  const isNamed = has(turn, 'role') || has(turn, 'content');
  if (!isNamed && (!has(turn, 'from') || !has(turn, 'value'))) {
    throw new DataError(source, `${what} must be {role, content} or {from, value}, but is ${show(value)}`);
  }
  const [roleKey, textKey] = isNamed ? (['role', 'content'] as const) : (['from', 'value'] as const);
  if (!has(turn, roleKey)) throw new DataError(source, `${what} has no "${roleKey}": a message is {role, content}`);
  const name = textOf(turn[roleKey], `${what}.${roleKey}`, source);
  const others = othersOf(turn, [roleKey, textKey], what, source);
  if (CALL_ROLES.includes(name))
    return {
      role: 'assistant',
      content: null,
      ...others,
      tool_calls: callsOf(turn[textKey], `${what}.${textKey}`, source),
    };
  const role = isNamed ? name : SHAREGPT_ROLES.get(name);
  if (role === undefined || (isNamed && !ROLES.includes(name))) {
    const known = [...(isNamed ? ROLES : SHAREGPT_ROLES.keys()), ...CALL_ROLES.slice(0, 2)].join(', ');
    throw new DataError(source, `${what}.${roleKey} is ${show(name)}; known are ${known}`);
  }
  const content = has(turn, textKey) ? contentOf(turn[textKey], `${what}.${textKey}`, source) : null;
  if (content === null && !INSTEAD_OF_CONTENT.some((key) => has(turn, key))) {
    throw new DataError(
      source,
      `${what} has no "${textKey}" (nor tool_calls or the like in its place): a message is {role, content}`,
    );
  }
  return { role, content, ...others };
}

/** Everything else in the message; null counts as absent. */
function othersOf(turn: JsonObject, read: readonly string[], what: string, source: Source): JsonObject {
  const others: JsonObject = {};
  for (const key of Object.keys(turn)) {
    if (read.includes(key) || !has(turn, key)) continue;
    if (!MESSAGE_KEYS.includes(key)) refuseNearly(key, MESSAGE_KEYS, what, source);
    checkTexts(key, `a key of ${what}`, source);
    others[key] = key === 'tool_calls' ? toolCallsOf(turn[key], `${what}.${key}`, source) : turn[key];
    checkTexts(others[key], `${what}.${key}`, source);
  }
  return others;
}

/** Text, or a list of text parts, which are concatenated as in templates. */
function contentOf(value: unknown, what: string, source: Source): string {
  if (!Array.isArray(value)) return textOf(value, what, source);
  return value.map((part, i) => partText(part, `${what}[${i}]`, source)).join('');
}

const TEXT_PARTS = ['text', 'input_text', 'output_text'];

function partText(part: unknown, what: string, source: Source): string {
  if (!isObject(part))
    throw new DataError(source, `${what} must be {"type": "text", "text": ...}, but is ${show(part)}`);
  if (has(part, 'type') && !TEXT_PARTS.includes(part['type'] as string)) {
    throw new DataError(
      source,
      `${what} has the type ${show(part['type'])}; only text parts of a message are supported`,
    );
  }
  return textOf(part['text'], `${what}.text`, source);
}

/**
 * The calls of a message: a list of {type, function: {name, arguments}} or {name, arguments}. Absent ids are left out.
 */
function toolCallsOf(value: unknown, what: string, source: Source): unknown[] | undefined {
  const calls = listOf(value, what, source).map((call, i) => {
    const own = withoutNulls(objectOf(call, `${what}[${i}]`, source));
    const called = has(own, 'function')
      ? withoutNulls(objectOf(own['function'], `${what}[${i}].function`, source))
      : own;
    if (!has(called, 'name'))
      throw new DataError(source, `${what}[${i}] names no function: a call is {"function": {"name", "arguments"}}`);
    textOf(called['name'], `${what}[${i}]: the function's name`, source);
    return called === own ? own : { ...own, function: called };
  });
  return calls.length === 0 ? undefined : calls;
}

const withoutNulls = (object: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== null && value !== undefined));

/** Call turns of LLaMA-Factory and ms-swift: one {name, arguments}, or a list of them, as JSON text. */
function callsOf(value: unknown, what: string, source: Source): unknown[] {
  let parsed = value;
  if (typeof value === 'string') {
    try {
      parsed = parseTemplateJson(value);
    } catch {
      throw new DataError(
        source,
        `${what} must be a call as JSON, {"name": ..., "arguments": ...}, but is ${show(value)}`,
      );
    }
  }
  const calls = (Array.isArray(parsed) ? parsed : [parsed]).map((call, i) => {
    const own = objectOf(call, `${what}[${i}]`, source);
    return { type: 'function', function: { ...own, name: own['name'], arguments: own['arguments'] ?? {} } };
  });
  const checked = toolCallsOf(calls, what, source);
  if (checked === undefined) throw new DataError(source, `${what} is empty; a turn of calls holds at least one`);
  checkTexts(checked, what, source);
  return checked;
}

/** @throws DataError also for an empty list: it is not a conversation. */
export function messagesOf(value: unknown, what: string, source: Source): Message[] {
  if (!Array.isArray(value)) throw new DataError(source, `${what} must be a list of messages, but is ${show(value)}`);
  if (value.length === 0)
    throw new DataError(source, `${what} is an empty list; a conversation has at least one message`);
  return value.map((turn, i) => messageOf(turn, `${what}[${i}]`, source));
}

/** A text, or a list of turns. A list with a single user turn becomes that turn's text: both give the same sample. */
export function promptOf(value: unknown, what: string, source: Source): Prompt {
  if (typeof value === 'string') return textOf(value, what, source);
  if (!Array.isArray(value))
    throw new DataError(source, `${what} must be text or a list of messages, but is ${show(value)}`);
  return simplified(messagesOf(value, what, source));
}

/** Whether the message holds nothing but role and text. */
export function isPlain(message: Message): message is Message & { content: string } {
  return message.content !== null && Object.keys(message).length === 2;
}

export function simplified(messages: Message[]): Prompt {
  const [first] = messages;
  return messages.length === 1 && first!.role === 'user' && isPlain(first!) ? first.content : messages;
}

export function asMessages(prompt: Prompt): Message[] {
  return typeof prompt === 'string' ? [{ role: 'user', content: prompt }] : prompt;
}
