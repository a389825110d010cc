// The one shape that every data form is read into, and that training and evaluation work on.

/** One turn of a conversation, as chat templates take it. */
export interface Message {
  role: string;
  content: string;
}

/** A prompt is plain text (one user turn) or a conversation that the response continues. */
export type Prompt = string | Message[];

/** One candidate answer. Exactly one of `content` and `inputIds` is what gets scored. */
export interface Response {
  id: string;
  /** The answer's text; absent only where `inputIds` is given. */
  content?: string;
  /** The whole sample (prompt, response, template) as token ids; then no tokenizer is needed. */
  inputIds?: Int32Array;
}

/** One prompt with all its responses and all that is known about their order. */
export interface PreferencePrompt {
  /** The row's own `id`, else its running number in the data set, as text. */
  id: string;
  prompt: Prompt;
  systemPrompt?: string;
  responses: Response[];
  /** Annotated pairs, [chosen, rejected], as indices into `responses`. */
  pairs: [chosen: number, rejected: number][];
  /** One rank a response, 1 is best, equal ranks are ties; absent where the data give none. */
  ranks?: number[];
  category?: string;
  /** Where the prompt was first met, for error messages and `scores.jsonl`. */
  source: { file: string; line: number };
}
