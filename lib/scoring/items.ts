// What `RewardModel.score` takes: prompts with their responses, like the rows of `score` but with JavaScript's names.

import { tokenIdsOf } from '../arguments/token_ids';
import { ReadKeys, surroundingsOf } from '../data/conversation/conversation';
import { refuseUnknown } from '../data/conversation/known_keys';
import { ANSWER_KEYS } from '../data/conversation/answers';
import { ITEM_KEYS, itemRow, type ConversationMessage, type ItemSurroundings } from '../data/conversation/items';
import { DataError, show } from '../data/errors';
import { isObject } from '../support/is_object';
import type { Source } from '../data/types';
import { promptAndResponses, type Holder } from './rows';
import type { PromptWithResponses } from './sample_tokenizer';

/** Token ids: whole numbers, in a list or a typed array. */
type TokenIds =
  readonly number[] | Int32Array | Uint32Array | Int16Array | Uint16Array | Uint8Array | BigInt64Array | BigUint64Array;

/** A response to be scored: text, the turns after the prompt, or the whole sample as token ids. */
export type ScoredResponse = string | readonly ConversationMessage[] | { content: string } | { inputIds: TokenIds };

/**
 * A prompt (text, or a conversation) with its responses; or only a conversation, which is scored as it is: its last
 * message is the assistant's.
 */
export type ScoreItem = PromptItem | ConversationItem;

interface PromptItem extends ItemSurroundings {
  /** What the responses answer: text (one user turn), or a conversation. */
  prompt?: string | readonly ConversationMessage[];
  /** The conversation, if `prompt` is absent. */
  messages?: readonly ConversationMessage[];
  /** What is scored; each gets a reward. */
  responses: readonly ScoredResponse[];
}

interface ConversationItem extends ItemSurroundings {
  /** The whole conversation, which ends with the assistant's message that is scored. */
  messages: readonly ConversationMessage[];
  /** Not with a conversation alone. */
  prompt?: undefined;
  /** Not with a conversation alone. */
  responses?: undefined;
}

const SCORE_KEYS = [...ITEM_KEYS, 'response', 'responses'];

const ITEM: Holder = { name: 'item', responseKeys: '"responses"' };

/** @throws DataError naming the item. */
export function promptsOf(items: readonly ScoreItem[]): { prompts: PromptWithResponses[]; total: number } {
  const prompts = Array.from(items, (item, index) => promptOf(item, { file: 'items', line: index + 1 }));
  return { prompts, total: prompts.reduce((sum, { responses }) => sum + responses.length, 0) };
}

function promptOf(item: ScoreItem, source: Source): PromptWithResponses {
  const row = itemRow(item, SCORE_KEYS, source);
  if (Array.isArray(row['responses'])) {
    if (row['responses'].length === 0) return { prompt: [], responses: [], source };
    row['responses'] = row['responses'].map((response: unknown, number) => responseRow(response, number, source));
  } else if (row['responses'] !== undefined || (row['messages'] === undefined && row['response'] === undefined)) {
    throw new DataError(source, `"responses" must be a list, but is ${show(row['responses'])}`);
  }
  const { prompt, responses } = promptAndResponses(row, ITEM, source, new ReadKeys());
  return {
    prompt,
    ...surroundingsOf(row, source),
    responses: responses.map((response, number) => ({ ...response, id: String(number) })),
    source,
  };
}

/** `inputIds` under the name of rows, as a list. */
function responseRow(response: unknown, number: number, source: Source): unknown {
  if (!isObject(response)) return response;
  refuseUnknown(response, [...ANSWER_KEYS, 'inputIds'], `response ${number}`, source);
  if (response['inputIds'] === undefined) return response;
  const { inputIds, ...others } = response;
  const ids = tokenIdsOf(inputIds);
  if ('problem' in ids) throw new DataError(source, `"inputIds" of response ${number} ${ids.problem}`);
  return { ...others, input_ids: Array.from(ids) };
}
