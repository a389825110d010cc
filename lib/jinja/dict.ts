// Python's dict: keys of several types, of which equal ones are one (1, 1.0 and True), in the order of their coming.

import { JinjaTypeError } from './errors';
import { typeName } from './kinds';
import { charge, checkValueDepth } from './limits';
import {
  Callable,
  DictView,
  Markup,
  NativeObject,
  PythonBytes,
  PythonFloat,
  PythonIterator,
  PythonRange,
  PythonTuple,
  Undefined,
  type Value,
} from './values';

interface Entry {
  readonly key: Value;
  value: Value;
}

/** What stands for a key in a Map: the same for equal keys, another for others. */
type Hash = string | number | bigint | null | object | symbol;

export class PythonDict {
  private readonly map = new Map<Hash, Entry>();
  private tuples: Map<string, symbol> | undefined;

  static of(entries: Iterable<readonly [Value, Value]>): PythonDict {
    const dict = new PythonDict();
    for (const [key, value] of entries) dict.set(key, value);
    return dict;
  }

  get size(): number {
    return this.map.size;
  }

  /** @throws JinjaTypeError where the key cannot be one, such as a list. */
  get(key: Value): Value | undefined {
    return this.map.get(typeof key === 'string' ? key : this.hash(key))?.value;
  }

  has(key: Value): boolean {
    return this.map.has(typeof key === 'string' ? key : this.hash(key));
  }

  /** A key that is there already keeps its form: {1: 'a', True: 'b'} is {1: 'b'}. */
  set(key: Value, value: Value): void {
    const hash = typeof key === 'string' ? key : this.hash(key);
    const entry = this.map.get(hash);
    if (entry) entry.value = value;
    else this.map.set(hash, { key, value });
  }

  entries(): IterableIterator<Entry> {
    return this.map.values();
  }

  *keys(): Iterable<Value> {
    for (const { key } of this.map.values()) yield key;
  }

  copy(): PythonDict {
    const dict = new PythonDict();
    for (const { key, value } of this.map.values()) dict.set(key, value);
    return dict;
  }

  private hash(key: Value): Hash {
    if (key === null || typeof key === 'string') return key;
    if (typeof key === 'boolean') return Number(key);
    if (typeof key === 'number' || typeof key === 'bigint') return key;
    if (key instanceof PythonFloat) return floatHash(key.value);
    if (key instanceof Markup) return key.text;
    if (key instanceof PythonTuple || key instanceof PythonRange || key instanceof PythonBytes) {
      const encoded = encode(key, 0);
      this.tuples ??= new Map();
      const symbol = this.tuples.get(encoded) ?? Symbol(encoded);
      this.tuples.set(encoded, symbol);
      return symbol;
    }
    if (key instanceof Undefined) return Undefined;
    if (key instanceof NativeObject || key instanceof PythonIterator) return key;
    throw unhashable(key);
  }
}

function unhashable(key: Value): JinjaTypeError {
  return new JinjaTypeError(`unhashable type: '${typeName(key)}'`);
}

function floatHash(value: number): Hash {
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(value) : value;
}

const objectNumbers = new WeakMap<object, number>();
let objectCount = 0;

/** A text for a key inside a tuple: the same for equal ones. */
function encode(key: Value, depth: number): string {
  charge(1);
  checkValueDepth(depth);
  if (key === null) return 'n';
  if (typeof key === 'string') return `s${key.length}:${key}`;
  if (key instanceof Markup) return `s${key.text.length}:${key.text}`;
  if (typeof key === 'boolean') return `i${Number(key)};`;
  if (typeof key === 'number' || typeof key === 'bigint') return `i${key};`;
  if (key instanceof PythonFloat) {
    const hash = floatHash(key.value);
    return `i${String(hash === 0 ? 0 : hash)};`;
  }
  if (key instanceof PythonTuple) return `(${key.items.map((item) => encode(item, depth + 1)).join('')})`;
  if (key instanceof PythonRange)
    return `r${key.length}:${key.length > 0 ? key.start : 0}:${key.length > 1 ? key.step : 0};`;
  if (key instanceof PythonBytes) return `b${[...key.bytes].join(',')};`;
  if (key instanceof Undefined) return 'u';
  if (key instanceof DictView || Array.isArray(key) || key instanceof PythonDict) throw unhashable(key);
  if (!(key instanceof Callable) && !(key instanceof NativeObject) && !(key instanceof PythonIterator))
    throw unhashable(key);
  if (!objectNumbers.has(key)) objectNumbers.set(key, (objectCount += 1));
  return `o${objectNumbers.get(key)};`;
}
