// Compiles statements into functions.

import type {
  BlockNode,
  CallBlockNode,
  Expression,
  FilterBlockNode,
  IfNode,
  MacroNode,
  SetBlockNode,
  Statement,
  Target,
  WithNode,
} from './ast';
import { isTrue } from './compare';
import { JinjaError, JinjaSyntaxError, JinjaTypeError, JinjaValueError } from './errors';
import { compileBlockFilter, compileCall, compileExpression, compilePrinted } from './expressions';
import { iterate } from './iteration';
import { charge, stackExhausted } from './limits';
import { Signal, type Execute } from './execution';
import { compileFor } from './loops';
import { Locals, Macro, Namespace, type RenderState } from './runtime';
import { entering, functionFrame, FunctionScope, innerFrame, leaving, variableOf, type Frame } from './scope';
import { analyze, descendants, findUndeclared, Symbols } from './symbols';
import { orElse, Undefined, type Value } from './values';

type Blocks = Map<string, (state: RenderState) => void>;

export class Compiler {
  private readonly blocks: Blocks = new Map();

  template(body: readonly Statement[]): (state: RenderState) => void {
    for (const node of descendants(body)) if (node.kind === 'block') this.declareBlock(node);
    for (const name of ['self', 'super']) {
      if (findUndeclared(body, [name]).has(name)) {
        throw new JinjaSyntaxError(
          `'${name}' belongs to templates that extend others, which chat templates cannot do`,
          1,
        );
      }
    }
    const run = this.unit(body, true);
    for (const node of descendants(body))
      if (node.kind === 'block') this.blocks.set(node.name, this.unit(node.body, false));
    return run;
  }

  private declareBlock(node: BlockNode): void {
    if (this.blocks.has(node.name)) throw new JinjaSyntaxError(`block '${node.name}' is defined twice`, node.line);
    this.blocks.set(node.name, () => {});
  }

  /** Compiles the template or one of its blocks: neither sees variables of enclosing frames. */
  private unit(body: readonly Statement[], toplevel: boolean): (state: RenderState) => void {
    const symbols = Symbols.root();
    analyze(symbols, body);
    const frame: Frame = { symbols, scope: new FunctionScope(0), toplevel, lenient: false, inLoop: false };
    const enter = entering(frame);
    const run = this.body(body, frame);
    return (state) => {
      const locals = new Locals(state, frame.scope.size);
      enter(locals);
      run(locals);
    };
  }

  body(nodes: readonly Statement[], frame: Frame): Execute {
    const statements = nodes.map((node) => this.statement(node, frame));
    const lines = nodes.map(({ line }) => line);
    return (locals) => {
      let at = 0;
      try {
        for (; at < statements.length; at++) {
          const signal = statements[at]!(locals);
          if (signal !== Signal.Done) return signal;
        }
        return Signal.Done;
      } catch (error) {
        throw located(error, lines[at]!);
      }
    };
  }

  private statement(node: Statement, frame: Frame): Execute {
    switch (node.kind) {
      case 'output':
        return this.output(node.parts, frame);
      case 'if':
        return this.if(node, { ...frame, lenient: true });
      case 'for':
        return compileFor(this, node, frame);
      case 'set': {
        const value = compileExpression(node.value, frame);
        const assign = this.assignment(node.target, frame);
        return (locals) => {
          charge(1);
          assign(locals, value(locals));
          return Signal.Done;
        };
      }
      case 'set_block':
        return this.setBlock(node, frame);
      case 'macro':
        return this.macro(node, frame);
      case 'call_block':
        return this.callBlock(node, frame);
      case 'filter_block':
        return this.filterBlock(node, frame);
      case 'with':
        return this.with(node, frame);
      case 'scope': {
        const inner = innerFrame(frame);
        analyze(inner.symbols, node.body);
        return this.framed(inner, this.body(node.body, inner));
      }
      case 'block':
        return this.blockCall(node, frame);
      case 'break':
      case 'continue': {
        if (!frame.inLoop) throw new JinjaSyntaxError(`{% ${node.kind} %} stands outside of a loop`, node.line);
        const signal = node.kind === 'break' ? Signal.Break : Signal.Continue;
        return () => signal;
      }
    }
  }

