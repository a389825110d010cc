// Filters on lists and mappings.

import { getAttributeOnly } from '../access';
import { native, needIndex, needText } from '../arguments';
import { equals, isTrue, ordered } from '../compare';
import {
  DictView,
  isText,
  Markup,
  NamedTuple,
  type NativeFunction,
  orElse,
  PythonDict,
  PythonIterator,
  PythonRange,
  PythonTuple,
  textOf,
  Undefined,
  type Value,
} from '../values';
import { JinjaTypeError, JinjaValueError } from '../errors';
import { iterate, listOf, pythonLength } from '../iteration';
import { toJson } from '../json';
import { charge, checkLength } from '../limits';
import { add } from '../operators';
import { str } from '../printing';
import { sorted } from '../sorting';
import { codePoints } from '../text';

import { attributeGetter, attributesGetter, caseAdapter } from './attributes';

export function addListFilters(filters: Map<string, NativeFunction>): void {
  const set = (names: string, signature: string, body: Parameters<typeof native>[2]): void => {
    for (const name of names.split(' ')) filters.set(name, native(name, signature, body));
  };
  set('length count', 'obj /', ([value]) => pythonLength(value!));
  set('list', 'value', ([value]) => listOf(value!));
  set('first', 'seq', ([value]) => {
    for (const item of iterate(value!)) return item;
    return new Undefined('No first item, sequence was empty.');
  });
  set('last', 'seq', ([value]) => {
    return orElse(backwards(value!)[0], () => new Undefined('No last item, sequence was empty.'));
  });
  set('random', 'seq', ([value]) => random(value!));
  set('reverse', 'value', ([value]) => reversed(value!));
  set('items', 'value', ([value]) => itemsOf(value!));
  set('attr', 'obj name', ([value, name]) => getAttributeOnly(value!, needText(name, 'the name of an attribute')));
  set('join', 'value d? attribute?', ([value, separator = '', attribute = null]) => {
    return join(value!, str(separator), attribute);
  });
  set('sum', 'iterable attribute? start?', ([value, attribute = null, start = 0]) => sum(value!, attribute, start));
  set('min', 'value case_sensitive? attribute?', ([value, cased = false, attribute = null]) => {
    return extreme(value!, isTrue(cased), attribute, (key, best) => ordered('<', key, best));
  });
  set('max', 'value case_sensitive? attribute?', ([value, cased = false, attribute = null]) => {
    return extreme(value!, isTrue(cased), attribute, (key, best) => ordered('>', key, best));
  });
  set(
    'sort',
    'value reverse? case_sensitive? attribute?',
    ([value, reverse = false, cased = false, attribute = null]) => {
      return sorted(listOf(value!), attributesGetter(attribute, caseAdapter(isTrue(cased))), isTrue(reverse));
    },
  );
  set('unique', 'value case_sensitive? attribute?', ([value, cased = false, attribute = null]) => {
    return new PythonIterator(unique(value!, isTrue(cased), attribute));
  });
  set('dictsort', 'value case_sensitive? by? reverse?', ([value, cased = false, by = 'key', reverse = false]) => {
    return dictSort(value!, isTrue(cased), by, isTrue(reverse));
  });
  set('groupby', 'value attribute default? case_sensitive?', ([value, attribute, fallback = null, cased = false]) => {
    return groupBy(value!, attribute!, fallback, isTrue(cased));
  });
  set('batch', 'value linecount fill_with?', ([value, count, fill = null]) => {
    return new PythonIterator(batch(value!, needIndex(count, 'linecount'), fill));
  });
  set('slice', 'value slices fill_with?', ([value, count, fill = null]) => {
    return new PythonIterator(slices(value!, needIndex(count, 'slices'), fill));
  });
  filters.set('tojson', toJson);
}

/** The items in reverse order, for values that Python's reversed() accepts. */
function backwards(value: Value): Value[] {
  if (value instanceof Undefined) return [];
  const isReversible =
    isText(value) ||
    Array.isArray(value) ||
    value instanceof PythonTuple ||
    value instanceof PythonDict ||
    value instanceof PythonRange ||
    value instanceof DictView;
  if (!isReversible)
    throw new JinjaTypeError('what has no end to begin from cannot be reversed: make it a list by |list');
  return listOf(value).reverse();
}

function random(value: Value): Value {
  const text = textOf(value);
  const items = text === undefined ? value : codePoints(text);
  const list = items instanceof PythonTuple ? items.items : Array.isArray(items) ? items : listOf(items);
  if (list.length === 0) return new Undefined('No random item, sequence was empty.');
  return list[Math.floor(Math.random() * list.length)]!;
}

