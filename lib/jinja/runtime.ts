// The state of a template while it is rendered: its output, variables, macros and loops.

import { JinjaTypeError, JinjaError } from './errors';
import { equals } from './compare';
import { iterate, knownLength } from './iteration';
import { charge, checkLength, enterCall, leaveCall } from './limits';
import { quote, repr } from './printing';
import {
  Callable,
  type Keywords,
  type NativeFunction,
  NativeObject,
  orElse,
  PythonDict,
  PythonFunction,
  PythonTuple,
  Undefined,
  type Value,
} from './values';

/** The state of one rendering: its output, which blocks that capture their text redirect, and variables by name. */
export class RenderState {
  out = '';

  constructor(
    private readonly given: ReadonlyMap<string, Value>,
    /** Variables that the template sets outside of loops and macros. */
    readonly set: Map<string, Value> = new Map(),
  ) {}

  resolve(name: string): Value | undefined {
    const set = this.set.get(name);
    return set === undefined ? this.given.get(name) : set;
  }

  write(text: string): void {
    this.out += text;
    checkLength(this.out.length);
  }

  /** Returns what `run` writes, instead of writing it to the output. */
  capture(run: () => void): string {
    const before = this.out;
    this.out = '';
    run();
    const text = this.out;
    this.out = before;
    return text;
  }

  /** A state for a scoped block, whose variables include the enclosing locals. */
  derived(locals: Iterable<[string, Value | undefined]>): RenderState {
    const given = new Map([...this.given, ...this.set]);
    for (const [name, value] of locals) if (value !== undefined) given.set(name, value);
    return new RenderState(given);
  }
}

/** The variables of one call of a macro, or of the template. */
export class Locals {
  readonly slots: (Value | undefined)[];

  constructor(
    readonly state: RenderState,
    size: number,
    readonly parent?: Locals,
  ) {
    this.slots = new Array<Value | undefined>(size).fill(undefined);
  }
}

export class Macro extends Callable {
  readonly typeName = 'Macro';

  constructor(
    private readonly shape: {
      name: string | undefined;
      parameters: readonly string[];
      keywords: boolean;
      varargs: boolean;
      caller: boolean;
    },
    /** Takes a value for each parameter, then caller, keywords and varargs if the macro reads them. */
    private readonly body: (values: (Value | undefined)[]) => string,
  ) {
    super();
  }

  call(args: Value[], given: Keywords): Value {
    const { parameters, keywords, varargs, caller } = this.shape;
    const left = new Map(given);
    const values: (Value | undefined)[] = args.slice(0, parameters.length);
    for (const name of parameters.slice(values.length)) {
      values.push(left.get(name));
      left.delete(name);
    }
    if (caller && !parameters.includes('caller')) {
      const given = left.get('caller');
      // None also counts as no caller.
      values.push(given === undefined || given === null ? new Undefined('No caller defined') : given);
      left.delete('caller');
    }
    const name = this.shape.name ?? 'caller';
    if (keywords) values.push(PythonDict.of(left));
    else if (left.size > 0) {
      throw new JinjaTypeError(`macro '${name}' takes no keyword argument '${[...left.keys()][0]}'`);
    }
    if (varargs) values.push(new PythonTuple(args.slice(parameters.length)));
    else if (args.length > parameters.length) {
      throw new JinjaTypeError(`macro '${name}' takes not more than ${parameters.length} argument(s)`);
    }
    enterCall();
    charge(1);
    const text = this.body(values);
    leaveCall();
    return text;
  }

  override attribute(name: string): Value | undefined {
    const { parameters, keywords, varargs, caller } = this.shape;
    if (name === 'name') return this.shape.name ?? null;
    if (name === 'arguments') return new PythonTuple([...parameters]);
    if (name === 'catch_kwargs') return keywords;
    if (name === 'catch_varargs') return varargs;
    if (name === 'caller') return caller;
    return name === 'explicit_caller' ? parameters.includes('caller') : undefined;
  }

  represent(): string {
    return `<Macro ${this.shape.name === undefined ? 'anonymous' : quote(this.shape.name)}>`;
  }
}

type Recursion = (items: Value, depth: number) => string;

/** The variable `loop`. */
export class LoopContext extends Callable {
  readonly typeName = 'LoopContext';
  private readonly known: number | undefined;
  private iterator: Iterator<Value>;
  private counted: number | undefined;
  private index0 = -1;
  private before: Value | undefined;
  private current: Value | undefined;
  /** The next item, if it has been read ahead. */
  private after: Value | undefined;
  private lastChanged: Value | undefined;

