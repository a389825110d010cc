// A tokenizer with the ids of the tokenizers library (Rust), which transformers uses. The JavaScript library reads the
// file and provides the model's merges, the special tokens around a text and the decoder. The steps before the model
// are implemented here, because the JavaScript library differs there: white space, words, digits, tokens with
// single_word, lstrip or rstrip, SentencePiece's charsmap.

import { Tokenizer, type TokenizerModel } from '@huggingface/tokenizers';
import { byteLevelEncoder } from '../byte_level_bpe';
import type { IdEncoder } from '../id_encoder';
import { findNativeLibrary, NATIVE_PACKAGES, NativeTokenizer } from '../native_library';
import { AddedTokenSplitter, type AddedToken } from './added_tokens';
import { bpePieces } from './bpe';
import { keepsBeginning, normalizerOf, type Normalizer } from './normalizers';
import { preTokenizerOf, type Word } from './pre_tokenizers';
import { unigramPieces } from './unigram';

type Json = Record<string, unknown>;

export interface BuiltTokenizer {
  tokenizer: Tokenizer;
  encoder: IdEncoder;
}

/** @param file tokenizer.json @param config tokenizer_config.json. @throws Error */
export function buildTokenizer(file: Json, config: Json): BuiltTokenizer {
  const tokenizer = new Tokenizer(readable(file), config);
  const { tokens, encoder } = encodersOf(tokenizer, file);
  const encodeText = guarded(tokens);
  // The library calls it for each text, alone or in a pair, and puts the special tokens around the result.
  tokenizer.encode_text = (text) => (text === null ? null : encodeText(text));
  return { tokenizer, encoder: { encode: guarded((text) => encoder.encode(text)) } };
}

interface Encoders {
  /** A text's tokens before the post-processor. */
  tokens: (text: string) => string[];
  encoder: IdEncoder;
}

/** Our own encoder, else the native library's if it is installed. @throws Error naming what is not supported here. */
function encodersOf(tokenizer: Tokenizer, file: Json): Encoders {
  try {
    return ownEncoders(tokenizer, file);
  } catch (error) {
    const { message } = error as Error;
    const library = findNativeLibrary();
    if (library === undefined) {
      throw new Error(`${message}; where the package ${NATIVE_PACKAGES[0]} is installed, it is asked instead`, {
        cause: error,
      });
    }
    return nativeEncoders(file, library, message);
  }
}

let isQuiet = false;

/** For all threads but one, so that only one line reports that the native library is used. */
export function keepQuiet(): void {
  isQuiet = true;
}

function nativeEncoders(file: Json, library: { name: string; file: string }, reason: string): Encoders {
  let tokenizer: NativeTokenizer;
  try {
    tokenizer = new NativeTokenizer(library.file, file);
  } catch (error) {
    throw new Error(`${reason}; and the package ${library.name} says: ${(error as Error).message}`, { cause: error });
  }
  if (!isQuiet) process.emitWarning(`Texts are tokenized by the package ${library.name}: ${reason} in tokenizer.json.`);
  isQuiet = true;
  return { tokens: (text) => tokenizer.encode(text).tokens, encoder: { encode: (text) => tokenizer.encode(text).ids } };
}

function ownEncoders(tokenizer: Tokenizer, file: Json): Encoders {
  const encoder = byteLevelEncoder(tokenizer, file) ?? {
    encode: (text: string) => tokenizer.encode(text, { add_special_tokens: false }).ids,
  };
  return { tokens: textEncoder(tokenizer, file), encoder };
}

/** No model reads this much, and a few times more would end the process. */
const LONGEST_TEXT = 2 ** 24;

/** Replaces the JavaScript engine's message for a text that is too long for a pattern or for memory. */
function guarded<Ids>(encode: (text: string) => Ids): (text: string) => Ids {
  return (text) => {
    if (text.length > LONGEST_TEXT) throw new Error(`more than the ${LONGEST_TEXT} that are taken at once; cut it`);
    try {
      return encode(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      throw new Error(
        'a run of characters without a break in it is too long for its pre_tokenizer; cut the text, or break the run',
      );
    }
  };
}

/** For the library's constructor: without the steps that are done here, some of which it does not support. */
const readable = (file: Json): Json => ({ ...file, normalizer: null, pre_tokenizer: null });

function textEncoder(tokenizer: Tokenizer, file: Json): (text: string) => string[] {
  const normalize = normalizerOf(file['normalizer']);
  const words = preTokenizerOf(file['pre_tokenizer']);
  const [plain, normalized] = splittersOf((file['added_tokens'] ?? []) as AddedToken[], normalize);
  const asksForFirst = JSON.stringify(file['pre_tokenizer'] ?? null).includes('"first"');
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
      const kept = asksForFirst && piece.at === 0 && keepsBeginning(file['normalizer'], piece.text);
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

/**
 * Tokens that are matched in the raw text, and those that are matched in the normalized text, normalized themselves.
 */
function splittersOf(
  tokens: readonly AddedToken[],
  normalize: Normalizer | undefined,
): [AddedTokenSplitter, AddedTokenSplitter] {
  const isNormalized = ({ normalized, special }: AddedToken): boolean => normalized ?? special !== true;
  const as = (text: (content: string) => string) => (token: AddedToken) => [text(token.content), token] as const;
  return [
    new AddedTokenSplitter(tokens.filter((token) => !isNormalized(token)).map(as((content) => content))),
    new AddedTokenSplitter(tokens.filter(isNormalized).map(as((content) => normalize?.(content) ?? content))),
  ];
}

function modelOf(tokenizer: Tokenizer, description: Json): (words: string[]) => string[] {
  if (description['type'] === 'Unigram' || Array.isArray(description['vocab'])) {
    const pieces = unigramPieces(tokenizer, description['byte_fallback'] === true);
    return (words) => words.flatMap(pieces);
  }
  const pieces = bpePieces(description);
  if (pieces) return pieces;
  // The library also writes added tokens into the model's vocabulary, where an ordinary word could become one.
  const tokens_to_ids = new Map(Object.entries(description['vocab'] as Record<string, number>));
  const model = Object.create(tokenizer.model, { tokens_to_ids: { value: tokens_to_ids } }) as TokenizerModel;
  return (words) => model._call(words);
}
