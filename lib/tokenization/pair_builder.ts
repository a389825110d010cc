// Question and answer as a pair of texts, `[CLS] question [SEP] answer [SEP]`: the input of reward models with encoders
// (DeBERTa).

import type { Tokenizer } from '@huggingface/tokenizers';
import { textOfMessage } from '../data/conversation/texts';
import type { Message } from '../data/types';
import { TokenizerError } from './errors';

/** Between the turns of a conversation that form the question; roles are not written. */
const TURN_SEPARATOR = '\n\n';

export interface Pair {
  question: string;
  answer: string;
}

/**
 * The last turn is the answer, everything before it (system text and earlier turns) the question. @throws
 * TokenizerError if there is no question.
 */
export function pairOf(messages: readonly Message[]): Pair {
  const last = messages.at(-1);
  if (last === undefined || messages.length < 2) {
    throw new TokenizerError(
      'this model reads a pair of question and answer; the sample is a response without a prompt.',
    );
  }
  return { question: messages.slice(0, -1).map(textOfMessage).join(TURN_SEPARATOR), answer: textOfMessage(last) };
}

/** What the tokenizer adds around and between the two texts. */
interface Around {
  before: number[];
  between: number[];
  after: number[];
}

export class PairBuilder {
  private readonly around: Around;

  /**
   * @param encodeBare a text's ids without special tokens.
   * @throws Error if the tokenizer's post-processor does not support pairs.
   */
  constructor(
    tokenizer: Tokenizer,
    private readonly encodeBare: (text: string) => number[],
  ) {
    const whole: number[] = tokenizer.encode('a', { text_pair: 'b', add_special_tokens: true }).ids;
    this.around = split(whole, encodeBare('a'), encodeBare('b'));
  }

  /**
   * The ids, and their number before cutting. If they exceed `room`, the question is cut on the left, and if that is
   * not enough, the answer too; the special tokens stay.
   * @param encode replaces the usual way to a text's ids.
   * @throws TokenizerError
   */
  build(
    { question, answer }: Pair,
    room = Infinity,
    encode = this.encodeBare,
  ): { inputIds: Int32Array; length: number } {
    const { before, between, after } = this.around;
    const [first, second] = [encode(question), encode(answer)];
    const special = before.length + between.length + after.length;
    const length = special + first.length + second.length;
    if (length > room && room <= special)
      throw new TokenizerError(`a maximum length of ${room} leaves no room beside the tokenizer's own special tokens.`);
    const excess = Math.max(0, length - room);
    const fromFirst = Math.min(excess, first.length);
    return {
      inputIds: Int32Array.from([
        ...before,
        ...first.slice(fromFirst),
        ...between,
        ...second.slice(excess - fromFirst),
        ...after,
      ]),
      length,
    };
  }
}

function split(whole: readonly number[], first: readonly number[], second: readonly number[]): Around {
  const firstAt = find(whole, first, 0);
  const secondAt = firstAt < 0 ? -1 : find(whole, second, firstAt + first.length);
  const around = {
    before: whole.slice(0, Math.max(0, firstAt)),
    between: whole.slice(firstAt + first.length, secondAt),
    after: whole.slice(secondAt + second.length),
  };
  if (secondAt < 0 || around.before.length === 0 || around.between.length === 0) {
    throw new Error(
      'its post-processor has no form for a pair of texts with special tokens before and between them, which ' +
        'this model needs',
    );
  }
  return around;
}

/** The position of the part in the whole, searched from `from` on; -1: none. */
function find(whole: readonly number[], part: readonly number[], from: number): number {
  for (let at = from; at + part.length <= whole.length; at += 1) {
    if (part.every((id, i) => whole[at + i] === id)) return at;
  }
  return -1;
}
