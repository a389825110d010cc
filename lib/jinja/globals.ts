// The functions that every template has.

import { native, needIndex, softText } from './arguments';
import { makeDict } from './dictionaries';
import { JinjaError, JinjaRaised, JinjaTypeError, JinjaValueError } from './errors';
import { iterate } from './iteration';
import { toInteger } from './numbers';
import { byPlace, Namespace } from './runtime';
import { dictFrom } from './dictionaries';
import {
  Callable,
  PythonFunction,
  PythonRange,
  Undefined,
  type Keywords,
  type NativeFunction,
  type Value,
} from './values';

/** The limit of jinja2's sandbox. */
const MAX_RANGE = 100_000;

function range(args: Value[]): Value {
  if (args.length === 0 || args.length > 3)
    throw new JinjaTypeError(`range takes 1 to 3 arguments, not ${args.length}`);
  for (const value of args) {
    if (value instanceof Undefined) value.fail();
    if (toInteger(value) === undefined) needIndex(value, 'an argument of range');
  }
  const [first, second, third = 1] = args.map((value) => needIndex(value, 'an argument of range'));
  if (third === 0) throw new JinjaValueError('range() arg 3 must not be zero');
  const made = second === undefined ? new PythonRange(0, first!, 1) : new PythonRange(first!, second, third);
  if (made.length > MAX_RANGE) {
    throw new JinjaValueError(
      `a range of ${made.length} items: the limit of templates is ${MAX_RANGE.toLocaleString('en-US')}`,
    );
  }
  return made;
}

/** `dict(…)` and `dict.fromkeys`. */
class DictFunction extends Callable {
  readonly typeName = 'TemplateDict';
  private static readonly fromKeys = new PythonFunction(
    'fromkeys',
    native('fromkeys', 'iterable value? /', ([keys, value = null]) => dictFrom(iterate(keys!), (key) => [key, value])),
  );

  call(args: Value[], keywords: Keywords): Value {
    return makeDict('dict', args, keywords);
  }

  override attribute(name: string): Value | undefined {
    return name === 'fromkeys' ? DictFunction.fromKeys : undefined;
  }

  represent(): string {
    return '<TemplateDict object>';
  }
}

class Cycler extends Callable {
  readonly typeName = 'Cycler';
  private place = 0;

  constructor(private readonly items: readonly Value[]) {
    super();
    if (items.length === 0) throw new JinjaError('at least one item has to be provided');
  }

  override attribute(name: string): Value | undefined {
    if (name === 'current') return this.items[this.place]!;
    if (name === 'pos') return this.place;
    if (name === 'reset') return method('reset', () => this.moveTo(0));
    return name === 'next' ? method('next', () => this.next()) : undefined;
  }

  private next(): Value {
    const item = this.items[this.place]!;
    this.moveTo((this.place + 1) % this.items.length);
    return item;
  }

  private moveTo(place: number): null {
    this.place = place;
    return null;
  }

  call(): Value {
    throw new JinjaTypeError("'Cycler' object is not callable: call its next()");
  }

  represent(): string {
    return '<Cycler object>';
  }
}

const method = (name: string, body: () => Value): PythonFunction => new PythonFunction(name, native(name, '', body));

function joiner(separator: string): Value {
  let used = false;
  return method('joiner', () => {
    const text = used ? separator : '';
    used = true;
    return text;
  });
}

const functions: Record<string, NativeFunction> = {
  range: byPlace('range', range),
  namespace: (args, keywords) => new Namespace(makeDict('namespace', args, keywords)),
  cycler: byPlace('cycler', (args) => new Cycler(args)),
  joiner: native('joiner', 'sep?', ([separator = ', ']) => joiner(softText(separator))),
  raise_exception: native('raise_exception', 'message', ([message]) => {
    throw new JinjaRaised(softText(message));
  }),
  lipsum: () => {
    throw new JinjaTypeError('lipsum() makes random text, on which no reward may depend');
  },
};

export const GLOBALS: ReadonlyMap<string, Value> = new Map<string, Value>([
  ...Object.entries(functions).map(([name, body]) => [name, new PythonFunction(name, body)] as const),
  ['dict', new DictFunction()],
]);
