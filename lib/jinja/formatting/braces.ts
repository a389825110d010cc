// `'{} {name!r:>10}'.format(…)`: Python's format strings, with fields looked up by the rules of templates.

import { type Keywords, type PythonDict, PythonFloat, textOf, typeName, type Value } from '../values';
import { JinjaTypeError, JinjaValueError } from '../errors';
import { normalInteger } from '../kinds';
import { chargeText } from '../limits';
import { codeEscape, repr, str } from '../printing';
import { toInteger } from '../numbers';
import { formatSpec } from './spec';

export interface Lookup {
  attribute(object: Value, name: string): Value;
  item(object: Value, index: Value): Value;
}

export function formatBraces(
  format: string,
  args: readonly Value[],
  keywords: Keywords | PythonDict,
  lookup: Lookup,
): string {
  return new Formatter(args, keywords, lookup).format(format, 2);
}

class Formatter {
  private automatic = 0;
  private numbering: 'automatic' | 'given' | undefined;

  constructor(
    private readonly args: readonly Value[],
    private readonly keywords: Keywords | PythonDict,
    private readonly lookup: Lookup,
  ) {}

  format(format: string, depth: number): string {
    if (depth < 0) throw new JinjaValueError('Max string recursion exceeded');
    let text = '';
    for (let at = 0; at < format.length;) {
      const next = /[{}]/g;
      next.lastIndex = at;
      const match = next.exec(format);
      if (!match) return text + format.slice(at);
      text += format.slice(at, match.index);
      const [brace] = match;
      if (format[match.index + 1] === brace) {
        text += brace;
        at = match.index + 2;
      } else if (brace === '}') throw new JinjaValueError("Single '}' encountered in format string");
      else {
        const end = fieldEnd(format, match.index + 1);
        text += this.field(format.slice(match.index + 1, end), depth);
        at = end + 1;
      }
      chargeText(text.length / 8);
    }
    return text;
  }

  private field(field: string, depth: number): string {
    const match = /^((?:[^[:!]|\[[^\]]*\])*)(?:!(.?)([^:]*))?(?::(.*))?$/su.exec(field);
    if (!match) throw new JinjaValueError(`a field of the format cannot be read: '{${field}}'`);
    const [, path, conversion, junk, spec] = match;
    if (junk) throw new JinjaValueError("expected ':' after conversion specifier");
    const value = convert(this.value(path!), conversion);
    return formatValue(value, spec === undefined ? '' : this.format(spec, depth - 1));
  }

  private value(path: string): Value {
    const [first] = /^[^.[]*/.exec(path)!;
    let value = this.first(first);
    const rest = path.slice(first.length);
    const step = /\.([^.[]+)|\[([^\]]+)\]/gy;
    let at = 0;
    for (let match = step.exec(rest); match; match = step.exec(rest)) {
      at = step.lastIndex;
      const [, name, index] = match;
      if (name !== undefined) value = this.lookup.attribute(value, name);
      else value = this.lookup.item(value, /^\d+$/.test(index!) ? normalInteger(BigInt(index!)) : index!);
    }
    if (at < rest.length) throw new JinjaValueError(`a field of the format cannot be read: '{${path}}'`);
    return value;
  }

  private first(name: string): Value {
    const isNumber = name === '' || /^\d+$/.test(name);
    if (isNumber) {
      const numbering = name === '' ? 'automatic' : 'given';
      if (this.numbering !== undefined && this.numbering !== numbering) {
        throw new JinjaValueError('fields with numbers and without cannot be mixed in a format');
      }
      this.numbering = numbering;
      const place = name === '' ? this.automatic++ : Number(name);
      const value = this.args[place];
      if (value === undefined) throw new JinjaValueError(`the format asks for argument ${place}, which is not given`);
      return value;
    }
    const value = this.keywords?.get(name);
    if (value === undefined) throw new JinjaValueError(`the format names '${name}', which is not given`);
    return value;
  }
}

function fieldEnd(format: string, begin: number): number {
  let depth = 1;
  for (let at = begin; at < format.length; at++) {
    if (format[at] === '{') depth += 1;
    else if (format[at] === '}' && --depth === 0) return at;
    else if (format[at] === '[' && depth === 1) {
      const close = format.indexOf(']', at);
      if (close > 0) at = close;
    }
  }
  throw new JinjaValueError("expected '}' before end of string");
}

function convert(value: Value, conversion: string | undefined): Value {
  if (conversion === undefined) return value;
  if (conversion === 's') return str(value);
  if (conversion === 'r') return repr(value);
  if (conversion === 'a') return repr(value).replace(/[^\x00-\x7f]/gu, (point) => codeEscape(point.codePointAt(0)!));
  throw new JinjaValueError(`unknown conversion '!${conversion}' in a format`);
}

function formatValue(value: Value, spec: string): string {
  if (spec === '') return str(value);
  const text = textOf(value);
  if (text !== undefined) return formatSpec(text, spec);
  if (value instanceof PythonFloat) return formatSpec(value, spec);
  const integer = toInteger(value);
  if (integer !== undefined) return formatSpec(integer, spec);
  throw new JinjaTypeError(`unsupported format string passed to ${typeName(value)}.__format__`);
}