function reversed(value: Value): Value {
  if (typeof value === 'string') return codePoints(value).reverse().join('');
  if (value instanceof Markup) return new Markup(codePoints(value.text).reverse().join(''));
  if (value instanceof PythonIterator) return listOf(value).reverse();
  return new PythonIterator(backwards(value), 'reversed');
}

function itemsOf(value: Value): Value {
  return new PythonIterator(
    (function* () {
      if (value instanceof Undefined) return;
      if (!(value instanceof PythonDict)) throw new JinjaTypeError('Can only get item pairs from a mapping.');
      yield* new DictView(value, 'items');
    })(),
  );
}

function join(value: Value, separator: string, attribute: Value): string {
  const get = attribute === null ? (item: Value) => item : attributeGetter(attribute);
  let text = '';
  let first = true;
  for (const item of iterate(value)) {
    charge(1);
    text += first ? str(get(item)) : separator + str(get(item));
    first = false;
    checkLength(text.length);
  }
  return text;
}

function sum(value: Value, attribute: Value, start: Value): Value {
  if (textOf(start) !== undefined) throw new JinjaTypeError("sum() can't sum strings: use |join");
  const get = attributeGetter(attribute);
  let total = start;
  for (const item of iterate(value)) {
    charge(1);
    total = add(total, get(item));
  }
  return total;
}

function extreme(value: Value, cased: boolean, attribute: Value, better: (key: Value, best: Value) => boolean): Value {
  const get = attributeGetter(attribute);
  const adapt = caseAdapter(cased);
  let best: { item: Value; key: Value } | undefined;
  for (const item of iterate(value)) {
    charge(1);
    const key = adapt(get(item));
    if (best === undefined || better(key, best.key)) best = { item, key };
  }
  return orElse(best?.item, () => new Undefined('No aggregated item, sequence was empty.'));
}

function* unique(value: Value, cased: boolean, attribute: Value): Iterable<Value> {
  const get = attributeGetter(attribute);
  const adapt = caseAdapter(cased);
  const seen = new PythonDict();
  for (const item of iterate(value)) {
    charge(1);
    const key = adapt(get(item));
    if (seen.has(key)) continue;
    seen.set(key, null);
    yield item;
  }
}

function dictSort(value: Value, cased: boolean, by: Value, reverse: boolean): Value[] {
  if (by !== 'key' && by !== 'value') throw new JinjaValueError('You can only sort by either "key" or "value"');
  if (value instanceof Undefined) value.fail();
  if (!(value instanceof PythonDict)) throw new JinjaTypeError('dictsort needs a mapping');
  const adapt = caseAdapter(cased);
  const entries = sorted([...value.entries()], (entry) => adapt(entry[by]), reverse);
  return entries.map(({ key, value: item }) => new PythonTuple([key, item]));
}

function groupBy(value: Value, attribute: Value, fallback: Value, cased: boolean): Value[] {
  const get = attributeGetter(attribute, fallback);
  const adapt = caseAdapter(cased);
  const keyOf = (item: Value): Value => adapt(get(item));
  const groups: { key: Value; items: Value[] }[] = [];
  for (const item of sorted(listOf(value), keyOf)) {
    const key = keyOf(item);
    const group = groups.at(-1);
    if (group && equals(group.key, key)) group.items.push(item);
    else groups.push({ key, items: [item] });
  }
  return groups.map(({ items }) => new NamedTuple([get(items[0]!), items], ['grouper', 'list']));
}

function* batch(value: Value, count: number, fill: Value): Iterable<Value> {
  let line: Value[] = [];
  for (const item of iterate(value)) {
    charge(1);
    if (line.length === count) {
      yield line;
      line = [];
    }
    line.push(item);
  }
  if (line.length === 0) return;
  if (fill !== null) {
    charge(Math.max(0, count - line.length));
    while (line.length < count) line.push(fill);
  }
  yield line;
}

function* slices(value: Value, count: number, fill: Value): Iterable<Value> {
  const items = listOf(value);
  if (count === 0) throw new JinjaValueError('integer division or modulo by zero');
  const size = Math.floor(items.length / count);
  const larger = items.length - size * count;
  let offset = 0;
  for (let number = 0; number < count; number++) {
    charge(1);
    const start = offset + number * size;
    if (number < larger) offset += 1;
    const part = items.slice(start, offset + (number + 1) * size);
    if (fill !== null && number >= larger) part.push(fill);
    yield part;
  }
}
