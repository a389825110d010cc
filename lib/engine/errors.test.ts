import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { addon, engineSource, type Addon } from './addon';
import { ENGINE_ERROR_CODES, EngineError } from './errors';

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

test("the addon's errors are EngineErrors; without the class they are Errors with the same code", async (t) => {
  const error = await t.throwsAsync(addon().readArchitecture(''));
  t.true(error instanceof EngineError && error instanceof Error);
  t.like(error, { name: 'EngineError', code: 'INVALID_ARGUMENT', message: 'folder must not be empty.' });
  const bare = { exports: {} as Addon };
  process.dlopen(bare, engineSource().file);
  const plain = await t.throwsAsync(bare.exports.readArchitecture(''));
  t.like(plain, { name: 'Error', code: 'INVALID_ARGUMENT', message: 'folder must not be empty.' });
});

test('the classes of the addon make no objects for others, and their methods take no other objects', (t) => {
  for (const Class of Object.values(addon()).filter((one) => typeof one === 'function' && /^[A-Z]/.test(one.name)))
    t.throws<Error>(() => void Reflect.construct(Class, []), { message: /^The engine itself makes each / }, Class.name);
  const { score } = (addon().Model as unknown as { prototype: { score: () => unknown } }).prototype;
  t.throws(() => score.call({}), { message: /Illegal invocation/ });
});

test("the methods of the addon's classes are properties as those of classes in JavaScript", (t) => {
  const { Model } = addon() as unknown as { Model: { prototype: object } };
  for (const [owner, names] of [
    [Model, ['load']],
    [Model.prototype, ['score', 'saveWeights', 'createTrainer', 'notes', 'dispose']],
  ] as const)
    for (const name of names)
      t.like(
        Object.getOwnPropertyDescriptor(owner, name),
        { writable: true, configurable: true, enumerable: false },
        name,
      );
});
