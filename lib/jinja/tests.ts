// jinja2's tests: the names after `is`.

import { native, softText } from './arguments';
import { isAllCase } from './case';
import { contains, equals, ordered, type Order } from './compare';
import {
  Callable,
  Markup,
  type NativeFunction,
  PythonBytes,
  PythonDict,
  PythonFloat,
  PythonRange,
  PythonTuple,
  textOf,
  Undefined,
  type Value,
} from './values';
import { isIterable } from './iteration';
import { isNumber, toInteger } from './numbers';
import { operate } from './operators';

export const TESTS = new Map<string, NativeFunction>();

/** A test of the value alone. */
export const one = (name: string, holds: (value: Value) => boolean): void => {
  TESTS.set(
    name,
    native(`is ${name}`, 'value /', ([value]) => holds(value!)),
  );
};
const two = (names: string, holds: (value: Value, other: Value) => boolean): void => {
  for (const name of names.split(' ')) {
    TESTS.set(
      name,
      native(`is ${name}`, 'value other /', ([value, other]) => holds(value!, other!)),
    );
  }
};

const divides = (value: Value, by: Value, rest: number): boolean => equals(operate('%', value, by), rest);
one('odd', (value) => divides(value, 2, 1));
one('even', (value) => divides(value, 2, 0));
TESTS.set(
  'divisibleby',
  native('is divisibleby', 'value num', ([value, by]) => divides(value!, by!, 0)),
);
one('defined', (value) => !(value instanceof Undefined));
one('undefined', (value) => value instanceof Undefined);
one('test', (value) => TESTS.has(nameIn(value)));
one('none', (value) => value === null);
one('boolean', (value) => typeof value === 'boolean');
one('true', (value) => value === true);
one('false', (value) => value === false);
one('integer', (value) => typeof value !== 'boolean' && toInteger(value) !== undefined);
one('float', (value) => value instanceof PythonFloat);
one('lower', (value) => isAllCase(softText(value), 'Uppercase'));
one('upper', (value) => isAllCase(softText(value), 'Lowercase'));
one('string', (value) => textOf(value) !== undefined);
one('mapping', (value) => value instanceof PythonDict);
one('number', isNumber);
one('sequence', isSequence);
one('iterable', isIterable);
one('callable', (value) => value instanceof Callable || value instanceof Undefined);
one('escaped', (value) => value instanceof Markup);
TESTS.set(
  'sameas',
  native('is sameas', 'value other', ([value, other]) => same(value!, other!)),
);
TESTS.set(
  'in',
  native('is in', 'value seq', ([value, container]) => contains(container!, value!)),
);

two('== eq equalto', equals);
two('!= ne', (value, other) => !equals(value, other));
for (const [names, order] of [
  ['> gt greaterthan', '>'],
  ['>= ge', '>='],
  ['< lt lessthan', '<'],
  ['<= le', '<='],
] as [string, Order][]) {
  two(names, (value, other) => ordered(order, value, other));
}

/** A name to look up; what cannot be a key raises. */
/** A name that a test asks about. */
export function nameIn(value: Value): string {
  new PythonDict().has(value);
  return textOf(value) ?? '';
}

function isSequence(value: Value): boolean {
  return (
    textOf(value) !== undefined ||
    value instanceof Undefined ||
    Array.isArray(value) ||
    value instanceof PythonTuple ||
    value instanceof PythonDict ||
    value instanceof PythonRange ||
    value instanceof PythonBytes
  );
}

/** Python's `is`: true for singletons, and for equal texts and small ints, which Python shares. */
function same(value: Value, other: Value): boolean {
  return value === other;
}
