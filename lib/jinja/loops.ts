// `{% for %}`.

import type { ForNode } from './ast';
import { isTrue } from './compare';
import { Signal, type Execute, type StatementCompiler } from './execution';
import { JinjaSyntaxError } from './errors';
import { compileExpression } from './expressions';
import { iterate } from './iteration';
import { charge, enterCall, leaveCall } from './limits';
import { Locals, LoopContext } from './runtime';
import { entering, functionFrame, innerFrame, leaving, variableOf, type Frame } from './scope';
import { analyzeFor, descendants, findUndeclared } from './symbols';
import type { Value } from './values';

type Filter = (locals: Locals, items: Value) => Iterable<Value>;

type Recursion = (items: Value, depth: number) => string;

export function compileFor(compiler: StatementCompiler, node: ForNode, frame: Frame): Execute {
  for (const { kind, ...rest } of descendants([node])) {
    if (kind === 'name' && 'use' in rest && rest.use === 'store' && rest.name === 'loop') {
      throw new JinjaSyntaxError("'loop' cannot be set within a loop", rest.line);
    }
  }
  return node.recursive ? compileRecursive(compiler, node, frame) : compileSimple(compiler, node, frame);
}

function compileSimple(compiler: StatementCompiler, node: ForNode, frame: Frame): Execute {
  const turns = compileTurns(compiler, node, frame, frame);
  const iterated = compileExpression(node.iterated, frame);
  return (locals) => turns(locals, iterated(locals), 0, undefined);
}

function compileRecursive(compiler: StatementCompiler, node: ForNode, frame: Frame): Execute {
  // The loop is a function that calls itself; its frames are part of that function.
  const own = functionFrame(frame);
  const turns = compileTurns(compiler, node, frame, { ...frame, scope: own.scope, inLoop: false });
  const iterated = compileExpression(node.iterated, frame);
  return (outer) => {
    const recursion: Recursion = (items, depth) => {
      enterCall();
      const locals = new Locals(outer.state, own.scope.size, outer);
      const text = outer.state.capture(() => turns(locals, items, depth, recursion));
      leaveCall();
      return text;
    };
    outer.state.write(recursion(iterated(outer), 0));
    return Signal.Done;
  };
}

type Turns = (locals: Locals, items: Value, depth: number, recursion: Recursion | undefined) => Signal;

/**
 * @param around the frame whose names the loop sees. @param place the corresponding frame in the function that runs the
 * loop.
 */
function compileTurns(compiler: StatementCompiler, node: ForNode, around: Frame, place: Frame): Turns {
  const inner = innerFrame(place);
  const extended =
    node.recursive ||
    findUndeclared(node.body, ['loop']).has('loop') ||
    [...descendants([node])].some((child) => child.kind === 'block' && child.scoped);
  if (extended) inner.symbols.parameter('loop');
  analyzeFor(inner.symbols, node, 'body');
  const bodyFrame = { ...inner, inLoop: true };
  const loop = extended ? variableOf(bodyFrame, 'loop', node.line) : undefined;
  const assign = compiler.assignment(node.target, bodyFrame, false);
  const enter = entering(bodyFrame);
  const leave = leaving(bodyFrame);
  const body = compiler.body(node.body, bodyFrame);
  const filter = node.test && compileTest(compiler, node, around, place);
  const otherwise = compileElse(compiler, node, place);
  return (locals, items, depth, recursion) => {
    const filtered = filter?.(locals, items);
    let empty = true;
    /** Returns true to continue. */
    const turn = (item: Value): boolean => {
      charge(1);
      assign(locals, item);
      enter(locals);
      const signal = body(locals);
      if (signal === Signal.Done) empty = false;
      return signal !== Signal.Break;
    };
    if (loop) {
      const context = new LoopContext(filtered ?? items, filtered === undefined, recursion, depth);
      for (let item = context.advance(); item !== undefined; item = context.advance()) {
        loop.set(locals, context);
        if (!turn(item)) break;
      }
    } else for (const item of filtered ?? iterate(items)) if (!turn(item)) break;
    leave(locals);
    return empty ? otherwise(locals) : Signal.Done;
  };
}

/** The `else` branch, for a loop in which no iteration ran to its end. */
function compileElse(compiler: StatementCompiler, node: ForNode, place: Frame): Execute {
  if (node.otherwise.length === 0) return () => Signal.Done;
  const frame = innerFrame(place);
  analyzeFor(frame.symbols, node, 'else');
  return compiler.framed(frame, compiler.body(node.otherwise, frame));
}

/** `for … if test`: the items that pass the test, found lazily. */
function compileTest(compiler: StatementCompiler, node: ForNode, around: Frame, place: Frame): Filter {
  const frame = functionFrame({ ...around, scope: place.scope });
  analyzeFor(frame.symbols, node, 'test');
  const enter = entering(frame);
  const assign = compiler.assignment(node.target, frame, false);
  const test = compileExpression(node.test!, frame);
  return function* (outer, items) {
    const locals = new Locals(outer.state, frame.scope.size, outer);
    enter(locals);
    for (const item of iterate(items)) {
      charge(1);
      assign(locals, item);
      if (isTrue(test(locals))) yield item;
    }
  };
}
