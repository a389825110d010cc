// JSON whose numbers keep their spelling. JSON.parse turns 12345678901234567890 into another number and 1.0 into 1, but
// Python's readers distinguish integers from floats. No library does all that is needed here: lossless-json keeps
// spellings, but refuses NaN and Infinity, which Python writes, and reports neither the path of a number nor the order
// of integer keys.

const MARK = '\u0001';
const NUMBER = `${MARK}number:`;
/** Prefix for a text of the file that itself begins with the mark. */
const TEXT = `${MARK}text:`;
/** The spelling of a number outside of texts. */
const SPELLING = /-?(?:(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity\b)|NaN\b/g;
const MARKED = /"\\u0001(?:number:([^"]*)"|text:)/g;

/** Keys that JavaScript puts before all others, in ascending order. */
const INTEGER_KEY = /^(?:0|[1-9]\d*)$/;
const QUOTED_INTEGER = /^"(?:0|[1-9]\d*)"$/;

/** The index after the text whose opening quote is at `begin`; the end of the input if it is not closed. */
function endOfText(text: string, begin: number): number {
  for (let quote = text.indexOf('"', begin + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
  }
  return text.length;
}

/**
 * Parses the JSON with every number turned into a marked text. `markKeys`: integer keys too, which then keep their
 * order. (A regular expression that matches texts would need a stack proportional to their length.)
 */
function marked(text: string, markKeys = false): unknown {
  const parts: string[] = [];
  for (let at = 0; at < text.length;) {
    const quote = text.indexOf('"', at);
    const begin = quote < 0 ? text.length : quote;
    parts.push(text.slice(at, begin).replace(SPELLING, (spelling) => JSON.stringify(NUMBER + spelling)));
    at = quote < 0 ? begin : endOfText(text, begin);
    const token = text.slice(begin, at);
    const isKey = markKeys && QUOTED_INTEGER.test(token) && /^\s*:/.test(text.slice(at, at + 99));
    parts.push(isKey || token.startsWith('"\\u0001') ? JSON.stringify(TEXT).slice(0, -1) + token.slice(1) : token);
  }
  return JSON.parse(parts.join(''));
}

/** Like JSON.parse, but each number becomes a text that `stringifyKeepingNumbers` turns back into the same digits. */
export function parseKeepingNumbers(text: string): unknown {
  return marked(text);
}

/** The inverse, indented by two spaces like transformers; numbers added since are written as usual. */
export function stringifyKeepingNumbers(value: unknown): string {
  return `${JSON.stringify(value, null, 2).replace(MARKED, (_, number?: string) => number ?? '"')}\n`;
}

/** A condition on a position in the value, given by the keys and indices that lead to it. */
export type PlaceTest = (path: readonly (string | number)[]) => boolean;

/** Makes a value from a number's spelling and the keys and indices that lead to it. */
export type NumberReader = (spelling: string, path: readonly (string | number)[]) => unknown;

/**
 * Like JSON.parse, but `read` makes the numbers, and NaN, Infinity and -Infinity are numbers too, as Python writes
 * them. Objects whose keys JavaScript would reorder (it puts integers first) become Maps if `inOrder` returns true for
 * them.
 * @throws SyntaxError
 */
export function parseWithNumbers(text: string, read: NumberReader, inOrder?: PlaceTest): unknown {
  return mapNumbers(marked(text, inOrder !== undefined), { read, inOrder }, []);
}

interface Reading {
  read: NumberReader;
  inOrder: PlaceTest | undefined;
}

function mapNumbers(value: unknown, reading: Reading, path: (string | number)[]): unknown {
  if (typeof value === 'string') {
    if (!value.startsWith(MARK)) return value;
    return value.startsWith(NUMBER) ? reading.read(value.slice(NUMBER.length), path) : value.slice(TEXT.length);
  }
  if (typeof value !== 'object' || value === null) return value;
  const container = value as Record<string | number, unknown>;
  const keys: (string | number)[] = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value);
  const names = keys.map(nameOf);
  for (const key of keys) {
    path.push(nameOf(key));
    set(container, key, mapNumbers(container[key], reading, path));
    path.pop();
  }
  if (Array.isArray(value) || !names.some((name) => INTEGER_KEY.test(String(name)))) return value;
  const isInOrder = Object.keys(value).every((key, i) => key === names[i]);
  if (isInOrder || !reading.inOrder?.(path)) return value;
  return new Map(names.map((name) => [name, container[name]]));
}

const nameOf = (key: string | number): string | number =>
  typeof key === 'string' && key.startsWith(TEXT) ? key.slice(TEXT.length) : key;

function set(container: Record<string | number, unknown>, key: string | number, value: unknown): void {
  const isMarked = typeof key === 'string' && key.startsWith(TEXT);
  if (isMarked) delete container[key];
  const name = nameOf(key);
  // A plain assignment to "__proto__" would set the prototype.
  if (name === '__proto__')
    Object.defineProperty(container, name, { value, enumerable: true, writable: true, configurable: true });
  else container[name] = value;
}
