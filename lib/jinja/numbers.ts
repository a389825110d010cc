// Python's arithmetic: ints of any size, floats, and the rules of // and % for negative numbers.

import { pythonStrip } from '../data/python_text';
import { JinjaTypeError, JinjaValueError } from './errors';
import { normalInteger } from './kinds';
import { PythonFloat, typeName, type Value } from './values';
import { checkBits } from './limits';

export type Integer = number | bigint;

/** An int; True is 1. Undefined for everything else. */
export function toInteger(value: Value): Integer | undefined {
  if (typeof value === 'number' || typeof value === 'bigint') return value;
  return typeof value === 'boolean' ? Number(value) : undefined;
}

/** An int for indexing; one that is too large for a list counts as infinite. */
export function toIndex(value: Value): number | undefined {
  const integer = toInteger(value);
  return integer === undefined ? undefined : Number(integer);
}

export const isNumber = (value: Value): boolean => value instanceof PythonFloat || toInteger(value) !== undefined;

/** As a JavaScript number; undefined if the value is not a number. */
export function toFloat(value: Value): number | undefined {
  if (value instanceof PythonFloat) return value.value;
  const integer = toInteger(value);
  if (typeof integer !== 'bigint') return integer;
  const float = Number(integer);
  if (!Number.isFinite(float)) throw new JinjaValueError('int too large to convert to float');
  return float;
}

type BinaryOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**';

/** The result for two numbers; undefined if one of them is not a number. */
export function arithmetic(operator: BinaryOperator, left: Value, right: Value): Value | undefined {
  const a = toInteger(left);
  const b = toInteger(right);
  if (a !== undefined && b !== undefined) return onIntegers(operator, a, b);
  const x = toFloat(left);
  const y = toFloat(right);
  if (x === undefined || y === undefined) return undefined;
  return new PythonFloat(onFloats(operator, x, y));
}

function onIntegers(operator: BinaryOperator, a: Integer, b: Integer): Value {
  if (operator === '/') return new PythonFloat(divideIntegers(a, b));
  if (operator === '**') return power(a, b);
  if ((operator === '//' || operator === '%') && Number(b) === 0) {
    throw new JinjaValueError(`integer ${operator === '%' ? 'modulo' : 'division or modulo'} by zero`);
  }
  if (typeof a === 'number' && typeof b === 'number') {
    const result = small(operator, a, b);
    if (Number.isSafeInteger(result)) return result === 0 ? 0 : result;
  }
  return normalInteger(large(operator, BigInt(a), BigInt(b)));
}

function small(operator: BinaryOperator, a: number, b: number): number {
  if (operator === '+') return a + b;
  if (operator === '-') return a - b;
  if (operator === '*') return a * b;
  const remainder = floorRemainder(a, b);
  return operator === '%' ? remainder : (a - remainder) / b;
}

/** The remainder with the sign of the divisor. */
function floorRemainder(a: number, b: number): number {
  const remainder = a % b;
  return remainder !== 0 && remainder < 0 !== b < 0 ? remainder + b : remainder;
}

function large(operator: BinaryOperator, a: bigint, b: bigint): bigint {
  if (operator === '+') return a + b;
  if (operator === '-') return a - b;
  if (operator === '*') {
    checkBits(bitLength(a) + bitLength(b));
    return a * b;
  }
  const remainder = a % b;
  const floored = remainder !== 0n && remainder < 0n !== b < 0n ? remainder + b : remainder;
  return operator === '%' ? floored : (a - floored) / b;
}

export function bitLength(value: Integer): number {
  const magnitude = BigInt(value) < 0n ? -BigInt(value) : BigInt(value);
  return magnitude === 0n ? 0 : magnitude.toString(2).length;
}

/** The float nearest to the true quotient, also for ints that floats cannot represent. */
function divideIntegers(a: Integer, b: Integer): number {
  if (Number(b) === 0) throw new JinjaValueError('division by zero');
  if (typeof a === 'number' && typeof b === 'number') return a / b;
  const negative = BigInt(a) < 0n !== BigInt(b) < 0n;
  const top = BigInt(a) < 0n ? -BigInt(a) : BigInt(a);
  const bottom = BigInt(b) < 0n ? -BigInt(b) : BigInt(b);
  // 64 bits or more of the quotient, with the last bit set if there is a remainder: then Number() rounds correctly.
  const shift = Math.max(0, 66 - bitLength(top) + bitLength(bottom));
  const quotient = (top << BigInt(shift)) / bottom;
  const rest = (top << BigInt(shift)) % bottom === 0n ? 0n : 1n;
  const magnitude = Number((quotient << 1n) | rest) / 2 ** (shift + 1);
  if (!Number.isFinite(magnitude)) throw new JinjaValueError('integer division result too large for a float');
  return negative ? -magnitude : magnitude;
}

function power(a: Integer, b: Integer): Value {
  if (Number(b) < 0) {
    if (Number(a) === 0) throw new JinjaValueError('0.0 cannot be raised to a negative power');
    return new PythonFloat(Number(a) ** Number(b));
  }
  if (Number(a) === 0 || Number(a) === 1) return Number(b) === 0 ? 1 : a;
  if (Number(a) === -1) return BigInt(b) % 2n === 0n ? 1 : -1;
  checkBits((bitLength(a) - 1) * Number(b));
  return normalInteger(BigInt(a) ** BigInt(b));
}

function onFloats(operator: BinaryOperator, x: number, y: number): number {
  if (operator === '+') return x + y;
  if (operator === '-') return x - y;
  if (operator === '*') return x * y;
  if (operator === '**') return floatPower(x, y);
  if (y === 0) throw new JinjaValueError('float division by zero');
  if (operator === '/') return x / y;
  const [quotient, remainder] = floatDivision(x, y);
  return operator === '%' ? remainder : quotient;
}