  private output(parts: readonly (string | Expression)[], frame: Frame): Execute {
    const writers = parts.map((part) => (typeof part === 'string' ? () => part : compilePrinted(part, frame)));
    const lines = parts.map((part) => (typeof part === 'string' ? 0 : part.line));
    return (locals) => {
      let at = 0;
      try {
        for (; at < writers.length; at++) {
          const text = writers[at]!(locals);
          locals.state.write(text);
        }
        return Signal.Done;
      } catch (error) {
        throw located(error, lines[at]!);
      }
    };
  }

  private if(node: IfNode, frame: Frame): Execute {
    const branches = [node, ...node.elifs].map(({ test, body }) => ({
      test: compileExpression(test, frame),
      run: this.body(body, frame),
    }));
    const otherwise = this.body(node.otherwise, frame);
    return (locals) => {
      charge(1);
      for (const { test, run } of branches) if (isTrue(test(locals))) return run(locals);
      return otherwise(locals);
    };
  }

  /** A frame's body, with its variables set on entry and removed at the end. */
  framed(frame: Frame, run: Execute): Execute {
    const enter = entering(frame);
    const leave = leaving(frame);
    return (locals) => {
      enter(locals);
      const signal = run(locals);
      leave(locals);
      return signal;
    };
  }

  assignment(target: Target, frame: Frame, outer = frame.toplevel): (locals: Locals, value: Value) => void {
    if (target.kind === 'name') {
      const { set } = variableOf(frame, target.name, target.line);
      const { name } = target;
      if (!outer) return set;
      return (locals, value) => {
        set(locals, value);
        locals.state.set.set(name, value);
      };
    }
    if (target.kind === 'attribute_target') return this.namespaceAssignment(target, frame);
    const items = target.items.map((item) => this.assignment(item as Target, frame, outer));
    return (locals, value) => {
      const values = unpack(value, items.length);
      items.forEach((assign, i) => assign(locals, values[i]!));
    };
  }

  private namespaceAssignment(
    target: Target & { kind: 'attribute_target' },
    frame: Frame,
  ): (locals: Locals, value: Value) => void {
    const { get } = variableOf(frame, target.name, target.line);
    return (locals, value) => {
      const namespace = get(locals);
      if (!(namespace instanceof Namespace)) {
        throw new JinjaTypeError(`'${target.name}' is no namespace, and only a namespace's names can be set`);
      }
      namespace.set(target.attribute, value);
    };
  }

  private setBlock(node: SetBlockNode, frame: Frame): Execute {
    const inner = innerFrame(frame);
    analyze(inner.symbols, node.body);
    const run = this.body(node.body, inner);
    const filter = node.filter && compileBlockFilter(node.filter, inner);
    const assign = this.assignment(node.target, frame);
    return this.framed(inner, (locals) => {
      let signal = Signal.Done as Signal;
      const text = locals.state.capture(() => (signal = run(locals)));
      if (signal === Signal.Done) assign(locals, filter ? filter(locals, text) : text);
      return signal;
    });
  }

  private filterBlock(node: FilterBlockNode, frame: Frame): Execute {
    const inner = innerFrame(frame);
    analyze(inner.symbols, [...node.body, node.filter]);
    const run = this.body(node.body, inner);
    const filter = compileBlockFilter(node.filter, inner);
    return this.framed(inner, (locals) => {
      let signal = Signal.Done as Signal;
      const text = locals.state.capture(() => (signal = run(locals)));
      if (signal === Signal.Done) {
        const filtered = filter(locals, text);
        if (typeof filtered !== 'string') throw new JinjaTypeError('the filter of a block gives no text');
        locals.state.write(filtered);
      }
      return signal;
    });
  }

  private with(node: WithNode, frame: Frame): Execute {
    const inner = innerFrame(frame);
    for (const target of node.targets) analyze(inner.symbols, [asParameter(target)]);
    analyze(inner.symbols, node.body);
    const values = node.values.map((value) => compileExpression(value, frame));
    const targets = node.targets.map((target) => this.assignment(target, inner));
    const run = this.body(node.body, inner);
    return this.framed(inner, (locals) => {
      targets.forEach((assign, i) => assign(locals, values[i]!(locals)));
      return run(locals);
    });
  }

