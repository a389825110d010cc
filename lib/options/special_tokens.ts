// The option of every command that reads texts.

import { optionalChoice } from './kinds';

/** What happens to them: read as if from the template (as transformers does), read as plain text, or an error. */
export const SPECIAL_TOKENS_IN_TEXT = ['keep', 'escape', 'refuse'] as const;
export type SpecialTokensInText = (typeof SPECIAL_TOKENS_IN_TEXT)[number];

/** @param otherwise the default. */
export const specialTokensInText = (group: string, otherwise = 'keep') =>
  optionalChoice(SPECIAL_TOKENS_IN_TEXT, {
    group,
    describe:
      "what to do with special tokens inside the data's texts, such as <|im_end|>: 'keep' reads them as if the " +
      'chat template had ' +
      `written them, as transformers does; 'escape' reads them as plain text; 'refuse' is an error. They are ` +
      `counted [default: ${otherwise}]`,
  });
