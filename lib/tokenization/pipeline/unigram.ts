// The pieces of a Unigram model: of all ways to split a word, the one with the highest score, found from left to right.

import type { Tokenizer, TokenizerModel } from '@huggingface/tokenizers';

interface Node {
  is_leaf: boolean;
  children: Map<string, Node>;
}

/** What the JavaScript library's model has read from tokenizer.json. */
interface LibraryModel extends TokenizerModel {
  trie: { root: Node };
  scores: number[];
  unk_token_id: number;
  unk_token: string;
  unk_score: number;
}

const UNKNOWN = -1;

/**
 * As in the tokenizers library (Rust): sums in float64 from the left, the first of equal ones, consecutive unknown
 * characters as one piece. The time grows linearly with the length.
 * @param byteFallback unknown pieces are written as the <0x..> tokens of their bytes.
 */
export function unigramPieces(tokenizer: Tokenizer, byteFallback: boolean): (word: string) => string[] {
  const model = tokenizer.model as LibraryModel;
  const utf8 = new TextEncoder();
  const bytesOf = (piece: string) => {
    const tokens = Array.from(utf8.encode(piece), (byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
    return tokens.every((token) => model.tokens_to_ids.has(token)) ? tokens : [model.unk_token];
  };
  // The library also writes added tokens into the model's vocabulary, after the model's own.
  const isKnown = (piece: string) => (model.tokens_to_ids.get(piece) ?? model.scores.length) < model.scores.length;
  return (word) => {
    const pieces = bestPieces(model, word);
    return pieces.flatMap((piece) => (isKnown(piece) ? [piece] : byteFallback ? bytesOf(piece) : [model.unk_token]));
  };
}

function bestPieces(model: LibraryModel, word: string): string[] {
  const characters = Array.from(word);
  const count = characters.length;
  const scores = new Float64Array(count + 1);
  const begins = new Int32Array(count + 1).fill(UNKNOWN);
  const unknown = new Uint8Array(count + 1);
  const offer = (end: number, begin: number, score: number, isUnknown: number): void => {
    if (begins[end] !== UNKNOWN && !(score > scores[end]!)) return;
    [scores[end], begins[end], unknown[end]] = [score, begin, isUnknown];
  };
  for (let begin = 0; begin < count; begin += 1) {
    const before = scores[begin]!;
    let single = false;
    let piece = '';
    let node: Node | undefined = model.trie.root;
    for (let i = begin; i < count; i += 1) {
      node = node.children.get(characters[i]!);
      if (!node) break;
      piece += characters[i]!;
      if (!node.is_leaf) continue;
      const id = model.tokens_to_ids.get(piece)!;
      offer(i + 1, begin, model.scores[id]! + before, id === model.unk_token_id ? 1 : 0);
      if (i === begin) single = true;
    }
    if (!single) offer(begin + 1, begin, model.unk_score + before, 1);
  }
  return readBack(characters, begins, unknown);
}

function readBack(characters: readonly string[], begins: Int32Array, unknown: Uint8Array): string[] {
  const pieces: string[] = [];
  let unknownEnd = 0;
  for (let end = characters.length; end > 0; end = begins[end]!) {
    const begin = begins[end]!;
    if (unknown[end]) {
      if (unknownEnd === 0) unknownEnd = end;
      if (begin > 0 && unknown[begin]) continue;
      pieces.push(characters.slice(begin, unknownEnd).join(''));
      unknownEnd = 0;
    } else {
      pieces.push(characters.slice(begin, end).join(''));
    }
  }
  return pieces.reverse();
}
