// Which variable a name means where, by the rules of jinja2's idtracking. A name belongs to the frame (template, loop,
// macro, block) that sets it; each frame sees the enclosing ones; what a frame sets is gone after it.

import type { Arguments, Expression, ForNode, Node, Statement, Target } from './ast';

/** How a variable gets its value when its frame is entered. */
export type Load =
  | { kind: 'parameter' }
  /** By name from the template's variables. */
  | { kind: 'resolve'; name: string }
  /** From a variable of an enclosing frame. */
  | { kind: 'alias'; variable: string }
  | { kind: 'undefined' };

export class Symbols {
  refs = new Map<string, string>();
  loads = new Map<string, Load>();
  stores = new Set<string>();

  private constructor(
    private readonly parent: Symbols | undefined,
    readonly level: number,
  ) {}

  static root(): Symbols {
    return new Symbols(undefined, 0);
  }

  inner(): Symbols {
    return new Symbols(this, this.level + 1);
  }

  copy(): Symbols {
    const copy = new Symbols(this.parent, this.level);
    copy.refs = new Map(this.refs);
    copy.loads = new Map(this.loads);
    copy.stores = new Set(this.stores);
    return copy;
  }

  find(name: string): string | undefined {
    return this.refs.get(name) ?? this.parent?.find(name);
  }

  store(name: string): void {
    this.stores.add(name);
    if (this.refs.has(name)) return;
    const outer = this.parent?.find(name);
    this.define(name, outer === undefined ? { kind: 'undefined' } : { kind: 'alias', variable: outer });
  }

  load(name: string): void {
    if (this.find(name) === undefined) this.define(name, { kind: 'resolve', name });
  }

  parameter(name: string): string {
    this.stores.add(name);
    return this.define(name, { kind: 'parameter' });
  }

  /** Merges what the branches of an if set, any of which may run. */
  branches(branches: readonly Symbols[]): void {
    const stores = new Set(branches.flatMap((branch) => [...branch.stores]).filter((name) => !this.stores.has(name)));
    for (const branch of branches) {
      for (const [name, variable] of branch.refs) this.refs.set(name, variable);
      for (const [variable, load] of branch.loads) this.loads.set(variable, load);
      for (const name of branch.stores) this.stores.add(name);
    }
    for (const name of stores) {
      const variable = this.find(name)!;
      const outer = this.parent?.find(name);
      this.loads.set(variable, outer === undefined ? { kind: 'resolve', name } : { kind: 'alias', variable: outer });
    }
  }

  /** Everything that this frame and the enclosing ones have set, by name. */
  allStores(): Map<string, string> {
    const found = new Map<string, string>(this.parent?.allStores());
    for (const name of this.stores) found.set(name, this.find(name)!);
    return found;
  }

  private define(name: string, load: Load): string {
    const variable = `${this.level}:${name}`;
    this.refs.set(name, variable);
    this.loads.set(variable, load);
    return variable;
  }
}

export const levelOf = (variable: string): number => Number.parseInt(variable, 10);

/** The symbols of a frame whose nodes are `nodes`. */
export function analyze(symbols: Symbols, nodes: readonly Node[]): void {
  for (const node of nodes) visit(symbols, node);
}

export function analyzeFor(symbols: Symbols, node: ForNode, branch: 'body' | 'test' | 'else'): void {
  if (branch !== 'else') declare(symbols, node.target);
  if (branch === 'test') visit(symbols, node.test!);
  else analyze(symbols, branch === 'body' ? node.body : node.otherwise);
}

/** Declares names that a frame gets together with a value. */
function declare(symbols: Symbols, target: Target): void {
  if (target.kind === 'name') symbols.parameter(target.name);
  else if (target.kind === 'tuple') for (const item of target.items) declare(symbols, item as Target);
  else symbols.load(target.name);
}

