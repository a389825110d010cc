// What `RewardModel.score` takes, as prompts with their responses.

import { tokenIdsOf } from '../arguments/token_ids';
import { DataError, show } from '../data/errors';
import type { Message, Response, Source } from '../data/types';
import { conversationParts } from './conversation';
import type { PromptWithResponses } from './sample_tokenizer';

/** Token ids: whole numbers, in a list or a typed array. */
export type TokenIds = readonly number[] | Int32Array | Uint32Array | Int16Array | Uint16Array | Uint8Array | BigInt64Array | BigUint64Array;

/** A response to be scored: text, the turns after the prompt, or the whole sample as token ids. */
export type ScoredResponse = string | Message[] | { content: string } | { inputIds: TokenIds };

/**
 * A prompt (text, or a conversation) with its responses; or a conversation alone, which is scored as it stands: its
 * last message is the assistant's.
 */
export type ScoreItem =
  | {
      prompt?: string | Message[];
      /** The conversation, where `prompt` is absent. */
      messages?: Message[];
      systemPrompt?: string;
      responses: readonly ScoredResponse[];
    }
  | { messages: Message[]; systemPrompt?: string; prompt?: undefined; responses?: undefined };

/** @throws DataError naming the item. */
export function promptsOf(items: readonly ScoreItem[]): { prompts: PromptWithResponses[]; total: number } {
  const prompts = items.map((item, index) => promptOf(item, index));
  return { prompts, total: prompts.reduce((sum, { responses }) => sum + responses.length, 0) };
}

function promptOf(item: ScoreItem, index: number): PromptWithResponses {
  const source = { file: 'items', line: index + 1 };
  const { prompt, messages, responses, systemPrompt } = item;
  const system = systemPrompt === undefined ? {} : { systemPrompt };
  if (responses === undefined && prompt === undefined && Array.isArray(messages)) {
    const conversation = conversationParts(messages, '"responses"', source);
    return { prompt: conversation.prompt, responses: [{ id: '0', ...conversation.response }], source, ...system };
  }
  if (!Array.isArray(responses)) throw new DataError(source, `"responses" must be a list, but is ${show(responses)}`);
  if (prompt !== undefined && messages !== undefined)
    throw new DataError(source, 'an item has either "prompt" or "messages", but this one has both');
  const given = prompt ?? messages;
  const list = (responses as readonly ScoredResponse[]).map((response, number) =>
    responseOf(response, String(number), source),
  );
  if (given === undefined && list.some(({ inputIds }) => inputIds === undefined))
    throw new DataError(source, 'the item has neither "prompt" nor "messages", which its responses answer');
  return { prompt: given ?? [], responses: list, source, ...system };
}

function responseOf(response: ScoredResponse, id: string, source: Source): Response {
  if (typeof response === 'string') return { id, content: response };
  if (Array.isArray(response)) {
    const content = response.at(-1)?.content;
    if (content === undefined) throw new DataError(source, `response ${id} is an empty list of messages`);
    return { id, content, messages: response };
  }
  if (typeof response === 'object' && response !== null) {
    if ('content' in response && typeof response.content === 'string') return { id, content: response.content };
    if ('inputIds' in response && response.inputIds !== undefined) {
      const ids = tokenIdsOf(response.inputIds);
      if ('problem' in ids) throw new DataError(source, `"inputIds" of response ${id} ${ids.problem}`);
      return { id, inputIds: ids };
    }
  }
  throw new DataError(
    source,
    `response ${id} must be text, messages, { content } or { inputIds } that are not empty, but is ${show(response)}`,
  );
}
