// Truth, equality, order and membership, as in Python.

import {
  DictView,
  NativeObject,
  PythonBytes,
  PythonDict,
  PythonFloat,
  PythonIterator,
  PythonRange,
  PythonTuple,
  textOf,
  typeName,
  Undefined,
  type Value,
} from './values';
import { JinjaTypeError, type JinjaError } from './errors';
import { charge, checkValueDepth } from './limits';
import { toInteger, type Integer } from './numbers';
import { iterate } from './iteration';

export function isTrue(value: Value): boolean {
  if (typeof value === 'boolean') return value;
  if (value === null || value === '' || value === 0) return false;
  if (typeof value !== 'object') return true;
  if (Array.isArray(value)) return value.length > 0;
  if (value instanceof PythonDict) return value.size > 0;
  if (value instanceof Undefined) return false;
  if (value instanceof PythonFloat) return value.value !== 0;
  if (value instanceof PythonTuple) return value.items.length > 0;
  if (value instanceof PythonRange || value instanceof DictView) return value.length > 0;
  if (value instanceof PythonBytes) return value.bytes.length > 0;
  return textOf(value) !== '';
}

export function equals(a: Value, b: Value): boolean {
  return a === b || equalValues(a, b, 0);
}

function equalValues(a: Value, b: Value, depth: number): boolean {
  if (a === b) return true;
  charge(1);
  checkValueDepth(depth);
  const text = textOf(a);
  if (text !== undefined) return text === textOf(b);
  const x = numeric(a);
  if (x !== undefined) {
    const y = numeric(b);
    // Loose equality, to compare a number with a bigint.
    return y !== undefined && x == y;
  }
  if (Array.isArray(a)) return Array.isArray(b) && equalItems(a, b, depth);
  if (a instanceof PythonTuple) return b instanceof PythonTuple && equalItems(a.items, b.items, depth);
  if (a instanceof PythonDict) return b instanceof PythonDict && equalDicts(a, b, depth);
  if (a instanceof Undefined) return b instanceof Undefined;
  if (a instanceof PythonRange) return b instanceof PythonRange && equalItems([...iterate(a)], [...iterate(b)], depth);
  if (a instanceof DictView) return b instanceof DictView && equalViews(a, b, depth);
  if (a instanceof PythonBytes) return b instanceof PythonBytes && Buffer.compare(a.bytes, b.bytes) === 0;
  return false;
}

function equalItems(a: readonly Value[], b: readonly Value[], depth: number): boolean {
  return a.length === b.length && a.every((item, i) => equalValues(item, b[i]!, depth + 1));
}

function equalDicts(a: PythonDict, b: PythonDict, depth: number): boolean {
  if (a.size !== b.size) return false;
  for (const { key, value } of a.entries()) {
    const other = b.get(key);
    if (other === undefined || !equalValues(value, other, depth + 1)) return false;
  }
  return true;
}

/** keys() and items() compare as sets, values() only by identity. */
function equalViews(a: DictView, b: DictView, depth: number): boolean {
  if (a.kind === 'values' || b.kind === 'values') return false;
  if (a.kind === b.kind) {
    if (a.kind === 'items') return equalDicts(a.dict, b.dict, depth);
    return a.length === b.length && [...a.dict.keys()].every((key) => b.dict.has(key));
  }
  return a.length === 0 && b.length === 0;
}

/** Ints and floats compare by value, whatever their size. */
function numeric(value: Value): Integer | undefined {
  return value instanceof PythonFloat ? value.value : toInteger(value);
}

export type Order = '<' | '<=' | '>' | '>=';

const HOLDS: Record<Order, (comparison: number) => boolean> = {
  '<': (comparison) => comparison < 0,
  '<=': (comparison) => comparison <= 0,
  '>': (comparison) => comparison > 0,
  '>=': (comparison) => comparison >= 0,
};

/** @throws JinjaTypeError if Python has no order for the two. */
export function ordered(order: Order, a: Value, b: Value): boolean {
  return HOLDS[order](comparison(order, a, b, 0));
}

/** Negative, zero or positive; NaN if no comparison holds. */
function comparison(order: Order, a: Value, b: Value, depth: number): number {
  charge(1);
  checkValueDepth(depth);
  const x = numeric(a);
  const y = numeric(b);
  if (x !== undefined && y !== undefined) return x < y ? -1 : x > y ? 1 : x == y ? 0 : NaN;
  const s = textOf(a);
  const t = textOf(b);
  if (s !== undefined && t !== undefined) return compareTexts(s, t);
  const items = sequenceItems(a);
  const others = sequenceItems(b);
  if (items && others && Array.isArray(a) === Array.isArray(b)) return compareItems(order, items, others, depth);
  if (a instanceof PythonBytes && b instanceof PythonBytes) return Buffer.compare(a.bytes, b.bytes);
  if (a instanceof DictView && b instanceof DictView && a.kind !== 'values' && b.kind !== 'values') {
    return compareSets(a, b);
  }
  throw notOrdered(order, a, b);
}

function notOrdered(order: Order, a: Value, b: Value): JinjaError {
  if (a instanceof Undefined) return a.fail();
  if (b instanceof Undefined) return b.fail();
  return new JinjaTypeError(`'${order}' not supported between instances of '${typeName(a)}' and '${typeName(b)}'`);
}

function sequenceItems(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value;
  return value instanceof PythonTuple ? value.items : undefined;
}

function compareItems(order: Order, a: readonly Value[], b: readonly Value[], depth: number): number {
  for (let i = 0; i < a.length && i < b.length; i++) {
    if (!equalValues(a[i]!, b[i]!, depth + 1)) return comparison(order, a[i]!, b[i]!, depth + 1);
  }
  return a.length - b.length;
}

/** A proper subset is less. */
function compareSets(a: DictView, b: DictView): number {
  if (equalViews(a, b, 0)) return 0;
  const within = (inner: DictView, outer: DictView): boolean => [...inner].every((item) => contains(outer, item));
  if (a.length < b.length && within(a, b)) return -1;
  return b.length < a.length && within(b, a) ? 1 : NaN;
}

/** Compares by code point; JavaScript's own comparison is by code unit. */
function compareTexts(a: string, b: string): number {
  charge(Math.min(a.length, b.length) / 16);
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates encode code points above all others.
    const isHigh = (unit: number): boolean => unit >= 0xd800 && unit < 0xe000;
    if (isHigh(x) !== isHigh(y)) return isHigh(x) ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}

/** Python's `item in container`. */
export function contains(container: Value, item: Value): boolean {
  charge(1);
  const text = textOf(container);
  if (text !== undefined) {
    const part = textOf(item);
    if (part === undefined) {
      throw new JinjaTypeError(`'in <string>' requires string as left operand, not ${typeName(item)}`);
    }
    charge(text.length / 16);
    return text.includes(part);
  }
  if (container instanceof PythonDict) return container.has(item);
  if (container instanceof DictView && container.kind === 'keys') return container.dict.has(item);
  if (Array.isArray(container)) return container.some((other) => equals(other, item));
  if (container instanceof PythonTuple) return container.items.some((other) => equals(other, item));
  if (container instanceof Undefined) return false;
  if (!isContainer(container)) throw new JinjaTypeError(`argument of type '${typeName(container)}' is not iterable`);
  for (const other of iterate(container)) if (equals(other, item)) return true;
  return false;
}

function isContainer(value: Value): boolean {
  return (
    value instanceof PythonRange ||
    value instanceof DictView ||
    value instanceof PythonIterator ||
    value instanceof PythonBytes ||
    (value instanceof NativeObject && Symbol.iterator in value)
  );
}
