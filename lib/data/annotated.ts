// A prompt with all that was said about its responses, before anything is decided: forms read into it, and a resolver
// (resolve/) makes of it what training and evaluation work on.

import type { Prompt, Response, Source, TemplateVariables } from './types';

/** What one annotator says of two responses: 1, the first is better; 2, the second; 0, neither. */
export interface Vote {
  /** Ids of responses. */
  first: string;
  second: string;
  outcome: 0 | 1 | 2;
  /** Who says it, where the row tells. */
  annotator?: string;
}

/** A vote, and the file and line that it comes from. */
export interface AnnotatedVote extends Vote {
  source: Source;
}

/** A row's order of responses: the rank by id, 1 is best. */
interface Ranking {
  ranks: Map<string, number>;
  source: Source;
}

export interface AnnotatedPrompt {
  /** The rows' own. */
  id: string | undefined;
  prompt: Prompt;
  systemPrompt?: string;
  templateVariables?: TemplateVariables;
  category?: string;
  /** By id, in the order in which they were first met. */
  responses: Map<string, Response>;
  /** In the order of the rows. */
  votes: AnnotatedVote[];
  rankings: Ranking[];
  source: Source;
}
