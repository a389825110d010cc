// A lock between processes: a file that names its process. One whose process is gone (killed, machine restarted) is taken over at
// once. On another host (a shared disk, a container started anew) processes cannot be looked up: there a lock counts as held
// while its holder keeps touching it.

import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, stat, unlink, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';

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
  // A file without a name in it has just been made, or its maker was killed right then.
  return Date.now() - touched < (holder ? STALE_AFTER_MS : 1000);
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

/** Takes away a lock whose text is `stale`. Another process may have replaced it meanwhile: then its lock is put back. */
async function removeStale(file: string, stale: string): Promise<void> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await rename(file, aside);
  } catch {
    return; // another process was faster
  }
  if ((await readFile(aside, 'utf8').catch(() => stale)) !== stale) await link(aside, file).catch(() => undefined);
  await unlink(aside).catch(() => undefined);
}

/** Takes the lock, or says who has it. The file's folder exists. */
export async function tryLock(file: string): Promise<{ lock: ProcessLock } | { holder: LockHolder }> {
  const mine: LockHolder = { pid: process.pid, host: hostname(), started: await startTime(process.pid) };
  for (let attempt = 0; ; attempt += 1) {
    try {
      const handle = await open(file, 'wx');
      await handle.writeFile(JSON.stringify(mine));
      await handle.close();
      return { lock: keepTouching(file) };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text === undefined) continue; // released just now
    const holder = parseHolder(text);
    if (await isHeld(file, holder)) {
      if (holder) return { holder };
      await new Promise((resolve) => setTimeout(resolve, 50));
    } else if (attempt < 100) {
      await removeStale(file, text);
    } else {
      return { holder: holder ?? { pid: 0, host: 'unknown', started: '' } };
    }
  }
}

/** As `tryLock`. @throws LockHeld where another process has it. */
export async function takeLock(file: string): Promise<ProcessLock> {
  const attempt = await tryLock(file);
  if ('lock' in attempt) return attempt.lock;
  throw new LockHeld(file, attempt.holder);
}