function floatPower(x: number, y: number): number {
  if (x === 0 && y < 0) throw new JinjaValueError('0.0 cannot be raised to a negative power');
  if (x < 0 && Number.isFinite(x) && Number.isFinite(y) && !Number.isInteger(y)) {
    throw new JinjaValueError('a power of a negative number is complex, which templates have no numbers for');
  }
  if (x === 1 || (x === -1 && !Number.isFinite(y) && !Number.isNaN(y))) return 1;
  const result = x ** y;
  if (!Number.isFinite(result) && Number.isFinite(x) && Number.isFinite(y)) {
    throw new JinjaValueError('the result of ** is too large for a float');
  }
  return result;
}

/** CPython's float_divmod. */
function floatDivision(x: number, y: number): [number, number] {
  let remainder = x % y;
  let quotient = (x - remainder) / y;
  if (remainder !== 0) {
    if (y < 0 !== remainder < 0) {
      remainder += y;
      quotient -= 1;
    }
  } else remainder = y < 0 ? -0 : 0;
  if (quotient === 0) return [x / y < 0 || Object.is(x / y, -0) ? -0 : 0, remainder];
  const floored = Math.floor(quotient);
  return [quotient - floored > 0.5 ? floored + 1 : floored, remainder];
}

export function negate(value: Value): Value {
  if (value instanceof PythonFloat) return new PythonFloat(-value.value);
  const integer = toInteger(value);
  if (integer === undefined) throw new JinjaTypeError(`bad operand type for unary -: '${typeName(value)}'`);
  return integer === 0 ? 0 : normalInteger(-BigInt(integer));
}

export function positive(value: Value): Value {
  const result = value instanceof PythonFloat ? value : toInteger(value);
  if (result === undefined) throw new JinjaTypeError(`bad operand type for unary +: '${typeName(value)}'`);
  return result;
}

/** The int of a float, rounded toward zero. */
export function truncate(value: number): Integer {
  if (Number.isNaN(value)) throw new JinjaValueError('cannot convert float NaN to integer');
  if (!Number.isFinite(value)) throw new JinjaValueError('cannot convert float infinity to integer');
  const whole = Math.trunc(value);
  return Number.isSafeInteger(whole) ? whole + 0 : BigInt(whole);
}

const FLOAT = /^[+-]?(?:(?:\d+(?:_\d+)*)?\.?(?:\d+(?:_\d+)*)?(?:e[+-]?\d+(?:_\d+)*)?|inf(?:inity)?|nan)$/i;

/** Python's float(text); undefined if that fails. */
export function parseFloatText(text: string): number | undefined {
  const stripped = asciiDigits(pythonStrip(text));
  if (!FLOAT.test(stripped) || !/\d|inf|nan/i.test(stripped) || /^[+-]?e|^[+-]?\.?(e|$)/i.test(stripped))
    return undefined;
  if (/\d\._|_\./.test(stripped)) return undefined;
  const plain = stripped.replace(/_/g, '').toLowerCase();
  if (plain.includes('nan')) return NaN;
  if (plain.includes('inf')) return plain.startsWith('-') ? -Infinity : Infinity;
  return Number(plain);
}

const DIGITS = '0123456789abcdefghijklmnopqrstuvwxyz';
const PREFIXES: Record<string, number> = { '0x': 16, '0o': 8, '0b': 2 };

/** Python's int(text, base); undefined if that fails. */
export function parseIntegerText(text: string, base = 10): Integer | undefined {
  const match = /^([+-]?)(.*)$/s.exec(asciiDigits(pythonStrip(text)).toLowerCase())!;
  let digits = match[2]!;
  const prefix = PREFIXES[digits.slice(0, 2)];
  if (prefix !== undefined && (base === prefix || base === 0)) {
    digits = digits.slice(2).replace(/^_/, '');
    base = prefix;
  } else if (base === 0) {
    if (/^0[0_]*[1-9]/.test(digits)) return undefined;
    base = 10;
  }
  if (base < 2 || base > 36 || !/^[a-z\d]+(_[a-z\d]+)*$/.test(digits)) return undefined;
  digits = digits.replace(/_/g, '');
  if (digits.length > MAX_DIGITS && (base & (base - 1)) !== 0) return undefined;
  checkBits(digits.length * Math.log2(base));
  let value = 0n;
  for (const digit of digits) {
    const worth = DIGITS.indexOf(digit);
    if (worth < 0 || worth >= base) return undefined;
    value = value * BigInt(base) + BigInt(worth);
  }
  return normalInteger(match[1] === '-' ? -value : value);
}

/** The maximum number of digits of an integer that Python prints or reads. */
const MAX_DIGITS = 4300;

export function integerText(value: Integer): string {
  if (typeof value === 'number') return String(value);
  const text = String(value);
  if (text.length > MAX_DIGITS + Number(value < 0n)) {
    throw new JinjaValueError(`Exceeds the limit (${MAX_DIGITS} digits) for integer string conversion`);
  }
  return text;
}

/** Decimal digits of other scripts as ASCII ones. Unicode lays them out in runs of ten, from zero. */
function asciiDigits(text: string): string {
  return text.replace(/(?![0-9])\p{Nd}/gu, (digit) => {
    const code = digit.codePointAt(0)!;
    let before = 0;
    while (/\p{Nd}/u.test(String.fromCodePoint(code - before - 1))) before += 1;
    return String(before % 10);
  });
}