/** Records what a node does to its own frame; nested frames are left out. */
function visit(symbols: Symbols, node: Node): void {
  switch (node.kind) {
    case 'name':
      if (node.use === 'load') symbols.load(node.name);
      else if (node.use === 'store') symbols.store(node.name);
      else symbols.parameter(node.name);
      return;
    case 'attribute_target':
      return symbols.load(node.name);
    case 'if': {
      visit(symbols, node.test);
      const branch = (nodes: readonly Statement[]): Symbols => {
        const copy = symbols.copy();
        analyze(copy, nodes);
        return copy;
      };
      return symbols.branches([branch(node.body), branch(node.elifs), branch(node.otherwise)]);
    }
    case 'macro':
      return symbols.store(node.name);
    case 'set':
      visit(symbols, node.value);
      return visit(symbols, node.target);
    case 'for':
      return visit(symbols, node.iterated);
    case 'call_block':
      if (node.call) visit(symbols, node.call);
      return;
    case 'filter_block':
      return visit(symbols, node.filter);
    case 'with':
      return analyze(symbols, node.values);
    case 'set_block':
      return visit(symbols, node.target);
    case 'scope':
    case 'block':
      return;
    default:
      analyze(symbols, children(node));
  }
}

/** The names among `names` that the nodes read before they set them. Blocks are left out, nested frames are not. */
export function findUndeclared(nodes: readonly Node[], names: readonly string[]): Set<string> {
  const open = new Set(names);
  const found = new Set<string>();
  const search = (node: Node): void => {
    if (node.kind === 'block') return;
    if (node.kind === 'name') {
      if (node.use === 'load' && open.has(node.name)) found.add(node.name);
      else open.delete(node.name);
      return;
    }
    for (const child of children(node)) search(child);
  };
  for (const node of nodes) search(node);
  return found;
}

export function* descendants(nodes: readonly Node[]): Iterable<Node> {
  for (const node of nodes) {
    yield node;
    yield* descendants(children(node));
  }
}

/** The children in jinja2's order. */
function children(node: Node): Node[] {
  switch (node.kind) {
    case 'for':
      return [node.target, node.iterated, ...node.body, ...node.otherwise, ...optional(node.test)];
    case 'if':
      return [node.test, ...node.body, ...node.elifs, ...node.otherwise];
    case 'macro':
      return [...node.parameters, ...node.defaults, ...node.body];
    case 'call_block':
      return [...optional(node.call), ...node.parameters, ...node.defaults, ...node.body];
    case 'filter_block':
      return [...node.body, node.filter];
    case 'with':
      return [...node.targets, ...node.values, ...node.body];
    case 'set_block':
      return [node.target, ...optional(node.filter), ...node.body];
    case 'scope':
    case 'block':
      return node.body;
    case 'output':
      return node.parts.filter((part) => typeof part !== 'string');
    case 'set':
      return [node.target, node.value];
    case 'break':
    case 'continue':
      return [];
    default:
      return operands(node);
  }
}

function operands(node: Expression): Expression[] {
  switch (node.kind) {
    case 'tuple':
    case 'list':
    case 'concat':
      return node.items;
    case 'dict':
      return node.items.flatMap(({ key, value }) => [key, value]);
    case 'call':
      return [node.callee, ...argumentNodes(node)];
    case 'filter':
    case 'test':
      return [...optional(node.operand), ...argumentNodes(node)];
    case 'conditional':
      return [node.test, node.then, ...optional(node.otherwise)];
    case 'attribute':
      return [node.object];
    case 'item':
      return [node.object, node.index];
    case 'slice':
      return [...optional(node.start), ...optional(node.stop), ...optional(node.step)];
    case 'compare':
      return [node.first, ...node.rest.map(({ operand }) => operand)];
    case 'arithmetic':
    case 'logic':
      return [node.left, node.right];
    case 'unary':
      return [node.operand];
    default:
      return [];
  }
}

function argumentNodes({ args }: { args: Arguments }): Expression[] {
  return [
    ...args.positional,
    ...args.keywords.map(({ value }) => value),
    ...optional(args.spread),
    ...optional(args.spreadKeywords),
  ];
}

const optional = <Item>(item: Item | undefined): Item[] => (item === undefined ? [] : [item]);
