// Filters that apply filters and tests to items.

import { isTrue } from '../compare';
import { JinjaTypeError, JinjaSyntaxError } from '../errors';
import { iterate } from '../iteration';
import { charge } from '../limits';
import { TESTS } from '../tests';
import { PythonIterator, textOf, type Keywords, type NativeFunction, type Value } from '../values';
import { attributeGetter } from './attributes';

export function addSelectionFilters(filters: Map<string, NativeFunction>): void {
  filters.set('map', (args, keywords) => lazy(args[0]!, () => mapper(filters, args.slice(1), keywords), mapped));
  for (const [name, wanted, byAttribute] of [
    ['select', true, false],
    ['reject', false, false],
    ['selectattr', true, true],
    ['rejectattr', false, true],
  ] as const) {
    filters.set(name, ([value, ...args], keywords) => {
      return lazy(
        value!,
        () => condition(args, keywords, byAttribute),
        (items, holds) => selected(items, holds, wanted),
      );
    });
  }
}

/** A generator: the value is not evaluated before the iteration, and a false value is never iterated. */
function lazy<Function>(
  value: Value,
  prepare: () => Function,
  run: (items: Iterable<Value>, apply: Function) => Iterable<Value>,
): PythonIterator {
  return new PythonIterator(
    (function* () {
      if (isTrue(value)) yield* run(iterate(value), prepare());
    })(),
  );
}

function* mapped(items: Iterable<Value>, apply: (item: Value) => Value): Iterable<Value> {
  for (const item of items) {
    charge(1);
    yield apply(item);
  }
}

function* selected(items: Iterable<Value>, holds: (item: Value) => Value, wanted: boolean): Iterable<Value> {
  for (const item of items) {
    charge(1);
    if (isTrue(holds(item)) === wanted) yield item;
  }
}

function mapper(
  filters: ReadonlyMap<string, NativeFunction>,
  args: Value[],
  keywords: Keywords,
): (item: Value) => Value {
  const attribute = args.length === 0 ? keywords?.get('attribute') : undefined;
  if (attribute !== undefined) {
    const other = [...keywords!.keys()].find((name) => name !== 'attribute' && name !== 'default');
    if (other !== undefined) throw new JinjaTypeError(`Unexpected keyword argument '${other}'`);
    return attributeGetter(attribute, keywords!.get('default') ?? null);
  }
  if (args.length === 0) throw new JinjaTypeError('map requires a filter argument');
  const [name, ...rest] = args as [Value, ...Value[]];
  const filter = named(filters, name, 'filter');
  return (item) => filter([item, ...rest], keywords);
}

function condition(args: Value[], keywords: Keywords, byAttribute: boolean): (item: Value) => Value {
  if (byAttribute && args.length === 0) throw new JinjaTypeError('Missing parameter for attribute name');
  const get = byAttribute ? attributeGetter(args[0]!) : (item: Value) => item;
  const [name, ...rest] = byAttribute ? args.slice(1) : args;
  if (name === undefined) return get;
  const test = named(TESTS, name, 'test');
  return (item) => test([get(item), ...rest], keywords);
}

function named(table: ReadonlyMap<string, NativeFunction>, name: Value, what: string): NativeFunction {
  const found = table.get(textOf(name) ?? '');
  if (!found) throw new JinjaSyntaxError(`no ${what} is called '${textOf(name) ?? typeof name}'`);
  return found;
}
