// Items of the library as rows: the same fields, under JavaScript's names. Here every key is known or refused.

import { DataError, show } from '../errors';
import { isObject } from '../../support/is_object';
import type { JsonObject } from '../fields';
import type { Source, TemplateVariables } from '../types';
import { refuseUnknown } from './known_keys';

/** A part of a message's content. */
interface TextPart {
  /** Text is all that is read. */
  type: 'text';
  /** Its text; parts stand together as the chat template joins them. */
  text: string;
}

/** One turn of a conversation as it is given: text, or text parts, or calls of tools; whatever else the chat template reads. */
export interface ConversationMessage {
  /** 'system', 'user', 'assistant', 'tool' and their other names. */
  role: string;
  /** The message's text, in one piece or in parts; null beside calls of tools. */
  content?: string | readonly TextPart[] | null | undefined;
  [key: string]: unknown;
}

/** What may stand beside every prompt. */
export interface ItemSurroundings {
  /** The system turn before the conversation. */
  systemPrompt?: string | undefined;
  /** Tools that the chat template is given, each as a JSON schema. */
  tools?: readonly unknown[] | undefined;
  /** Documents that the chat template is given. */
  documents?: readonly unknown[] | undefined;
  /** Further variables of the chat template, such as `{ enable_thinking: false }`. */
  chatTemplateKwargs?: TemplateVariables | undefined;
}

/** JavaScript's names and those of rows, which are understood too. */
const ITEM_NAMES: Readonly<Record<string, string>> = {
  systemPrompt: 'system_prompt',
  chatTemplateKwargs: 'chat_template_kwargs',
};
const SURROUNDING_KEYS = ['systemPrompt', 'tools', 'documents', 'chatTemplateKwargs'];
export const ITEM_KEYS = ['prompt', 'messages', ...SURROUNDING_KEYS, ...Object.values(ITEM_NAMES)];
/** The item as a row, under the names of rows. @throws DataError for what is no item, and for keys that are not known. */
export function itemRow(item: unknown, known: readonly string[], source: Source): JsonObject {
  if (!isObject(item)) throw new DataError(source, `an item must be an object, but is ${show(item)}`);
  refuseUnknown(item, known, 'the item', source);
  const row: JsonObject = {};
  for (const [key, value] of Object.entries(item)) {
    if (value === undefined) continue;
    const name = ITEM_NAMES[key] ?? key;
    if (row[name] !== undefined)
      throw new DataError(source, `the item has both "${key}" and "${name}", which are one; give one of them`);
    row[name] = value;
  }
  return row;
}
