// What a data form is: it recognizes its rows and reads each into a contribution to a prompt.

import type { ReadKeys } from '../conversation/conversation';
import type { Vote } from '../annotated';
import type { JsonObject } from '../fields';
import type { Prompt, Response, Source } from '../types';

/**
 * What one row says about its prompt. Ids are checked only after all rows are read, since lines and files are merged.
 */
export interface Contribution {
  /** Undefined: the row is a separate prompt that is never merged. */
  prompt: Prompt | undefined;
  responses: Response[];
  votes: Vote[];
  /** Rank by response id, 1 is best. */
  ranking?: Map<string, number>;
  /** Whether the ranking's strict pairs are votes too: if the row has no annotations of its own. */
  rankingVotes?: boolean;
}

export interface DataForm {
  name: string;
  /** The fields of a row, for the message that lists what is accepted. */
  fields: string;
  matches(row: JsonObject): boolean;
  /** Marks the keys that it reads in `read`. @throws DataError at `source`. */
  read(row: JsonObject, source: Source, read?: ReadKeys): Contribution;
}
