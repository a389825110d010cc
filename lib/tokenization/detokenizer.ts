// Tokens to text as they arrive: only whole characters, even if their bytes are split over several tokens.

import type { TextTokenizer } from './text_tokenizer';

const UNFINISHED = '\uFFFD';

/**
 * Decodes a window of the last tokens, because a token's text depends on the tokens before it (spaces, bytes of one
 * character). A token's text is returned once it ends with a whole character.
 */
export class Detokenizer {
  private window: number[];
  /** Tokens of the window whose text was returned, and that text. */
  private settled: number;
  private settledText: string;

  /**
   * @param before the tokens before the text, whose own text is not returned: then a space after them belongs to the
   * text.
   */
  constructor(
    private readonly tokenizer: Pick<TextTokenizer, 'decode'>,
    before: readonly number[] = [],
  ) {
    this.window = [...before];
    this.settled = before.length;
    this.settledText = tokenizer.decode(before);
  }

  /** The text that the token completes; '' if its last character is not complete yet. */
  push(id: number): string {
    this.window.push(id);
    const text = this.tokenizer.decode(this.window);
    if (text.length <= this.settledText.length || text.endsWith(UNFINISHED)) return '';
    return this.settle(text.slice(this.settledText.length));
  }

  /** The rest, without an incomplete character. */
  end(): string {
    const text = this.tokenizer.decode(this.window);
    if (!text.startsWith(this.settledText)) return '';
    const rest = text.slice(this.settledText.length).replace(/\uFFFD+$/, '');
    return this.settle(rest);
  }

  private settle(fresh: string): string {
    // Older tokens than the newest ones are dropped: only these affect the text of the next one.
    this.window = this.window.slice(this.settled);
    this.settled = this.window.length;
    this.settledText = this.tokenizer.decode(this.window);
    return fresh;
  }
}
