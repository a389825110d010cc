// A tokenizer with the ids of the tokenizers library (Rust), which is what transformers has. The JavaScript library reads the file, and
// has the model's merges, the special tokens around a text and the decoder; what comes before the model is done here, because
// it differs there: white space, words, digits, tokens with single_word, lstrip or rstrip, SentencePiece's charsmap.

import { Tokenizer } from '@huggingface/tokenizers';
import { byteLevelEncoder } from '../byte_level_bpe';
import { AddedTokenSplitter, type AddedToken } from './added_tokens';
import { normalizerOf, type Normalizer } from './normalizers';
import { preTokenizerOf, type Word } from './pre_tokenizers';
import { unigramPieces } from './unigram';

type Json = Record<string, unknown>;

export interface BuiltTokenizer {
  tokenizer: Tokenizer;
  /** A text's ids, with nothing added around them. */
  encodeBare: (text: string) => number[];
}

/** @param file tokenizer.json @param config tokenizer_config.json. @throws Error */
export function buildTokenizer(file: Json, config: Json): BuiltTokenizer {
  const tokenizer = new Tokenizer(readable(file) as never, config as never);
  const encodeText = textEncoder(tokenizer, file);
  // The library calls it for each text, alone or of a pair, and puts the special tokens around what it returns.
  (tokenizer as unknown as { encode_text(text: string | null): string[] | null }).encode_text = (text) => (text === null ? null : encodeText(text));
  const encodeBare = byteLevelEncoder(tokenizer, file) ?? ((text) => tokenizer.encode(text, { add_special_tokens: false }).ids);
  return { tokenizer, encodeBare };
}

/** For the library's constructor: without the steps that are done here, of which it does not know all. */
const readable = (file: Json): Json => ({ ...file, normalizer: null, pre_tokenizer: null });

function textEncoder(tokenizer: Tokenizer, file: Json): (text: string) => string[] {
  const normalize = normalizerOf(file['normalizer']);
  const words = preTokenizerOf(file['pre_tokenizer']);
  const [plain, normalized] = splittersOf((file['added_tokens'] ?? []) as AddedToken[], normalize);
  const tokensOf = modelOf(tokenizer, file['model'] as Json);
  return (text) => {
    const tokens: string[] = [];
    const add = (more: readonly string[]): void => {
      for (const token of more) tokens.push(token);
    };
    for (const piece of plain.split(text)) {
      if (piece.token) {
        tokens.push(piece.token.content);
        continue;
      }
      const normal = normalize ? normalize(piece.text) : piece.text;
      const kept = piece.at === 0 && keepsBeginning(piece.text, normal, normalize);
      for (const part of normalized.split(normal)) {
        if (part.token) tokens.push(part.token.content);
        else add(tokensOf(wordsOf({ text: part.text, first: kept && part.at === 0 }, words)));
      }
    }
    return tokens;
  };
}

function wordsOf(part: Word, cut: ((words: readonly Word[]) => Word[]) | undefined): string[] {
  return (cut ? cut([part]) : [part]).map(({ text }) => text).filter((text) => text !== '');
}

/** Tokens that are looked for in the text as it is, and those in the normalized text, normalized themselves. */
function splittersOf(tokens: readonly AddedToken[], normalize: Normalizer | undefined): [AddedTokenSplitter, AddedTokenSplitter] {
  const isNormalized = ({ normalized, special }: AddedToken): boolean => normalized ?? special !== true;
  const as = (text: (content: string) => string) => (token: AddedToken) => [text(token.content), token] as const;
  return [
    new AddedTokenSplitter(tokens.filter((token) => !isNormalized(token)).map(as((content) => content))),
    new AddedTokenSplitter(tokens.filter(isNormalized).map(as((content) => normalize?.(content) ?? content))),
  ];
}

/** Whether the text's first character is still there, changed or not: Metaspace's scheme "first" asks for it. */
function keepsBeginning(text: string, normal: string, normalize: Normalizer | undefined): boolean {
  if (!normalize || normal === '' || text[0] === normal[0]) return true;
  const [first = ''] = text;
  return normalize(`${first}a`).length > normalize('a').length;
}

function modelOf(tokenizer: Tokenizer, description: Json): (words: string[]) => string[] {
  if (description['type'] === 'Unigram' || Array.isArray(description['vocab'])) {
    const pieces = unigramPieces(tokenizer, description['byte_fallback'] === true);
    return (words) => words.flatMap(pieces);
  }
  const model = tokenizer.model as unknown as (words: string[]) => string[];
  return (words) => model(words);
}
