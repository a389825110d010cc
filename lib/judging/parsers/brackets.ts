import { z } from 'zod';
import { alternatives, labelOptions, lastMatch, plain, type VerdictParser } from './parser';

const options = z.strictObject(labelOptions);

/** `[[A]]`, `[[B]]`, and `[[C]]` for a tie: the last one in the text. */
export const bracketsParser: VerdictParser<z.output<typeof options>> = {
  name: 'brackets',
  description: '[[A]] or [[B]], [[C]] for a tie; the last one counts',
  options,
  parse: (text, labels) =>
    lastMatch(plain(text), new RegExp(`\\[\\[\\s*(${alternatives(labels)})\\s*\\]\\]`, 'gi'), labels),
};
