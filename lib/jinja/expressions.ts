// Compiles expressions into functions.

import './methods/format';
import { call, getAttribute, getItem, getSlice } from './access';
import type { Arguments, CallNode, Expression, FilterNode } from './ast';
import { contains, equals, isTrue, ordered, type Order } from './compare';
import { type Keywords, type NativeFunction, PythonDict, PythonTuple, textOf, Undefined, type Value } from './values';
import { type JinjaError, JinjaSyntaxError, JinjaTypeError } from './errors';
import { FILTERS } from './filters/table';
import { iterate } from './iteration';
import { charge } from './limits';
import { methodTable } from './methods/table';
import { negate, positive } from './numbers';
import { add, concat, operate } from './operators';
import { str } from './printing';
import type { Locals } from './runtime';
import { orUndefined, variableOf, type Frame } from './scope';
import { TESTS } from './tests';

export type Evaluate = (locals: Locals) => Value;

export function compileExpression(node: Expression, frame: Frame): Evaluate {
  switch (node.kind) {
    case 'constant': {
      const { value } = node;
      return () => value;
    }
    case 'name': {
      const { get } = variableOf(frame, node.name, node.line);
      const { name } = node;
      return (locals) => orUndefined(name, get(locals));
    }
    case 'attribute': {
      const object = compileExpression(node.object, frame);
      const { name } = node;
      return (locals) => getAttribute(object(locals), name);
    }
    case 'item':
      return compileItem(node.object, node.index, frame);
    case 'call':
      return compileCall(node, frame);
    case 'filter':
      return compileFilter(node, frame, compileExpression(node.operand!, frame));
    case 'test':
      return compileNamed(node, frame, 'test', TESTS, compileExpression(node.operand, frame));
    case 'logic':
      return compileLogic(node.operator, compileExpression(node.left, frame), compileExpression(node.right, frame));
    case 'unary':
      return compileUnary(node.operator, compileExpression(node.operand, frame));
    case 'conditional':
      return compileConditional(node, { ...frame, lenient: true });
    case 'compare':
      return compileCompare(node, frame);
    case 'arithmetic': {
      const [left, right] = [compileExpression(node.left, frame), compileExpression(node.right, frame)];
      const { operator } = node;
      if (operator === '+') return (locals) => add(left(locals), right(locals));
      return (locals) => operate(operator, left(locals), right(locals));
    }
    default:
      return compileCollection(node, frame);
  }
}

function compileCollection(node: Expression, frame: Frame): Evaluate {
  switch (node.kind) {
    case 'concat': {
      const items = compileAll(node.items, frame);
      return (locals) => concat(items.map((item) => item(locals)));
    }
    case 'list': {
      const items = compileAll(node.items, frame);
      return (locals) => {
        charge(items.length);
        return items.map((item) => item(locals));
      };
    }
    case 'tuple': {
      const items = compileAll(node.items, frame);
      return (locals) => new PythonTuple(items.map((item) => item(locals)));
    }
    case 'dict': {
      const items = node.items.map(
        ({ key, value }) => [compileExpression(key, frame), compileExpression(value, frame)] as const,
      );
      return (locals) => {
        charge(items.length);
        return PythonDict.of(items.map(([key, value]) => [key(locals), value(locals)] as const));
      };
    }
    default:
      throw new JinjaSyntaxError('an expression that cannot stand here', node.line);
  }
}

const compileAll = (nodes: readonly Expression[], frame: Frame): Evaluate[] =>
  nodes.map((node) => compileExpression(node, frame));

function compileItem(objectNode: Expression, indexNode: Expression, frame: Frame): Evaluate {
  const object = compileExpression(objectNode, frame);
  if (indexNode.kind === 'slice') {
    const [start, stop, step] = [indexNode.start, indexNode.stop, indexNode.step].map((part) =>
      part === undefined ? () => null : compileExpression(part, frame),
    ) as [Evaluate, Evaluate, Evaluate];
    return (locals) => getSlice(object(locals), { start: start(locals), stop: stop(locals), step: step(locals) });
  }
  const index = compileExpression(indexNode, frame);
  return (locals) => getItem(object(locals), index(locals));
}

function compileLogic(operator: 'and' | 'or', left: Evaluate, right: Evaluate): Evaluate {
  const stopsAt = operator === 'or';
  return (locals) => {
    const value = left(locals);
    return isTrue(value) === stopsAt ? value : right(locals);
  };
}

function compileUnary(operator: 'not' | '+' | '-', operand: Evaluate): Evaluate {
  if (operator === 'not') return (locals) => !isTrue(operand(locals));
  const apply = operator === '-' ? negate : positive;
  return (locals) => {
    const value = operand(locals);
    return value instanceof Undefined ? value.fail() : apply(value);
  };
}

function compileConditional(node: Expression & { kind: 'conditional' }, frame: Frame): Evaluate {
  const test = compileExpression(node.test, frame);
  const then = compileExpression(node.then, frame);
  const nothing = new Undefined(`the inline if on line ${node.line} is false and has no else`);
  const otherwise = node.otherwise === undefined ? () => nothing : compileExpression(node.otherwise, frame);
  return (locals) => (isTrue(test(locals)) ? then(locals) : otherwise(locals));
}

type Compare = (left: Value, right: Value) => boolean;

