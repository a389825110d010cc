import { z } from 'zod';
import { alternatives, labelOptions, lastMatch, plain, type VerdictParser } from './parser';

const options = z.strictObject({
  ...labelOptions,
  words: z.string().trim().min(1).describe('what stands before the verdict, such as [RESULT]'),
});

/**
 * `[RESULT] A`: the label after given words, possibly with punctuation and emphasis between; the last one in the text.
 */
export const afterParser: VerdictParser<z.output<typeof options>> = {
  name: 'after',
  description: 'a label behind words that the template names ("words: [RESULT]"); the last one counts',
  options,
  parse(text, labels) {
    const words = plain(labels.words)
      .replaceAll(/[.*+?^${}()|[\]\\/-]/g, '\\$&')
      .replaceAll(/\s+/g, '\\s+');
    return lastMatch(
      plain(text),
      new RegExp(`${words}[\\s*_\`"'“”:(\\[]{0,16}(${alternatives(labels)})(?![\\p{L}\\p{N}])`, 'giu'),
      labels,
    );
  },
};
