// Where variables live while a template runs. Each function (the template, a macro, a recursive loop, a loop's test)
// has an array of slots. A frame within it has its own names for them, and nested functions can read its slots.

import { JinjaSyntaxError } from './errors';
import type { Locals } from './runtime';
import { levelOf, type Symbols } from './symbols';
import { Undefined, type Value } from './values';

export class FunctionScope {
  private readonly slots = new Map<string, number>();

  constructor(
    /** The level of the function's outermost frame. */
    readonly base: number,
    readonly parent?: FunctionScope,
  ) {}

  get size(): number {
    return this.slots.size;
  }

  slot(variable: string): number {
    if (!this.slots.has(variable)) this.slots.set(variable, this.slots.size);
    return this.slots.get(variable)!;
  }
}

/** The context of the part of the template that is being compiled. */
export interface Frame {
  symbols: Symbols;
  scope: FunctionScope;
  /** Whether names set here are the template's variables. */
  toplevel: boolean;
  /** In the branches of an if, unknown filters and tests are an error only when they are used. */
  lenient: boolean;
  /** Whether break and continue are inside a loop here. */
  inLoop: boolean;
}

export const innerFrame = (frame: Frame): Frame => ({
  ...frame,
  symbols: frame.symbols.inner(),
  toplevel: false,
  lenient: false,
});

/** A frame that runs as a function of its own. */
export function functionFrame(frame: Frame): Frame {
  const symbols = frame.symbols.inner();
  return {
    symbols,
    scope: new FunctionScope(symbols.level, frame.scope),
    toplevel: false,
    lenient: false,
    inLoop: false,
  };
}

export interface Variable {
  get: (locals: Locals) => Value | undefined;
  set: (locals: Locals, value: Value | undefined) => void;
}

export function variableOf(frame: Frame, name: string, line: number): Variable {
  const variable = frame.symbols.find(name);
  if (variable === undefined) throw new JinjaSyntaxError(`'${name}' cannot be used here`, line);
  return accessor(frame, variable);
}

function accessor({ scope }: Frame, variable: string): Variable {
  let depth = 0;
  while (levelOf(variable) < scope.base && scope.parent) {
    scope = scope.parent;
    depth += 1;
  }
  const slot = scope.slot(variable);
  if (depth === 0) {
    return { get: (locals) => locals.slots[slot], set: (locals, value) => void (locals.slots[slot] = value) };
  }
  const owner = (locals: Locals): Locals => {
    for (let i = 0; i < depth; i++) locals = locals.parent!;
    return locals;
  };
  return {
    get: (locals) => owner(locals).slots[slot],
    set: (locals, value) => void (owner(locals).slots[slot] = value),
  };
}

export const orUndefined = (name: string, value: Value | undefined): Value =>
  value === undefined ? Undefined.variable(name) : value;

/** Gives a frame's variables their first values. */
export function entering(frame: Frame): (locals: Locals) => void {
  const steps: ((locals: Locals) => void)[] = [];
  for (const [variable, load] of frame.symbols.loads) {
    const { set } = accessor(frame, variable);
    if (load.kind === 'resolve') steps.push((locals) => set(locals, locals.state.resolve(load.name)));
    if (load.kind === 'undefined') steps.push((locals) => set(locals, undefined));
    if (load.kind === 'alias') {
      const { get } = accessor(frame, load.variable);
      steps.push((locals) => set(locals, get(locals)));
    }
  }
  return sequence(steps);
}

/** Removes them: whatever still refers to them, such as a macro, finds nothing. */
export function leaving(frame: Frame): (locals: Locals) => void {
  return sequence(
    [...frame.symbols.loads.keys()].map((variable) => {
      const { set } = accessor(frame, variable);
      return (locals: Locals) => set(locals, undefined);
    }),
  );
}

function sequence(steps: readonly ((locals: Locals) => void)[]): (locals: Locals) => void {
  if (steps.length === 0) return () => {};
  if (steps.length === 1) return steps[0]!;
  return (locals) => {
    for (const step of steps) step(locals);
  };
}
