// The pieces of a BPE model over characters (SentencePiece's, with bytes for unknown characters), in a time that grows
// with n log n: without a pre_tokenizer the whole text is one word.

import { mergeSymbols, MergeTable } from '../merges';

type Json = Record<string, unknown>;

const UNKNOWN = -1;

/**
 * Undefined if the model has anything that is not supported here: affixes, ignore_merges, merges outside its
 * vocabulary.
 */
export function bpePieces(model: Json): ((words: readonly string[]) => string[]) | undefined {
  const plain =
    !model['end_of_word_suffix'] &&
    !model['continuing_subword_prefix'] &&
    !model['continuing_subword_suffix'] &&
    !model['ignore_merges'];
  const vocabulary = new Map(Object.entries((model['vocab'] ?? {}) as Record<string, number>));
  const merges = model['type'] === 'BPE' && plain ? MergeTable.from(model['merges'], vocabulary) : undefined;
  const texts = new Map(Array.from(vocabulary, ([text, id]) => [id, text]));
  if (!merges || texts.size !== vocabulary.size) return undefined;
  const bytesOf = model['byte_fallback'] === true ? byteTokens(vocabulary) : () => undefined;
  const unknownToken = typeof model['unk_token'] === 'string' ? model['unk_token'] : undefined;
  return (words) => {
    const pieces: string[] = [];
    let afterUnknown = false;
    for (const word of words) {
      const characters = Array.from(word);
      const symbols = Int32Array.from(characters, (character) => vocabulary.get(character) ?? UNKNOWN);
      mergeSymbols(symbols, merges, (at) => {
        const known = symbols[at] === UNKNOWN ? bytesOf(characters[at]!) : [texts.get(symbols[at]!)!];
        if (known) for (const piece of known) pieces.push(piece);
        else if (unknownToken !== undefined && !(afterUnknown && model['fuse_unk'] === true)) pieces.push(unknownToken);
        afterUnknown = !known;
      });
    }
    return pieces;
  };
}

/** A character's bytes as tokens, if the vocabulary has all of them. */
function byteTokens(vocabulary: ReadonlyMap<string, number>): (character: string) => string[] | undefined {
  const utf8 = new TextEncoder();
  return (character) => {
    const tokens = Array.from(
      utf8.encode(character),
      (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
    );
    return tokens.every((token) => vocabulary.has(token)) ? tokens : undefined;
  };
}
