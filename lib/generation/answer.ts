// The answer to a prompt.

/** A language model's answer to a prompt. */
export interface Answer {
  /** The answer's text, without the reasoning and without the stop string that ended it. */
  text: string;
  /** The model's reasoning before the answer (`<think>…</think>`), if there is any. */
  reasoning?: string;
  /** `too_long`: the prompt and `maxTokens` together exceed the model's positions; there is no text then. */
  finish: 'stop' | 'length' | 'too_long';
  /** Tokens of the prompt, and of the answer including its reasoning. */
  usage: { promptTokens: number; completionTokens: number };
}
