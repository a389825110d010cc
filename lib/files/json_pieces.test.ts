import test from 'ava';
import { JoinedRecords, jsonPieces } from './json_pieces';

const whole = (value: unknown) => [...jsonPieces(value)].join('');

test('the pieces are what JSON.stringify gives', (t) => {
  const values = [
    {
      a: 1,
      b: { c: [1, { d: 'x\n"' }], e: {}, f: [] },
      n: NaN,
      u: undefined,
      z: null,
      date: new Date(0),
      long: 'text',
      __proto__x: 2,
    },
    {},
    [],
    [1, 2],
    'text',
    5,
    null,
    { only: undefined },
    { deep: { only: undefined } },
  ];
  for (const value of values) t.is(whole(value), `${JSON.stringify(value, null, 2)}\n`);
});

test('records that are joined stand as one object', (t) => {
  t.is(
    whole({ a: new JoinedRecords([{ b: 1 }, {}, { c: { d: 2 } }]), e: new JoinedRecords([]) }),
    `${JSON.stringify({ a: { b: 1, c: { d: 2 } }, e: {} }, null, 2)}\n`,
  );
});
