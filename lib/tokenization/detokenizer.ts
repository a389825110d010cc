// Tokens to text as they come: whole characters only, whatever tokens their bytes are split over.

import type { TextTokenizer } from './text_tokenizer';

const UNFINISHED = '\uFFFD';

/**
 * Decodes a window of the last tokens, because a decoder's text depends on what stands before a token (spaces, bytes of
 * one character). A token's text is given out once it ends with a whole character.
 */
export class Detokenizer {
  private window: number[];
  /** Tokens of the window whose text was given out, and that text. */
  private settled: number;
  private settledText: string;

  /**
   * @param before the tokens that the text goes on from, whose own text is not given out: a space behind them is part
   * of the text then.
   */
  constructor(
    private readonly tokenizer: Pick<TextTokenizer, 'decode'>,
    before: readonly number[] = [],
  ) {
    this.window = [...before];
    this.settled = before.length;
    this.settledText = tokenizer.decode(before);
  }

  /** The text that the token completes; '' where its last character is not whole yet. */
  push(id: number): string {
    this.window.push(id);
    const text = this.tokenizer.decode(this.window);
    if (text.length <= this.settledText.length || text.endsWith(UNFINISHED)) return '';
    return this.settle(text.slice(this.settledText.length));
  }

  /** What is left, without a character that never became whole. */
  end(): string {
    const text = this.tokenizer.decode(this.window);
    if (!text.startsWith(this.settledText)) return '';
    const rest = text.slice(this.settledText.length).replace(/\uFFFD+$/, '');
    return this.settle(rest);
  }

  private settle(fresh: string): string {
    // The tokens before the newest ones are dropped: these alone decide how the next one reads.
    this.window = this.window.slice(this.settled);
    this.settled = this.window.length;
    this.settledText = this.tokenizer.decode(this.window);
    return fresh;
  }
}
