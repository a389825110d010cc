// A row to be scored, as `score` reads it:
//   {id, prompt, response}            one reward
//   {id, prompt, responses: [...]}    one reward per response
//   {id, messages}                    one reward: the conversation as it is, ending with the assistant's message
//   {id, input_ids} or {id, responses: [{input_ids}, ...]}   the same, tokenized: prompt, response and template in one
// The prompt may have any of its names, and system prompt, tools and the like are in the same row, as everywhere
// (lib/data/conversation). A response is text, {content}, {input_ids} or a list of messages.

import { messagesOf } from '../data/conversation/messages';
import { promptKeysOf, ReadKeys, readPrompt, rowOf, surroundingsOf } from '../data/conversation/conversation';
import { type RowId, rowIdOf } from '../data/conversation/ids';
import { answerOf, splitConversation, turnsAnswer } from '../data/conversation/answers';
import { DataError, show } from '../data/errors';
import { has, type JsonObject, listOf, textOf, tokenIdsOf } from '../data/fields';
import { isObject } from '../support/is_object';
import { note, type ReadingReport } from '../data/report';
import type { Message, Prompt, Response, Source, TemplateVariables } from '../data/types';

export interface ScoreRow {
  /** Undefined if the row has none. */
  id: RowId | undefined;
  prompt: Prompt;
  systemPrompt?: string;
  templateVariables?: TemplateVariables;
  responses: Response[];
  /** Whether the row held a list, so that its result is a list too. */
  isList: boolean;
  source: Source;
}

type Unnamed = Omit<Response, 'id'>;

const RESPONSE_KEYS = ['response', 'responses', 'input_ids'];
/** Conversations that may be scored as they are. */
const WHOLE_KEYS = ['messages', 'conversations'];

/** @throws DataError with file, line, key and what is expected. */
export function parseScoreRow(value: unknown, source: Source, report?: ReadingReport): ScoreRow {
  const row = rowOf(value, source);
  const read = new ReadKeys(['id', ...RESPONSE_KEYS]);
  const { prompt, responses } = promptAndResponses(row, ROW, source, read);
  const unread = read.unread(row, source);
  if (report && unread.length > 0) note(report, 'unreadKeys', source, 1, unread);
  return {
    id: rowIdOf(row, source),
    prompt,
    ...surroundingsOf(row, source),
    responses: responses.map((response, index) => ({ ...response, id: String(index) })),
    isList: has(row, 'responses'),
    source,
  };
}

/** What messages call the container of a conversation. */
export interface Holder {
  name: string;
  responseKeys: string;
}

const ROW: Holder = { name: 'row', responseKeys: '"response", "responses" or "input_ids"' };

/** What a row or an item contains to be scored. @throws DataError */
export function promptAndResponses(
  row: JsonObject,
  holder: Holder,
  source: Source,
  read: ReadKeys,
): { prompt: Prompt; responses: Unnamed[] } {
  const keys = promptKeysOf(row);
  if (keys.length > 1) {
    throw new DataError(
      source,
      `a ${holder.name} has either "prompt" or "messages" (or another name of the prompt), but this one has ` +
        `${keys.join(' and ')}`,
    );
  }
  const forms = RESPONSE_KEYS.filter((key) => has(row, key));
  const whole = keys.find((key) => WHOLE_KEYS.includes(key));
  if (forms.length === 0 && whole !== undefined) {
    read.add(whole);
    return wholeConversation(messagesOf(row[whole], whole, source), whole, holder, source);
  }
  if (forms.length !== 1) {
    const found = forms.length === 0 ? 'has none of them' : `has ${forms.join(' and ')}`;
    throw new DataError(
      source,
      'a row must have exactly one of "response", "responses" and "input_ids" (or "messages" that the ' +
        `assistant's ends), but this one ${found}`,
    );
  }
  const responses = responsesOf(row, forms[0]!, source, read);
  const prompt = readPrompt(row, source, read);
  if (prompt === undefined && responses.some(({ inputIds }) => inputIds === undefined)) {
    throw new DataError(source, `the ${holder.name} has neither "prompt" nor "messages", which its response answers`);
  }
  return { prompt: prompt ?? [], responses };
}

/** Splits off the last message as the response; what precedes it is the prompt. The template writes the same text. */
function wholeConversation(
  messages: Message[],
  key: string,
  { responseKeys }: Holder,
  source: Source,
): { prompt: Prompt; responses: Unnamed[] } {
  const parts = splitConversation(messages);
  if (!parts) {
    throw new DataError(
      source,
      `there is no ${responseKeys}, and the "${key}" end with a message of role ` +
        `"${messages.at(-1)!.role}": a conversation is scored as it is only if its last message is the assistant's`,
    );
  }
  const { content } = turnsAnswer([parts.answer], key, source);
  return { prompt: parts.prompt, responses: [{ content, messages: [parts.answer] }] };
}

function responsesOf(row: JsonObject, form: string, source: Source, read: ReadKeys): Unnamed[] {
  if (form === 'input_ids') return [{ inputIds: tokenIdsOf(row[form], form, source) }];
  if (form === 'response') return [responseOf(row[form], form, source, read)];
  const list = listOf(row[form], form, source);
  if (list.length === 0) throw new DataError(source, `"${form}" is an empty list; there is nothing to score`);
  return list.map((entry, index) => responseOf(entry, `${form}[${index}]`, source, read));
}

function responseOf(value: unknown, what: string, source: Source, read: ReadKeys): Unnamed {
  if (typeof value === 'string') return { content: textOf(value, what, source) };
  if (Array.isArray(value)) return turnsAnswer(messagesOf(value, what, source), what, source);
  if (isObject(value)) {
    const isTokenized = has(value, 'input_ids');
    const isMessage = has(value, 'content') || has(value, 'tool_calls');
    if (isTokenized && !isMessage) return { inputIds: tokenIdsOf(value['input_ids'], `${what}.input_ids`, source) };
    if (isMessage && !isTokenized) return answerOf(value, what, source, read);
  }
  throw new DataError(
    source,
    `${what} must be text, a list of messages, {"content": text} or {"input_ids": [...]}, but is ${show(value)}`,
  );
}
