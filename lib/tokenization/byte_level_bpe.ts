// The ids of byte-level BPE (Qwen, Llama 3, GPT-2's heirs), exactly those of @huggingface/tokenizers and several times faster.
//
// The library looks every pair of neighbours up by its JSON and keeps symbols as texts. Here symbols are ids, pairs stand in a flat hash
// table, and what was tokenised is remembered: words, and the stretches between special tokens, so that a prompt is tokenised once for all of
// its responses. That is exact: in these tokenizers nothing reaches over a special token, and nothing over a word's end.

import type { Tokenizer } from '@huggingface/tokenizers';

type JsonObject = Record<string, unknown>;
type Words = (text: string) => string[];

/** Longer words, in bytes, are left to the library, whose time does not grow with the square of the length. */
const LONGEST_WORD = 256;
const WORDS_REMEMBERED = 40_000;
const STRETCHES_REMEMBERED = 64;

/**
 * The same ids as `tokenizer.encode(text, { add_special_tokens: false })`; undefined where tokenizer.json holds anything that this file does not
 * do as the library does it: another model or normaliser, special tokens that take spaces along, words that depend on their place.
 * @param file tokenizer.json @param config tokenizer_config.json, both as the tokenizer was built from them.
 */
export function byteLevelEncoder(tokenizer: Tokenizer, file: JsonObject, config: JsonObject): ((text: string) => number[]) | undefined {
  const words = wordSplitter(tokenizer, file['pre_tokenizer'] as JsonObject | null);
  const vocabulary = tokenizer.model?.tokens_to_ids;
  const added = addedTokens(file, config);
  if (!words || !vocabulary || !added || !isPlain(file)) return undefined;
  const merges = MergeTable.from((file['model'] as JsonObject)['merges'], vocabulary);
  const byteIds = BYTE_TEXTS.map((text) => vocabulary.get(text));
  if (!merges || byteIds.some((id) => id === undefined) || new Set(vocabulary.values()).size !== vocabulary.size) return undefined;
  const encoder = new ByteLevelBpe(tokenizer, vocabulary, added, words, merges, Int32Array.from(byteIds as number[]), (file['model'] as JsonObject)['ignore_merges'] === true);
  return (text) => encoder.encode(text);
}

/** What GPT-2 writes for each byte in vocabularies: printable Latin-1 as it is, the others from U+0100 on. */
const BYTE_TEXTS: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
})();

function isPlain(file: JsonObject): boolean {
  const model = file['model'] as JsonObject;
  const normalizer = file['normalizer'] as JsonObject | null;
  const plainModel = model['type'] === 'BPE' && !model['byte_fallback'] && !model['end_of_word_suffix'] && (model['continuing_subword_suffix'] ?? null) === null;
  return plainModel && (normalizer === null || normalizer['type'] === 'NFC') && addsOnlyAround(file['post_processor'] as JsonObject | null);
}

/** Whether the post-processor leaves the ids of a text alone when no special tokens are asked for. */
function addsOnlyAround(processor: JsonObject | null): boolean {
  if (processor === null) return true;
  if (processor['type'] === 'Sequence') return (processor['processors'] as JsonObject[]).every(addsOnlyAround);
  return processor['type'] === 'ByteLevel' || processor['type'] === 'TemplateProcessing';
}

/** Ids by content; undefined where one of them changes the text around it or is looked for in normalised text. */
function addedTokens(file: JsonObject, config: JsonObject): Map<string, number> | undefined {
  if (config['remove_space'] || config['do_lowercase_and_remove_accent']) return undefined;
  const tokens = (file['added_tokens'] ?? []) as { id: number; content: string; lstrip?: boolean; rstrip?: boolean; normalized?: boolean }[];
  const isBare = tokens.every((token) => !token.lstrip && !token.rstrip && token.content.length > 0 && (!token.normalized || file['normalizer'] === null));
  return isBare ? new Map(tokens.map(({ id, content }) => [content, id])) : undefined;
}

/** Everything that the pre-tokeniser does before it turns words into bytes. */
function wordSplitter(tokenizer: Tokenizer, description: JsonObject | null): Words | undefined {
  const steps = (description?.['pretokenizers'] ?? []) as JsonObject[];
  const last = steps.at(-1);
  if (description?.['type'] !== 'Sequence' || last?.['type'] !== 'ByteLevel' || last['use_regex'] !== false || last['add_prefix_space'] === true) return undefined;
  if (!steps.slice(0, -1).every(({ type }) => type === 'Split' || type === 'Digits')) return undefined;
  const { tokenizers } = tokenizer.pre_tokenizer as unknown as { tokenizers?: { pre_tokenize(text: string | string[]): string[] }[] };
  if (tokenizers?.length !== steps.length) return undefined;
  const splits = tokenizers.slice(0, -1);
  return (text) => splits.reduce<string[]>((parts, split) => split.pre_tokenize(parts), [text]);
}

