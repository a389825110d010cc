import { DataError } from '../errors';
import { has, promptOf } from '../fields';
import { readSides } from './chosen_rejected';
import type { DataForm } from './form';

export const sharegpt: DataForm = {
  name: 'ShareGPT pairs',
  fields: '{conversations: [{from, value}], chosen, rejected} (each a text or {from, value})',
  matches: (row) => has(row, 'conversations') && (has(row, 'chosen') || has(row, 'rejected')),
  read(row, source) {
    const prompt = promptOf(row['conversations'], 'conversations', source);
    if (prompt.length === 0 && Array.isArray(prompt)) throw new DataError(source, 'conversations is empty');
    return readSides(row, prompt, source);
  },
};
