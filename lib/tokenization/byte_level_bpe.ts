// The ids of byte-level BPE (Qwen, Llama 3, other descendants of GPT-2), exactly those of the tokenizers library, and
// fast.
//
// The JavaScript library looks up every pair of neighbors by its JSON and keeps symbols as strings. Here symbols are
// ids, pairs are in a flat hash table, and results are cached: words, and the stretches between special tokens, so that
// a prompt is tokenized once for all of its responses. This is exact: in these tokenizers nothing depends on text
// beyond a special token or a word's end.

import type { Tokenizer } from '@huggingface/tokenizers';
import type { IdEncoder } from './id_encoder';
import type { AddedToken } from './pipeline/added_tokens';
import { mergeSymbols, MergeTable, NO_MERGE } from './merges';
import { BYTE_TEXTS, byteTexts, preTokenizerOf, splitsBeforeBytes } from './pipeline/pre_tokenizers';

type JsonObject = Record<string, unknown>;
type Words = (text: string) => string[];

/** Longer words, in bytes, use a heap: the time of the simple search grows with the square of the length. */
const LONGEST_WORD = 256;
const WORDS_REMEMBERED = 40_000;
const STRETCHES_REMEMBERED = 64;

/**
 * Undefined if tokenizer.json has anything that this file does not support: another model or normalizer, special tokens
 * that strip spaces, words that depend on their position.
 * @param file tokenizer.json, as the tokenizer was built from it.
 */
export function byteLevelEncoder(tokenizer: Tokenizer, file: JsonObject): IdEncoder | undefined {
  const words = wordSplitter(file['pre_tokenizer']);
  const vocabulary = tokenizer.model?.tokens_to_ids;
  const own = (file['model'] as JsonObject)['vocab'] as Record<string, number>;
  const added = addedTokens(file);
  if (!words || !vocabulary || !added || !isPlain(file)) return undefined;
  const merges = MergeTable.from((file['model'] as JsonObject)['merges'], vocabulary);
  const byteIds = BYTE_TEXTS.map((text) => vocabulary.get(text));
  if (!merges || byteIds.some((id) => id === undefined) || new Set(vocabulary.values()).size !== vocabulary.size)
    return undefined;
  return new ByteLevelBpe(
    file['normalizer'] !== null,
    own,
    added,
    words,
    merges,
    Int32Array.from(byteIds as number[]),
    (file['model'] as JsonObject)['ignore_merges'] === true,
  );
}

function isPlain(file: JsonObject): boolean {
  const model = file['model'] as JsonObject;
  const normalizer = file['normalizer'] as JsonObject | null;
  const plainModel =
    model['type'] === 'BPE' &&
    !model['byte_fallback'] &&
    !model['end_of_word_suffix'] &&
    (model['continuing_subword_suffix'] ?? null) === null;
  return (
    plainModel &&
    (normalizer === null || normalizer['type'] === 'NFC') &&
    addsOnlyAround(file['post_processor'] as JsonObject | null)
  );
}

/** Whether the post-processor leaves the ids of a text unchanged without special tokens. */
function addsOnlyAround(processor: JsonObject | null): boolean {
  if (processor === null) return true;
  if (processor['type'] === 'Sequence') return (processor['processors'] as JsonObject[]).every(addsOnlyAround);
  return processor['type'] === 'ByteLevel' || processor['type'] === 'TemplateProcessing';
}

/** Ids by content; undefined if one of them changes the text around it or is matched in normalized text. */
function addedTokens(file: JsonObject): Map<string, number> | undefined {
  const tokens = (file['added_tokens'] ?? []) as AddedToken[];
  const isBare = ({ single_word: alone, lstrip, rstrip, content, normalized }: AddedToken): boolean =>
    !alone && !lstrip && !rstrip && content.length > 0 && (!normalized || file['normalizer'] === null);
  return tokens.every(isBare) ? new Map(tokens.map(({ id, content }) => [content, id])) : undefined;
}

/** Everything that the pre-tokenizer does before it turns words into bytes. */
function wordSplitter(description: unknown): Words | undefined {
  const steps = splitsBeforeBytes(description);
  const cut = steps && preTokenizerOf({ type: 'Sequence', pretokenizers: steps });
  return cut && ((text) => cut([{ text, first: false }]).map(({ text: word }) => word));
}

class ByteLevelBpe implements IdEncoder {
  private readonly special: RegExp | undefined;
  private readonly stretches = new Map<string, number[]>();
  private readonly words = new Map<string, number[]>();
  private readonly bytes = new Uint8Array(LONGEST_WORD + 4);
  /**
   * A linked list of symbols at the positions of the word's bytes: the symbol at a position, and the position of the
   * next one.
   */
  private readonly symbols = new Int32Array(LONGEST_WORD);
  private readonly next = new Int32Array(LONGEST_WORD);
  /** For each symbol and the next one: the slot in the table, and its rank (NO_MERGE: none). */
  private readonly slots = new Int32Array(LONGEST_WORD);
  private readonly ranks = new Int32Array(LONGEST_WORD);
  private readonly utf8 = new TextEncoder();
  /** In bytes, which are characters in the vocabulary. */
  private readonly longestToken: number;