/** (left id, right id) -> (rank, id of the two together), by open addressing. */
class MergeTable {
  private readonly mask: number;
  private readonly lefts: Int32Array;
  private readonly rights: Int32Array;
  readonly ranks: Int32Array;
  readonly merged: Int32Array;

  /** Undefined where a part or a result is no token of the vocabulary: then ids alone cannot follow the merges. */
  static from(merges: unknown, vocabulary: ReadonlyMap<string, number>): MergeTable | undefined {
    if (!Array.isArray(merges)) return undefined;
    const table = new MergeTable(merges.length);
    for (const [rank, merge] of (merges as (string | string[])[]).entries()) {
      const [left = '', right = ''] = typeof merge === 'string' ? merge.split(' ', 2) : merge;
      const [leftId, rightId, mergedId] = [vocabulary.get(left), vocabulary.get(right), vocabulary.get(left + right)];
      if (leftId === undefined || rightId === undefined || mergedId === undefined) return undefined;
      table.put(leftId, rightId, rank, mergedId);
    }
    return table;
  }

  private constructor(merges: number) {
    const slots = 2 ** Math.ceil(Math.log2(Math.max(16, 2.5 * merges)));
    this.mask = slots - 1;
    this.lefts = new Int32Array(slots).fill(-1);
    this.rights = new Int32Array(slots);
    this.ranks = new Int32Array(slots);
    this.merged = new Int32Array(slots);
  }

  /** A pair listed twice counts where it is listed last, as in the library. */
  private put(left: number, right: number, rank: number, merged: number): void {
    let slot = this.home(left, right);
    while (this.lefts[slot] !== -1 && (this.lefts[slot] !== left || this.rights[slot] !== right)) slot = (slot + 1) & this.mask;
    this.lefts[slot] = left;
    this.rights[slot] = right;
    this.ranks[slot] = rank;
    this.merged[slot] = merged;
  }

  /** The pair's slot, -1 where the two are never merged. */
  find(left: number, right: number): number {
    let slot = this.home(left, right);
    for (; this.lefts[slot] !== -1; slot = (slot + 1) & this.mask) {
      if (this.lefts[slot] === left && this.rights[slot] === right) return slot;
    }
    return -1;
  }

  private home(left: number, right: number): number {
    const hash = Math.imul(left, 0x9e3779b1) ^ Math.imul(right, 0x85ebca6b);
    return (hash ^ (hash >>> 15)) & this.mask;
  }
}

const NO_MERGE = 0x7fffffff;

class ByteLevelBpe {
  private readonly special: RegExp | undefined;
  private readonly stretches = new Map<string, number[]>();
  private readonly words = new Map<string, number[]>();
  private readonly bytes = new Uint8Array(LONGEST_WORD + 4);
  /** A chain of symbols through the places of the word's bytes: the symbol at a place, and the place of the one after it. */
  private readonly symbols = new Int32Array(LONGEST_WORD);
  private readonly next = new Int32Array(LONGEST_WORD);
  /** Of each symbol and the one after it: the slot in the table, and its rank (NO_MERGE: none). */
  private readonly slots = new Int32Array(LONGEST_WORD);
  private readonly ranks = new Int32Array(LONGEST_WORD);
  private readonly utf8 = new TextEncoder();

  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly vocabulary: ReadonlyMap<string, number>,
    private readonly added: ReadonlyMap<string, number>,
    private readonly split: Words,
    private readonly merges: MergeTable,
    private readonly byteIds: Int32Array,
    private readonly wholeWordsFirst: boolean,
  ) {
    // The longest at a place wins, as in the library's trie.
    const contents = [...added.keys()].sort((a, b) => b.length - a.length).map((content) => content.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'));
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
    const normalised = this.tokenizer.normalizer === null ? stretch : stretch.normalize('NFC');
    const id = this.added.get(normalised);
    const ids = id === undefined ? this.wordsIds(this.split(normalised)) : [id];
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
    if (read < word.length || written > LONGEST_WORD) return this.byLibrary(word);
    if (this.wholeWordsFirst) {
      const id = this.vocabulary.get(byteTexts(this.bytes.subarray(0, written)));
      if (id !== undefined) return [id];
    }
    return this.mergeBytes(written);
  }

  private byLibrary(word: string): number[] {
    const tokens = this.tokenizer.model!.encode([byteTexts(this.utf8.encode(word))]);
    return tokens.map((token: string) => this.vocabulary.get(token)!);
  }

  /** Merges the pair of the lowest rank, the leftmost of equals, until no pair is left that is ever merged. */
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

  /** What becomes of the symbol at `i` and the one after it. */
  private lookUp(i: number, count: number): void {
    const right = this.next[i]!;
    const slot = right < count ? this.merges.find(this.symbols[i]!, this.symbols[right]!) : -1;
    this.slots[i] = slot;
    this.ranks[i] = slot < 0 ? NO_MERGE : this.merges.ranks[slot]!;
  }
}

function byteTexts(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += BYTE_TEXTS[byte]!;
  return text;
}
