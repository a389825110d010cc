// The default rule: the majority decides.

import type { AnnotatedVote } from '../annotated';
import { contentKey } from '../content_key';
import { note, type ReadingReport } from '../report';
import type { Source } from '../types';
import { placesOf, type PlaceOf, type Resolver } from './resolver';

interface Tally {
  low: number;
  high: number;
  lowWins: number;
  highWins: number;
  source: Source;
}

/**
 * Each two responses give at most one pair. Several votes on them are counted: the majority decides, equally many in
 * both directions drop the pair. Votes for a tie decide nothing where there are others, and else make the pair a tie. A
 * response compared with itself, or with one of the same content, gives no pair. All of it is noted in the report.
 */
export const resolveByMajority: Resolver = (prompt, report) => {
  const responses = [...prompt.responses.values()];
  const tallies = tally(prompt.votes, placesOf(prompt), report);
  const pairs: [number, number][] = [];
  const ties: [number, number][] = [];
  for (const { low, high, lowWins, highWins, source } of tallies) {
    if (contentKey(responses[low]!) === contentKey(responses[high]!)) note(report, 'identicalPairs', source);
    else if (lowWins + highWins === 0) {
      ties.push([low, high]);
      note(report, 'ties', source);
    } else if (lowWins === highWins) note(report, 'conflictsDropped', source);
    else {
      if (Math.min(lowWins, highWins) > 0) note(report, 'conflictsByMajority', source);
      pairs.push(lowWins > highWins ? [low, high] : [high, low]);
    }
  }
  return { pairs, ...(ties.length === 0 ? {} : { ties }) };
};

/** The votes by pair, in the order in which the pairs were first met. */
function tally(votes: readonly AnnotatedVote[], placeOf: PlaceOf, report: ReadingReport): Iterable<Tally> {
  const tallies = new Map<string, Tally>();
  for (const { first, second, outcome, source } of votes) {
    const a = placeOf(first, 'an annotation', source);
    const b = placeOf(second, 'an annotation', source);
    if (a === b) {
      note(report, 'selfPairs', source);
      continue;
    }
    const [low, high] = a < b ? [a, b] : [b, a];
    const key = `${low},${high}`;
    let entry = tallies.get(key);
    if (!entry) tallies.set(key, (entry = { low, high, lowWins: 0, highWins: 0, source }));
    if (outcome === 0) continue;
    const lowWins = (outcome === 1) === (a === low);
    if (lowWins ? entry.lowWins > 0 : entry.highWins > 0) note(report, 'repeatedAnnotations', source);
    if (lowWins) entry.lowWins += 1;
    else entry.highWins += 1;
  }
  return tallies.values();
}
