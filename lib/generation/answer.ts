// What comes of a prompt.

/** What a language model answered to a prompt. */
export interface Answer {
  /** The answer, without thoughts and without the stop string that ended it. */
  text: string;
  /** What the model thought before it (`<think>…</think>`), where it did. */
  reasoning?: string;
  /** `too_long`: the prompt with `maxTokens` does not fit the model's positions; there is no text then. */
  finish: 'stop' | 'length' | 'too_long';
  /** Tokens of the prompt, and of the answer with its thoughts. */
  usage: { promptTokens: number; completionTokens: number };
}