  constructor(
    items: Value | Iterable<Value>,
    isValue: boolean,
    private readonly recursion: Recursion | undefined,
    private readonly depth0: number,
  ) {
    super();
    this.known = isValue ? knownLength(items as Value) : undefined;
    this.iterator = (isValue ? iterate(items as Value) : (items as Iterable<Value>))[Symbol.iterator]();
  }

  /** The next item; undefined at the end. */
  advance(): Value | undefined {
    const next = this.peek();
    if (next === undefined) return undefined;
    this.after = undefined;
    this.index0 += 1;
    this.before = this.current;
    this.current = next;
    return next;
  }

  private peek(): Value | undefined {
    if (this.after !== undefined) return this.after;
    const next = this.iterator.next();
    this.after = next.done ? undefined : next.value;
    return this.after;
  }

  get length(): number {
    if (this.known !== undefined) return this.known;
    if (this.counted === undefined) {
      const rest: Value[] = [];
      for (let next = this.iterator.next(); !next.done; next = this.iterator.next()) {
        charge(1);
        rest.push(next.value);
      }
      this.iterator = rest[Symbol.iterator]();
      this.counted = rest.length + this.index0 + 1 + (this.after === undefined ? 0 : 1);
    }
    return this.counted;
  }

  override attribute(name: string): Value | undefined {
    switch (name) {
      case 'index':
        return this.index0 + 1;
      case 'index0':
        return this.index0;
      case 'first':
        return this.index0 === 0;
      case 'last':
        return this.peek() === undefined;
      case 'length':
        return this.length;
      case 'revindex':
        return this.length - this.index0;
      case 'revindex0':
        return this.length - this.index0 - 1;
      case 'previtem':
        return this.index0 === 0 ? new Undefined('there is no previous item') : this.before;
      case 'nextitem':
        return orElse(this.peek(), () => new Undefined('there is no next item'));
      case 'depth':
        return this.depth0 + 1;
      case 'depth0':
        return this.depth0;
      case 'cycle':
        return new PythonFunction(
          'cycle',
          byPlace('cycle', (args) => this.cycle(args)),
        );
      case 'changed':
        return new PythonFunction(
          'changed',
          byPlace('changed', (args) => this.changed(new PythonTuple(args))),
        );
      default:
        return undefined;
    }
  }

  private cycle(args: Value[]): Value {
    if (args.length === 0) throw new JinjaTypeError('no items for cycling given');
    return args[this.index0 % args.length]!;
  }

  private changed(value: PythonTuple): boolean {
    const changed = this.lastChanged === undefined || !equals(this.lastChanged, value);
    this.lastChanged = value;
    return changed;
  }

  call(args: Value[], keywords: Keywords): Value {
    const items = args.length > 0 ? args[0] : keywords?.get('iterable');
    if (items === undefined || args.length + (keywords?.size ?? 0) !== 1) {
      throw new JinjaTypeError('loop() takes one argument, what to go through');
    }
    if (!this.recursion)
      throw new JinjaTypeError("The loop must have the 'recursive' marker to be called recursively.");
    return this.recursion(items, this.depth0 + 1);
  }

  /** Yields each item together with the loop, like jinja2's loop context. */
  *[Symbol.iterator](): Iterator<Value> {
    for (let item = this.advance(); item !== undefined; item = this.advance()) yield new PythonTuple([item, this]);
  }

  represent(): string {
    return `<LoopContext ${this.index0 + 1}/${this.length}>`;
  }
}

export function byPlace(name: string, body: (args: Value[]) => Value): NativeFunction {
  return (args, keywords) => {
    if (keywords !== undefined && keywords.size > 0) throw new JinjaTypeError(`${name}() takes no keyword arguments`);
    return body(args);
  };
}

export class Namespace extends NativeObject {
  readonly typeName = 'Namespace';

  constructor(private readonly values: PythonDict) {
    super();
    for (const name of values.keys()) Namespace.check(name);
  }

  override attribute(name: string): Value | undefined {
    return this.values.get(name);
  }

  set(name: string, value: Value): void {
    Namespace.check(name);
    this.values.set(name, value);
  }

  represent(): string {
    return `<Namespace ${repr(this.values)}>`;
  }

  private static check(name: Value): void {
    if (typeof name !== 'string' || !name.startsWith('_')) return;
    throw new JinjaError(`names in a namespace cannot begin with an underscore, as '${name}' does: use another name`);
  }
}
