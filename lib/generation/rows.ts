// Rows to be answered, as `generate` reads them: {id, prompt | messages}, with `sys_prompt` where there is one. Other keys are ignored.

import { DataError, show } from '../data/errors';
import { has, idOf, isObject, messagesOf, textOf } from '../data/fields';
import type { Source } from '../data/types';
import type { GenerationItem } from './language_model';

export interface GenerationRow {
  /** Undefined where the row has none. */
  id: string | number | undefined;
  item: GenerationItem;
}

/** @throws DataError naming file, line, key and what is wanted. */
export function parseGenerationRow(value: unknown, source: Source): GenerationRow {
  if (!isObject(value)) throw new DataError(source, `a row must be a JSON object, but is ${show(value)}`);
  const id = !has(value, 'id') ? undefined : typeof value['id'] === 'number' ? value['id'] : idOf(value['id'], '"id"', source);
  if (has(value, 'prompt') === has(value, 'messages')) {
    throw new DataError(source, `a row must have either "prompt" or "messages", but this one has ${has(value, 'prompt') ? 'both' : 'neither'}`);
  }
  const prompt = value['prompt'];
  const asked = typeof prompt === 'string' ? { prompt: textOf(prompt, '"prompt"', source) } : { messages: messagesOf(prompt ?? value['messages'], has(value, 'prompt') ? '"prompt"' : '"messages"', source) };
  return { id, item: { ...asked, ...(has(value, 'sys_prompt') ? { systemPrompt: textOf(value['sys_prompt'], '"sys_prompt"', source) } : {}) } };
}
