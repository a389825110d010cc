// Python's values, as templates see them. None is null, True and False are booleans, str is a string (indexed by code
// point, see text.ts), a list is an array. An int is a number, or a bigint where it is not exact as a number; a float
// is a PythonFloat, so that 1.0 prints as Python prints it.

import type { PythonDict } from './dict';
import { JinjaUndefinedError } from './errors';

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

/** Keyword arguments by name; undefined where there are none. */
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

/** A generator: it can be gone through once, is true always and has no length. */
export class PythonIterator {
  private readonly iterator: Iterator<Value>;

  constructor(
    items: Iterable<Value>,
    /** How Python calls it when it prints it. */
    readonly kind = 'generator',
  ) {
    this.iterator = items[Symbol.iterator]();
  }

  next(): Value | undefined {
    const { done, value } = this.iterator.next();
    return done ? undefined : value;
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

/** Text that `|e` or `|safe` marked as HTML: what is joined to it is escaped. */
export class Markup {
  constructor(readonly text: string) {}
}

export class PythonBytes {
  constructor(readonly bytes: Uint8Array) {}
}

/** Prints as nothing, is false and has no items; whatever else is done to it raises. */
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

  /** Undefined where there is no such attribute. */
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

/** In the place of what is missing. None is null and there, so that `??` is not for values. */
export const orElse = (value: Value | undefined, otherwise: () => Value): Value =>
  value === undefined ? otherwise() : value;

/** The characters of a text; undefined where the value is none. */
export function textOf(value: Value): string | undefined {
  if (typeof value === 'string') return value;
  return value instanceof Markup ? value.text : undefined;
}

/** A function that is not there for a template that asks, and works for one that calls it without asking. */
export class HiddenFunction extends Undefined {
  constructor(
    readonly name: string,
    readonly body: NativeFunction,
  ) {
    super(`'${name}' is undefined`);
  }
}
