import test from 'ava';
import { appendFileSync, mkdtempSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Completion } from './completer';
import { ResponseCache } from './response_cache';

const file = () => join(mkdtempSync(join(tmpdir(), 'cache-')), 'cache.jsonl');
const completion = (text: string): Completion => ({
  text,
  finish: 'stop',
  usage: { promptTokens: 3, completionTokens: 1 },
});

test('what was set is there, at once and after opening anew', async (t) => {
  const path = file();
  const long = '长'.repeat(1_500_000);
  const cache = await ResponseCache.open(path);
  await Promise.all(['a', 'b', 'c'].map((key) => cache.set(key, completion(`${key}\n"${key}"`), { model: 'm' })));
  await cache.set('long', { ...completion(long), reasoning: 'hm', firstTokens: [{ token: 'A', logprob: -0.1 }] });
  await cache.set('d', completion('d'));
  const check = async (one: ResponseCache) => {
    t.is(one.size, 5);
    t.deepEqual(await one.get('b'), completion('b\n"b"'));
    t.deepEqual(await one.get('long'), {
      ...completion(long),
      reasoning: 'hm',
      firstTokens: [{ token: 'A', logprob: -0.1 }],
    });
    t.deepEqual(await one.get('d'), completion('d'));
    t.is(await one.get('x'), undefined);
  };
  await check(cache);
  await cache.close();
  const again = await ResponseCache.open(path);
  await check(again);
  await again.close();
  t.is(JSON.parse(readFileSync(path, 'utf8').split('\n')[0]!).model, 'm');
});

test('torn at any byte: every whole line is kept, and the file goes on', async (t) => {
  const path = file();
  const cache = await ResponseCache.open(path);
  for (const key of ['a', 'b']) await cache.set(key, completion(`text of ${key}, 中文`));
  await cache.close();
  const whole = readFileSync(path);
  const ends = [...whole.entries()].flatMap(([i, byte]) => (byte === 10 ? [i] : []));
  for (let length = 0; length <= whole.length; length++) {
    writeFileSync(path, whole);
    truncateSync(path, length);
    const torn = await ResponseCache.open(path);
    // A line that lacks only its newline is complete.
    t.is(torn.size, ends.filter((end) => end <= length).length, `cut to ${length} bytes`);
    await torn.set('z', completion('after'));
    t.deepEqual(await torn.get('z'), completion('after'));
    await torn.close();
    const again = await ResponseCache.open(path);
    t.is(again.size, torn.size);
    for (const [i, key] of ['a', 'b'].entries())
      if (torn.size > i + 1) t.deepEqual(await again.get(key), completion(`text of ${key}, 中文`));
    await again.close();
  }
});

test('a cache that something else changes meanwhile is told, not believed', async (t) => {
  const path = file();
  const cache = await ResponseCache.open(path);
  await cache.set('a', completion('a'));
  appendFileSync(path, '');
  writeFileSync(path, 'x'.repeat(200));
  await t.throwsAsync(cache.get('a'), { message: /was changed by something else/ });
  await cache.close();
});

test('a file or folder that is removed, moved or replaced meanwhile takes no further answer', async (t) => {
  const removals = [
    (path: string) => rmSync(path),
    (path: string) => rmSync(dirname(path), { recursive: true }),
    (path: string) => renameSync(dirname(path), `${dirname(path)}-moved`),
    (path: string) => (rmSync(path), writeFileSync(path, '')),
  ];
  for (const remove of removals) {
    const path = file();
    const cache = await ResponseCache.open(path);
    await cache.set('a', completion('a'));
    remove(path);
    await t.throwsAsync(cache.set('b', completion('b')), {
      name: 'JudgeError',
      message: /could not be written to .*removed, moved or replaced/,
    });
    t.is(await cache.get('b'), undefined);
    await cache.close();
  }
});

test('why there is no text is kept', async (t) => {
  const path = file();
  const cache = await ResponseCache.open(path);
  const refused: Completion = { text: '', finish: 'filtered', said: 'Content Exists Risk' };
  await cache.set('a', refused);
  t.deepEqual(await cache.get('a'), refused);
  await cache.close();
});
