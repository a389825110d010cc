import { z } from 'zod';
import { plain, type VerdictParser } from './parser';

const options = z.strictObject({
  line: z
    .enum(['first', 'last'], 'must be first or last')
    .default('first')
    .describe('which line with two numbers alone counts'),
});

/** Maximum length of a line with two scores; longer lines are prose. */
const LONGEST_LINE = 100;
const NUMBER = '(-?\\d+(?:\\.\\d+)?)(?:\\s*/\\s*\\d+)?';
const TWO_NUMBERS = new RegExp(
  `^[\\s*_\`\\[(]*${NUMBER}(?:[\\s*_\`]*[,;、]|[\\s*_\`])[\\s*_\`]*${NUMBER}[\\s*_\`\\])]*$`,
);

/**
 * `8 6.5`: a score for each response, in the order in which they were shown, on a line of its own. The higher one wins;
 * equal scores are a tie.
 */
export const scoresParser: VerdictParser<z.output<typeof options>> = {
  name: 'scores',
  description: 'two marks on a line of their own, the first response\'s first ("8 6"); the higher wins',
  options,
  parse(text, { line }) {
    const lines = plain(text)
      .split(/\r?\n/)
      .filter((each) => each.length <= LONGEST_LINE && TWO_NUMBERS.test(each));
    const found = TWO_NUMBERS.exec((line === 'first' ? lines[0] : lines.at(-1)) ?? '');
    if (!found) return undefined;
    const [a, b] = [Number(found[1]), Number(found[2])];
    return a > b ? 'A' : a < b ? 'B' : 'tie';
  },
};
