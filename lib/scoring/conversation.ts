// A whole conversation to be scored as it stands, as data sets have them: its last message is the response.

import { DataError } from '../data/errors';
import type { Message, Response, Source } from '../data/types';

/**
 * What comes before the last message as the prompt, and that message as its response: the template writes the same
 * text.
 * @param wanted what would have been scored otherwise, for the message.
 * @throws DataError where the last message is not the assistant's.
 */
export function conversationParts(
  messages: readonly Message[],
  wanted: string,
  source: Source,
): { prompt: Message[]; response: Omit<Response, 'id'> } {
  const last = messages.at(-1);
  if (last?.role === 'assistant') {
    return { prompt: messages.slice(0, -1), response: { content: last.content, messages: [last] } };
  }
  const ending = last === undefined ? 'are empty' : `end with a message of role "${last.role}"`;
  throw new DataError(
    source,
    `there is no ${wanted}, and the "messages" ${ending}: a conversation is scored as it stands where its last message is ` +
      "the assistant's",
  );
}
