// Texts by code point, as Python counts them.

import { JinjaTypeError, JinjaValueError } from './errors';
import { charge, chargeText } from './limits';
import { typeName, type Value } from './values';
import { toIndex } from './numbers';

const SURROGATE = /[\ud800-\udfff]/;

/** Whether a text's code units are its code points. */
const isPlain = (text: string): boolean => !SURROGATE.test(text);

export function lengthOf(text: string): number {
  chargeText(text.length);
  if (isPlain(text)) return text.length;
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** The code points of a text, each as a text. */
export function codePoints(text: string): string[] {
  charge(1 + text.length);
  return isPlain(text) ? text.split('') : Array.from(text);
}

/** The code point at an index, which may be negative; undefined beyond the ends. */
export function characterAt(text: string, index: number): string | undefined {
  chargeText(text.length);
  if (isPlain(text)) return text[index < 0 ? index + text.length : index];
  return Array.from(text).at(index);
}

export interface Slice {
  start: Value;
  stop: Value;
  step: Value;
}

/** Python's slice.indices: from, to (not included), step. */
export function sliceIndices({ start, stop, step }: Slice, length: number): [number, number, number] {
  const stride = sliceIndex(step) ?? 1;
  if (stride === 0) throw new JinjaValueError('slice step cannot be zero');
  const lowest = stride < 0 ? -1 : 0;
  const highest = stride < 0 ? length - 1 : length;
  const clamp = (index: number): number => Math.min(Math.max(index < 0 ? index + length : index, lowest), highest);
  const first = sliceIndex(start);
  const last = sliceIndex(stop);
  return [
    first === undefined ? (stride < 0 ? highest : lowest) : clamp(first),
    last === undefined ? (stride < 0 ? lowest : highest) : clamp(last),
    stride,
  ];
}

function sliceIndex(value: Value): number | undefined {
  if (value === null) return undefined;
  const index = toIndex(value);
  if (index === undefined) {
    throw new JinjaTypeError(`slice indices must be integers or None, not '${typeName(value)}'`);
  }
  return index;
}

export function sliceArray<Item>(items: readonly Item[], slice: Slice): Item[] {
  const [start, stop, step] = sliceIndices(slice, items.length);
  if (step === 1) {
    charge(Math.max(0, stop - start));
    return items.slice(start, Math.max(start, stop));
  }
  const taken: Item[] = [];
  for (let i = start; step < 0 ? i > stop : i < stop; i += step) taken.push(items[i]!);
  charge(taken.length);
  return taken;
}

export function sliceText(text: string, slice: Slice): string {
  chargeText(text.length);
  if (!isPlain(text)) return sliceArray(codePoints(text), slice).join('');
  const [start, stop, step] = sliceIndices(slice, text.length);
  if (step === 1) return text.slice(start, Math.max(start, stop));
  return sliceArray(codePoints(text), slice).join('');
}

/** Converts an index in code units to one in code points. */
export function toPoints(text: string, units: number): number {
  return lengthOf(text.slice(0, units));
}
