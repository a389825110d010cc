// Special tokens within the texts of a conversation. A text with "<|im_end|>" is tokenized as if the chat template had
// written it, in transformers too, so an answer can add turns of its own. They are found, and can be refused, or
// tokenized as plain text, as the tokenizers library does with `encode_special_tokens`.

import { randomInt } from 'node:crypto';
import { mapTexts } from '../data/conversation/texts';
import { TokenizerError } from './errors';
import { buildTokenizer } from './pipeline/build';
import { knob } from '../text/knobs';

type Json = Record<string, unknown>;

interface AddedToken {
  content: string;
  special?: boolean;
}

/** A text that occurs in no data: random characters from the private use area. */
const secret = (): string => String.fromCharCode(...Array.from({ length: 8 }, () => randomInt(0xe000, 0xf900)));

const quoted = (text: string): string => text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');

export class SpecialTokens {
  private readonly contents: readonly string[];
  /** Prefixes, one of which every special token has: a text without them is skipped quickly. */
  private readonly beginnings: readonly string[];
  private readonly pattern: RegExp;
  private readonly mark = secret();
  private encodeEscaped: ((text: string) => number[]) | undefined;
  private readonly placeholders = new Map<string, string>();

  /** @param file tokenizer.json @param config tokenizer_config.json, as the tokenizer is built from them. */
  constructor(
    private readonly file: Json,
    private readonly config: Json,
  ) {
    const added = (Array.isArray(file['added_tokens']) ? file['added_tokens'] : []) as AddedToken[];
    const special = added
      .filter((token) => token.special === true && token.content !== '')
      .map(({ content }) => content);
    // The longest at a position wins, as in the library.
    this.contents = [...new Set(special)].sort((a, b) => b.length - a.length);
    this.beginnings = [...new Set(this.contents.map((content) => content.slice(0, 2)))];
    this.pattern = new RegExp(this.contents.length > 0 ? this.contents.map(quoted).join('|') : '(?!)', 'g');
  }

  /** The first special token in any text of the value; undefined if there is none. */
  findIn(value: unknown): string | undefined {
    let found: string | undefined;
    const look = (text: string): string => {
      if (found === undefined && this.mayHold(text)) found = text.match(this.pattern)?.[0];
      return text;
    };
    mapTexts(value, look);
    return found;
  }

  /** The value with the special tokens in its texts marked, so that they are not recognized. */
  marked<T>(value: T): T {
    return mapTexts(value, (text) =>
      this.mayHold(text) ? text.replace(this.pattern, (token) => token.slice(0, 1) + this.mark + token.slice(1)) : text,
    );
  }

  /**
   * The ids of a rendered text: its own special tokens are tokens, marked ones are plain text. @throws TokenizerError
   */
  encodeMarked(rendered: string): number[] {
    const encode = this.escapingEncoder();
    const own = rendered.replace(this.pattern, (token) => this.placeholders.get(token)!);
    return encode(own.replaceAll(this.mark, ''));
  }

  /** The ids of a text of the data, in which nothing is read as a special token. @throws TokenizerError */
  encodePlain(text: string): number[] {
    return this.escapingEncoder()(text);
  }

  private mayHold(text: string): boolean {
    return this.beginnings.some((beginning) => text.includes(beginning));
  }

  /**
   * The same tokenizer with other texts for its special tokens. Built when it is first needed, which takes up to a
   * second.
   */
  private escapingEncoder(): (text: string) => number[] {
    if (this.encodeEscaped) return this.encodeEscaped;
    for (const content of this.contents) this.placeholders.set(content, secret());
    const added = (this.file['added_tokens'] ?? []) as AddedToken[];
    const renamed = added.map((token) => ({
      ...token,
      content: (token.special && this.placeholders.get(token.content)) || token.content,
    }));
    const file = { ...this.file, added_tokens: renamed };
    const { encoder } = buildTokenizer(file, this.config);
    this.encodeEscaped = (text) => {
      try {
        return encoder.encode(text);
      } catch (error) {
        throw new TokenizerError(
          `the tokenizer fails on a text of ${text.length} characters (${(error as Error).message}).`,
        );
      }
    };
    return this.encodeEscaped;
  }
}

/** @throws TokenizerError: what `refuse` says. */
export function refuseSpecialToken(token: string): never {
  throw new TokenizerError(
    `a text of the conversation holds ${JSON.stringify(token)}, a special token of the tokenizer ` +
      `(${knob('specialTokensInText', 'refuse')}; ` +
      '"escape" tokenizes it as plain text, "keep" as a token).',
  );
}
