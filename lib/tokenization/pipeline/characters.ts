// Classes of characters as in the tokenizers library (Rust), where JavaScript's differ.

/** Rust's char::is_whitespace, which includes U+0085 and not U+FEFF; JavaScript's trim and \s do the opposite. */
export const WHITE_SPACE = '\\p{White_Space}';
/** \w of Rust's regular expressions. */
export const WORD = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}';

const AT_START = new RegExp(`^${WHITE_SPACE}+`, 'u');

export const trimStart = (text: string): string => text.replace(AT_START, '');

/** By hand: a pattern that ends in $ takes quadratic time on texts with many spaces. */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && isWhiteSpace(text[end - 1]!)) end -= 1; // all of them are in the Basic Multilingual Plane
  return text.slice(0, end);
}

const ONE = new RegExp(`^${WHITE_SPACE}$`, 'u');
const KNOWN = new Map<string, boolean>();

export function isWhiteSpace(character: string): boolean {
  let known = KNOWN.get(character);
  if (known === undefined) KNOWN.set(character, (known = ONE.test(character)));
  return known;
}