  constructor(
    private readonly composes: boolean,
    /** Without the added tokens, which the library also writes into its model's vocabulary. */
    private readonly vocabulary: Readonly<Record<string, number>>,
    private readonly added: ReadonlyMap<string, number>,
    private readonly split: Words,
    private readonly merges: MergeTable,
    private readonly byteIds: Int32Array,
    private readonly wholeWordsFirst: boolean,
  ) {
    this.longestToken = Object.keys(vocabulary).reduce((longest, { length }) => Math.max(longest, length), 0);
    // The longest at a position wins, as in the library's trie.
    const contents = [...added.keys()]
      .sort((a, b) => b.length - a.length)
      .map((content) => content.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
    this.special = contents.length > 0 ? new RegExp(`(${contents.join('|')})`) : undefined;
  }

  encode(text: string): number[] {
    const ids: number[] = [];
    for (const part of this.special ? text.split(this.special) : [text]) {
      if (part.length === 0) continue;
      const id = this.added.get(part);
      if (id !== undefined) ids.push(id);
      else for (const one of this.stretchIds(part)) ids.push(one);
    }
    return ids;
  }

  private stretchIds(stretch: string): number[] {
    const known = this.stretches.get(stretch);
    if (known) return known;
    const ids = this.wordsIds(this.split(this.composes ? stretch.normalize('NFC') : stretch));
    if (this.stretches.size >= STRETCHES_REMEMBERED) this.stretches.clear();
    this.stretches.set(stretch, ids);
    return ids;
  }

  private wordsIds(words: readonly string[]): number[] {
    const ids: number[] = [];
    for (const word of words) {
      let own = this.words.get(word);
      if (own === undefined) {
        own = this.wordIds(word);
        if (this.words.size >= WORDS_REMEMBERED) this.words.clear();
        if (word.length <= LONGEST_WORD) this.words.set(word, own);
      }
      for (const id of own) ids.push(id);
    }
    return ids;
  }

  private wordIds(word: string): number[] {
    const { read, written } = this.utf8.encodeInto(word, this.bytes);
    const isLong = read < word.length || written > LONGEST_WORD;
    const bytes = isLong ? this.utf8.encode(word) : this.bytes.subarray(0, written);
    if (this.wholeWordsFirst && bytes.length <= this.longestToken) {
      const text = byteTexts(bytes);
      if (Object.hasOwn(this.vocabulary, text)) return [this.vocabulary[text]!];
    }
    return isLong ? this.mergeManyBytes(bytes) : this.mergeBytes(bytes.length);
  }

  private mergeManyBytes(bytes: Uint8Array): number[] {
    const symbols = Int32Array.from(bytes, (byte) => this.byteIds[byte]!);
    const ids: number[] = [];
    mergeSymbols(symbols, this.merges, (at) => ids.push(symbols[at]!));
    return ids;
  }

  /** Merges the pair with the lowest rank (of equal ones the leftmost) until no pair is left that can be merged. */
  private mergeBytes(count: number): number[] {
    const { symbols, next, ranks, slots, bytes, byteIds } = this;
    const { merged } = this.merges;
    for (let i = 0; i < count; i += 1) {
      symbols[i] = byteIds[bytes[i]!]!;
      next[i] = i + 1;
    }
    for (let i = 0; i < count; i += 1) this.lookUp(i, count);
    for (;;) {
      let [best, beforeBest, bestRank] = [-1, -1, NO_MERGE];
      for (let before = -1, i = 0; i < count; before = i, i = next[i]!) {
        if (ranks[i]! < bestRank) [best, beforeBest, bestRank] = [i, before, ranks[i]!];
      }
      if (best < 0) break;
      symbols[best] = merged[slots[best]!]!;
      next[best] = next[next[best]!]!;
      this.lookUp(best, count);
      if (beforeBest >= 0) this.lookUp(beforeBest, count);
    }
    const ids: number[] = [];
    for (let i = 0; i < count; i = next[i]!) ids.push(symbols[i]!);
    return ids;
  }

  /** The merge of the symbol at `i` with the next one. */
  private lookUp(i: number, count: number): void {
    const right = this.next[i]!;
    const slot = right < count ? this.merges.find(this.symbols[i]!, this.symbols[right]!) : -1;
    this.slots[i] = slot;
    this.ranks[i] = slot < 0 ? NO_MERGE : this.merges.ranks[slot]!;
  }
}
