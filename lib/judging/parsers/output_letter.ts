import { z } from 'zod';
import { alternatives, labelOptions, lastMatch, plain, type VerdictParser } from './parser';

const options = z.strictObject({
  ...labelOptions,
  tie: labelOptions.tie.default(null),
  word: z.string().min(1).default('Output').describe('the word before the bracket'),
});

/** `Output (a)`, `Output (b)`: the last one in the text. No tie, unless one is configured. */
export const outputLetterParser: VerdictParser<z.output<typeof options>> = {
  name: 'output_letter',
  description: 'Output (a) or Output (b); the last one counts',
  options,
  parse(text, labels) {
    const word = plain(labels.word)
      .trim()
      .replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
    return lastMatch(plain(text), new RegExp(`${word}\\s*\\(\\s*(${alternatives(labels)})\\s*\\)`, 'gi'), labels);
  },
};
