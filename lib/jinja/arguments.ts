// Binds the arguments of native functions, by position and by name, like Python.

import { JinjaTypeError } from './errors';
import { type Keywords, type NativeFunction, textOf, typeName, Undefined, type Value } from './values';
import { toFloat, toIndex } from './numbers';
import { str } from './printing';

export type Bound = readonly (Value | undefined)[];

/**
 * Reads arguments for the parameters of `signature`: names separated by spaces, with `?` after optional ones, and `/`
 * after those that cannot be given by name. An argument that is not given is undefined.
 */
export function parameters(name: string, signature: string): (args: readonly Value[], keywords: Keywords) => Bound {
  const words = signature.split(' ').filter((word) => word !== '');
  const byPlace = words.indexOf('/');
  const names = words.filter((word) => word !== '/').map((word) => word.replace('?', ''));
  const required = words.filter((word) => word !== '/' && !word.endsWith('?')).length;
  return (args, keywords) => {
    if (keywords === undefined && args.length >= required && args.length <= names.length) return args;
    return bind(name, names, required, Math.max(byPlace, 0), args, keywords);
  };
}

/** A native function with such a signature. */
export function native(name: string, signature: string, body: (bound: Bound) => Value): NativeFunction {
  const read = parameters(name, signature);
  return (args, keywords) => body(read(args, keywords));
}

function bind(
  name: string,
  names: readonly string[],
  required: number,
  byPlace: number,
  args: readonly Value[],
  keywords: Keywords,
): Bound {
  if (args.length > names.length) {
    throw new JinjaTypeError(`${name}() takes at most ${names.length} arguments (${args.length} given)`);
  }
  const bound: (Value | undefined)[] = [...args];
  for (const [keyword, value] of keywords ?? []) {
    const place = names.indexOf(keyword);
    if (place < byPlace) throw new JinjaTypeError(`${name}() got an unexpected keyword argument '${keyword}'`);
    if (bound[place] !== undefined) throw new JinjaTypeError(`${name}() got two values for the argument '${keyword}'`);
    bound[place] = value;
  }
  for (let i = 0; i < required; i++) {
    if (bound[i] === undefined) throw new JinjaTypeError(`${name}() lacks the argument '${names[i]}'`);
  }
  return bound;
}

/** The text; any other value raises an error, as in str's methods. */
export function needText(value: Value | undefined, what: string): string {
  const text = textOf(value ?? null);
  if (text === undefined) throw wrong(value, what, 'a text');
  return text;
}

/** The text as jinja2's filters convert it: other values are printed. */
export const softText = (value: Value | undefined): string => str(value ?? null);

export function needIndex(value: Value | undefined, what: string): number {
  const index = toIndex(value ?? null);
  if (index === undefined) throw wrong(value, what, 'an integer');
  return index;
}

export function needFloat(value: Value | undefined, what: string): number {
  const float = toFloat(value ?? null);
  if (float === undefined) throw wrong(value, what, 'a number');
  return float;
}

function wrong(value: Value | undefined, what: string, expected: string): Error {
  if (value instanceof Undefined) return value.fail();
  return new JinjaTypeError(`${what} must be ${expected}, not ${typeName(value ?? null)}`);
}
