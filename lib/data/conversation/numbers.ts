// Numbers whose digits matter: ids, and what a chat template prints of tools and their calls. JSON.parse, which is
// fast, reads all rows; a row in which it would lose something is read once more.

import { parseWithNumbers } from '../../files/exact_json';

/**
 * A number as it is spelled, where JavaScript's number would be another one or print otherwise:
 * 12345678901234567890, 1.0.
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
/** What stands below these reaches chat templates. */
const TEMPLATE_KEYS = [
  'tools',
  'tool_calls',
  'function_call',
  'function_calls',
  'functions',
  'chat_template_kwargs',
  'documents',
];

/** Every row is asked these, so they are such as are found fast; that they find too much costs time alone. */
const LONG_NUMBER = /\d{16}/;
/** Not the digits behind a point. */
const LONG_INTEGER = /(?<![.\d])\d{16}/;
const SPELLED_ID = /id"\s*:\s*(?:-0|-?\d+[.eE])/;
const TEMPLATE_BEGINNINGS = ['"tool', '"function', '"chat_template_kwargs"', '"documents"'];
const FRACTION = /\d[.eE][-+\d]/;
const INTEGER_KEY = /"\d+"\s*:/;
/** Below these, templates print dictionaries, whose order is Python's: that of the text. */
const PRINTED_KEYS = ['arguments', 'parameters', 'documents'];

function mayLoseDigits(text: string): boolean {
  if ((LONG_NUMBER.test(text) && LONG_INTEGER.test(text)) || SPELLED_ID.test(text)) return true;
  return TEMPLATE_BEGINNINGS.some((key) => text.includes(key)) && (FRACTION.test(text) || INTEGER_KEY.test(text));
}

type Path = readonly (string | number)[];

/**
 * JSON.parse, but for ids and values that reach templates, which keep their numbers.
 * @throws SyntaxError
 */
export function parseRow(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    // Python writes NaN and Infinity, which only matter where the field is read.
    if (!/\b(?:NaN|Infinity)\b/.test(text)) throw error;
    try {
      return parseWithNumbers(text, numberAt, isPrintedBelow);
    } catch {
      throw error;
    }
  }
  return mayLoseDigits(text) ? parseWithNumbers(text, numberAt, isPrintedBelow) : value;
}

/** JSON text within a field, such as tools written as text. @throws SyntaxError */
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
 * A number as Python tells them apart: an integer (number, or bigint from 2^53 on), or a float: a number with a
 * fraction, else a Number object. These survive the way to worker threads.
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
