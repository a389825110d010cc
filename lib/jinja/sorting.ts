// Python's sorted(): stable, with a key function.

import { ordered } from './compare';
import { charge } from './limits';
import type { Value } from './values';

/** @throws JinjaTypeError if two keys have no order. */
export function sorted<Item>(items: readonly Item[], keyOf: (item: Item) => Value, reverse = false): Item[] {
  charge(items.length);
  const keyed = items.map((item) => ({ item, key: keyOf(item) }));
  // Reversed before and after, so that equal items keep their order.
  if (reverse) keyed.reverse();
  const inOrder = mergeSort(keyed);
  if (reverse) inOrder.reverse();
  return inOrder.map(({ item }) => item);
}

type Keyed<Item> = { item: Item; key: Value };

/** Uses only `<`, like Python. Array.sort makes other comparisons, and may skip one that fails. */
function mergeSort<Item>(items: Keyed<Item>[]): Keyed<Item>[] {
  if (items.length < 2) return items;
  const middle = items.length >> 1;
  const left = mergeSort(items.slice(0, middle));
  const right = mergeSort(items.slice(middle));
  const merged: Keyed<Item>[] = [];
  let i = 0;
  let j = 0;
  while (i < left.length && j < right.length) {
    merged.push(ordered('<', right[j]!.key, left[i]!.key) ? right[j++]! : left[i++]!);
  }
  return merged.concat(left.slice(i), right.slice(j));
}
