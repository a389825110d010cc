// Numbers whose digits matter: ids, and what a chat template prints of tools and their calls. JSON.parse, which is
// fast, reads all rows; a row in which it would lose something is parsed again.

import { parseWithNumbers } from '../../files/exact_json';

/**
 * A number as it is written, if JavaScript's number would differ or print differently: 12345678901234567890, 1.0.
 */
export class JsonNumber {
  constructor(readonly spelling: string) {}

  toString(): string {
    return this.spelling;
  }

  toJSON(): number {
    return Number(this.spelling);
  }
}

/** The keys of ids. */
const ID_KEYS = new Set<unknown>(['id', 'pair_id', 'bon_uid']);
/** Values under these keys reach chat templates. */
const TEMPLATE_KEYS = [
  'tools',
  'tool_calls',
  'function_call',
  'function_calls',
  'functions',
  'chat_template_kwargs',
  'documents',
];

/** Every row is tested with these, so they must be fast; false positives cost only time. */
const LONG_NUMBER = /\d{16}/;
/** Not the digits behind a point. */
const LONG_INTEGER = /(?<![.\d])\d{16}/;
const SPELLED_ID = /id"\s*:\s*(?:-0|-?\d+[.eE])/;
const TEMPLATE_BEGINNINGS = ['"tool', '"function', '"chat_template_kwargs"', '"documents"'];
const FRACTION = /\d[.eE][-+\d]/;
const INTEGER_KEY = /"\d+"\s*:/;
/** Below these, templates print dictionaries in Python's order, that of the text. */
const PRINTED_KEYS = ['arguments', 'parameters', 'documents'];

function mayLoseDigits(text: string): boolean {
  if ((LONG_NUMBER.test(text) && LONG_INTEGER.test(text)) || SPELLED_ID.test(text)) return true;
  return TEMPLATE_BEGINNINGS.some((key) => text.includes(key)) && (FRACTION.test(text) || INTEGER_KEY.test(text));
}

type Path = readonly (string | number)[];

/**
 * JSON.parse, except that ids and values that reach templates keep their exact numbers.
 * @throws SyntaxError
 */
export function parseRow(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // Python writes NaN and Infinity, which matter only if the field is read.
    if (!/\b(?:NaN|Infinity)\b/.test(text)) throw error;
    try {
      return parseWithNumbers(text, numberAt, isPrintedBelow);
    } catch {
      throw error;
    }
  }
  return mayLoseDigits(text) ? parseWithNumbers(text, numberAt, isPrintedBelow) : value;
}

/** JSON text in a field, such as tools written as text. @throws SyntaxError */
export function parseTemplateJson(text: string): unknown {
  return parseWithNumbers(text, templateNumber, isPrinted);
}

const isPrinted = (path: Path): boolean => PRINTED_KEYS.some((key) => path.includes(key));
const isPrintedBelow = (path: Path): boolean => TEMPLATE_KEYS.some((key) => path.includes(key)) && isPrinted(path);

function numberAt(spelling: string, path: Path): unknown {
  if (path.some((key) => TEMPLATE_KEYS.includes(key as string))) return templateNumber(spelling);
  const value = Number(spelling);
  const isId = ID_KEYS.has(path.at(-1)) || (path[0] === 'annotations' && typeof path.at(-1) === 'number');
  const isExact = String(value) === spelling && Number.isSafeInteger(value);
  return !isId || isExact || !Number.isFinite(value) ? value : new JsonNumber(spelling);
}

/**
 * A number with Python's distinction: an integer (number, or bigint from 2^53 on), or a float: a number with a
 * fraction, else a Number object. These survive the transfer to worker threads.
 */
function templateNumber(spelling: string): unknown {
  const value = Number(spelling);
  if (/^-?\d+$/.test(spelling)) return Number.isSafeInteger(value) ? value + 0 : BigInt(spelling); // -0 is 0
  return Number.isInteger(value) ? Object(value) : value;
}

/** JSON for comparing and hashing, in which 1 and 1.0 differ; token ids are lists. */
export function exactText(value: unknown): string {
  return JSON.stringify(value, (_, entry: unknown) => {
    if (typeof entry === 'bigint') return { int: String(entry) };
    if (entry instanceof Map) return { entries: [...entry] };
    if (ArrayBuffer.isView(entry)) return Array.from(entry as Int32Array);
    return entry instanceof Number ? { float: String(entry) } : entry;
  });
}
