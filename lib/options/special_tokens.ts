// The option of every command that reads texts.

import { optionalChoice } from './kinds';

/** What becomes of them: read as the template's (as transformers does), read as plain text, or an error. */
export const SPECIAL_TOKENS_IN_TEXT = ['keep', 'escape', 'refuse'] as const;
export type SpecialTokensInText = (typeof SPECIAL_TOKENS_IN_TEXT)[number];

/** @param otherwise what counts where it is not given. */
export const specialTokensInText = (group: string, otherwise = 'keep') =>
  optionalChoice(SPECIAL_TOKENS_IN_TEXT, {
    group,
    describe:
      "special tokens of the tokenizer that stand within the data's texts, such as <|im_end|>: 'keep' reads them as if the chat template had " +
      `written them, as transformers does, 'escape' as plain text, 'refuse' is an error; they are counted [default: ${otherwise}]`,
  });
