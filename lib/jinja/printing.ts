// Values as Python prints them: str and repr.

import { JinjaTypeError } from './errors';
import { charge, checkLength, checkValueDepth } from './limits';
import { integerText } from './numbers';
import {
  DictView,
  Markup,
  NativeObject,
  PythonBytes,
  PythonFloat,
  PythonIterator,
  PythonRange,
  PythonTuple,
  Undefined,
  type Value,
} from './values';

/** Python's str(): what `{{ }}` prints. */
export function str(value: Value): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number') return String(value);
  if (value instanceof Undefined) return '';
  if (value instanceof Markup) return value.text;
  return repr(value);
}

export function repr(value: Value): string {
  const parts: string[] = [];
  let length = 0;
  write(value, 0, (text) => {
    length += text.length;
    checkLength(length);
    parts.push(text);
  });
  return parts.join('');
}

type Write = (text: string) => void;

function write(value: Value, depth: number, out: Write): void {
  charge(1);
  checkValueDepth(depth);
  if (Array.isArray(value)) writeItems('[', value, ']', depth, out);
  else if (value instanceof PythonTuple) {
    writeItems('(', value.items, value.items.length === 1 ? ',)' : ')', depth, out);
  } else if (value instanceof DictView) {
    out(`dict_${value.kind}(`);
    writeItems('[', value, '])', depth, out);
  } else if (typeof value === 'object' && value !== null && 'entries' in value) {
    let first = true;
    for (const entry of value.entries()) {
      out(first ? '{' : ', ');
      first = false;
      write(entry.key, depth + 1, out);
      out(': ');
      write(entry.value, depth + 1, out);
    }
    out(first ? '{}' : '}');
  } else out(scalarText(value));
}

function writeItems(open: string, items: Iterable<Value>, close: string, depth: number, out: Write): void {
  out(open);
  let first = true;
  for (const item of items) {
    if (!first) out(', ');
    first = false;
    write(item, depth + 1, out);
  }
  out(close);
}

function scalarText(value: Value): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'number' || typeof value === 'bigint') return integerText(value);
  if (typeof value === 'string') return quote(value);
  if (value instanceof PythonFloat) return floatText(value.value);
  if (value instanceof Markup) return `Markup(${quote(value.text)})`;
  if (value instanceof Undefined) return 'Undefined';
  if (value instanceof PythonRange) return rangeText(value);
  if (value instanceof PythonBytes) return bytesText(value);
  if (value instanceof NativeObject) return value.represent();
  if (value instanceof PythonIterator) return `<${value.kind} object>`;
  throw new JinjaTypeError('a value that cannot be printed');
}

function rangeText({ start, stop, step }: PythonRange): string {
  return `range(${start}, ${stop}${step === 1 ? '' : `, ${step}`})`;
}

/** The shortest decimal that reads as the same float, in Python's format. */
export function floatText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  if (Object.is(value, -0)) return '-0.0';
  const [mantissa, exponentText] = value.toExponential().split('e') as [string, string];
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) return `${mantissa}e${exponentSuffix(exponent)}`;
  const sign = mantissa.startsWith('-') ? '-' : '';
  const digits = mantissa.replace('-', '').replace('.', '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

export function exponentSuffix(exponent: number): string {
  return `${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}

const ESCAPES: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** The characters for which str.isprintable() is false. */
export const UNPRINTABLE = /(?! )[\p{C}\p{Z}]/u;
const TO_ESCAPE = /[\\]|(?! )[\p{C}\p{Z}]/gu;

/** Python's repr of a text, with the kind of quotes that needs no escape, if there is one. */
export function quote(text: string): string {
  charge(1 + text.length / 16);
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(TO_ESCAPE, (character) => ESCAPES[character] ?? codeEscape(character.codePointAt(0)!));
  return `${mark}${mark === "'" ? escaped.replaceAll("'", "\\'") : escaped}${mark}`;
}

/** \x41, \u4f60 or \U0001f600. */
export function codeEscape(code: number): string {
  const digits = code <= 0xff ? 2 : code <= 0xffff ? 4 : 8;
  return `\\${digits === 2 ? 'x' : digits === 4 ? 'u' : 'U'}${code.toString(16).padStart(digits, '0')}`;
}

function bytesText({ bytes }: PythonBytes): string {
  const text = String.fromCharCode(...bytes);
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(/[^\x20-\x5b\x5d-\x7e]/g, (character) => {
    return ESCAPES[character] ?? codeEscape(character.charCodeAt(0));
  });
  return `b${mark}${mark === "'" ? escaped.replaceAll("'", "\\'") : escaped}${mark}`;
}
