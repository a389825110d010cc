// What is scored: the turns after the prompt.

import { DataError } from '../errors';
import type { JsonObject } from '../fields';
import type { Message, Source } from '../types';
import type { ReadKeys } from './conversation';
import { refuseNearly } from './known_keys';
import { isPlain, MESSAGE_KEYS, messageOf } from './messages';
import { textOfMessage } from './texts';

export type Answer = { content: string; messages?: Message[] };

/** The turns after the prompt; a single assistant turn that is only text becomes that text. */
export function turnsAnswer(turns: Message[], what: string, source: Source): Answer {
  const last = turns.at(-1);
  if (last === undefined) throw new DataError(source, `${what} has no turn after the prompt`);
  if (turns.length === 1 && last.role === 'assistant' && isPlain(last)) return { content: last.content };
  return { content: textOfMessage(last), messages: turns };
}

/** Keys of a response in addition to those of messages. */
const RESPONSE_KEYS = ['id', 'input_ids'];
export const ANSWER_KEYS = [...MESSAGE_KEYS.filter((key) => key !== 'from' && key !== 'value'), ...RESPONSE_KEYS];

/**
 * A response {content}, with anything else that a message may hold; without a role it is the assistant's. Other keys
 * are reported.
 */
export function answerOf(object: JsonObject, what: string, source: Source, read?: ReadKeys): Answer {
  const given = Object.entries(object).filter(([key, value]) => !RESPONSE_KEYS.includes(key) && value !== null);
  const message = Object.fromEntries(given.filter(([key]) => ANSWER_KEYS.includes(key)));
  for (const [key] of given) if (!ANSWER_KEYS.includes(key)) refuseNearly(key, ANSWER_KEYS, what, source);
  read?.addUnread(
    given.flatMap(([key]) => (ANSWER_KEYS.includes(key) ? [] : [`${what.replaceAll(/\[\d+\]/g, '')}.${key}`])),
  );
  return turnsAnswer([messageOf({ role: 'assistant', ...message }, what, source)], what, source);
}

/** The prompt and the answer of a conversation that ends with the assistant. */
export function splitConversation(messages: Message[]): { prompt: Message[]; answer: Message } | undefined {
  const answer = messages.at(-1);
  return answer?.role === 'assistant' ? { prompt: messages.slice(0, -1), answer } : undefined;
}
