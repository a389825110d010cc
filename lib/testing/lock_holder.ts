// A process that takes the lock named by its first argument and keeps it until it is killed.

import { takeLock } from '../files/process_lock';

const file = process.argv[2]!;
void takeLock(file).then(() => {
  process.send!(file);
  setInterval(() => {}, 1000);
});
