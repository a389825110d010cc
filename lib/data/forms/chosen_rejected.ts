import { DataError, show } from '../errors';
import { exactText } from '../conversation/numbers';
import { isPlain, messageOf, messagesOf, simplified } from '../conversation/messages';
import { ReadKeys, readPrompt } from '../conversation/conversation';
import { turnsAnswer } from '../conversation/answers';
import { has, type JsonObject, textId, textOf, tokenIdsOf, tokensId } from '../fields';
import { isObject } from '../../support/is_object';
import type { Message, Prompt, Response, Source } from '../types';
import type { Vote } from '../annotated';
import type { Contribution, DataForm } from './form';

/** Names under which the two sides are token ids of whole samples. */
const TOKEN_KEYS: readonly (readonly [chosen: string, rejected: string])[] = [
  ['chosen_input_ids', 'rejected_input_ids'],
  ['chosen_ids', 'rejected_ids'],
  ['input_ids_chosen', 'input_ids_rejected'],
];

function tokenKeys(row: JsonObject): readonly [string, string] | undefined {
  return TOKEN_KEYS.find(([chosen, rejected]) => has(row, chosen) || has(row, rejected));
}

function tokenResponse(value: unknown, what: string, source: Source): Response {
  const inputIds = tokenIdsOf(value, what, source);
  return { id: tokensId(inputIds), inputIds, source };
}

/** A response made of the turns after the prompt. */
function turnsResponse(turns: Message[], what: string, source: Source): Response {
  const answer = turnsAnswer(turns, what, source);
  return { id: textId(answer.messages ? exactText(answer.messages) : answer.content), ...answer, source };
}

/** One side: text, token ids or turns, or (with a list of texts) several. Turns may hold the whole conversation. */
function readSide(value: unknown, what: string, source: Source): { responses: Response[] } | { turns: Message[] } {
  if (typeof value === 'string') {
    const content = textOf(value, what, source);
    return { responses: [{ id: textId(content), content, source }] };
  }
  if (isObject(value)) {
    if (has(value, 'input_ids')) return { responses: [tokenResponse(value['input_ids'], `${what}.input_ids`, source)] };
    return { turns: [messageOf(value, what, source)] };
  }
  if (Array.isArray(value) && value.length > 0) {
    if (value.every((item) => typeof item === 'string')) {
      return {
        responses: value.map((item, i) => {
          const content = textOf(item, `${what}[${i}]`, source);
          return { id: textId(content), content, source };
        }),
      };
    }
    return { turns: messagesOf(value, what, source) };
  }
  throw new DataError(
    source,
    `${what} must be text, a list of messages, {role, content} or {input_ids}, but is ${show(value)}`,
  );
}

/** Whether the turns begin a conversation, rather than continue the prompt. */
function isWhole(turns: Message[]): boolean {
  return turns.length > 1 && turns[0]?.role !== 'assistant';
}

function commonTurns(a: Message[], b: Message[]): number {
  let n = 0;
  // The last turn of the shorter side is an answer even if both are equal.
  while (n < Math.min(a.length, b.length) - 1 && isSame(a[n]!, b[n]!)) n += 1;
  return n;
}

const isSame = (a: Message, b: Message): boolean =>
  a.role === b.role && a.content === b.content && ((isPlain(a) && isPlain(b)) || exactText(a) === exactText(b));

/** Reads `chosen` and `rejected` with a given prompt, or takes the prompt from what both conversations share. */
export function readSides(row: JsonObject, given: Prompt | undefined, source: Source): Contribution {
  for (const key of ['chosen', 'rejected']) {
    if (!has(row, key)) throw new DataError(source, `${key} is missing; a pair has both chosen and rejected`);
  }
  const chosen = readSide(row['chosen'], 'chosen', source);
  const rejected = readSide(row['rejected'], 'rejected', source);
  if ('turns' in chosen && 'turns' in rejected && isWhole(chosen.turns) && isWhole(rejected.turns)) {
    const shared = commonTurns(chosen.turns, rejected.turns);
    if (shared === 0)
      throw new DataError(source, 'chosen and rejected are whole conversations, but do not begin with the same turn');
    const prompt = simplified(chosen.turns.slice(0, shared));
    return pairing(
      prompt,
      [turnsResponse(chosen.turns.slice(shared), 'chosen', source)],
      [turnsResponse(rejected.turns.slice(shared), 'rejected', source)],
    );
  }
  const responsesOf = (side: typeof chosen, what: string) => {
    if ('responses' in side) return side.responses;
    if (isWhole(side.turns)) {
      throw new DataError(
        source,
        `${what} is a whole conversation and the other side is not; give both in the same form`,
      );
    }
    return [turnsResponse(side.turns, what, source)];
  };
  return pairing(given, responsesOf(chosen, 'chosen'), responsesOf(rejected, 'rejected'));
}

/** Every chosen response beats every rejected one. */
function pairing(prompt: Prompt | undefined, chosen: Response[], rejected: Response[]): Contribution {
  const votes: Vote[] = chosen.flatMap((better) =>
    rejected.map((worse) => ({ first: better.id, second: worse.id, outcome: 1 as const })),
  );
  return { prompt, responses: distinct([...chosen, ...rejected]), votes };
}

/** So that a self pair is counted as such, and not also as a repeated response. */
function distinct(responses: Response[]): Response[] {
  return [...new Map(responses.map((response) => [response.id, response])).values()];
}

/** Anthropic's "\n\nHuman: ...\n\nAssistant: ..." as turns; undefined for any other text. */
function dialogueTurns(text: unknown): Message[] | undefined {
  if (typeof text !== 'string' || !/^\s*Human: /.test(text)) return undefined;
  const turns: Message[] = [];
  for (const part of text.split(/(?:^|\n\n)(?=(?:Human|Assistant):)/)) {
    const match = /^\s*(Human|Assistant): ?([^]*)$/.exec(part);
    if (match) turns.push({ role: match[1] === 'Human' ? 'user' : 'assistant', content: (match[2] ?? '').trim() });
  }
  return turns.length > 1 && turns.at(-1)?.role === 'assistant' ? turns : undefined;
}

export const chosenRejected: DataForm = {
  name: 'chosen and rejected',
  fields: '{prompt?, chosen, rejected} (texts, lists of messages or {input_ids}) or {chosen_ids, rejected_ids}',
  matches: (row) => has(row, 'chosen') || has(row, 'rejected') || tokenKeys(row) !== undefined,
  read(row, source, read = new ReadKeys()) {
    const prompt = readPrompt(row, source, read);
    const keys = tokenKeys(row);
    read.add(...(keys ?? ['chosen', 'rejected']));
    if (keys) {
      for (const key of keys) {
        if (!has(row, key)) throw new DataError(source, `${key} is missing; a pair has both ${keys[0]} and ${keys[1]}`);
      }
      return pairing(
        prompt,
        [tokenResponse(row[keys[0]], keys[0], source)],
        [tokenResponse(row[keys[1]], keys[1], source)],
      );
    }
    if (prompt === undefined) {
      const chosen = dialogueTurns(row['chosen']);
      const rejected = dialogueTurns(row['rejected']);
      if (chosen && rejected) return readSides({ chosen, rejected }, undefined, source);
    }
    return readSides(row, prompt, source);
  },
};
