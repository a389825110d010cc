// `'%s: %d' % (name, 3)`: Python's printf-style formatting.

import {
  PythonBytes,
  PythonDict,
  PythonFloat,
  PythonRange,
  PythonTuple,
  textOf,
  typeName,
  Undefined,
  type Value,
} from '../values';
import { JinjaTypeError, JinjaValueError } from '../errors';
import { chargeText } from '../limits';
import { toFloat, toInteger, truncate, type Integer } from '../numbers';
import { codeEscape, repr, str } from '../printing';
import { codePoints, lengthOf } from '../text';
import { formatFloat, integerDigits } from './numbers';

const DIRECTIVE = /%(?:\(([^()]*(?:\([^()]*\)[^()]*)*)\))?([#0\- +]*)(\*|\d+)?(?:\.(\*|\d+)?)?[hlL]?(.)?/gsu;

/** @param escape applied to each value's text, for Markup. */
export function formatPercent(format: string, values: Value, escape?: (text: string) => string): string {
  const given = values instanceof PythonTuple ? values.items : [values];
  // What Python treats as a mapping here: anything with items by index, except tuples and texts.
  const isMapping = [PythonDict, Array, PythonRange, PythonBytes, Undefined].some((kind) => values instanceof kind);
  let taken = 0;
  const next = (): Value => {
    if (taken >= given.length) throw new JinjaTypeError('not enough arguments for format string');
    return given[taken++]!;
  };
  let length = 0;
  let usesNames = false;
  const text = format.replace(DIRECTIVE, (whole, ...groups: (string | undefined)[]) => {
    const [key, flags = '', width, precision, type] = groups;
    if (type === undefined) throw new JinjaValueError('incomplete format');
    if (type === '%' && whole === '%%') return '%';
    if (key !== undefined) {
      usesNames = true;
      if (!(values instanceof PythonDict)) throw new JinjaTypeError('format requires a mapping');
    }
    const size = (given: string | undefined): number | undefined => {
      if (given !== '*') return given === undefined ? undefined : Number(given);
      const value = toInteger(next());
      if (value === undefined) throw new JinjaTypeError('* wants int');
      return Number(value);
    };
    let minimum = size(width) ?? 0;
    const left = flags.includes('-') || minimum < 0;
    minimum = Math.abs(minimum);
    const digits =
      whole.includes('.', key === undefined ? 0 : key.length) && /\.\D*\d*[hlL]?.$/su.test(whole)
        ? (size(precision) ?? 0)
        : size(precision);
    const value = key === undefined ? next() : named(values as PythonDict, key);
    const shown = directive(value, type, flags, digits, escape);
    chargeText(Math.max(minimum, shown.length));
    length += Math.max(minimum, shown.length);
    chargeText(length / 64);
    return pad(shown, minimum, left, flags.includes('0') && !left && NUMERIC.has(type));
  });
  if (!usesNames && !isMapping && taken < given.length) {
    throw new JinjaTypeError('not all arguments converted during string formatting');
  }
  return text;
}

const NUMERIC = new Set('diuoxXeEfFgG');

function named(values: PythonDict, key: string): Value {
  const value = values.get(key);
  if (value === undefined) throw new JinjaValueError(`the format names '${key}', which is not given`);
  return value;
}

function directive(
  value: Value,
  type: string,
  flags: string,
  precision: number | undefined,
  escape?: (text: string) => string,
): string {
  if (type === 's' || type === 'r' || type === 'a') {
    const shown = type === 's' ? str(value) : repr(value);
    const ascii = type === 'a' ? shown.replace(/[^\x00-\x7f]/gu, (point) => codeEscape(point.codePointAt(0)!)) : shown;
    const text = escape ? escape(ascii) : ascii;
    return precision === undefined ? text : codePoints(text).slice(0, precision).join('');
  }
  if (type === 'c') return character(value);
  if (value instanceof Undefined) return value.fail();
  if ('diu'.includes(type)) return signed(decimal(whole(value, type, true), precision), flags);
  if ('oxX'.includes(type)) return based(whole(value, type, false), type, flags, precision);
  if ('eEfFgG'.includes(type)) {
    const float = toFloat(value);
    if (float === undefined) throw new JinjaTypeError(`must be real number, not ${typeName(value)}`);
    return signed(formatFloat(float, type as 'f', precision ?? 6, flags.includes('#')), flags);
  }
  throw new JinjaValueError(`unsupported format character '${type}'`);
}

function character(value: Value): string {
  const text = textOf(value);
  if (text !== undefined && lengthOf(text) === 1) return text;
  const code = toInteger(value);
  if (code === undefined) throw new JinjaTypeError('%c requires an int or a single character');
  if (code < 0 || code > 0x10ffff) throw new JinjaValueError('%c arg not in range(0x110000)');
  return String.fromCodePoint(Number(code));
}

function whole(value: Value, type: string, floats: boolean): Integer {
  if (value instanceof PythonFloat && floats) return truncate(value.value);
  const integer = toInteger(value);
  if (integer === undefined) {
    const expected = floats ? 'a real number is' : 'an integer is';
    throw new JinjaTypeError(`%${type} format: ${expected} required, not ${typeName(value)}`);
  }
  return integer;
}

function decimal(value: Integer, precision = 0): string {
  const digits = integerDigits(value < 0 ? -BigInt(value) : value, 10).padStart(precision, '0');
  return value < 0 ? `-${digits}` : digits;
}

function based(value: Integer, type: string, flags: string, precision = 0): string {
  const magnitude = value < 0 ? -BigInt(value) : value;
  const digits = integerDigits(magnitude, type === 'o' ? 8 : 16).padStart(precision, '0');
  const prefixed = `${flags.includes('#') ? `0${type.toLowerCase()}` : ''}${digits}`;
  const text = type === 'X' ? prefixed.toUpperCase() : prefixed;
  return signed(value < 0 ? `-${text}` : text, flags);
}

function signed(text: string, flags: string): string {
  if (text.startsWith('-')) return text;
  if (flags.includes('+')) return `+${text}`;
  return flags.includes(' ') ? ` ${text}` : text;
}

function pad(text: string, width: number, left: boolean, zeros: boolean): string {
  const missing = width - lengthOf(text);
  if (missing <= 0) return text;
  if (left) return text + ' '.repeat(missing);
  if (!zeros || /inf|nan/i.test(text)) return (zeros && /inf|nan/i.test(text) ? ' ' : ' ').repeat(missing) + text;
  const prefix = /^[+\- ]?(0[xXoO])?/.exec(text)![0];
  return prefix + '0'.repeat(missing) + text.slice(prefix.length);
}
