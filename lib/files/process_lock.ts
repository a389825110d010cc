// A lock between processes: a file that names its process. One whose process is gone (killed, machine restarted) is taken over at
// once. On another host (a shared disk, a container started anew) processes cannot be looked up: there a lock counts as held
// while its holder keeps touching it.

import { randomUUID } from 'node:crypto';
import { link, readFile, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const TOUCH_EVERY_MS = 10_000;
const STALE_AFTER_MS = 60_000;

export interface LockHolder {
  pid: number;
  host: string;
  /** Start time of the process in clock ticks since the machine started: tells a reused process number. */
  started: string;
}

export interface ProcessLock {
  release(): Promise<void>;
}

/** The lock is another process's. */
export class LockHeld extends Error {
  override readonly name = 'LockHeld';
  /** `process 12 on host`. */
  readonly holder: string;
  /** What to do, as the beginning of a sentence. */
  readonly again: string;

  constructor(file: string, { pid, host }: LockHolder) {
    super(`${file} is held by process ${pid} on ${host}.`);
    this.holder = `process ${pid} on ${host}`;
    this.again = host === hostname() ? 'Wait for it' : 'If it was killed, try again in a minute; else wait for it';
  }
}

/** Field 22 of /proc/<pid>/stat, or '' where there is no such process. The command's name may hold spaces and brackets. */
async function startTime(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(text) as Partial<LockHolder>;
    return typeof holder.pid === 'number' && typeof holder.host === 'string' && typeof holder.started === 'string' ? (holder as LockHolder) : undefined;
  } catch {
    return undefined;
  }
}

async function isHeld(file: string, holder: LockHolder | undefined): Promise<boolean> {
  if (holder?.host === hostname()) return holder.started !== '' && (await startTime(holder.pid)) === holder.started;
  const touched = (await stat(file).catch(() => undefined))?.mtimeMs ?? 0;
  return Date.now() - touched < STALE_AFTER_MS;
}

function keepTouching(file: string): ProcessLock {
  const timer = setInterval(() => {
    const now = new Date();
    utimes(file, now, now).catch(() => undefined);
  }, TOUCH_EVERY_MS);
  timer.unref();
  return {
    async release() {
      clearInterval(timer);
      await unlink(file).catch(() => undefined);
    },
  };
}

/** Makes a file with its whole content at once; false where it exists. */
async function create(file: string, content: string): Promise<boolean> {
  const aside = `${file}.${randomUUID()}`;
  await writeFile(aside, content);
  try {
    await link(aside, file);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (code === 'EEXIST') return false;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(code)) throw error;
    // A file system without hard links.
    return await writeFile(file, content, { flag: 'wx' }).then(() => true, (second: NodeJS.ErrnoException) => {
      if (second.code === 'EEXIST') return false;
      throw second;
    });
  } finally {
    await unlink(aside);
  }
}

/**
 * Takes away a lock whose text is `stale`. Only who has the guard beside it may, so that no one takes away the lock that another
 * process has meanwhile put in its place. A guard is held for an instant; one that is older was left by a killed process.
 */
async function removeStale(file: string, stale: string): Promise<void> {
  const guard = `${file}.guard`;
  if (!(await create(guard, ''))) {
    const made = (await stat(guard).catch(() => undefined))?.mtimeMs ?? Date.now();
    if (Date.now() - made > STALE_AFTER_MS) await unlink(guard).catch(() => undefined);
    await sleep(10);
    return;
  }
  try {
    if ((await readFile(file, 'utf8').catch(() => undefined)) === stale) await unlink(file);
  } finally {
    await unlink(guard).catch(() => undefined);
  }
}

/** Takes the lock, or says who has it. The file's folder exists. */
export async function tryLock(file: string): Promise<{ lock: ProcessLock } | { holder: LockHolder }> {
  const mine: LockHolder = { pid: process.pid, host: hostname(), started: await startTime(process.pid) };
  for (;;) {
    if (await create(file, JSON.stringify(mine))) return { lock: keepTouching(file) };
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text === undefined) continue; // released just now
    const holder = parseHolder(text);
    if (await isHeld(file, holder)) return { holder: holder ?? { pid: 0, host: 'an unknown host', started: '' } };
    await removeStale(file, text);
  }
}

/** As `tryLock`. @throws LockHeld where another process has it. */
export async function takeLock(file: string): Promise<ProcessLock> {
  const attempt = await tryLock(file);
  if ('lock' in attempt) return attempt.lock;
  throw new LockHeld(file, attempt.holder);
}
