// The engine's notes about its work: each is reported when it is new, and all are listed at the end of a run.

import { counted } from '../text/counted';
import type { EngineNote } from './types.generated';

/** @returns the notes that are new since the last call: the first in full, of the others their number. */
export function newNotes(model: { notes(): EngineNote[] }): () => string[] {
  const told = new Set<string>();
  return () => {
    const fresh = model.notes().filter(({ text }) => !told.has(text));
    for (const { text } of fresh) told.add(text);
    if (fresh.length === 0) return [];
    const others =
      fresh.length > 1 ? ` ${counted(fresh.length - 1, 'other')} like it; the end of the run lists all.` : '';
    return [`${fresh[0]!.text}${others}`];
  };
}

/** A sentence for each note, with the number of times it occurred. */
export const closingNotes = (model: { notes(): EngineNote[] }): string[] =>
  model.notes().map(({ text, count }) => `${counted(count, 'time')} in this run: ${text}`);
