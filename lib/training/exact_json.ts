// JSON whose numbers keep their spelling. A config.json read and written by JSON.parse and JSON.stringify would
// turn 0.0 into 0 and 1000000.0 into 1000000, and Python's readers tell integers from floats.

const MARK = '\u0001number:';
const NUMBER_OR_STRING = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const MARKED = /"\\u0001number:([^"]*)"/g;

/** Like JSON.parse, but each number becomes a text that `stringifyKeepingNumbers` turns back into the same digits. */
export function parseKeepingNumbers(text: string): unknown {
  return JSON.parse(text.replace(NUMBER_OR_STRING, (token) => (token.startsWith('"') ? token : JSON.stringify(MARK + token))));
}

/** The inverse, indented by two as transformers writes it; numbers put in since are written as usual. */
export function stringifyKeepingNumbers(value: unknown): string {
  return `${JSON.stringify(value, null, 2).replace(MARKED, '$1')}\n`;
}
