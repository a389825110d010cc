// JSON whose numbers keep their spelling. JSON.parse turns 12345678901234567890 into another number and 1.0 into 1,
// and Python's readers tell integers from floats.

const MARK = '\u0001';
const NUMBER = `${MARK}number:`;
/** Before a text of the file that begins with the mark itself. */
const TEXT = `${MARK}text:`;
const STRING_OR_NUMBER = /"(?:[^"\\]|\\.)*"|-?(?:(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|Infinity\b)|NaN\b/g;
const MARKED = /"\\u0001(?:number:([^"]*)"|text:)/g;

/** The text as JSON with every number a marked text. */
function marked(text: string): unknown {
  return JSON.parse(
    text.replace(STRING_OR_NUMBER, (token) => {
      if (!token.startsWith('"')) return JSON.stringify(NUMBER + token);
      return token.startsWith('"\\u0001') ? JSON.stringify(TEXT).slice(0, -1) + token.slice(1) : token;
    }),
  );
}

/** Like JSON.parse, but each number becomes a text that `stringifyKeepingNumbers` turns back into the same digits. */
export function parseKeepingNumbers(text: string): unknown {
  return marked(text);
}

/** The inverse, indented by two as transformers writes it; numbers put in since are written as usual. */
export function stringifyKeepingNumbers(value: unknown): string {
  return `${JSON.stringify(value, null, 2).replace(MARKED, (_, number?: string) => number ?? '"')}\n`;
}

/** How a number becomes a value: by its spelling, and by the keys and places that lead to it. */
export type NumberReader = (spelling: string, path: readonly (string | number)[]) => unknown;

/**
 * Like JSON.parse, but `read` makes the numbers, and NaN, Infinity and -Infinity are numbers too, as Python writes them.
 * @throws SyntaxError
 */
export function parseWithNumbers(text: string, read: NumberReader): unknown {
  return mapNumbers(marked(text), read, []);
}

function mapNumbers(value: unknown, read: NumberReader, path: (string | number)[]): unknown {
  if (typeof value === 'string') {
    if (!value.startsWith(MARK)) return value;
    return value.startsWith(NUMBER) ? read(value.slice(NUMBER.length), path) : value.slice(TEXT.length);
  }
  if (typeof value !== 'object' || value === null) return value;
  const container = value as Record<string | number, unknown>;
  const keys: (string | number)[] = Array.isArray(value) ? value.map((_, i) => i) : Object.keys(value);
  for (const key of keys) {
    path.push(key);
    set(container, key, mapNumbers(container[key], read, path));
    path.pop();
  }
  return value;
}

function set(container: Record<string | number, unknown>, key: string | number, value: unknown): void {
  const isMarked = typeof key === 'string' && key.startsWith(TEXT);
  if (isMarked) delete container[key];
  const name = isMarked ? key.slice(TEXT.length) : key;
  // Assigned, "__proto__" would be the prototype.
  if (name === '__proto__')
    Object.defineProperty(container, name, { value, enumerable: true, writable: true, configurable: true });
  else container[name] = value;
}
