// Items of the library as rows: the same fields, under JavaScript's names. Here unknown keys are refused.

import { DataError, show } from '../errors';
import { isObject } from '../../support/is_object';
import type { JsonObject } from '../fields';
import type { Source, TemplateVariables } from '../types';
import { refuseUnknown } from './known_keys';

/** A part of a message's content. */
interface TextPart {
  /** Only text is supported. */
  type: 'text';
  /** Its text; parts are joined as the chat template joins them. */
  text: string;
}

/**
 * One turn of a conversation as the caller gives it: text, or text parts, or tool calls; and anything else that the
 * chat template reads.
 */
export interface ConversationMessage {
  /** 'system', 'user', 'assistant', 'tool' and their other names. */
  role: string;
  /** The message's text, in one piece or in parts; null with tool calls. */
  content?: string | readonly TextPart[] | null | undefined;
  [key: string]: unknown;
}

/** What every prompt may have in addition. */
export interface ItemSurroundings {
  /** The system turn before the conversation. */
  systemPrompt?: string | undefined;
  /** Tools for the chat template, each as a JSON schema. */
  tools?: readonly unknown[] | undefined;
  /** Documents for the chat template. */
  documents?: readonly unknown[] | undefined;
  /** Additional variables of the chat template, such as `{ enable_thinking: false }`. */
  chatTemplateKwargs?: TemplateVariables | undefined;
}

/** JavaScript's names and those of rows, which are accepted too. */
const ITEM_NAMES: Readonly<Record<string, string>> = {
  systemPrompt: 'system_prompt',
  chatTemplateKwargs: 'chat_template_kwargs',
};
const SURROUNDING_KEYS = ['systemPrompt', 'tools', 'documents', 'chatTemplateKwargs'];
export const ITEM_KEYS = ['prompt', 'messages', ...SURROUNDING_KEYS, ...Object.values(ITEM_NAMES)];
/** The item as a row, under the names of rows. @throws DataError if it is not an item, and for unknown keys. */
export function itemRow(item: unknown, known: readonly string[], source: Source): JsonObject {
  if (!isObject(item)) throw new DataError(source, `an item must be an object, but is ${show(item)}`);
  refuseUnknown(item, known, 'the item', source);
  const row: JsonObject = {};
  for (const [key, value] of Object.entries(item)) {
    if (value === undefined) continue;
    const name = ITEM_NAMES[key] ?? key;
    if (row[name] !== undefined)
      throw new DataError(
        source,
        `the item has both "${key}" and "${name}", which mean the same; give only one of them`,
      );
    row[name] = value;
  }
  return row;
}
