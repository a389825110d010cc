import test from 'ava';
import { fork } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { LockHeld, takeLock, tryLock } from './process_lock';

const place = () => join(mkdtempSync(join(tmpdir(), 'lock-')), 'x.lock');

test('a lock is one process\'s until it is released', async (t) => {
  const file = place();
  const lock = await takeLock(file);
  const error = await t.throwsAsync(takeLock(file), { instanceOf: LockHeld });
  const { holder, again } = error as LockHeld;
  t.regex(holder, new RegExp(`^process ${process.pid} on ${hostname()}, since ${new Date().getUTCFullYear()}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC$`));
  t.is(again, 'Wait for it');
  await lock.release();
  await (await takeLock(file)).release();
  t.deepEqual(readdirSync(join(file, '..')), []);
});

test('a killed process holds nothing; a reused process number is not mistaken for it', async (t) => {
  const child = fork(__filename.replace('process_lock.test', '../testing/lock_holder'), [place()], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const file = await new Promise<string>((resolve) => child.once('message', resolve as (message: unknown) => void));
  t.true('holder' in (await tryLock(file)));
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  await (await takeLock(file)).release();
  const lock = await takeLock(file);
  const mine = JSON.parse(readFileSync(file, 'utf8')) as object;
  await lock.release();
  writeFileSync(file, JSON.stringify({ ...mine, started: '1' }));
  await (await takeLock(file)).release();
});

test('on another host a lock holds while it is touched', async (t) => {
  const file = place();
  writeFileSync(file, JSON.stringify({ pid: 1, host: 'elsewhere', started: '1' }));
  const error = await t.throwsAsync(takeLock(file), { instanceOf: LockHeld });
  t.regex((error as LockHeld).again, /try again in a minute/);
  utimesSync(file, new Date(0), new Date(0));
  await (await takeLock(file)).release();
  t.pass();
});

test('another container or kernel is elsewhere, whatever its name and process numbers', async (t) => {
  const file = place();
  const lock = await takeLock(file);
  const mine = JSON.parse(readFileSync(file, 'utf8')) as { place: string };
  await lock.release();
  t.regex(mine.place, /^[0-9a-f-]{36} pid:\[\d+\]$/);
  for (const other of [{ place: 'another kernel pid:[1]' }, { place: undefined }]) {
    // No process 999999999 is here, and there one may be.
    writeFileSync(file, JSON.stringify({ ...mine, pid: 999_999_999, ...other }));
    const error = await t.throwsAsync(takeLock(file), { instanceOf: LockHeld });
    t.regex((error as LockHeld).again, /try again in a minute/);
    utimesSync(file, new Date(0), new Date(0));
    await (await takeLock(file)).release();
  }
});

test('a lock that another process took over meanwhile is not released', async (t) => {
  const file = place();
  const lock = await takeLock(file);
  writeFileSync(file, '{"another": "holder"}');
  await lock.release();
  t.is(readFileSync(file, 'utf8'), '{"another": "holder"}');
});

test('of many that find a dead lock at once, one gets it', async (t) => {
  const file = place();
  const lock = await takeLock(file);
  const mine = JSON.parse(readFileSync(file, 'utf8')) as object;
  await lock.release();
  writeFileSync(file, JSON.stringify({ ...mine, started: 'long ago' }));
  const attempts = await Promise.all(Array.from({ length: 20 }, () => tryLock(file)));
  t.is(attempts.filter((attempt) => 'lock' in attempt).length, 1);
});
