import { historyOf, ReadKeys } from '../conversation/conversation';
import { messagesOf, simplified } from '../conversation/messages';
import { splitConversation } from '../conversation/answers';
import { DataError } from '../errors';
import { has, textOf, type JsonObject } from '../fields';
import type { Source } from '../types';
import { readSides } from './chosen_rejected';
import type { Contribution, DataForm } from './form';

/** {query, response, rejected_response, history?}: the form of its earlier versions. */
function readQuery(row: JsonObject, source: Source, read: ReadKeys): Contribution {
  read.add('query', 'response', 'history');
  for (const key of ['query', 'response']) {
    if (!has(row, key)) throw new DataError(source, `${key} is missing beside rejected_response; a row is ${FIELDS}`);
  }
  const prompt = simplified([
    ...historyOf(row, source),
    { role: 'user', content: textOf(row['query'], 'query', source) },
  ]);
  return readSides({ chosen: row['response'], rejected: row['rejected_response'] }, prompt, source);
}

const FIELDS = '{messages, rejected_response | rejected_messages} or {query, response, rejected_response, history?}';

/** ms-swift's pairs: a conversation whose last turn is the better answer, and what replaces it in the worse one. */
export const msSwift: DataForm = {
  name: 'ms-swift pairs',
  fields: FIELDS,
  matches: (row) => (has(row, 'rejected_response') || has(row, 'rejected_messages')) && !has(row, 'chosen'),
  read(row, source, read = new ReadKeys()) {
    read.add('rejected_response', 'rejected_messages');
    if (!has(row, 'messages')) return readQuery(row, source, read);
    read.add('messages');
    if (has(row, 'rejected_messages')) {
      if (has(row, 'rejected_response'))
        throw new DataError(source, 'a row has rejected_response or rejected_messages, but this one has both');
      return readSides({ chosen: row['messages'], rejected: row['rejected_messages'] }, undefined, source);
    }
    const parts = splitConversation(messagesOf(row['messages'], 'messages', source));
    if (!parts)
      throw new DataError(
        source,
        "messages must end with the assistant's turn, which is the better answer; rejected_response is the worse one",
      );
    return readSides({ chosen: parts.answer, rejected: row['rejected_response'] }, simplified(parts.prompt), source);
  },
};