const COMPARE: Record<string, Compare> = {
  '==': equals,
  '!=': (left, right) => !equals(left, right),
  in: (item, container) => contains(container, item),
  'not in': (item, container) => !contains(container, item),
};
for (const order of ['<', '<=', '>', '>='] satisfies Order[]) {
  COMPARE[order] = (left, right) => ordered(order, left, right);
}

function compileCompare(node: Expression & { kind: 'compare' }, frame: Frame): Evaluate {
  const first = compileExpression(node.first, frame);
  const rest = node.rest.map(({ operator, operand }) => ({
    compare: COMPARE[operator]!,
    operand: compileExpression(operand, frame),
  }));
  if (rest.length === 1) {
    const { compare, operand } = rest[0]!;
    return (locals) => compare(first(locals), operand(locals));
  }
  return (locals) => {
    let left = first(locals);
    for (const { compare, operand } of rest) {
      const right = operand(locals);
      if (!compare(left, right)) return false;
      left = right;
    }
    return true;
  };
}

function compileArguments(args: Arguments, frame: Frame): (locals: Locals, first: Value[]) => [Value[], Keywords] {
  const positional = compileAll(args.positional, frame);
  const keywords = args.keywords.map(({ name, value }) => [name, compileExpression(value, frame)] as const);
  const spread = args.spread && compileExpression(args.spread, frame);
  const spreadKeywords = args.spreadKeywords && compileExpression(args.spreadKeywords, frame);
  return (locals, values) => {
    for (const item of positional) values.push(item(locals));
    if (spread) {
      for (const item of iterate(spread(locals))) {
        charge(1);
        values.push(item);
      }
    }
    if (keywords.length === 0 && !spreadKeywords) return [values, undefined];
    const named = new Map(keywords.map(([name, value]) => [name, value(locals)] as const));
    if (spreadKeywords) spreadInto(named, spreadKeywords(locals));
    return [values, named];
  };
}

function spreadInto(named: Map<string, Value>, value: Value): void {
  if (value instanceof Undefined) value.fail();
  if (!(value instanceof PythonDict)) throw new JinjaTypeError('what follows ** must be a mapping');
  for (const { key, value: item } of value.entries()) {
    const name = textOf(key);
    if (name === undefined) throw new JinjaTypeError('keywords must be strings');
    if (named.has(name)) throw new JinjaTypeError(`two values for the argument '${name}'`);
    named.set(name, item);
  }
}

/** @param caller gives the value of `caller` within a call block. */
export function compileCall(node: CallNode, frame: Frame, caller?: (locals: Locals) => Value): Evaluate {
  const read = compileArguments(node.args, frame);
  const withCaller = (locals: Locals, keywords: Keywords): Keywords => {
    if (!caller) return keywords;
    if (keywords?.has('caller')) throw new JinjaTypeError("two values for the argument 'caller'");
    return new Map(keywords).set('caller', caller(locals));
  };
  const { callee: target } = node;
  if (target.kind === 'attribute') {
    const object = compileExpression(target.object, frame);
    const { name } = target;
    // A method of a text, called without creating a function object for it.
    return (locals) => {
      charge(1);
      const self = object(locals);
      const method = methodTable(self)?.get(name);
      const callee = method ? undefined : getAttribute(self, name);
      const [args, keywords] = read(locals, []);
      if (method) return method(self, args, withCaller(locals, keywords));
      return call(callee!, args, withCaller(locals, keywords));
    };
  }
  const callee = compileExpression(target, frame);
  return (locals) => {
    charge(1);
    const called = callee(locals);
    const [args, keywords] = read(locals, []);
    return call(called, args, withCaller(locals, keywords));
  };
}

function compileFilter(node: FilterNode, frame: Frame, operand: Evaluate): Evaluate {
  return compileNamed(node, frame, 'filter', FILTERS, operand);
}

/** The filters of a filter block or a set block, the first of which gets the block's text. */
export function compileBlockFilter(node: FilterNode, frame: Frame): (locals: Locals, text: Value) => Value {
  let current: Value = '';
  const chain = (filter: FilterNode): Evaluate => {
    const inner = filter.operand as FilterNode | undefined;
    return compileFilter(filter, frame, inner === undefined ? () => current : chain(inner));
  };
  const evaluate = chain(node);
  return (locals, text) => {
    current = text;
    return evaluate(locals);
  };
}

function compileNamed(
  node: { name: string; args: Arguments; line: number },
  frame: Frame,
  what: 'filter' | 'test',
  table: ReadonlyMap<string, NativeFunction>,
  operand: Evaluate,
): Evaluate {
  const body = table.get(node.name);
  const unknown = (): JinjaError => new JinjaSyntaxError(`no ${what} is called '${node.name}'`, node.line);
  if (body === undefined && !frame.lenient) throw unknown();
  const { args } = node;
  if (body && args.positional.length + args.keywords.length === 0 && !args.spread && !args.spreadKeywords) {
    return (locals) => {
      charge(1);
      return body([operand(locals)], undefined);
    };
  }
  const read = compileArguments(args, frame);
  return (locals) => {
    charge(1);
    const [values, keywords] = read(locals, [operand(locals)]);
    if (body === undefined) throw unknown();
    return body(values, keywords);
  };
}

/** An expression, compiled to the text that it prints. */
export function compilePrinted(node: Expression, frame: Frame): (locals: Locals) => string {
  const evaluate = compileExpression(node, frame);
  return (locals) => {
    const value = evaluate(locals);
    return typeof value === 'string' ? value : str(value);
  };
}
