// The original's rule: every vote for a first response is a pair. Duplicates, contradictions and responses compared
// with themselves stay, and nothing else counts.

import type { AnnotatedPrompt } from '../annotated';
import { placesOf, type Resolved } from './resolver';

export const resolveAsCheems = (prompt: Pick<AnnotatedPrompt, 'responses' | 'votes'>): Resolved => {
  const placeOf = placesOf(prompt);
  const wins = prompt.votes.filter(({ outcome }) => outcome === 1);
  return {
    pairs: wins.map(({ first, second, source }) => [
      placeOf(first, 'an annotation', source),
      placeOf(second, 'an annotation', source),
    ]),
  };
};
