// Whether memory grows with the turns of a loop.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Bytes by which the heap, garbage collected, grows with each turn between turns `first` and `last` of `work`, which
 * calls its argument at each turn.
 */
export async function heapPerTurn(
  first: number,
  last: number,
  work: (turn: () => void) => Promise<unknown>,
): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const heap = (): number => {
    collect();
    return process.memoryUsage().heapUsed;
  };
  let turns = 0;
  let [before, after] = [0, 0];
  await work(() => {
    turns += 1;
    if (turns === first) before = heap();
    if (turns === last) after = heap();
  });
  if (turns < last) throw new Error(`the work ended after ${turns} turns of ${last}`);
  return (after - before) / (last - first);
}
