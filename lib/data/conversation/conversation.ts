// What a row says about its conversation: the prompt, the system prompt, and the other inputs of its chat template.
// Training, evaluation, scoring and generation all use this reader.

import { DataError, show } from '../errors';
import { field, has, type JsonObject, listOf, objectOf, textOf } from '../fields';
import { isObject } from '../../support/is_object';
import type { Message, Prompt, Source, TemplateVariables } from '../types';
import { refuseNearly } from './known_keys';
import { promptOf, simplified } from './messages';
import { parseTemplateJson } from './numbers';
import { checkTexts } from './texts';

const SYSTEM_KEYS = ['sys_prompt', 'system_prompt', 'system'];
const VARIABLE_KEYS = ['tools', 'documents', 'chat_template_kwargs'];
/** The keys that may hold a row's prompt, in the order in which they are tried. */
const PROMPT_KEYS = ['instruction', 'conversations', 'input', 'prompt', 'messages', 'question'];

/** Keys besides the prompt that change the sample: a key that looks like a misspelling of one is refused. */
const OPTIONAL_KEYS = [...SYSTEM_KEYS, ...VARIABLE_KEYS];

/** Variables that the template always gets. */
export const OWN_VARIABLES = ['messages', 'add_generation_prompt', 'tools', 'documents', 'bos_token', 'eos_token'];

/** Keys of a row that were read. The others are reported. */
export class ReadKeys {
  private readonly read: Set<string>;

  constructor(others: Iterable<string> = []) {
    this.read = new Set([...others, ...OPTIONAL_KEYS]);
  }

  private readonly within: string[] = [];

  /** Reports keys within the row's objects that are not read, by their full names. */
  addUnread(names: readonly string[]): void {
    this.within.push(...names.filter((name) => !this.within.includes(name)));
  }

  add(...keys: string[]): void {
    for (const key of keys) this.read.add(key);
  }

  /**
   * The keys of the row that have a value and were not read.
   * @throws DataError if one looks like a key of the conversation.
   */
  unread(row: JsonObject, source: Source): string[] {
    const keys = Object.keys(row).filter((key) => !this.read.has(key) && has(row, key));
    for (const key of keys) refuseNearly(key, OPTIONAL_KEYS, 'the row', source);
    return [...keys, ...this.within];
  }
}

export interface Surroundings {
  systemPrompt?: string;
  templateVariables?: TemplateVariables;
}

/** The system prompt, tools and the like. @throws DataError */
export function surroundingsOf(row: JsonObject, source: Source): Surroundings {
  const systemPrompt = systemPromptOf(row, source);
  const templateVariables = templateVariablesOf(row, source);
  return {
    ...(systemPrompt === undefined ? {} : { systemPrompt }),
    ...(templateVariables === undefined ? {} : { templateVariables }),
  };
}

function systemPromptOf(row: JsonObject, source: Source): string | undefined {
  const keys = SYSTEM_KEYS.filter((key) => has(row, key));
  const texts = keys.map((key) => textOf(row[key], key, source));
  if (new Set(texts).size > 1) {
    throw new DataError(source, `${keys.join(' and ')} hold different system prompts; a row has one`);
  }
  return texts[0];
}

function templateVariablesOf(row: JsonObject, source: Source): TemplateVariables | undefined {
  const variables: Record<string, unknown> = { ...kwargsOf(row, source) };
  const tools = toolsOf(field(row, 'tools'), source);
  if (tools !== undefined) variables['tools'] = tools;
  if (has(row, 'documents'))
    variables['documents'] = listOf(row['documents'], 'documents', source).map((one, i) =>
      objectOf(one, `documents[${i}]`, source),
    );
  for (const [name, value] of Object.entries(variables)) checkTexts(value, name, source);
  return Object.keys(variables).length === 0 ? undefined : variables;
}

/** A list of objects, or one as JSON text, as in tables. An empty list counts as absent. */
function toolsOf(value: unknown, source: Source): JsonObject[] | undefined {
  if (value === undefined || value === '') return undefined;
  let list: unknown = value;
  if (typeof value === 'string') {
    try {
      list = parseTemplateJson(value);
    } catch {
      throw new DataError(source, `tools must be a list of tools, or one as JSON, but is ${show(value)}`);
    }
    if (list === null) return undefined;
  }
  const tools = listOf(list, 'tools', source).map((tool, i) => objectOf(tool, `tools[${i}]`, source));
  return tools.length === 0 ? undefined : tools;
}

function kwargsOf(row: JsonObject, source: Source): JsonObject {
  if (!has(row, 'chat_template_kwargs')) return {};
  const kwargs = objectOf(row['chat_template_kwargs'], 'chat_template_kwargs', source);
  const own = Object.keys(kwargs).find((name) => OWN_VARIABLES.includes(name));
  if (own !== undefined) {
    throw new DataError(
      source,
      `chat_template_kwargs holds "${own}", which the row itself gives to the template; take it out there`,
    );
  }
  return Object.fromEntries(Object.entries(kwargs).filter(([, value]) => value !== null));
}

/** The row's prompt under the first of its names that has a value; undefined if there is none. */
export function readPrompt(row: JsonObject, source: Source, read = new ReadKeys()): Prompt | undefined {
  const key = PROMPT_KEYS.find((name) => has(row, name));
  if (key === undefined) return undefined;
  read.add(key);
  if (key !== 'instruction') return promptOf(row[key], key, source);
  read.add('input', 'history');
  return instructionPrompt(row, source);
}

/** The names under which the row has a prompt; `input` belongs to an instruction. */
export function promptKeysOf(row: JsonObject): string[] {
  return PROMPT_KEYS.filter((key) => has(row, key) && !(key === 'input' && has(row, 'instruction')));
}

/**
 * The prompt of an instruction row: `history` of [question, answer] turns, then `instruction` and, on a new line,
 * `input` if it is not empty.
 */
export function instructionPrompt(row: JsonObject, source: Source): Prompt {
  const instruction = has(row, 'instruction') ? textOf(row['instruction'], 'instruction', source) : '';
  const input = has(row, 'input') ? textOf(row['input'], 'input', source) : '';
  const question = instruction !== '' && input !== '' ? `${instruction}\n${input}` : instruction + input;
  return simplified([...historyOf(row, source), { role: 'user', content: question }]);
}

/** `history`: earlier turns as [question, answer]. */
export function historyOf(row: JsonObject, source: Source): Message[] {
  if (!has(row, 'history')) return [];
  return listOf(row['history'], 'history', source).flatMap((pair, i) => {
    if (!Array.isArray(pair) || pair.length !== 2) {
      throw new DataError(source, `history[${i}] must be [question, answer], but is ${show(pair)}`);
    }
    return [
      { role: 'user', content: textOf(pair[0], `history[${i}][0]`, source) },
      { role: 'assistant', content: textOf(pair[1], `history[${i}][1]`, source) },
    ];
  });
}

/** @throws DataError if the row is not an object. */
export function rowOf(value: unknown, source: Source): JsonObject {
  if (isObject(value)) return value;
  throw new DataError(source, `a row must be a JSON object, but is ${show(value)}`);
}
