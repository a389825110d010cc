// Patterns of tokenizer.json, which are Oniguruma's or plain texts, as JavaScript patterns: the library translates
// them.

import { SplitPreTokenizer } from '@huggingface/tokenizers';

/** @param pattern {Regex} or {String}. @throws Error */
export function patternOf(pattern: unknown): RegExp {
  const known = typeof pattern === 'object' && pattern !== null && ('Regex' in pattern || 'String' in pattern);
  const found = known ? new SplitPreTokenizer({ pattern, invert: true }).pattern : null;
  if (found === null) throw new Error(`its pattern ${JSON.stringify(pattern)} is not known`);
  return found;
}
