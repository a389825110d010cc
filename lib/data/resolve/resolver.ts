// From what was said about a prompt's responses to what is learned from.

import { DataError, show } from '../errors';
import type { AnnotatedPrompt } from '../annotated';
import type { Comparison } from '../comparisons';
import type { ReadingReport } from '../report';
import type { Source } from '../types';

/** All places are those of the prompt's responses. */
export interface Resolved {
  /** [chosen, rejected]: what evaluation asks for, and what training learns from where nothing else is given. */
  pairs: [chosen: number, rejected: number][];
  /** Called equal, and decided by nothing. */
  ties?: [number, number][];
  /** What training learns from, where that is more than the pairs. */
  comparisons?: Comparison[];
}

/**
 * Decides what a prompt's votes mean; what it drops or decides is noted in the report.
 * @throws DataError where a vote names a response that the prompt has not.
 */
export type Resolver = (prompt: Pick<AnnotatedPrompt, 'responses' | 'votes'>, report: ReadingReport) => Resolved;

/** The place of a response by its id. @throws DataError at `source`, with `what` as the subject. */
export type PlaceOf = (id: string, what: string, source: Source) => number;

export function placesOf({ responses }: Pick<AnnotatedPrompt, 'responses'>): PlaceOf {
  const places = new Map([...responses.keys()].map((id, i) => [id, i]));
  return (id, what, source) => {
    const place = places.get(id);
    if (place !== undefined) return place;
    const known = show([...places.keys()].slice(0, 8));
    throw new DataError(
      source,
      `${what} names response ${show(id)}, but the prompt has no such response; it has ${known}`,
    );
  };
}
