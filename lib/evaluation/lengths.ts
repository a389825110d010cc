// The length of a response, for the length baseline and the accuracy by length difference.

import { textOfMessage } from '../data/conversation/texts';
import type { PreferencePrompt, Response } from '../data/types';
import type { LengthUnit } from './metrics/types';
import type { Blocks } from './metrics/blocks';
import { PROMPTS_A_BLOCK } from './metrics/groups';

/** Number of Unicode code points, so that a rare character outside the basic plane counts once. */
export function characterCount(text: string): number {
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    if (text.codePointAt(i)! > 0xffff) i++;
    count++;
  }
  return count;
}

/** Characters of all turns of the response; undefined if only token ids are known. */
export function responseLength({ content, messages }: Pick<Response, 'content' | 'messages'>): number | undefined {
  if (messages) return messages.reduce((sum, turn) => sum + characterCount(textOfMessage(turn)), 0);
  return content === undefined ? undefined : characterCount(content);
}

/**
 * One length per response: characters if every response of the data has text, else tokens of the whole sample if every
 * one has `inputIds` (the prompt's tokens are the same on both sides of a pair), else undefined.
 */
export function* responseLengths(
  prompts: readonly PreferencePrompt[],
): Blocks<{ unit: LengthUnit; lengths: number[][] } | undefined> {
  const characters = yield* lengthsBy(prompts, responseLength);
  if (characters) return { unit: 'characters', lengths: characters };
  const tokens = yield* lengthsBy(prompts, (response) => response.inputIds?.length);
  return tokens && { unit: 'tokens', lengths: tokens };
}

function* lengthsBy(
  prompts: readonly PreferencePrompt[],
  measure: (response: Response) => number | undefined,
): Blocks<number[][] | undefined> {
  const all: number[][] = [];
  for (const prompt of prompts) {
    const lengths: number[] = [];
    for (const response of prompt.responses) {
      const length = measure(response);
      if (length === undefined) return undefined;
      lengths.push(length);
    }
    all.push(lengths);
    if (all.length % PROMPTS_A_BLOCK === 0) yield;
  }
  return all;
}
