// A lock between processes: a file that its holder keeps locked in the kernel, and that names the holder. What is left
// of a killed process holds nothing. Over NFS the lock is the server's, so it holds between hosts too.

import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { lockDescriptor } from './kernel_lock';

export interface LockHolder {
  pid: number;
  host: string;
  /** When the lock was taken, as ISO 8601; '' where that is not known. */
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

  constructor(file: string, { pid, host, since }: LockHolder) {
    const time = since.replace('T', ' ').replace(/\.\d+Z$/, ' UTC');
    const holder = `process ${pid} on ${host}${since === '' ? '' : `, since ${time}`}`;
    super(`${file} is held by ${holder}.`);
    this.holder = holder;
    // The server of a shared disk waits a while for a host that is gone.
    this.again =
      host === hostname() ? 'Wait for it' : 'If that machine has failed, try again in a few minutes; else wait for it';
  }
}

const UNKNOWN: LockHolder = { pid: 0, host: 'an unknown host', since: '' };

function parseHolder(text: string): LockHolder | undefined {
  try {
    const { pid, host, since = '' } = JSON.parse(text) as Partial<LockHolder>;
    return typeof pid === 'number' && typeof host === 'string' && typeof since === 'string'
      ? { pid, host, since }
      : undefined;
  } catch {
    return undefined;
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** Opens or makes the file. Another user's, which may only be read, can be locked as well. */
function openLockFile(file: string): { descriptor: number; isWritable: boolean } {
  try {
    return { descriptor: openSync(file, constants.O_RDWR | constants.O_CREAT, 0o666), isWritable: true };
  } catch (error) {
    if (codeOf(error) !== 'EACCES') throw error;
    try {
      return { descriptor: openSync(file, constants.O_RDONLY), isWritable: false };
    } catch (second) {
      if (codeOf(second) === 'ENOENT') throw error; // the folder does not let us make it
      throw second;
    }
  }
}

/** Whether the name still is that of the open file: who releases a lock removes the file, and another may be there. */
function isNamed(file: string, descriptor: number): boolean {
  const [open, named] = [fstatSync(descriptor), statSync(file, { throwIfNoEntry: false })];
  return named?.ino === open.ino && named.dev === open.dev;
}

function remove(file: string, descriptor: number): void {
  try {
    if (isNamed(file, descriptor)) unlinkSync(file);
  } catch {
    // It stays, and holds nothing.
  }
}

const warned = new Set<string>();

function warnOnce(file: string, reason: string): void {
  if (warned.has(reason)) return;
  warned.add(reason);
  process.emitWarning(
    `${file} is no lock: ${reason}. See to it that no other run of cheems-native writes to the same place at ` +
      'the same time.',
  );
}

/** Takes the lock, or says that another has it; undefined where the file was replaced meanwhile. */
function attempt(file: string): { lock: ProcessLock } | 'held' | undefined {
  const { descriptor, isWritable } = openLockFile(file);
  let isOurs = false;
  try {
    const locked = lockDescriptor(descriptor);
    if (locked === false) return 'held';
    if (!isNamed(file, descriptor)) return undefined;
    if (!isWritable) {
      unlinkSync(file); // a dead process's, in which our name cannot stand
      return undefined;
    }
    if (locked !== true) warnOnce(file, locked.reason);
    ftruncateSync(descriptor);
    const holder: LockHolder = { pid: process.pid, host: hostname(), since: new Date().toISOString() };
    writeSync(descriptor, JSON.stringify(holder), 0);
    isOurs = true;
  } finally {
    if (!isOurs) closeSync(descriptor);
  }
  let isReleased = false;
  return {
    lock: {
      async release() {
        if (isReleased) return; // the number may be another file's now
        isReleased = true;
        remove(file, descriptor);
        closeSync(descriptor);
      },
    },
  };
}

/**
 * Takes the lock, or says who has it. The file's folder exists. Where the file system has no locks, the lock is given
 * to all, with a warning of the process.
 */
export async function tryLock(file: string): Promise<{ lock: ProcessLock } | { holder: LockHolder }> {
  for (let nameless = 0; ;) {
    const result = attempt(file);
    if (result === undefined) continue;
    if (result !== 'held') return result;
    let text: string;
    try {
      text = readFileSync(file, 'utf8');
    } catch (error) {
      if (codeOf(error) === 'ENOENT') continue; // released just now
      return { holder: UNKNOWN };
    }
    const holder = parseHolder(text);
    // Between locking and writing its name a process has no name.
    if (holder !== undefined || nameless === 20) return { holder: holder ?? UNKNOWN };
    nameless += 1;
    await sleep(10);
  }
}

/** As `tryLock`. @throws LockHeld where another process has it. */
export async function takeLock(file: string): Promise<ProcessLock> {
  const result = await tryLock(file);
  if ('lock' in result) return result.lock;
  throw new LockHeld(file, result.holder);
}
