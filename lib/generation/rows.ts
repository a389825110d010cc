// Rows to answer, as `generate` reads them: an id, the prompt under any of its names, and the fields that go with a
// prompt for every command (lib/data/conversation).

import { asMessages } from '../data/conversation/messages';
import { promptKeysOf, ReadKeys, readPrompt, rowOf, surroundingsOf } from '../data/conversation/conversation';
import { type RowId, rowIdOf } from '../data/conversation/ids';
import { ITEM_KEYS, itemRow } from '../data/conversation/items';
import { DataError, show } from '../data/errors';
import { isObject } from '../support/is_object';
import type { JsonObject } from '../data/fields';
import { note, type ReadingReport } from '../data/report';
import type { Source } from '../data/types';
import type { GenerationItem, PromptToAnswer } from './items';

export interface GenerationRow {
  /** Undefined if the row has none. */
  id: RowId | undefined;
  item: PromptToAnswer;
}

/** @throws DataError naming file, line, key and what is expected. */
export function parseGenerationRow(value: unknown, source: Source, report?: ReadingReport): GenerationRow {
  const row = rowOf(value, source);
  const read = new ReadKeys(['id']);
  const item = promptToAnswer(row, source, read);
  const unread = read.unread(row, source);
  if (report && unread.length > 0) note(report, 'unreadKeys', source, 1, unread);
  return { id: rowIdOf(row, source), item };
}

/** An item given to the library. @throws DataError naming the item. */
export function parseGenerationItem(item: GenerationItem, source: Source): PromptToAnswer {
  const object: unknown = typeof item === 'string' ? { prompt: item } : Array.isArray(item) ? { messages: item } : item;
  if (!isObject(object)) {
    throw new DataError(
      source,
      `an item must be text, a list of messages or {prompt | messages}, but is ${show(item)}`,
    );
  }
  return promptToAnswer(itemRow(object, ITEM_KEYS, source), source, new ReadKeys());
}

function promptToAnswer(row: JsonObject, source: Source, read: ReadKeys): PromptToAnswer {
  const keys = promptKeysOf(row);
  if (keys.length !== 1) {
    const found = keys.length === 0 ? 'has neither' : `has ${keys.join(' and ')}`;
    throw new DataError(source, `a row must have either "prompt" or "messages", but this one ${found}`);
  }
  const prompt = readPrompt(row, source, read)!;
  // A conversation stays one even with a single turn: it is not a text to continue unchanged.
  return { prompt: Array.isArray(row[keys[0]!]) ? asMessages(prompt) : prompt, ...surroundingsOf(row, source) };
}
