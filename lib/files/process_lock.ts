// A lock between processes: a file that names its process. One whose process is gone is taken over at once. Elsewhere
// (another host of a shared disk, another container, the machine before its restart) processes cannot be looked up,
// whatever the host's name and the process numbers say: there a lock counts as held while its holder keeps touching it.

import { randomUUID } from 'node:crypto';
import { link, readFile, readlink, stat, unlink, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

const TOUCH_EVERY_MS = 10_000;
const STALE_AFTER_MS = 60_000;

export interface LockHolder {
  pid: number;
  host: string;
  /** Start time of the process in clock ticks since the machine started: tells a reused process number. */
  started: string;
  /** The running kernel and its namespace of process numbers: only within them does a number name a process. */
  place: string;
  /** When the lock was taken, as ISO 8601. */
  since: string;
}

export interface ProcessLock {
  release(): Promise<void>;
}

/** The lock is another process's. */
export class LockHeld extends Error {
  override readonly name = 'LockHeld';
  /** `process 12 on host, since 2026-11-30 04:12:33 UTC`. */
  readonly holder: string;
  /** What to do, as the beginning of a sentence. */
  readonly again: string;

  constructor(file: string, { pid, host, since }: LockHolder, isNear: boolean) {
    const time = since.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
    const holder = `process ${pid} on ${host}${since === '' ? '' : `, since ${time}`}`;
    super(`${file} is held by ${holder}.`);
    this.holder = holder;
    this.again = isNear ? 'Wait for it' : 'If it was killed, try again in a minute; else wait for it';
  }
}

/** Where this process runs; '' where the system does not tell. */
async function placeOfProcesses(): Promise<string> {
  const [kernel, numbers] = await Promise.all([
    readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => ''),
    readlink('/proc/self/ns/pid').catch(() => ''),
  ]);
  return `${kernel.trim()} ${numbers}`.trim();
}

/**
 * Field 22 of /proc/<pid>/stat, or '' where there is no such process. The command's name may hold spaces and brackets.
 */
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
    const { pid, host, started, place = '', since = '' } = JSON.parse(text) as Partial<LockHolder>;
    const texts = [host, started, place, since];
    if (typeof pid !== 'number' || !texts.every((part) => typeof part === 'string')) return undefined;
    return { pid, host, started, place, since } as LockHolder;
  } catch {
    return undefined;
  }
}

/** Whether the holder can be looked up from here. */
const isNear = (holder: LockHolder | undefined, place: string): boolean =>
  holder?.host === hostname() && holder.place === place;

async function isHeld(file: string, holder: LockHolder | undefined, place: string): Promise<boolean> {
  if (holder && isNear(holder, place)) return holder.started !== '' && (await startTime(holder.pid)) === holder.started;
  const touched = (await stat(file).catch(() => undefined))?.mtimeMs ?? 0;
  return Date.now() - touched < STALE_AFTER_MS;
}

/**
 * Touches the file and removes it in the end, unless another process has taken it over (this one was stopped for long).
 */
function keepTouching(file: string, text: string): ProcessLock {
  const isOwn = async (): Promise<boolean> => (await readFile(file, 'utf8').catch(() => undefined)) === text;
  const timer = setInterval(() => {
    void isOwn().then((own) => {
      const now = new Date();
      return own ? utimes(file, now, now).catch(() => undefined) : undefined;
    });
  }, TOUCH_EVERY_MS);
  timer.unref();
  return {
    async release() {
      clearInterval(timer);
      if (await isOwn()) await unlink(file).catch(() => undefined);
    },
  };
}

/** Makes a file with its whole content at once; false where it exists. */
async function create(file: string, content: string): Promise<boolean> {
  const aside = `${file}.${randomUUID()}`;
  try {
    await writeFile(aside, content);
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
    await unlink(aside).catch(() => undefined);
  }
}

/**
 * Takes away a lock whose text is `stale`. Only who has the guard beside it may, so that no one takes away the lock
 * that another process has meanwhile put in its place. A guard is held for an instant; one that is older was left by a
 * killed process.
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
export async function tryLock(file: string): Promise<{ lock: ProcessLock } | { holder: LockHolder; isNear: boolean }> {
  const place = await placeOfProcesses();
  const since = new Date().toISOString();
  const mine: LockHolder = { pid: process.pid, host: hostname(), started: await startTime(process.pid), place, since };
  const own = JSON.stringify({ ...mine, key: randomUUID() });
  for (;;) {
    if (await create(file, own)) return { lock: keepTouching(file, own) };
    const text = await readFile(file, 'utf8').catch(() => undefined);
    if (text === undefined) continue; // released just now
    const holder = parseHolder(text);
    const unknown = { pid: 0, host: 'an unknown host', started: '', place: '', since: '' };
    if (await isHeld(file, holder, place)) return { holder: holder ?? unknown, isNear: isNear(holder, place) };
    await removeStale(file, text);
  }
}

/** As `tryLock`. @throws LockHeld where another process has it. */
export async function takeLock(file: string): Promise<ProcessLock> {
  const attempt = await tryLock(file);
  if ('lock' in attempt) return attempt.lock;
  throw new LockHeld(file, attempt.holder, attempt.isNear);
}
