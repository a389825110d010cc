// + - * / // % ** and ~ on all types.

import type { ArithmeticOperator } from './ast';
import { JinjaTypeError } from './errors';
import { formatPercent } from './formatting/percent';
import { escapeHtml } from './html';
import { isText, Markup, PythonBytes, PythonTuple, textOf, typeName, Undefined, type Value } from './values';
import { charge, checkLength, chargeText } from './limits';
import { arithmetic, toIndex } from './numbers';
import { str } from './printing';

export function operate(operator: ArithmeticOperator, left: Value, right: Value): Value {
  if (operator === '+') return add(left, right);
  const special =
    operator === '*' ? repeat(left, right) : operator === '%' && isText(left) ? format(left, right) : undefined;
  return special ?? arithmetic(operator, left, right) ?? refuse(operator, left, right);
}

export function add(left: Value, right: Value): Value {
  if (typeof left === 'string' && typeof right === 'string') {
    charge(1);
    checkLength(left.length + right.length);
    return left + right;
  }
  if (typeof left === 'number' && typeof right === 'number') {
    const sum = left + right;
    if (Number.isSafeInteger(sum)) return sum;
  }
  if (isText(left) && isText(right)) {
    const joined = markedText(left) + markedText(right);
    checkLength(joined.length);
    return new Markup(joined);
  }
  if (Array.isArray(left) && Array.isArray(right)) {
    charge(left.length + right.length);
    return [...left, ...right];
  }
  if (left instanceof PythonTuple && right instanceof PythonTuple) {
    charge(left.items.length + right.items.length);
    return new PythonTuple([...left.items, ...right.items]);
  }
  if (left instanceof PythonBytes && right instanceof PythonBytes) {
    chargeText(left.bytes.length + right.bytes.length);
    return new PythonBytes(Buffer.concat([left.bytes, right.bytes]));
  }
  return arithmetic('+', left, right) ?? refuse('+', left, right);
}

const markedText = (value: string | Markup): string => (value instanceof Markup ? value.text : escapeHtml(value));

function repeat(left: Value, right: Value): Value | undefined {
  const [sequence, times] = toIndex(left) === undefined ? [left, toIndex(right)] : [right, toIndex(left)];
  if (times === undefined) return undefined;
  const count = Math.max(0, times);
  const text = textOf(sequence);
  if (text !== undefined) {
    if (text === '') return sequence;
    chargeText(text.length * count);
    const repeated = text.repeat(count);
    return typeof sequence === 'string' ? repeated : new Markup(repeated);
  }
  if (Array.isArray(sequence)) return repeatItems(sequence, count);
  if (sequence instanceof PythonTuple) return new PythonTuple(repeatItems(sequence.items, count));
  if (!(sequence instanceof PythonBytes)) return undefined;
  chargeText(sequence.bytes.length * count);
  return new PythonBytes(Uint8Array.from(repeatItems([...sequence.bytes], count) as number[]));
}

function repeatItems(items: readonly Value[], count: number): Value[] {
  if (items.length === 0) return [];
  charge(items.length * count);
  const repeated: Value[] = [];
  for (let i = 0; i < count; i++) for (const item of items) repeated.push(item);
  return repeated;
}

function format(left: string | Markup, right: Value): Value {
  return typeof left === 'string'
    ? formatPercent(left, right)
    : new Markup(formatPercent(left.text, right, escapeHtml));
}

function refuse(operator: string, left: Value, right: Value): never {
  if (left instanceof Undefined) return left.fail();
  if (right instanceof Undefined) return right.fail();
  throw new JinjaTypeError(`unsupported operand types for ${operator}: '${typeName(left)}' and '${typeName(right)}'`);
}

/** `~`: the printed values, joined. */
export function concat(values: readonly Value[]): string {
  let text = '';
  for (const value of values) text += typeof value === 'string' ? value : str(value);
  charge(1);
  checkLength(text.length);
  return text;
}
