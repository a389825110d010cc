import test, { type ExecutionContext } from 'ava';
import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { constants, hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { addon } from '../engine/addon';
import { provideFileLocker } from './kernel_lock';
import { LockHeld, takeLock, tryLock, type LockHolder } from './process_lock';

const place = () => join(mkdtempSync(join(tmpdir(), 'lock-')), 'x.lock');

/** By the engine, or by the program flock, which replaces it if there is no engine. */
const WAYS = {
  engine: () => provideFileLocker(() => addon().lockFile),
  program: () => provideFileLocker(undefined),
};
type Way = keyof typeof WAYS;

function testBothWays(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  for (const way of Object.keys(WAYS) as Way[]) {
    test.serial(`${title} (by the ${way})`, async (t) => {
      WAYS[way]();
      await body(t);
    });
  }
}
test.afterEach.always(WAYS.engine);

testBothWays("a lock is one process's until it is released", async (t) => {
  const file = place();
  const lock = await takeLock(file);
  const error = await t.throwsAsync(takeLock(file), { instanceOf: LockHeld });
  const { holder, again } = error;
  const since = `${new Date().getUTCFullYear()}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d UTC`;
  t.regex(holder, new RegExp(`^process ${process.pid} on ${hostname()}, since ${since}$`));
  t.is(again, 'Wait for it');
  await lock.release();
  const second = await takeLock(file);
  await lock.release(); // a second time: the other's stays
  t.true('holder' in (await tryLock(file)));
  await second.release();
  t.deepEqual(readdirSync(join(file, '..')), []);
});

/** A process that holds the lock of `file` by one of the ways. */
async function startHolder(file: string, way: Way): Promise<ChildProcess> {
  const program = __filename.replace('process_lock.test', '../testing/lock_holder');
  const child = fork(program, [file, way], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  await new Promise((resolve) => child.once('message', resolve));
  return child;
}

for (const way of Object.keys(WAYS) as Way[]) {
  testBothWays(`a process that locks by the ${way} is named, and holds nothing once it is killed`, async (t) => {
    const file = place();
    const child = await startHolder(file, way);
    const held = (await tryLock(file)) as { holder: LockHolder };
    t.is(held.holder.pid, child.pid!);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    t.true(existsSync(file));
    await (await takeLock(file)).release();
    t.false(existsSync(file));
  });
}

testBothWays('what is left of a dead process holds nothing, whatever it says', async (t) => {
  const file = place();
  const mine = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
  for (const text of ['', 'not JSON', JSON.stringify(mine), JSON.stringify({ ...mine, pid: 1, host: 'elsewhere' })]) {
    writeFileSync(file, text);
    const lock = await takeLock(file);
    t.is((JSON.parse(readFileSync(file, 'utf8')) as LockHolder).pid, process.pid);
    await lock.release();
  }
});

test.serial('a holder on another host is one whose machine may have failed', async (t) => {
  const file = place();
  const lock = await takeLock(file);
  writeFileSync(file, JSON.stringify({ pid: 1, host: 'elsewhere', since: '' }));
  const error = await t.throwsAsync(takeLock(file), { instanceOf: LockHeld });
  t.is(error.holder, 'process 1 on elsewhere');
  t.regex(error.again, /^If that machine has failed, try again in a few minutes/);
  await lock.release();
});

test.serial('a holder that has not written its name yet is waited for, and then unknown', async (t) => {
  const file = place();
  const lock = await takeLock(file);
  const text = readFileSync(file, 'utf8');
  writeFileSync(file, '');
  setTimeout(() => writeFileSync(file, text), 30);
  t.is(((await tryLock(file)) as { holder: LockHolder }).holder.pid, process.pid);
  writeFileSync(file, '');
  t.is(((await tryLock(file)) as { holder: LockHolder }).holder.host, 'an unknown host');
  await lock.release();
});

test.serial('a file that was put in the place of the lock is not removed', async (t) => {
  const file = place();
  const lock = await takeLock(file);
  writeFileSync(`${file}.new`, '{"another": "holder"}');
  renameSync(`${file}.new`, file);
  await lock.release();
  t.is(readFileSync(file, 'utf8'), '{"another": "holder"}');
});

testBothWays('of many that find a dead lock at once, one gets it', async (t) => {
  const file = place();
  writeFileSync(file, JSON.stringify({ pid: 1, host: hostname(), since: '' }));
  const attempts = await Promise.all(Array.from({ length: 20 }, () => tryLock(file)));
  t.is(attempts.filter((attempt) => 'lock' in attempt).length, 1);
});

test.serial('processes that come and go never have the lock at once', async (t) => {
  const file = place();
  const children = await Promise.all(
    Array.from({ length: 3 }, () => {
      const program = __filename.replace('process_lock.test', '../testing/lock_holder');
      const child = fork(program, [file, 'engine', '200'], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
      return new Promise<number | null>((resolve) => child.once('exit', resolve));
    }),
  );
  t.deepEqual(children, [0, 0, 0]);
  t.deepEqual(readdirSync(join(file, '..')), []);
});

test.serial("another user's lock file can be locked and replaced", async (t) => {
  const file = place();
  writeFileSync(file, '{}');
  chmodSync(file, 0o444);
  if (process.getuid?.() !== 0) {
    await (await takeLock(file)).release();
    t.false(existsSync(file));
    return;
  }
  chmodSync(join(file, '..'), 0o777);
  // Root may write everything: as another user, in a process of its own.
  const script = `process.setuid(65534);
    const { takeLock } = require(${JSON.stringify(__filename.replace('process_lock.test', 'process_lock'))});
    takeLock(${JSON.stringify(file)}).then((lock) => lock.release());`;
  execFileSync(process.execPath, ['-e', script]);
  t.false(existsSync(file));
});

/** The first warning of the process while `work` runs. */
async function warningOf(work: () => Promise<void>): Promise<string | undefined> {
  let message: string | undefined;
  const listen = (warning: Error): void => void (message ??= warning.message);
  process.on('warning', listen);
  await work();
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  return message;
}

test.serial(
  'where the file system has no locks, or nothing is there to lock with, a sentence says so, once',
  async (t) => {
    const path = process.env['PATH'];
    const cases: [() => void, RegExp][] = [
      [
        () => provideFileLocker(() => () => constants.errno.ENOLCK),
        /cannot be used as a lock: its file system has no locks \(ENOLCK\)\. Make sure/,
      ],
      [
        () => {
          provideFileLocker(() => {
            throw new Error('the engine is not built');
          });
          process.env['PATH'] = mkdtempSync(join(tmpdir(), 'empty-'));
        },
        /cannot be used as a lock: neither the compiled engine nor the program flock/,
      ],
    ];
    for (const [arrange, sentence] of cases) {
      arrange();
      const file = place();
      const both = async () => {
        const [first, second] = [await takeLock(file), await takeLock(file)];
        await first.release();
        await second.release();
      };
      const message = await warningOf(both);
      t.regex(message ?? '', sentence);
      t.true(message?.startsWith(file));
      t.is(await warningOf(both), undefined);
      process.env['PATH'] = path;
    }
  },
);

test.serial('a folder that cannot be written is told as such', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'lock-'));
  await t.throwsAsync(takeLock(join(folder, 'missing', 'x.lock')), { code: 'ENOENT' });
  symlinkSync('/proc/self/nothing', join(folder, 'x.lock'));
  await t.throwsAsync(takeLock(join(folder, 'x.lock')), { code: 'ENOENT' });
  rmSync(folder, { recursive: true });
});
