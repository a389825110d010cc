/**
 * What Python's int() makes of a text: white space around, one sign, decimal digits of any script, single underscores
 * between digits. Undefined where int() fails, and beyond 2^53, where a number would no longer be exact.
 */
export function parsePythonInteger(text: string): number | undefined {
  const match = /^([+-]?)(\p{Nd}+(?:_\p{Nd}+)*)$/u.exec(pythonStrip(text));
  if (!match) return undefined;
  let value = 0;
  for (const character of match[2] ?? '') {
    if (character !== '_') value = value * 10 + digitValue(character);
  }
  if (!Number.isSafeInteger(value)) return undefined;
  return match[1] === '-' ? 0 - value : value;
}

/**
 * Unicode lays decimal digits out in runs of ten from zero; so a digit's value is the count of digits before it, mod
 * 10.
 */
function digitValue(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  let before = 0;
  while (code - before > 0 && /\p{Nd}/u.test(String.fromCodePoint(code - before - 1))) before += 1;
  return before % 10;
}

/**
 * What str.isspace() is true of, as a class of a regular expression. JavaScript's trim differs: it keeps U+001C to
 * U+001F and U+0085, and takes U+FEFF.
 */
export const PYTHON_SPACE = '[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
const LEADING = new RegExp(`^${PYTHON_SPACE}+`, 'u');
const ONE = new RegExp(PYTHON_SPACE, 'u');

export function pythonLeftStrip(text: string): string {
  return text.replace(LEADING, '');
}

/** By hand, not by /space+$/: that takes quadratic time in long runs of white space within the text. */
export function pythonRightStrip(text: string): string {
  let end = text.length;
  while (end > 0 && ONE.test(text.charAt(end - 1))) end -= 1;
  return text.slice(0, end);
}

/** Python's str.strip() without arguments. */
export function pythonStrip(text: string): string {
  return pythonRightStrip(pythonLeftStrip(text));
}
