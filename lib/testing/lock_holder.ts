// A process that takes the lock named by its first argument, by the engine's function or by the program flock as the
// second says, and keeps it until it is killed. With a third argument it takes and releases the lock that many times,
// and fails where another has it meanwhile.

import { mkdirSync, rmdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { addon } from '../engine/addon';
import { provideFileLocker } from '../files/kernel_lock';
import { takeLock, tryLock } from '../files/process_lock';

const [, , file = '', way, times] = process.argv;
provideFileLocker(way === 'engine' ? () => addon().lockFile : undefined);

async function keep(): Promise<void> {
  await takeLock(file);
  process.send!(file);
  setInterval(() => {}, 1000);
}

async function takeOften(count: number): Promise<void> {
  for (let taken = 0; taken < count;) {
    const result = await tryLock(file);
    if ('holder' in result) {
      await sleep(1);
      continue;
    }
    mkdirSync(`${file}.inside`); // fails where another is inside
    await sleep(0);
    rmdirSync(`${file}.inside`);
    await result.lock.release();
    taken += 1;
  }
  process.disconnect();
}

void (times === undefined ? keep() : takeOften(Number(times)));
