// Iteration over values, and their lengths.

import {
  DictView,
  NativeObject,
  PythonBytes,
  PythonDict,
  PythonIterator,
  PythonRange,
  PythonTuple,
  textOf,
  typeName,
  Undefined,
  type Value,
} from './values';
import { JinjaTypeError } from './errors';
import { notIterable } from './kinds';
import { charge } from './limits';
import { codePoints, lengthOf } from './text';

/** @throws JinjaTypeError if the value is not iterable. */
export function iterate(value: Value): Iterable<Value> {
  if (Array.isArray(value)) return value;
  const text = textOf(value);
  if (text !== undefined) return codePoints(text);
  if (value instanceof PythonDict) return value.keys();
  if (value instanceof PythonTuple) return value.items;
  if (value instanceof Undefined) return [];
  if (value instanceof PythonRange) return rangeItems(value);
  if (value instanceof DictView || value instanceof PythonIterator) return value;
  if (value instanceof PythonBytes) return value.bytes;
  if (value instanceof NativeObject && Symbol.iterator in value) return value as unknown as Iterable<Value>;
  throw notIterable(value);
}

function* rangeItems(range: PythonRange): Iterable<Value> {
  for (let i = 0; i < range.length; i++) yield range.at(i);
}

export function isIterable(value: Value): boolean {
  try {
    if (textOf(value) === undefined) iterate(value);
    return true;
  } catch {
    return false;
  }
}

/** All items; they count toward the limits. */
export function listOf(value: Value): Value[] {
  const items: Value[] = [];
  for (const item of iterate(value)) {
    charge(1);
    items.push(item);
  }
  return items;
}

/** Python's len(); undefined if the value has none. */
export function knownLength(value: Value): number | undefined {
  if (Array.isArray(value)) return value.length;
  const text = textOf(value);
  if (text !== undefined) return lengthOf(text);
  if (value instanceof PythonDict) return value.size;
  if (value instanceof PythonTuple) return value.items.length;
  if (value instanceof Undefined) return 0;
  if (value instanceof PythonRange || value instanceof DictView) return value.length;
  if (value instanceof PythonBytes) return value.bytes.length;
  if (value instanceof NativeObject && 'length' in value) return value.length as number;
  return undefined;
}

export function pythonLength(value: Value): number {
  const length = knownLength(value);
  if (length === undefined) throw new JinjaTypeError(`object of type '${typeName(value)}' has no len()`);
  return length;
}
