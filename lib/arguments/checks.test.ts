import test from 'ava';
import { checkArguments, list, numbers, options, optional, text, wholeNumber, type Check } from './checks';
import { ArgumentError } from './errors';
import { show } from '../support/show';
import { tokenIdsOf } from './token_ids';

const messageFor = (check: Check, value: unknown): string => {
  try {
    checkArguments('call', [['argument', check]], [value]);
  } catch (error) {
    if (error instanceof ArgumentError && error instanceof TypeError) return error.message;
    throw error;
  }
  return '';
};

test('what does not fit is told with the function, the place, what is wanted and what was given', (t) => {
  t.is(messageFor(list(text), [1]), 'call: argument[0] must be text, but is 1.');
  t.is(messageFor(list(text), { length: 1 }), 'call: argument must be a list, but is {"length":1}.');
  t.is(messageFor(list(text), [, 'a']), 'call: argument[0] must be text, but is undefined.');
  t.is(
    messageFor(wholeNumber(1), 2 ** 60),
    'call: argument must be a whole number from 1, but is 1152921504606847000.',
  );
  t.is(messageFor(numbers, [1, '2']), 'call: argument[1] must be a number, but is "2".');
  t.is(messageFor(numbers, BigInt64Array.of(1n)), 'call: argument must be a list of numbers, but is a BigInt64Array.');
  t.is(messageFor(numbers, Float32Array.of(1)), '');
  t.is(messageFor(optional(text), undefined), '');
  t.is(messageFor(optional(text), null), 'call: argument must be text, but is null.');
});

test('unknown options are refused with the nearest name and the list', (t) => {
  const check = options({ maxLength: wholeNumber(1), device: text }, ['device']);
  t.is(
    messageFor(check, { device: 'cpu', max_length: 5 }),
    'call: there is no option "max_length". Did you mean "maxLength"? The known ones are maxLength, device.',
  );
  t.is(messageFor(check, {}), 'call: argument.device must be text, but is undefined.');
  t.is(messageFor(check, { device: 'cpu', maxLength: undefined }), '');
  t.regex(messageFor(check, { device: 'cpu', constructor: 1 }), /no option "constructor"/);
  t.regex(messageFor(check, JSON.parse('{"device": "cpu", "__proto__": 1}')), /no option "__proto__"/);
});

test('any value has a picture', (t) => {
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  for (const [value, picture] of [
    [NaN, 'NaN'],
    [10n, '10n'],
    [Symbol('s'), 'Symbol(s)'],
    [() => 1, 'a function'],
    [circle, 'an object'],
    [{ toJSON: () => undefined }, 'an object'],
    [proxy, 'an object'],
    [new Int32Array(3), 'an Int32Array'],
    ['x'.repeat(100), `"${'x'.repeat(76)}...`],
    [undefined, 'undefined'],
  ] as const) {
    t.is(show(value), picture);
  }
});

test('token ids are whole numbers, in lists and typed arrays; nothing is rounded, wrapped or filled in', (t) => {
  for (const fine of [
    [1, 2],
    Int32Array.of(1, 2),
    Uint8Array.of(1, 2),
    Float64Array.of(1, 2),
    BigInt64Array.of(1n, 2n),
    BigUint64Array.of(1n, 2n),
  ]) {
    t.deepEqual(tokenIdsOf(fine), Int32Array.of(1, 2));
  }
  for (const [value, problem] of [
    [[1, 1.5], /has 1\.5 at place 1/],
    [[1, NaN], /has NaN at place 1/],
    [[1, '2'], /has "2" at place 1/],
    [[1, 2 ** 40], /has 1099511627776 at place 1/],
    [[1, undefined], /has undefined/],
    [[1, , 2], /has undefined at place 1/],
    [[1, null], /has null/],
    [[1, true], /has true/],
    [[1, [2]], /has \[2\]/],
    [[1, -1], /has -1 at place 1/],
    [[-0.5], /has -0\.5/],
    [[Infinity], /has Infinity/],
    [[1n], /has 1n/],
    [[{ valueOf: () => 1 }], /at place 0/],
    [Float32Array.of(1.5), /has 1\.5/],
    [BigInt64Array.of(-1n), /has -1n/],
    [BigUint64Array.of(2n ** 40n), /has 1099511627776n/],
    [[], /is empty/],
    [new Int32Array(0), /is empty/],
    ['12', /is "12"; token ids are a list/],
    [{ 0: 1, length: 1 }, /token ids are a list/],
    [new Set([1]), /token ids are a list/],
    [new DataView(new ArrayBuffer(4)), /token ids are a list/],
    [12, /token ids are a list/],
    [null, /token ids are a list/],
  ] as const) {
    const result = tokenIdsOf(value) as { problem: string };
    t.regex(result.problem, problem);
  }
});
