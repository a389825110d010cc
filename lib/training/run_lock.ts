// One training run at a time may write an output folder: a second one would take the first one's unfinished
// checkpoint for a leftover and remove it. The lock is a file that names its process; one whose process is gone
// (killed, machine restarted) is taken over at once. On another host (a shared disk, a container started anew)
// processes cannot be looked up: there a lock counts as held while its holder keeps touching it.
import { open, readFile, stat, unlink, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { codeOf, TrainingError } from './errors';

const LOCK_FILE = '.training-lock';
const TOUCH_EVERY_MS = 10_000;
const STALE_AFTER_MS = 60_000;

interface Holder {
  pid: number;
  host: string;
  /** Start time of the process in clock ticks since the machine started: tells a reused process number. */
  started: string;
}

export interface RunLock {
  release(): Promise<void>;
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

async function readHolder(file: string): Promise<Holder | undefined> {
  try {
    const holder = JSON.parse(await readFile(file, 'utf8')) as Partial<Holder>;
    return typeof holder.pid === 'number' && typeof holder.host === 'string' && typeof holder.started === 'string' ? (holder as Holder) : undefined;
  } catch {
    return undefined;
  }
}

async function isHeld(file: string, holder: Holder): Promise<boolean> {
  if (holder.host === hostname()) return holder.started !== '' && (await startTime(holder.pid)) === holder.started;
  const touched = (await stat(file).catch(() => undefined))?.mtimeMs ?? 0;
  return Date.now() - touched < STALE_AFTER_MS;
}

function keepTouching(file: string): RunLock {
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

/** Takes the lock of an existing folder, or throws a TrainingError that names the process which holds it. */
export async function lockFolder(folder: string): Promise<RunLock> {
  const file = join(folder, LOCK_FILE);
  const mine: Holder = { pid: process.pid, host: hostname(), started: await startTime(process.pid) };
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const handle = await open(file, 'wx');
      await handle.writeFile(JSON.stringify(mine));
      await handle.close();
      return keepTouching(file);
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error;
    }
    const holder = await readHolder(file);
    if (holder && (await isHeld(file, holder))) {
      const again = holder.host === mine.host ? 'Wait for it' : 'If it was killed, try again in a minute; else wait for it';
      throw new TrainingError(`${folder} is in use by another training run (process ${holder.pid} on ${holder.host}). ${again}, or choose another output_dir.`);
    }
    await unlink(file).catch(() => undefined);
  }
  throw new TrainingError(`${folder} could not be locked: other runs keep taking ${file}. Choose another output_dir.`);
}
