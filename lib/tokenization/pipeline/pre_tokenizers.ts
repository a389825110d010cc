// How tokenizer.json's pre_tokenizer splits a text into words, as in the tokenizers library (Rust).

import { WHITE_SPACE, WORD } from './characters';
import { patternOf } from './pattern';

type Json = Record<string, unknown>;

/** A part of a text; `first`: it begins where the whole text begins. */
export interface Word {
  text: string;
  first: boolean;
}
export type PreTokenizer = (words: readonly Word[]) => Word[];

type Behavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';

const GPT2_WORDS = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;
const PUNCTUATION = '[\\p{P}\\u0021-\\u002f\\u003a-\\u0040\\u005b-\\u0060\\u007b-\\u007e]';

/** @throws Error for an unsupported kind. */
export function preTokenizerOf(description: unknown): PreTokenizer | undefined {
  if (description === null || description === undefined) return undefined;
  const step = description as Json;
  const make = KINDS[step['type'] as string];
  if (!make) throw new Error(`its pre_tokenizer ${String(step['type'])} is not known`);
  return make(step);
}

const KINDS: Record<string, (step: Json) => PreTokenizer> = {
  Sequence: (step) => {
    const steps = ((step['pretokenizers'] ?? []) as Json[]).map(preTokenizerOf).filter((each) => each !== undefined);
    return (words) => steps.reduce<Word[]>((result, cut) => cut(result), [...words]);
  },
  Split: (step) => cutting(patternOf(step['pattern']), behaviorOf(step['behavior']), step['invert'] === true),
  ByteLevel: byteLevelOf,
  Digits: (step) => cutting(/\p{N}/gu, step['individual_digits'] === true ? 'Isolated' : 'Contiguous'),
  Punctuation: (step) => cutting(new RegExp(PUNCTUATION, 'gu'), behaviorOf(step['behavior'] ?? 'Isolated')),
  Whitespace: () => cutting(new RegExp(`[${WORD}]+|[^${WORD}${WHITE_SPACE}]+`, 'gu'), 'Removed', true),
  WhitespaceSplit: () => cutting(new RegExp(WHITE_SPACE, 'gu'), 'Removed'),
  BertPreTokenizer: () => {
    const spaces = cutting(new RegExp(WHITE_SPACE, 'gu'), 'Removed');
    const marks = cutting(new RegExp(PUNCTUATION, 'gu'), 'Isolated');
    return (words) => marks(spaces(words));
  },
  CharDelimiterSplit: (step) => cutting(patternOf({ String: step['delimiter'] }), 'Removed'),
  FixedLength: (step) => {
    const length = (step['length'] ?? 5) as number;
    return eachText((text) => {
      const characters = Array.from(text);
      const parts: string[] = [];
      for (let i = 0; i < characters.length; i += length) parts.push(characters.slice(i, i + length).join(''));
      return parts;
    });
  },
  Metaspace: metaspaceOf,
};

/** "Isolated" in files, "isolated" or "merged_with_previous" in Python. */
function behaviorOf(value: unknown): Behavior {
  const known: Behavior[] = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'];
  const name = String(value).replaceAll('_', '').toLowerCase();
  const behavior = known.find((each) => each.toLowerCase() === name);
  if (!behavior) throw new Error(`its pre_tokenizer's behavior ${String(value)} is not known`);
  return behavior;
}

function eachText(cut: (text: string) => string[]): PreTokenizer {
  return (words) =>
    words.flatMap(({ text, first }) => {
      const parts = cut(text);
      return parts.filter((part) => part !== '').map((part) => ({ text: part, first: first && part === parts[0] }));
    });
}

/** Splits at what the pattern matches; inverted, at what it does not match. */
function cutting(pattern: RegExp, behavior: Behavior, invert = false): PreTokenizer {
  return (words) => {
    const result: Word[] = [];
    for (const { text, first } of words) {
      const begin = result.length;
      for (const part of cutText(text, pattern, behavior, invert)) result.push({ text: part, first: false });
      if (first && result.length > begin && text.startsWith(result[begin]!.text)) result[begin]!.first = true;
    }
    return result;
  };
}

function cutText(text: string, pattern: RegExp, behavior: Behavior, invert: boolean): string[] {
  const parts: string[] = [];
  let previousMatched = false;
  const add = (part: string, matched: boolean): void => {
    if (part === '') return;
    const is = matched !== invert;
    const joins =
      (behavior === 'MergedWithPrevious' && is && !previousMatched) ||
      (behavior === 'MergedWithNext' && !is && previousMatched) ||
      (behavior === 'Contiguous' && is === previousMatched);
    if (behavior === 'Removed' && is) return;
    if (joins && parts.length > 0) parts[parts.length - 1] += part;
    else parts.push(part);
    previousMatched = is;
  };
  let done = 0;
  for (const { 0: match, index } of text.matchAll(pattern)) {
    add(text.slice(done, index), false);
    add(match, true);
    done = index + match.length;
  }
  add(text.slice(done), false);
  return parts;
}

/** What GPT-2 writes for each byte in vocabularies: printable Latin-1 unchanged, the others from U+0100 on. */
export const BYTE_TEXTS: readonly string[] = (() => {
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
})();

export function byteTexts(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += BYTE_TEXTS[byte]!;
  return text;
}

/**
 * The steps before a final ByteLevel that only writes bytes as text; undefined if there is more to it, or something
 * else.
 */
export function splitsBeforeBytes(description: unknown): unknown[] | undefined {
  const step = (description ?? {}) as Json;
  const steps = (step['type'] === 'Sequence' ? (step['pretokenizers'] ?? []) : [step]) as Json[];
  const last = steps.at(-1);
  const splits = steps.slice(0, -1);
  if (last?.['type'] !== 'ByteLevel' || last['add_prefix_space'] !== false) return undefined;
  if (!splits.every(({ type }) => type === 'Split' || type === 'Digits')) return undefined;
  return last['use_regex'] === false
    ? splits
    : [...splits, { type: 'Split', pattern: { Regex: GPT2_WORDS }, behavior: 'Isolated' }];
}

function byteLevelOf(step: Json): PreTokenizer {
  const utf8 = new TextEncoder();
  const words = step['use_regex'] === false ? undefined : cutting(patternOf({ Regex: GPT2_WORDS }), 'Isolated');
  const prefix = step['add_prefix_space'] !== false;
  return (given) => {
    const texts = prefix
      ? given.map((word) => ({ ...word, text: word.text.startsWith(' ') ? word.text : ` ${word.text}` }))
      : given;
    return (words ? words(texts) : texts).map(({ text, first }) => ({ text: byteTexts(utf8.encode(text)), first }));
  };
}

function metaspaceOf(step: Json): PreTokenizer {
  const mark = (step['replacement'] ?? '▁') as string;
  // Files older than prepend_scheme have add_prefix_space.
  const scheme = (step['prepend_scheme'] ?? (step['add_prefix_space'] === false ? 'never' : 'always')) as string;
  const cut = step['split'] === false ? undefined : cutting(patternOf({ String: mark }), 'MergedWithNext');
  return (given) => {
    const words = given.map(({ text, first }) => {
      const marked = text.replaceAll(' ', () => mark);
      const prepends = !marked.startsWith(mark) && (scheme === 'always' || (scheme === 'first' && first));
      return { text: prepends ? mark + marked : marked, first };
    });
    return cut ? cut(words) : words;
  };
}
