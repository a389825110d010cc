// Judging by letter logits: the verdict is read from the probabilities of the answer's first token, without any text.

import type { TokenProbability } from './completer';
import { plain } from './parsers/parser';

/**
 * The probability of letter `a` against letter `b`: p(a) / (p(a) + p(b)), each summed over the tokens that spell the
 * letter (with white space, brackets or punctuation around it, in either case). Undefined if neither is among the
 * tokens.
 */
export function letterProbability(
  tokens: readonly TokenProbability[],
  { a, b }: { a: string; b: string },
): number | undefined {
  // Sentencepiece and byte-level tokenizers write the space before a word as these.
  const bare = (text: string) =>
    plain(text)
      .replaceAll(/[\s▁Ġ*_`"'“”‘’()[\]{}【】「」.。:：,，]/gu, '')
      .toLowerCase();
  const sum = (letter: string) =>
    tokens
      .filter(({ token }) => bare(token) === bare(letter))
      .reduce((total, { logprob }) => total + Math.exp(logprob), 0);
  const [forA, forB] = [sum(a), sum(b)];
  return forA + forB > 0 ? forA / (forA + forB) : undefined;
}
