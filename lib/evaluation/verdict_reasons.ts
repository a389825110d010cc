// Why a judgement has no verdict.

import type { JudgeStatistics } from './metrics/types';

export type Reasons = JudgeStatistics['unparsable_because'];

export const REASONS: readonly (readonly [keyof Reasons, string])[] = [
  ['cut_off', 'cut off at the token limit'],
  ['filtered', 'refused by a content filter'],
  ['too_long', 'too long for the judge'],
  ['no_verdict', 'no verdict in the answer'],
];

/** `cut off at the token limit: 3; too long for the judge: 1`. */
export function reasonsWithoutVerdict(because: Reasons): string {
  return REASONS.flatMap(([reason, name]) => (because[reason] > 0 ? [`${name}: ${because[reason]}`] : [])).join('; ');
}
