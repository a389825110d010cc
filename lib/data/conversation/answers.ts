// What is scored: the turns behind the prompt.

import { DataError } from '../errors';
import type { JsonObject } from '../fields';
import type { Message, Source } from '../types';
import { isPlain, messageOf } from './messages';
import { textOfMessage } from './texts';

export type Answer = { content: string; messages?: Message[] };

/** The turns after the prompt; a single one of the assistant's that is text alone is that text. */
export function turnsAnswer(turns: Message[], what: string, source: Source): Answer {
  const last = turns.at(-1);
  if (last === undefined) throw new DataError(source, `${what} has no turn after the prompt`);
  if (turns.length === 1 && last.role === 'assistant' && isPlain(last)) return { content: last.content };
  return { content: textOfMessage(last), messages: turns };
}

/** Keys by which an object {content} is a message, and more than its text. */
const OF_MESSAGES = ['tool_calls', 'function_call', 'reasoning_content'];

/** A response {content}, with what else a message may hold; without a role it is the assistant's. */
export function answerOf(object: JsonObject, what: string, source: Source): Answer {
  const { content, role } = object;
  const given = Object.entries(object).filter(([key, value]) => OF_MESSAGES.includes(key) && value !== null);
  const message = messageOf({ role: role ?? 'assistant', content, ...Object.fromEntries(given) }, what, source);
  return turnsAnswer([message], what, source);
}

/** The prompt and the answer of a conversation that the assistant ends. */
export function splitConversation(messages: Message[]): { prompt: Message[]; answer: Message } | undefined {
  const answer = messages.at(-1);
  return answer?.role === 'assistant' ? { prompt: messages.slice(0, -1), answer } : undefined;
}
