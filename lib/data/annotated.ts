// A prompt with everything that was said about its responses, before any decision: forms read rows into it, and a
// resolver (resolve/) turns it into what training and evaluation use.

import type { Prompt, Response, Source, TemplateVariables } from './types';

/** What one annotator says about two responses: 1, the first is better; 2, the second; 0, neither. */
export interface Vote {
  /** Ids of responses. */
  first: string;
  second: string;
  outcome: 0 | 1 | 2;
  /** The annotator, if the row names one. */
  annotator?: string;
}

/** A vote, with its file and line. */
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
  /** By id, in the order of their first occurrence. */
  responses: Map<string, Response>;
  /** In the order of the rows. */
  votes: AnnotatedVote[];
  rankings: Ranking[];
  source: Source;
}
