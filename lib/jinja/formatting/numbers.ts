// Formats numbers with a given number of digits, like C's printf and Python.

import { JinjaValueError } from '../errors';
import { checkBits, chargeText } from '../limits';
import { bitLength, integerText, type Integer } from '../numbers';
import { exponentSuffix } from '../printing';

export function integerDigits(value: Integer, base: number): string {
  if (base === 10) return integerText(value);
  checkBits(bitLength(value));
  return BigInt(value).toString(base);
}

type FloatType = 'e' | 'E' | 'f' | 'F' | 'g' | 'G';

/** @param keep whether the point and trailing zeros are kept (the flag #). */
export function formatFloat(value: number, type: FloatType, precision: number, keep: boolean): string {
  if (precision > 1000) throw new JinjaValueError('more than 1000 digits behind the point');
  chargeText(precision + 400);
  const lower = type.toLowerCase() as 'e' | 'f' | 'g';
  const text = Number.isFinite(value) ? finite(value, lower, precision, keep) : notFinite(value);
  return type === lower ? text : text.toUpperCase();
}

const notFinite = (value: number): string => (Number.isNaN(value) ? 'nan' : value < 0 ? '-inf' : 'inf');

function finite(value: number, type: 'e' | 'f' | 'g', precision: number, keep: boolean): string {
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const magnitude = Math.abs(value);
  if (type === 'f') return sign + fixed(magnitude, precision) + (keep && precision === 0 ? '.' : '');
  if (type === 'e') return sign + scientific(magnitude, precision, keep);
  const digits = Math.max(precision, 1);
  const exponent = Number(scientific(magnitude, digits - 1, false).split('e')[1]);
  const isFixed = exponent >= -4 && exponent < digits;
  const text = isFixed ? fixed(magnitude, digits - 1 - exponent) : scientific(magnitude, digits - 1, keep);
  if (keep) return sign + (text.includes('.') ? text : `${text}.`);
  return sign + text.replace(/(\.\d*?)0+(?=e|$)/, '$1').replace(/\.(?=e|$)/, '');
}

/** The exact value of the float, rounded half to even: toFixed is exact only up to 100 digits and below 1e21. */
export function fixed(magnitude: number, precision: number): string {
  const [numerator, shift] = fraction(magnitude);
  const scaled = numerator * 10n ** BigInt(precision);
  const digits = roundedQuotient(scaled, 1n << BigInt(shift))
    .toString()
    .padStart(precision + 1, '0');
  return precision === 0 ? digits : `${digits.slice(0, -precision)}.${digits.slice(-precision)}`;
}

function scientific(magnitude: number, precision: number, keep: boolean): string {
  const point = keep && precision === 0 ? '.' : '';
  if (magnitude === 0)
    return `${(0).toFixed(Math.min(precision, 100)).padEnd(precision > 0 ? precision + 2 : 1, '0')}${point}e+00`;
  const [numerator, shift] = fraction(magnitude);
  let exponent = Number(magnitude.toExponential().split('e')[1]);
  for (;;) {
    const power = precision - exponent;
    const top = numerator * (power > 0 ? 10n ** BigInt(power) : 1n);
    const bottom = (1n << BigInt(shift)) * (power < 0 ? 10n ** BigInt(-power) : 1n);
    const digits = roundedQuotient(top, bottom).toString();
    if (digits.length > precision + 1) exponent += 1;
    else {
      const rest = digits.slice(1);
      return `${digits[0]}${rest === '' ? point : `.${rest}`}e${exponentSuffix(exponent)}`;
    }
  }
}

/** A float as numerator / 2^shift. */
export function fraction(magnitude: number): [bigint, number] {
  let shift = 0;
  while (!Number.isInteger(magnitude)) {
    magnitude *= 2;
    shift += 1;
  }
  return [BigInt(magnitude), shift];
}

/** The quotient rounded half to even. */
export function roundedQuotient(top: bigint, bottom: bigint): bigint {
  const quotient = top / bottom;
  const twice = (top % bottom) * 2n;
  return twice > bottom || (twice === bottom && quotient % 2n === 1n) ? quotient + 1n : quotient;
}

/** Commas or underscores between groups of digits. */
export function group(digits: string, separator: string, size: number): string {
  const groups: string[] = [];
  for (let end = digits.length; end > 0; end -= size) groups.unshift(digits.slice(Math.max(0, end - size), end));
  return groups.join(separator);
}
