// What tokenizer.json's normalizer does to a text, as in the tokenizers library (Rust).

import { PrecompiledNormalizer } from '@huggingface/tokenizers';
import { Charsmap } from './charsmap';
import { isWhiteSpace, trimEnd, trimStart } from './characters';
import { patternOf } from './pattern';

type Json = Record<string, unknown>;
export type Normalizer = (text: string) => string;

/**
 * What the JavaScript library does instead of any charsmap, mostly NFKC. The tokenizers library accepts no empty
 * charsmap.
 */
function withoutCharsmap(): Normalizer {
  const approximation = new PrecompiledNormalizer({});
  return (text) => approximation.normalize(text);
}

const UNICODE_FORMS = ['NFC', 'NFD', 'NFKC', 'NFKD'];

/** @throws Error for an unsupported kind. */
export function normalizerOf(description: unknown): Normalizer | undefined {
  if (description === null || description === undefined) return undefined;
  let normalizer = MADE.get(description);
  if (!normalizer) MADE.set(description, (normalizer = makeNormalizer(description as Json)));
  return normalizer;
}

/** Keyed by the part of tokenizer.json that describes it: reading a charsmap takes time. */
const MADE = new WeakMap<object, Normalizer>();

function makeNormalizer(step: Json): Normalizer {
  const type = step['type'] as string;
  if (UNICODE_FORMS.includes(type)) return (text) => text.normalize(type);
  const make = KINDS[type];
  if (!make) throw new Error(`its normalizer ${type} is not known`);
  return make(step);
}

/**
 * Whether a normalized text still begins where the text does, as Metaspace's scheme "first" requires: false if white
 * space or other characters were removed from its beginning; characters that a charsmap drops do not count.
 */
export function keepsBeginning(description: unknown, text: string): boolean {
  const step = (description ?? {}) as Json;
  const steps = step['type'] === 'Sequence' ? ((step['normalizers'] ?? []) as Json[]) : [step];
  let now = text;
  for (const each of steps) {
    const normalize = normalizerOf(each['type'] === undefined ? null : each);
    if (!normalize || now === '') continue;
    const first = String.fromCodePoint(now.codePointAt(0)!);
    if (each['type'] !== 'Precompiled' && normalize(`${first}a`).length <= normalize('a').length) return false;
    now = normalize(now);
  }
  return true;
}

const KINDS: Record<string, (step: Json) => Normalizer> = {
  Sequence: (step) => {
    const steps = ((step['normalizers'] ?? []) as Json[]).map(normalizerOf).filter((each) => each !== undefined);
    return (text) => steps.reduce((result, normalize) => normalize(result), text);
  },
  Strip: (step) => {
    const [left, right] = [step['strip_left'] !== false, step['strip_right'] !== false];
    return (text) => (left ? trimStart(right ? trimEnd(text) : text) : right ? trimEnd(text) : text);
  },
  StripAccents: () => (text) => text.replace(/\p{M}/gu, ''),
  Lowercase: () => lowercase,
  Prepend: (step) => (text) => (text === '' ? text : `${step['prepend'] as string}${text}`),
  Replace: replaceOf,
  Precompiled: (step) => {
    const base64 = (step['precompiled_charsmap'] ?? '') as string;
    if (base64 === '') return withoutCharsmap();
    const map = new Charsmap(base64);
    return (text) => map.normalize(text);
  },
  BertNormalizer: bertNormalizerOf,
};

/** Character by character: JavaScript's own function writes a sigma at a word's end differently. */
const lowercase: Normalizer = (text) =>
  /\u03a3/.test(text) ? Array.from(text, (each) => each.toLowerCase()).join('') : text.toLowerCase();

function replaceOf(step: Json): Normalizer {
  const pattern = patternOf(step['pattern']);
  const content = (step['content'] ?? '') as string;
  return (text) => text.replaceAll(pattern, () => content); // a function: in a text, $ would mean something
}

function bertNormalizerOf(step: Json): Normalizer {
  const lower = step['lowercase'] !== false;
  const accents = (step['strip_accents'] ?? lower) as boolean;
  return (text) => {
    if (step['clean_text'] !== false) text = cleaned(text);
    if (step['handle_chinese_chars'] !== false) text = text.replace(CHINESE, ' $& ');
    if (accents) text = text.normalize('NFD').replace(/\p{Mn}/gu, '');
    return lower ? lowercase(text) : text;
  };
}

const CHINESE =
  /[\u4e00-\u9fff\u3400-\u4dbf\u{20000}-\u{2a6df}\u{2a700}-\u{2b73f}\u{2b740}-\u{2b81f}\u{2b920}-\u{2ceaf}\uf900-\ufaff\u{2f800}-\u{2fa1f}]/gu;
const DROPPED = /[\u0000\ufffd]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;

function cleaned(text: string): string {
  let result = '';
  for (const character of text.replace(DROPPED, '')) result += isWhiteSpace(character) ? ' ' : character;
  return result;
}
