// The format specifier after the colon in `'{:>10.2f}'`.

import { JinjaValueError } from '../errors';
import { chargeText } from '../limits';
import { toFloat, type Integer } from '../numbers';
import { floatText } from '../printing';
import { codePoints, lengthOf } from '../text';
import { PythonFloat } from '../values';
import { formatFloat, group, integerDigits } from './numbers';

const SPEC = /^(?:(.)?([<>=^]))?([-+ ])?(z)?(#)?(0)?(\d+)?([_,])?(?:\.(\d+))?(.)?$/su;

interface Spec {
  fill: string;
  align: string | undefined;
  sign: string;
  /** No minus before a zero. */
  positiveZero: boolean;
  alternate: boolean;
  width: number;
  grouping: string;
  precision: number | undefined;
  type: string;
}

export function formatSpec(value: string | Integer | PythonFloat, text: string): string {
  const spec = parse(text);
  chargeText(spec.width + (spec.precision ?? 0));
  if (typeof value === 'string') return formatText(value, spec);
  if (spec.type === 'c' && !(value instanceof PythonFloat))
    return pad(String.fromCodePoint(Number(value)), '', spec, '<');
  const isFloat = value instanceof PythonFloat || 'eEfFgG%'.includes(spec.type || ' ');
  return isFloat ? formatReal(toFloat(value)!, spec) : formatInteger(value, spec);
}

function parse(text: string): Spec {
  const match = SPEC.exec(text);
  if (!match) throw new JinjaValueError(`Invalid format specifier '${text}'`);
  const [, fill, align, sign, positive, alternate, zero, width, grouping, precision, type] = match;
  return {
    fill: fill ?? (zero && !align ? '0' : (zero ?? ' ')),
    align: align ?? (zero ? '=' : undefined),
    sign: sign ?? '-',
    positiveZero: positive !== undefined,
    alternate: alternate !== undefined,
    width: Number(width ?? 0),
    grouping: grouping ?? '',
    precision: precision === undefined ? undefined : Number(precision),
    type: type ?? '',
  };
}

function formatText(value: string, spec: Spec): string {
  if (spec.type !== '' && spec.type !== 's') throw unknownType(spec, 'str');
  if (spec.align === '=' && spec.fill !== '0')
    throw new JinjaValueError("'=' alignment not allowed in string format specifier");
  if (spec.sign !== '-' || spec.alternate || spec.grouping)
    throw new JinjaValueError('a text is formatted as a number');
  const shown = spec.precision === undefined ? value : codePoints(value).slice(0, spec.precision).join('');
  return pad(shown, '', spec.align === '=' ? { ...spec, align: '<' } : spec, '<');
}

function unknownType({ type }: Spec, of: string): JinjaValueError {
  return new JinjaValueError(`Unknown format code '${type}' for object of type '${of}'`);
}

const BASES: Record<string, number> = { '': 10, d: 10, n: 10, b: 2, o: 8, x: 16, X: 16 };

function formatInteger(value: Integer, spec: Spec): string {
  const base = BASES[spec.type];
  if (base === undefined) throw unknownType(spec, 'int');
  if (spec.positiveZero) throw new JinjaValueError('Negative zero coercion (z) is for floats');
  if (spec.precision !== undefined) throw new JinjaValueError('Precision not allowed in integer format specifier');
  if (spec.grouping === ',' && base !== 10) throw new JinjaValueError(`Cannot specify ',' with '${spec.type}'.`);
  let digits = integerDigits(value < 0 ? -BigInt(value) : value, base);
  const prefix = spec.alternate && base !== 10 ? `0${spec.type.toLowerCase()}` : '';
  const sign = value < 0 ? '-' : spec.sign === '-' ? '' : spec.sign;
  digits = grouped(digits, '', sign + prefix, spec, base === 10 ? 3 : 4);
  const text = pad(digits, sign + prefix, spec, '>');
  return spec.type === 'X' ? text.toUpperCase() : text;
}

function formatReal(value: number, spec: Spec): string {
  const magnitude = Math.abs(value);
  const isNegative = value < 0 || Object.is(value, -0);
  const negative = isNegative && !(spec.positiveZero && !/[1-9]/.test(realText(magnitude, spec)));
  const sign = negative ? '-' : spec.sign === '-' ? '' : spec.sign;
  const shown = realText(magnitude, spec);
  const match = /^(\d+)(.*)$/s.exec(shown);
  const digits = match ? grouped(match[1]!, match[2]!, sign, spec, 3) : shown;
  return pad(digits, sign, spec, '>');
}

function realText(magnitude: number, spec: Spec): string {
  const { type, precision, alternate } = spec;
  if (type === '%') return `${formatFloat(magnitude * 100, 'f', precision ?? 6, alternate)}%`;
  if (type === '' && precision === undefined) return floatText(magnitude);
  if (type === '' || type === 'n') {
    const text = formatFloat(magnitude, 'g', precision ?? 6, alternate);
    // Without a type, a float has at least one digit after the point, unlike an int.
    if (type === 'n' || !/^\d+$/.test(text)) return text;
    return text.length > (precision ?? 6) - 1 + Number(precision === 0) && text.length === (precision ?? 6)
      ? formatFloat(magnitude, 'e', Math.max((precision ?? 6) - 1, 0), false)
          .replace(/(\.\d*?)0+(?=e)/, '$1')
          .replace(/\.(?=e)/, '')
      : `${text}.0`;
  }
  if (!'eEfFgG'.includes(type)) throw unknownType(spec, 'float');
  return formatFloat(magnitude, type as 'f', precision ?? 6, alternate);
}

/** Digits with separators; zeros that fill the width are separated too. */
function grouped(digits: string, rest: string, before: string, spec: Spec, size: number): string {
  if (spec.grouping === '') return digits + rest;
  let text = group(digits, spec.grouping, size);
  if (spec.fill === '0' && spec.align === '=') {
    while (before.length + text.length + rest.length < spec.width) {
      digits = `0${digits}`;
      text = group(digits, spec.grouping, size);
    }
  }
  return text + rest;
}

function pad(text: string, sign: string, spec: Spec, usual: string): string {
  const missing = spec.width - lengthOf(text) - sign.length;
  if (missing <= 0) return sign + text;
  const align = spec.align ?? usual;
  const fill = (count: number): string => spec.fill.repeat(count);
  if (align === '=') return sign + fill(missing) + text;
  if (align === '<') return sign + text + fill(missing);
  if (align === '>') return fill(missing) + sign + text;
  return fill(Math.floor(missing / 2)) + sign + text + fill(Math.ceil(missing / 2));
}
