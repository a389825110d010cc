// Python's pprint.pformat: values on one line of 80 characters if they fit, else one item per line; keys are sorted.

import { PythonDict, PythonTuple, type Value } from './values';
import { JinjaTypeError } from './errors';
import { charge, checkLength, checkValueDepth } from './limits';
import { repr } from './printing';
import { sorted } from './sorting';
import { lengthOf } from './text';

const WIDTH = 80;

export function pretty(value: Value): string {
  return format(value, 0, 0, 0);
}

/**
 * @param indent the column where the value begins. @param allowance the number of characters that must fit after it.
 */
function format(value: Value, indent: number, allowance: number, depth: number): string {
  charge(1);
  checkValueDepth(depth);
  const line = repr(inOrder(value, depth));
  if (lengthOf(line) <= WIDTH - indent - allowance) return line;
  if (value instanceof PythonDict && value.size > 0) return formatDict(value, indent, allowance, depth);
  if (Array.isArray(value) && value.length > 0) return formatItems('[', value, ']', indent, allowance, depth);
  if (value instanceof PythonTuple && value.items.length > 0) {
    return formatItems('(', value.items, value.items.length === 1 ? ',)' : ')', indent, allowance, depth);
  }
  return typeof value === 'string' ? formatText(value, indent, allowance, depth) : line;
}

function inOrder(value: Value, depth: number): Value {
  charge(1);
  checkValueDepth(depth);
  if (Array.isArray(value)) return value.map((item) => inOrder(item, depth + 1));
  if (value instanceof PythonTuple) return new PythonTuple(value.items.map((item) => inOrder(item, depth + 1)));
  if (!(value instanceof PythonDict)) return value;
  return PythonDict.of(entriesOf(value).map(([key, item]) => [key, inOrder(item, depth + 1)] as const));
}

/** Entries sorted by key. Keys without an order are sorted by the name of their type, as in pprint. */
function entriesOf(dict: PythonDict): [Value, Value][] {
  const entries = [...dict.entries()].map(({ key, value }) => [key, value] as [Value, Value]);
  try {
    return sorted(entries, ([key]) => key);
  } catch (error) {
    if (error instanceof JinjaTypeError) return sorted(entries, ([key]) => [typeof key, repr(key)]);
    throw error;
  }
}

function formatItems(
  open: string,
  items: readonly Value[],
  close: string,
  indent: number,
  allowance: number,
  depth: number,
): string {
  const lines = items.map((item, i) => {
    return format(item, indent + 1, i === items.length - 1 ? allowance + close.length : 1, depth + 1);
  });
  return joined(open, lines, close, indent);
}

function formatDict(dict: PythonDict, indent: number, allowance: number, depth: number): string {
  const entries = entriesOf(dict);
  const lines = entries.map(([key, value], i) => {
    const name = `${repr(key)}: `;
    const room = i === entries.length - 1 ? allowance + 1 : 1;
    return name + format(value, indent + 1 + lengthOf(name), room, depth + 1);
  });
  return joined('{', lines, '}', indent);
}

function joined(open: string, lines: readonly string[], close: string, indent: number): string {
  const text = `${open}${lines.join(`,\n${' '.repeat(indent + 1)}`)}${close}`;
  checkLength(text.length);
  return text;
}

/** A long text in several parts, in brackets if it is the whole value. */
function formatText(text: string, indent: number, allowance: number, depth: number): string {
  const alone = depth === 0;
  const column = alone ? indent + 1 : indent;
  const chunks = chunksOf(text, WIDTH - column, allowance + (alone ? 1 : 0));
  if (chunks.length === 1) return chunks[0]!;
  const lines = chunks.join(`\n${' '.repeat(column)}`);
  return alone ? `(${lines})` : lines;
}

function chunksOf(text: string, width: number, allowance: number): string[] {
  const lines = text.split(/(?<=\n|\r(?!\n))/);
  const chunks: string[] = [];
  lines.forEach((line, i) => {
    const whole = repr(line);
    const room = width - (i === lines.length - 1 ? allowance : 0);
    if (lengthOf(whole) <= room) return void chunks.push(whole);
    const parts = line.match(/\S*\s*/gu)!.filter((part) => part !== '');
    let current = '';
    parts.forEach((part, j) => {
      const isLast = i === lines.length - 1 && j === parts.length - 1;
      const candidate = current + part;
      if (lengthOf(repr(candidate)) > width - (isLast ? allowance : 0)) {
        if (current !== '') chunks.push(repr(current));
        current = part;
      } else current = candidate;
    });
    if (current !== '') chunks.push(repr(current));
  });
  return chunks;
}
