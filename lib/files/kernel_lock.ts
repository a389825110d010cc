// flock(2) on an open file. The kernel gives the lock back when the file is closed, so no dead process holds one.
// Node.js has no such call: the compiled engine has, where it is used anyway; what needs no engine (downloads, judging
// over HTTP) must not load one for a lock, and asks the program `flock` of util-linux or busybox, which locks the same
// file for us. The two are one lock.

import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';

/** Tries to lock an open file. 0, or the system's error number. */
export type FileLocker = (descriptor: number) => number;

let findLocker: (() => FileLocker | undefined) | undefined;

/** The engine's room, once it is part of the program, gives the addon's function here. */
export function provideFileLocker(find: (() => FileLocker | undefined) | undefined): void {
  findLocker = find;
}

/** Why a file could not be locked, as a part of a sentence. */
export interface NoLocks {
  reason: string;
}

/** Whether the lock is this process's now; NoLocks where there are none. */
export function lockDescriptor(descriptor: number): boolean | NoLocks {
  let locker: FileLocker | undefined;
  try {
    locker = findLocker?.();
  } catch {
    // The engine is not built, or does not load: its own errors say so where it is needed.
  }
  if (locker === undefined) return lockByProgram(descriptor);
  const error = locker(descriptor);
  if (error === 0) return true;
  if (error === constants.errno.EWOULDBLOCK) return false;
  return { reason: `its file system has no locks (${nameOf(error)})` };
}

const nameOf = (error: number): string =>
  Object.entries(constants.errno).find(([, number]) => number === error)?.[0] ?? `error ${error}`;

/** The program inherits the open file, and with it the lock is ours. */
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
