// The methods of dict, list, tuple, range, bytes and numbers. Methods that change their object are not available: a
// template's values are immutable.

import { native, needIndex, needText, parameters, type Bound } from '../arguments';
import { equals } from '../compare';
import { dictFrom } from '../dictionaries';
import {
  DictView,
  type Keywords,
  type NativeFunction,
  orElse,
  type PythonBytes,
  type PythonDict,
  PythonFloat,
  PythonTuple,
  typeName,
  type Value,
} from '../values';
import { JinjaValueError } from '../errors';
import { iterate } from '../iteration';
import { normalInteger } from '../kinds';
import { charge, chargeText } from '../limits';
import { bitLength, toInteger } from '../numbers';
import { fraction } from '../formatting/numbers';

export type Methods<Self> = ReadonlyMap<string, (self: Self) => NativeFunction>;

const plain = (name: string, result: () => Value): NativeFunction => native(name, '', result);

type DictMethod = (self: PythonDict, args: Value[], keywords: Keywords) => Value;
export const DICT_METHODS = new Map<string, DictMethod>();

function dictMethod(name: string, signature: string, body: (self: PythonDict, bound: Bound) => Value): void {
  const read = parameters(`dict.${name}`, signature);
  DICT_METHODS.set(name, (self, args, keywords) => body(self, read(args, keywords)));
}

dictMethod('get', 'key default? /', (self, [key, otherwise = null]) => orElse(self.get(key!), () => otherwise));
for (const kind of ['keys', 'values', 'items'] as const) dictMethod(kind, '', (self) => new DictView(self, kind));
dictMethod('copy', '', (self) => copyOf(self));
dictMethod('fromkeys', 'iterable value? /', (_self, [keys, value = null]) =>
  dictFrom(iterate(keys!), (key) => [key, value]),
);

function copyOf(self: PythonDict): PythonDict {
  charge(self.size);
  return self.copy();
}

/** Methods that change Python's lists and dictionaries: they exist, but cannot be called. */
export const CHANGING = {
  list: new Set(['append', 'clear', 'pop', 'reverse', 'insert', 'sort', 'extend', 'remove']),
  dict: new Set(['clear', 'pop', 'popitem', 'setdefault', 'update']),
};

const indexMethods = <Self>(
  items: (self: Self) => Iterable<Value>,
  what: string,
): [string, (self: Self) => NativeFunction][] => [
  [
    'index',
    (self) =>
      native(`${what}.index`, 'value start? stop? /', ([value, start = 0, stop]) => {
        const all = [...items(self)];
        charge(all.length);
        const place = (at: Value): number => (needIndex(at, 'a place') < 0 ? Number(at) + all.length : Number(at));
        const end = stop === undefined ? all.length : place(stop);
        for (let i = Math.max(0, place(start)); i < Math.min(end, all.length); i++)
          if (equals(all[i]!, value!)) return i;
        throw new JinjaValueError(`the value is not in the ${what}`);
      }),
  ],
  [
    'count',
    (self) =>
      native(`${what}.count`, 'value /', ([value]) => {
        let count = 0;
        for (const item of items(self)) if (equals(item, value!)) count += 1;
        return count;
      }),
  ],
];

export const LIST_METHODS: Methods<Value[]> = new Map<string, (self: Value[]) => NativeFunction>([
  ...indexMethods((self: Value[]) => self, 'list'),
  [
    'copy',
    (self) =>
      plain('list.copy', () => {
        charge(self.length);
        return [...self];
      }),
  ],
]);
export const TUPLE_METHODS: Methods<PythonTuple> = new Map(indexMethods((self: PythonTuple) => self.items, 'tuple'));
export const RANGE_METHODS: Methods<Value> = new Map(indexMethods((self: Value) => iterate(self), 'range'));

export const BYTES_METHODS: Methods<PythonBytes> = new Map([
  [
    'decode',
    (self: PythonBytes) =>
      native('bytes.decode', 'encoding? errors?', ([encoding = 'utf-8']) => {
        if (!/^utf-?8$/i.test(needText(encoding, 'the encoding')))
          throw new JinjaValueError('bytes are decoded as UTF-8 only');
        chargeText(self.bytes.length);
        return Buffer.from(self.bytes).toString('utf8');
      }),
  ],
  ['hex', (self: PythonBytes) => plain('bytes.hex', () => Buffer.from(self.bytes).toString('hex'))],
]);

/** Attributes and methods of ints, floats and booleans. */
export function numberAttribute(self: Value, name: string): Value | NativeFunction | undefined {
  const integer = toInteger(self);
  if (name === 'real') return integer ?? self;
  if (name === 'imag') return integer === undefined ? new PythonFloat(0) : 0;
  if (name === 'conjugate') return plain(name, () => integer ?? self);
  if (integer !== undefined) {
    if (name === 'numerator') return integer;
    if (name === 'denominator') return 1;
    if (name === 'bit_length') return plain(name, () => bitLength(integer));
    if (name === 'bit_count') return plain(name, () => BigInt(integer).toString(2).split('1').length - 1);
    if (name === 'as_integer_ratio') return plain(name, () => new PythonTuple([integer, 1]));
    return undefined;
  }
  const { value } = self as PythonFloat;
  if (name === 'is_integer') return plain(name, () => Number.isInteger(value));
  return name === 'as_integer_ratio' ? plain(name, () => ratio(value)) : undefined;
}

function ratio(value: number): Value {
  if (!Number.isFinite(value))
    throw new JinjaValueError(`cannot convert a ${typeName(new PythonFloat(value))} to a ratio`);
  const [numerator, shift] = fraction(Math.abs(value));
  return new PythonTuple([normal(value < 0 ? -numerator : numerator), normal(1n << BigInt(shift))]);
}

const normal = (value: bigint): Value => normalInteger(value);