  private macro(node: MacroNode, frame: Frame): Execute {
    const make = this.macroMaker(node, frame);
    const { set } = variableOf(frame, node.name, node.line);
    return (locals) => {
      const macro = make(locals);
      set(locals, macro);
      if (frame.toplevel) locals.state.set.set(node.name, macro);
      return Signal.Done;
    };
  }

  private callBlock(node: CallBlockNode, frame: Frame): Execute {
    const make = this.macroMaker(node, frame);
    const { call } = node;
    const evaluate = call ? compileCall(call, frame, make) : (locals: Locals) => make(locals).call([], undefined);
    return (locals) => {
      charge(1);
      const result = evaluate(locals);
      if (typeof result !== 'string') throw new JinjaTypeError('what a call block calls gives no text');
      locals.state.write(result);
      return Signal.Done;
    };
  }

  private macroMaker(node: MacroNode | CallBlockNode, frame: Frame): (locals: Locals) => Macro {
    const inner = functionFrame(frame);
    analyze(inner.symbols, [...node.parameters, ...node.defaults, ...node.body]);
    const parameters = node.parameters.map(({ name }) => name);
    const reads = findUndeclared(node.body, ['caller', 'kwargs', 'varargs']);
    const firstDefault = parameters.length - node.defaults.length;
    if (reads.has('caller') && parameters.includes('caller') && parameters.indexOf('caller') < firstDefault) {
      throw new JinjaSyntaxError("a parameter called 'caller' needs a default", node.line);
    }
    const special = ['caller', 'kwargs', 'varargs'].filter((name) => reads.has(name) && !parameters.includes(name));
    for (const name of special) inner.symbols.parameter(name);
    const enter = entering(inner);
    const variables = [...parameters, ...special].map((name) => variableOf(inner, name, node.line));
    const defaults = node.defaults.map((value) => compileExpression(value, inner));
    const run = this.body(node.body, inner);
    const shape = {
      name: node.kind === 'macro' ? node.name : undefined,
      parameters,
      caller: reads.has('caller'),
      keywords: special.includes('kwargs'),
      varargs: special.includes('varargs'),
    };
    return (outer) =>
      new Macro(shape, (values) => {
        const locals = new Locals(outer.state, inner.scope.size, outer);
        variables.forEach(({ set }, i) => set(locals, values[i]));
        enter(locals);
        parameters.forEach((name, i) => {
          if (values[i] !== undefined) return;
          const given = defaults[i - firstDefault]?.(locals);
          const value = orElse(given, () => new Undefined(`parameter '${name}' was not provided`));
          variables[i]!.set(locals, value);
        });
        return outer.state.capture(() => run(locals));
      });
  }

  private blockCall(node: BlockNode, frame: Frame): Execute {
    const locals = [...frame.symbols.allStores().keys()].map(
      (name) => [name, variableOf(frame, name, node.line)] as const,
    );
    return (here) => {
      const { state } = here;
      const run = this.blocks.get(node.name)!;
      if (!node.scoped) run(state);
      else {
        const derived = state.derived(locals.map(([name, { get }]) => [name, get(here)]));
        run(derived);
        state.write(derived.out);
      }
      return Signal.Done;
    };
  }
}

function asParameter(target: Target): Target {
  if (target.kind === 'name') return { ...target, use: 'parameter' };
  return target.kind === 'tuple'
    ? { ...target, items: target.items.map((item) => asParameter(item as Target)) }
    : target;
}

function unpack(value: Value, count: number): Value[] {
  const values: Value[] = [];
  for (const item of iterate(value)) {
    charge(1);
    if (values.length === count) throw new JinjaValueError(`too many values to unpack (expected ${count})`);
    values.push(item);
  }
  if (values.length < count) {
    throw new JinjaValueError(`not enough values to unpack (expected ${count}, got ${values.length})`);
  }
  return values;
}

function located(error: unknown, line: number): unknown {
  if (error instanceof RangeError && /call stack/i.test(error.message)) return stackExhausted().locate(line);
  return error instanceof JinjaError ? error.locate(line) : error;
}
