// The types of @huggingface/tokenizers, as far as they are used here. Its own type files use import paths without
// extensions, which Node's resolution does not find, and leave out exported classes: everything would be `any`.

declare module '@huggingface/tokenizers' {
  export interface AddedToken {
    id: number;
    content: string;
    special: boolean;
  }

  export interface TokenizerModel {
    /** Added tokens are among them. */
    tokens_to_ids: Map<string, number>;
    /** The tokens of words. */
    _call(words: string[]): string[];
  }

  export class Tokenizer {
    /** @param tokenizer tokenizer.json @param config tokenizer_config.json */
    constructor(tokenizer: object, config: object);
    model: TokenizerModel | null;
    encode(text: string, options?: { text_pair?: string | null; add_special_tokens?: boolean }): { ids: number[] };
    decode(ids: number[], options?: { skip_special_tokens?: boolean; clean_up_tokenization_spaces?: boolean }): string;
    /** The tokens of one text, before the post-processor; `encode` calls it. */
    encode_text(text: string | null): string[] | null;
    token_to_id(token: string): number | undefined;
    id_to_token(id: number): string | undefined;
    get_added_tokens_decoder(): Map<number, AddedToken>;
    get_vocab(withAddedTokens?: boolean): Map<string, number>;
  }

  /** SentencePiece's charsmap, approximately. */
  export class PrecompiledNormalizer {
    constructor(config: object);
    normalize(text: string): string;
  }

  export class SplitPreTokenizer {
    constructor(config: { pattern: unknown; invert: boolean });
    /** Null if the pattern is not supported. */
    pattern: RegExp | null;
  }
}
