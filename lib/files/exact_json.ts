// JSON whose numbers keep their spelling. JSON.parse turns 12345678901234567890 into another number and 1.0 into 1,
// and Python's readers tell integers from floats. No library does all that is needed here: lossless-json keeps
// spellings, but refuses NaN and Infinity, which Python writes, and tells neither a number's place nor the order of
// integer keys.

const MARK = '\u0001';
const NUMBER = `${MARK}number:`;
/** Before a text of the file that begins with the mark itself. */
const TEXT = `${MARK}text:`;
/** Outside of texts. */
const SPELLING = /-?(?:(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity\b)|NaN\b/g;
const MARKED = /"\\u0001(?:number:([^"]*)"|text:)/g;

/** Keys that JavaScript puts before all others, in ascending order. */
const INTEGER_KEY = /^(?:0|[1-9]\d*)$/;
const QUOTED_INTEGER = /^"(?:0|[1-9]\d*)"$/;

/** The place behind the text that begins with a quote at `begin`; the end of all where it does not end. */
function endOfText(text: string, begin: number): number {
  for (let quote = text.indexOf('"', begin + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
  }
  return text.length;
}

/**
 * The text as JSON with every number a marked text; `markKeys`: integers as keys too, which then keep their places. A
 * pattern that matches texts would need a stack as deep as a text is long.
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

/** The inverse, indented by two as transformers writes it; numbers put in since are written as usual. */
export function stringifyKeepingNumbers(value: unknown): string {
  return `${JSON.stringify(value, null, 2).replace(MARKED, (_, number?: string) => number ?? '"')}\n`;
}

/** Whether something holds at a place, which the keys and places that lead to it name. */
export type PlaceTest = (path: readonly (string | number)[]) => boolean;

/** How a number becomes a value: by its spelling, and by the keys and places that lead to it. */
export type NumberReader = (spelling: string, path: readonly (string | number)[]) => unknown;

/**
 * Like JSON.parse, but `read` makes the numbers, and NaN, Infinity and -Infinity are numbers too, as Python writes
 * them.
 * Objects whose keys an object of JavaScript would put in another order (integers come first there) are Maps where
 * `inOrder` asks for that.
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
  // Assigned, "__proto__" would be the prototype.
  if (name === '__proto__')
    Object.defineProperty(container, name, { value, enumerable: true, writable: true, configurable: true });
  else container[name] = value;
}
