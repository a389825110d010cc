// Python's values, as templates see them. None is null, True and False are booleans, str is a string (indexed by code
// point, see text.ts), a list is an array. An int is a number, or a bigint if a number cannot represent it exactly; a
// float is a PythonFloat, so that 1.0 prints as Python prints it.

import { JinjaTypeError, JinjaUndefinedError } from './errors';
import { charge, checkValueDepth } from './limits';

export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Value[]
  | PythonFloat
  | PythonTuple
  | PythonDict
  | PythonRange
  | PythonIterator
  | DictView
  | Markup
  | PythonBytes
  | Undefined
  | NativeObject;

/** Keyword arguments by name; undefined if there are none. */
export type Keywords = Map<string, Value> | undefined;

export class PythonFloat {
  constructor(readonly value: number) {}
}

export class PythonTuple {
  constructor(readonly items: readonly Value[]) {}
}

/** A tuple with names for its items, as `groupby` gives. */
export class NamedTuple extends PythonTuple {
  constructor(
    items: readonly Value[],
    readonly names: readonly string[],
  ) {
    super(items);
  }
}

export class PythonRange {
  readonly length: number;

  constructor(
    readonly start: number,
    readonly stop: number,
    readonly step: number,
  ) {
    this.length = Math.max(0, Math.ceil((stop - start) / step));
  }

  at(index: number): number {
    return this.start + index * this.step;
  }
}

/** A generator: it can be iterated once, is always true and has no length. */
export class PythonIterator {
  private readonly iterator: Iterator<Value>;

  constructor(
    items: Iterable<Value>,
    /** The name that Python prints for it. */
    readonly kind = 'generator',
  ) {
    this.iterator = items[Symbol.iterator]();
  }

  next(): Value | undefined {
    const next = this.iterator.next();
    return next.done ? undefined : next.value;
  }

  *[Symbol.iterator](): Iterator<Value> {
    for (let value = this.next(); value !== undefined; value = this.next()) yield value;
  }
}

export class DictView {
  constructor(
    readonly dict: PythonDict,
    readonly kind: 'keys' | 'values' | 'items',
  ) {}

  get length(): number {
    return this.dict.size;
  }

  *[Symbol.iterator](): Iterator<Value> {
    for (const { key, value } of this.dict.entries()) {
      if (this.kind === 'items') yield new PythonTuple([key, value]);
      else yield this.kind === 'keys' ? key : value;
    }
  }
}

/** Text that `|e` or `|safe` marked as HTML: text that is joined to it is escaped. */
export class Markup {
  constructor(readonly text: string) {}
}

export class PythonBytes {
  constructor(readonly bytes: Uint8Array) {}
}

/** Prints as nothing, is false and has no items; any other use raises an error. */
export class Undefined {
  constructor(
    private readonly reason: string,
    readonly unsafe = false,
  ) {}

  static variable(name: string): Undefined {
    return new Undefined(`'${name}' is undefined`);
  }

  fail(): never {
    throw new JinjaUndefinedError(this.reason);
  }
}

/** An object with attributes of its own: macros, functions, `loop`, namespaces. */
export abstract class NativeObject {
  /** Python's name of its class, for messages. */
  abstract readonly typeName: string;

  /** Undefined if there is no such attribute. */
  attribute(_name: string): Value | undefined {
    return undefined;
  }

  abstract represent(): string;
}

export abstract class Callable extends NativeObject {
  abstract call(args: Value[], keywords: Keywords): Value;
}

export type NativeFunction = (args: Value[], keywords: Keywords) => Value;

export class PythonFunction extends Callable {
  readonly typeName: string = 'builtin_function_or_method';

  constructor(
    readonly name: string,
    private readonly body: NativeFunction,
  ) {
    super();
  }

  override call(args: Value[], keywords: Keywords): Value {
    return this.body(args, keywords);
  }

  represent(): string {
    return `<built-in function ${this.name}>`;
  }
}

export const isText = (value: Value): value is string | Markup => typeof value === 'string' || value instanceof Markup;

/** A replacement for a missing value. `??` cannot be used for values: None is null, but it is not missing. */
export const orElse = (value: Value | undefined, otherwise: () => Value): Value =>
  value === undefined ? otherwise() : value;

/** The characters of a text; undefined if the value is not a text. */
export function textOf(value: Value): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Markup ? value.text : undefined;
}

/** A function that a template finds undefined when it tests for it, but that works when called. */
export class HiddenFunction extends Undefined {
  constructor(
    readonly name: string,
    readonly body: NativeFunction,
  ) {
    super(`'${name}' is undefined`);
  }
}

/** Python's name of a value's type. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number' || typeof value === 'bigint') return 'int';
  if (typeof value === 'string') return 'str';
  if (Array.isArray(value)) return 'list';
  if (value instanceof NativeObject) return value.typeName;
  if (value instanceof DictView) return `dict_${value.kind}`;
  if (value instanceof PythonIterator) return value.kind;
  if (value instanceof PythonFloat) return 'float';
  if (value instanceof PythonTuple) return 'tuple';
  if (value instanceof PythonDict) return 'dict';
  if (value instanceof PythonRange) return 'range';
  if (value instanceof Markup) return 'Markup';
  if (value instanceof PythonBytes) return 'bytes';
  return value instanceof Undefined ? 'Undefined' : 'object';
}

// dict: keys of several types, in insertion order. Equal ones are the same key (1, 1.0 and True).

interface Entry {
  readonly key: Value;
  value: Value;
}

/** A key's representation in a Map: the same for equal keys, different for others. */
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

  /** @throws JinjaTypeError if the value cannot be a key, such as a list. */
  get(key: Value): Value | undefined {
    return this.map.get(typeof key === 'string' ? key : this.hash(key))?.value;
  }

  has(key: Value): boolean {
    return this.map.has(typeof key === 'string' ? key : this.hash(key));
  }

  /** An existing key keeps its form: {1: 'a', True: 'b'} is {1: 'b'}. */
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

function floatHash(value: number): number | bigint {
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? BigInt(value) : value;
}

const objectNumbers = new WeakMap<object, number>();
let objectCount = 0;

/** A text for a key inside a tuple: the same for equal keys. */
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
