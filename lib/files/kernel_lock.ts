// flock(2) on an open file. The kernel releases the lock when the file is closed, so a dead process never holds one.
// Node.js has no such call. The compiled engine has, and is used if it is loaded anyway. Work that needs no engine
// (downloads, judging over HTTP) must not load it for a lock: it runs the program `flock` of util-linux or busybox,
// which locks the same file for us. Both are the same lock.

import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';

/** Tries to lock an open file. Returns 0 or the system's error number. */
export type FileLocker = (descriptor: number) => number;

let findLocker: (() => FileLocker | undefined) | undefined;

/** lib/engine provides the addon's function here once it is loaded. */
export function provideFileLocker(find: (() => FileLocker | undefined) | undefined): void {
  findLocker = find;
}

/** Why a file could not be locked, as part of a sentence. */
export interface NoLocks {
  reason: string;
}

/** Returns whether this process now has the lock; NoLocks if the file cannot be locked at all. */
export function lockDescriptor(descriptor: number): boolean | NoLocks {
  let locker: FileLocker | undefined;
  try {
    locker = findLocker?.();
  } catch {
    // The engine is not built, or does not load: its own errors say so when it is needed.
  }
  if (locker === undefined) return lockByProgram(descriptor);
  const error = locker(descriptor);
  if (error === 0) return true;
  if (error === constants.errno.EWOULDBLOCK) return false;
  return { reason: `its file system has no locks (${nameOf(error)})` };
}

const nameOf = (error: number): string =>
  Object.entries(constants.errno).find(([, number]) => number === error)?.[0] ?? `error ${error}`;

/** The program inherits the open file, so the lock that it takes is ours. */
function lockByProgram(descriptor: number): boolean | NoLocks {
  const { status, stderr, error } = spawnSync('flock', ['-n', '3'], {
    stdio: ['ignore', 'ignore', 'pipe', descriptor],
  });
  if (status === 0) return true;
  if (status === 1) return false;
  if (error !== undefined) {
    return { reason: 'neither the compiled engine nor the program flock (of util-linux) is there to lock it' };
  }
  return { reason: `its file system has no locks (${stderr.toString('utf8').trim()})` };
}
