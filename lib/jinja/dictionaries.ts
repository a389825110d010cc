// Python's dict(…).

import { type Keywords, PythonDict, type Value } from './values';
import { JinjaTypeError, JinjaValueError } from './errors';
import { iterate } from './iteration';
import { charge } from './limits';

export function dictFrom(items: Iterable<Value>, entry: (item: Value) => readonly [Value, Value]): PythonDict {
  const dict = new PythonDict();
  for (const item of items) {
    charge(1);
    dict.set(...entry(item));
  }
  return dict;
}

/** From a mapping or pairs, and from keywords. */
export function makeDict(name: string, args: readonly Value[], keywords: Keywords): PythonDict {
  const [source, ...more] = args;
  if (more.length > 0) throw new JinjaTypeError(`${name} expected at most 1 argument, got ${args.length}`);
  const dict = source === undefined ? new PythonDict() : fromSource(source);
  for (const [key, value] of keywords ?? []) dict.set(key, value);
  return dict;
}

function fromSource(source: Value): PythonDict {
  if (source instanceof PythonDict) {
    charge(source.size);
    return source.copy();
  }
  return dictFrom(iterate(source), (item) => {
    const pair = [...iterate(item)];
    if (pair.length !== 2)
      throw new JinjaValueError(`a pair for a dictionary has ${pair.length} items; 2 are required`);
    return [pair[0]!, pair[1]!];
  });
}
