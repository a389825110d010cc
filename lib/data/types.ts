// The one shape that every data form is read into, and that training and evaluation work on.

import type { Comparison } from './comparisons';

/** One turn of a conversation, as chat templates take it. */
export interface Message {
  role: string;
  /** Null in a turn that holds calls of tools, or thoughts, alone. */
  content: string | null;
  /** Whatever else templates read: tool_calls, tool_call_id, name, reasoning_content and the like. */
  [key: string]: unknown;
}

/** What a chat template is given beside the messages: `tools`, `documents`, and variables such as `enable_thinking`. */
export type TemplateVariables = Readonly<Record<string, unknown>>;

/**
 * A prompt is plain text (one user turn) or a conversation that the response continues. An empty conversation means
 * that the data hold no prompt: the response stands alone.
 */
export type Prompt = string | Message[];

/** A place in the data: a file's name and a line, counted from 1. */
export interface Source {
  file: string;
  line: number;
}

/** One candidate answer. Exactly one of `content` and `inputIds` is what gets scored. */
export interface Response {
  /** The data's id of it, else the digest of its text. */
  id: string;
  /** The answer's text (of calls of tools, as JSON); absent only where `inputIds` is given. */
  content?: string;
  /**
   * Every turn after the prompt, where the answer is more than one assistant turn; `content` is then the last turn's.
   */
  messages?: Message[];
  /** The whole sample (prompt, response, template) as token ids; then no tokenizer is needed. */
  inputIds?: Int32Array;
  /** The line that gave the content, for error messages; absent where the caller made the response. */
  source?: Source;
}

/** One prompt with all its responses and all that is known about their order. */
export interface PreferencePrompt {
  /** The row's own `id`, else its running number in the data set, as text. */
  id: string;
  /** What the responses answer. */
  prompt: Prompt;
  /** The system turn before it. */
  systemPrompt?: string;
  /** What else the chat template is given: tools, documents, variables. */
  templateVariables?: TemplateVariables;
  /** All candidate answers. */
  responses: Response[];
  /** Annotated pairs, [chosen, rejected], as indices into `responses`; under the default rules each at most once. */
  pairs: [chosen: number, rejected: number][];
  /** What training learns from where it is more than the pairs: soft targets, weights, margins, ties. */
  comparisons?: Comparison[];
  /** Pairs that an annotator called equal and no majority decides; they are not in `pairs`. */
  ties?: [number, number][];
  /** One rank a response, 1 is best, equal ranks are ties; absent where the data do not rank every response. */
  ranks?: number[];
  /** As the data name it. */
  category?: string;
  /** Where the prompt was first met, for error messages and `scores.jsonl`. */
  source: Source;
}

/** Something that was merged, dropped or unusual: how often, and where first. */
export interface ReportEntry {
  count: number;
  first: Source;
  /** Of keys: which. */
  names?: string[];
}

/** What reading did besides reading. The kinds and their sentences are in `report.ts`. */
export interface DatasetReport {
  files: { file: string; rows: number }[];
  entries: Map<string, ReportEntry>;
}

/** Prompts with their responses and comparisons, and a report of what was read. */
export interface PreferenceDataset {
  prompts: PreferencePrompt[];
  /** The distinct categories in the order of their first prompt; empty where no prompt has one. */
  categories: string[];
  report: DatasetReport;
}

/** A response as the engine takes it. */
export interface TokenizedSample {
  inputIds: Int32Array;
  /** Whether tokens were cut off on the left. */
  truncated: boolean;
  /** Its place in `PreferencePrompt.responses`. */
  responseIndex: number;
}

/**
 * A prompt whose responses are token ids. `pairs`, `comparisons`, `ranks` speak of `samples`, not of the prompt's
 * responses.
 */
export interface TokenizedPrompt {
  prompt: PreferencePrompt;
  samples: TokenizedSample[];
  pairs: [chosen: number, rejected: number][];
  comparisons?: Comparison[];
  ranks?: number[];
}
