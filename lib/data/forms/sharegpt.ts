import { promptOf } from '../conversation/messages';
import { ReadKeys } from '../conversation/conversation';
import { has } from '../fields';
import { readSides } from './chosen_rejected';
import type { DataForm } from './form';

export const sharegpt: DataForm = {
  name: 'ShareGPT pairs',
  fields: '{conversations: [{from, value}], chosen, rejected} (each a text or {from, value})',
  matches: (row) => has(row, 'conversations') && (has(row, 'chosen') || has(row, 'rejected')),
  read(row, source, read = new ReadKeys()) {
    read.add('conversations', 'chosen', 'rejected');
    const prompt = promptOf(row['conversations'], 'conversations', source);
    return readSides(row, prompt, source);
  },
};
