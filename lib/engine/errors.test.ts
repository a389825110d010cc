import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { asEngineError, ENGINE_ERROR_CODES, EngineError } from './errors';

test('the addon knows no code that is not told of here', (t) => {
  const header = readFileSync(join(__dirname, '..', '..', 'bindings', 'error_codes.h'), 'utf8');
  const codes = [...header.matchAll(/char k\w+\[\] = "(\w+)"/g)].map(([, code]) => code!);
  t.true(codes.length >= 8);
  t.deepEqual(
    Object.keys(ENGINE_ERROR_CODES)
      .filter((code) => code !== 'NOT_BUILT')
      .sort(),
    codes.sort(),
  );
});

test('errors of the addon become EngineErrors, those of callers stay as they are', (t) => {
  const native = Object.assign(new Error('a sentence.'), { code: 'DEVICE' });
  const error = asEngineError(native) as EngineError;
  t.true(error instanceof EngineError && error instanceof Error);
  t.like(error, { name: 'EngineError', code: 'DEVICE', message: 'a sentence.' });
  for (const other of [new TypeError('x'), Object.assign(new Error('y'), { code: 'ENOENT' }), 'text', undefined])
    t.is(asEngineError(other), other);
});
