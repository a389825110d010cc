// A model folder's tokenizer in both directions, for generation: text to ids, and ids back to text as they arrive.

import type { Tokenizer } from '@huggingface/tokenizers';
import { TokenizerError } from './errors';
import type { TokenizerFiles } from './tokenizer_files';
import type { IdEncoder } from './id_encoder';
import { buildTokenizer } from './pipeline/build';
import { tokensAround } from './tokens_around';

export class TextTokenizer {
  private readonly tokenizer: Tokenizer;
  /** The added tokens: id -> content. */
  private readonly added = new Map<number, { content: string; special: boolean }>();
  private readonly eos: string | undefined;
  private readonly encoder: IdEncoder;
  private anchor: { ids: number[]; text: string } | undefined;

  /** Takes about a second for large vocabularies. @throws TokenizerError */
  constructor({ folder, tokenizer, config, specialTokens }: TokenizerFiles) {
    try {
      ({ tokenizer: this.tokenizer, encoder: this.encoder } = buildTokenizer(tokenizer, config));
    } catch (error) {
      throw new TokenizerError(`${folder}/tokenizer.json cannot be used (${(error as Error).message}).`);
    }
    for (const [id, { content, special }] of this.tokenizer.get_added_tokens_decoder())
      this.added.set(id, { content, special });
    this.eos = specialTokens['eos_token'];
  }

  /** The id of the token that the tokenizer's configuration names as eos_token. */
  get eosToken(): number | undefined {
    return this.eos === undefined ? undefined : this.idOf(this.eos);
  }

  /** `withSpecial`: with what the tokenizer adds around a text, such as BOS. A chat template writes these itself. */
  encode(text: string, withSpecial = false): Int32Array {
    try {
      return Int32Array.from(
        withSpecial ? this.tokenizer.encode(text, { add_special_tokens: true }).ids : this.encoder.encode(text),
      );
    } catch (error) {
      throw new TokenizerError(
        `the tokenizer fails on a text of ${text.length} characters (${(error as Error).message}).`,
      );
    }
  }

  /** A text's ids with what the tokenizer adds around a text. */
  between(ids: readonly number[]): Int32Array {
    const { before, after } = tokensAround(this.tokenizer);
    return Int32Array.from([...before, ...ids, ...after]);
  }

  idOf(token: string): number | undefined {
    return this.tokenizer.token_to_id(token);
  }

  /** The content of an added token, such as `<|im_end|>`; undefined for tokens of plain text. */
  addedToken(id: number): string | undefined {
    return this.added.get(id)?.content;
  }

  /** Whether the token marks structure and is no text. */
  isSpecial(id: number): boolean {
    return this.added.get(id)?.special ?? false;
  }

  /** Whether there is such a token: models may have more rows than their tokenizer has tokens. */
  has(id: number): boolean {
    return this.tokenizer.id_to_token(id) !== undefined;
  }

  /** The ids as text, special tokens written out. Bytes that are no UTF-8, or not yet, become U+FFFD. */
  decode(ids: readonly number[]): string {
    const known = ids.filter((id) => this.has(id));
    return known.length === 0 ? '' : this.tokenizer.decode(known, { clean_up_tokenization_spaces: false });
  }

  /** One token as it reads within a text, its leading space included. */
  tokenText(id: number): string {
    // Decoders of the sentencepiece kind drop a space at the beginning of a text.
    this.anchor ??= this.makeAnchor();
    return this.decode([...this.anchor.ids, id]).slice(this.anchor.text.length);
  }

  private makeAnchor(): { ids: number[]; text: string } {
    const ids = [...this.encode('a')];
    return { ids, text: this.decode(ids) };
  }
}
