// Filters on numbers.

import { native, needFloat, needIndex } from '../arguments';
import { isTrue } from '../compare';
import { fixed, formatFloat, fraction, roundedQuotient } from '../formatting/numbers';
import { JinjaTypeError, JinjaValueError, type JinjaError } from '../errors';
import { normalInteger } from '../kinds';
import { type NativeFunction, orElse, PythonFloat, textOf, typeName, Undefined, type Value } from '../values';
import { checkBits } from '../limits';
import {
  arithmetic,
  negate,
  parseFloatText,
  parseIntegerText,
  toFloat,
  toInteger,
  truncate,
  type Integer,
} from '../numbers';

export function addNumberFilters(filters: Map<string, NativeFunction>): void {
  filters.set(
    'abs',
    native('abs', 'x /', ([value]) => absolute(value!)),
  );
  filters.set(
    'int',
    native('int', 'value default? base?', ([value, otherwise = 0, base = 10]) =>
      toInt(value!, otherwise, needIndex(base, 'base')),
    ),
  );
  filters.set(
    'float',
    native('float', 'value default?', ([value, otherwise = new PythonFloat(0)]) => {
      return orElse(asFloat(value!), () => otherwise);
    }),
  );
  filters.set(
    'round',
    native('round', 'value precision? method?', ([value, precision = 0, method = 'common']) => {
      return round(value!, precision, method);
    }),
  );
  filters.set(
    'filesizeformat',
    native('filesizeformat', 'value binary?', ([value, binary = false]) => {
      return fileSize(value!, isTrue(binary));
    }),
  );
}

function absolute(value: Value): Value {
  const float = value instanceof PythonFloat ? value.value : undefined;
  if (float !== undefined) return new PythonFloat(Math.abs(float));
  const integer = toInteger(value);
  if (integer === undefined) throw wrongType(value, 'abs()');
  return integer < 0 ? negate(integer) : integer;
}

function wrongType(value: Value, what: string): JinjaError {
  if (value instanceof Undefined) return value.fail();
  return new JinjaTypeError(`bad operand type for ${what}: '${typeName(value)}'`);
}

function toInt(value: Value, otherwise: Value, base: number): Value {
  if (value instanceof Undefined) value.fail();
  const text = textOf(value);
  if (text !== undefined) {
    const integer = parseIntegerText(text, base);
    if (integer !== undefined) return integer;
    const float = parseFloatText(text);
    return float === undefined || !Number.isFinite(float) ? otherwise : truncate(float);
  }
  if (!(value instanceof PythonFloat)) return orElse(toInteger(value), () => otherwise);
  // Python's int() raises OverflowError for infinity, which the filter does not catch.
  if (!Number.isFinite(value.value) && !Number.isNaN(value.value))
    throw new JinjaValueError('cannot convert float infinity to integer');
  return Number.isNaN(value.value) ? otherwise : truncate(value.value);
}

function asFloat(value: Value): Value | undefined {
  if (value instanceof Undefined) value.fail();
  const text = textOf(value);
  const float = text === undefined ? toFloat(value) : parseFloatText(text);
  return float === undefined ? undefined : new PythonFloat(float);
}

function round(value: Value, precision: Value, method: Value): Value {
  if (method !== 'common' && method !== 'ceil' && method !== 'floor') {
    throw new JinjaValueError('method must be common, ceil or floor');
  }
  if (method !== 'common') return roundTo(value, precision, method === 'ceil' ? Math.ceil : Math.floor);
  const digits = needIndex(precision, 'precision');
  const integer = toInteger(value);
  if (integer !== undefined) return digits >= 0 ? integer : roundInteger(integer, -digits);
  if (!(value instanceof PythonFloat)) throw wrongType(value, 'round()');
  return new PythonFloat(roundFloat(value.value, digits));
}

/** `func(value * 10**precision) / 10**precision`. */
function roundTo(value: Value, precision: Value, whole: (value: number) => number): Value {
  const power = arithmetic('**', 10, precision);
  const scaled = power === undefined ? undefined : arithmetic('*', value, power);
  if (scaled === undefined || power === undefined) throw wrongType(value, 'round()');
  const integer = toInteger(scaled) ?? truncate(whole((scaled as PythonFloat).value));
  return arithmetic('/', integer, power)!;
}

function roundInteger(value: Integer, digits: number): Value {
  checkBits(digits * 4);
  const unit = 10n ** BigInt(digits);
  const magnitude = roundedQuotient(BigInt(value) < 0n ? -BigInt(value) : BigInt(value), unit) * unit;
  return normalInteger(value < 0 ? -magnitude : magnitude);
}

/** The float nearest to the decimal that is nearest to the exact value, half to even. */
function roundFloat(value: number, digits: number): number {
  if (!Number.isFinite(value) || digits > 323) return value;
  if (digits < -308) return value < 0 ? -0 : 0;
  const magnitude = Math.abs(value);
  const rounded = digits >= 0 ? Number(fixed(magnitude, digits)) : roundToTens(magnitude, -digits);
  return value < 0 || Object.is(value, -0) ? -rounded : rounded;
}

function roundToTens(magnitude: number, digits: number): number {
  const [numerator, shift] = fraction(magnitude);
  const unit = 10n ** BigInt(digits);
  return Number(roundedQuotient(numerator, unit << BigInt(shift)) * unit);
}

const UNITS = ['kB', 'MB', 'GB', 'TB', 'PB', 'EB', 'ZB', 'YB'];

function fileSize(value: Value, binary: boolean): string {
  const text = textOf(value);
  const parsed = text === undefined ? undefined : parseFloatText(text);
  if (text !== undefined && parsed === undefined)
    throw new JinjaValueError(`could not convert string to float: '${text}'`);
  const bytes = parsed ?? needFloat(value, 'a file size');
  const base = binary ? 1024 : 1000;
  if (bytes === 1) return '1 Byte';
  if (bytes < base) return `${truncate(bytes)} Bytes`;
  const place = UNITS.findIndex((_, i) => bytes < base ** (i + 2));
  const at = place < 0 ? UNITS.length - 1 : place;
  const unit = binary ? `${UNITS[at]![0]!.toUpperCase()}iB` : UNITS[at]!;
  return `${formatFloat((base * bytes) / base ** (at + 2), 'f', 1, false)} ${unit}`;
}
