// The type of a value, and the conversion from JSON's values to Python's.

import { NativeObject, PythonDict, PythonFloat, PythonTuple, typeName, Undefined, type Value } from './values';
import { JinjaTypeError } from './errors';

export function notIterable(value: Value): JinjaTypeError {
  return new JinjaTypeError(`'${typeName(value)}' object is not iterable`);
}

/**
 * Converts values of JSON and JavaScript to Python's. Objects become dictionaries in the order of their keys; numbers
 * with a fraction become floats, others ints. A caller who knows more (1.0 in a file is a float) passes a Number
 * object, which always becomes a float, or a bigint.
 */
export function toPython(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return numberToPython(value);
  if (typeof value === 'bigint') return normalInteger(value);
  if (value instanceof Number) return new PythonFloat(Number(value));
  if (Array.isArray(value)) return value.map(toPython);
  if (isPython(value)) return value;
  if (value instanceof Map) return dictOf(value.entries());
  if (typeof value === 'object') return dictOf(Object.entries(value));
  throw new JinjaTypeError(`a ${typeof value} cannot be given to a template`);
}

/** Values that the caller has already converted: floats without fraction, dictionaries with keys of other types. */
function isPython(value: unknown): value is PythonFloat | PythonDict | PythonTuple | Undefined | NativeObject {
  return (
    value instanceof PythonFloat ||
    value instanceof PythonDict ||
    value instanceof PythonTuple ||
    value instanceof Undefined ||
    value instanceof NativeObject
  );
}

function dictOf(entries: Iterable<[unknown, unknown]>): PythonDict {
  const dict = new PythonDict();
  for (const [key, value] of entries) if (value !== undefined) dict.set(toPython(key), toPython(value));
  return dict;
}

function numberToPython(value: number): Value {
  if (Number.isSafeInteger(value)) return value === 0 ? 0 : value;
  return Number.isInteger(value) ? BigInt(value) : new PythonFloat(value);
}

/** As a number if that is exact. */
export function normalInteger(value: bigint): number | bigint {
  return value >= Number.MIN_SAFE_INTEGER && value <= Number.MAX_SAFE_INTEGER ? Number(value) : value;
}
