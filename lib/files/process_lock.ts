// A lock between processes: a file that its holder keeps locked in the kernel, and that names the holder. The file of a
// killed process locks nothing. Over NFS the server keeps the lock, so it also works between hosts.

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
  /** When the lock was taken, as ISO 8601; '' if that is not known. */
  since: string;
}

export interface ProcessLock {
  release(): Promise<void>;
}

/** Another process holds the lock. */
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
    // The server of a shared disk waits for some time before it releases the locks of a host that is gone.
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

/** Opens or creates the file. A file of another user that is only readable can be locked as well. */
function openLockFile(file: string): { descriptor: number; isWritable: boolean } {
  try {
    return { descriptor: openSync(file, constants.O_RDWR | constants.O_CREAT, 0o666), isWritable: true };
  } catch (error) {
    if (codeOf(error) !== 'EACCES') throw error;
    try {
      return { descriptor: openSync(file, constants.O_RDONLY), isWritable: false };
    } catch (second) {
      if (codeOf(second) === 'ENOENT') throw error; // the file cannot be created in this folder
      throw second;
    }
  }
}

/**
 * Whether the name still refers to the open file: releasing a lock removes the file, and there may be another one now.
 */
function isNamed(file: string, descriptor: number): boolean {
  const [open, named] = [fstatSync(descriptor), statSync(file, { throwIfNoEntry: false })];
  return named?.ino === open.ino && named.dev === open.dev;
}

function remove(file: string, descriptor: number): void {
  try {
    if (isNamed(file, descriptor)) unlinkSync(file);
  } catch {
    // The file stays, but locks nothing.
  }
}

const warned = new Set<string>();

function warnOnce(file: string, reason: string): void {
  if (warned.has(reason)) return;
  warned.add(reason);
  process.emitWarning(
    `${file} cannot be used as a lock: ${reason}. Make sure that no other run of cheems-native writes there at ` +
      'the same time.',
  );
}

/** Takes the lock, or says that another process has it; undefined if the file was replaced meanwhile. */
function attempt(file: string): { lock: ProcessLock } | 'held' | undefined {
  const { descriptor, isWritable } = openLockFile(file);
  let isOurs = false;
  try {
    const locked = lockDescriptor(descriptor);
    if (locked === false) return 'held';
    if (!isNamed(file, descriptor)) return undefined;
    if (!isWritable) {
      unlinkSync(file); // of a dead process, and not writable for us
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
        if (isReleased) return; // the descriptor may belong to another file now
        isReleased = true;
        remove(file, descriptor);
        closeSync(descriptor);
      },
    },
  };
}

/**
 * Takes the lock, or says who has it. The file's folder must exist. If the file system has no locks, every process gets
 * the lock, with a process warning.
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
      if (codeOf(error) === 'ENOENT') continue; // was released just now
      return { holder: UNKNOWN };
    }
    const holder = parseHolder(text);
    // Between locking the file and writing its name, the holder is unknown.
    if (holder !== undefined || nameless === 20) return { holder: holder ?? UNKNOWN };
    nameless += 1;
    await sleep(10);
  }
}

/** Like `tryLock`. @throws LockHeld if another process has it. */
export async function takeLock(file: string): Promise<ProcessLock> {
  const result = await tryLock(file);
  if ('lock' in result) return result.lock;
  throw new LockHeld(file, result.holder);
}
