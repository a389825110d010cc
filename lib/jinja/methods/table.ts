// Attributes and methods of Python's own types.

import {
  type Keywords,
  Markup,
  type NativeFunction,
  PythonBytes,
  PythonDict,
  PythonFloat,
  PythonFunction,
  PythonRange,
  PythonTuple,
  type Undefined,
  type Value,
} from '../values';
import {
  BYTES_METHODS,
  CHANGING,
  DICT_METHODS,
  LIST_METHODS,
  numberAttribute,
  RANGE_METHODS,
  TUPLE_METHODS,
} from './collections';
import { markupMethod, TEXT_METHODS } from './text';

type Method = (self: Value, args: Value[], keywords: Keywords) => Value;
const OF_TEXTS = TEXT_METHODS as unknown as ReadonlyMap<string, Method>;
const OF_DICTS = DICT_METHODS as unknown as ReadonlyMap<string, Method>;

/** Methods that can be called without creating a function object; undefined for other types. */
export function methodTable(self: Value): ReadonlyMap<string, Method> | undefined {
  if (typeof self === 'string') return OF_TEXTS;
  return self instanceof PythonDict ? OF_DICTS : undefined;
}

/** @param hidden makes the value for a method that exists but must not be called. */
export function methodOf(
  self: Value,
  name: string,
  hidden: (self: Value, name: string) => Undefined,
): Value | undefined {
  if (typeof self === 'string') return bound(name, OF_TEXTS.get(name), self);
  if (self instanceof PythonDict) {
    return CHANGING.dict.has(name) ? hidden(self, name) : bound(name, OF_DICTS.get(name), self);
  }
  if (Array.isArray(self)) {
    return CHANGING.list.has(name) ? hidden(self, name) : made(name, LIST_METHODS.get(name)?.(self));
  }
  if (self instanceof Markup) {
    return TEXT_METHODS.has(name)
      ? made(name, (args, keywords) => markupMethod(name, self, args, keywords))
      : undefined;
  }
  if (self instanceof PythonTuple) return made(name, TUPLE_METHODS.get(name)?.(self));
  if (self instanceof PythonRange) {
    if (name === 'start' || name === 'stop' || name === 'step') return self[name];
    return made(name, RANGE_METHODS.get(name)?.(self));
  }
  if (self instanceof PythonBytes) return made(name, BYTES_METHODS.get(name)?.(self));
  if (
    typeof self !== 'number' &&
    typeof self !== 'bigint' &&
    typeof self !== 'boolean' &&
    !(self instanceof PythonFloat)
  ) {
    return undefined;
  }
  const attribute = numberAttribute(self, name);
  return typeof attribute === 'function' ? made(name, attribute) : attribute;
}

function bound(name: string, method: Method | undefined, self: Value): Value | undefined {
  return method && new PythonFunction(name, (args, keywords) => method(self, args, keywords));
}

function made(name: string, body: NativeFunction | undefined): Value | undefined {
  return body && new PythonFunction(name, body);
}
