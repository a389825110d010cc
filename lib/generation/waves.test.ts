import test from 'ava';
import { heapPerTurn } from '../testing/heap';
import { groupPrompts, packPrompts, wavesOf } from './waves';

/** Number of computed tokens if each group's common prefix is computed once. */
function cost(prompts: readonly Int32Array[], groups: readonly number[]): number {
  let total = 0;
  for (const group of new Set(groups)) {
    const members = prompts.filter((_, i) => groups[i] === group);
    let common = 0;
    while (members.every((ids) => ids.length > common && ids[common] === members[0]![common])) common += 1;
    total += common + members.reduce((sum, { length }) => sum + length - common, 0);
  }
  return total;
}

test('groups are those that compute the fewest tokens: against all ways of cutting', (t) => {
  let state = 7;
  const draw = (n: number) => ((state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) >> 8) % n;
  for (let round = 0; round < 200; round += 1) {
    const count = 1 + draw(8);
    const prompts: Int32Array[] = [];
    for (let i = 0; i < count; i += 1) {
      const before = [...(prompts.at(-1) ?? [])].slice(0, draw(7));
      prompts.push(Int32Array.from([...before, ...Array.from({ length: 1 + draw(4) }, () => draw(3))]));
    }
    let best = Infinity;
    for (let cuts = 0; cuts < 1 << (count - 1); cuts += 1) {
      let group = 0;
      best = Math.min(
        best,
        cost(
          prompts,
          prompts.map((_, i) => (i > 0 && (cuts >> (i - 1)) & 1 ? ++group : group)),
        ),
      );
    }
    const groups = [...groupPrompts(prompts)];
    t.is(cost(prompts, groups), best, JSON.stringify([prompts.map((ids) => [...ids]), groups]));
    t.deepEqual(
      groups,
      [...groups].sort((a, b) => a - b),
      'members stand together',
    );
  }
});

test('packed back to back', (t) => {
  const { tokens, offsets, groups } = packPrompts([Int32Array.of(1, 2, 3), Int32Array.of(1, 2, 4), Int32Array.of(9)]);
  t.deepEqual(
    [[...tokens], [...offsets], [...groups]],
    [
      [1, 2, 3, 1, 2, 4, 9],
      [0, 3, 6, 7],
      [0, 0, 1],
    ],
  );
});

test('waves are bounded by number and tokens, in order; one that is too large stands alone', async (t) => {
  const waves: number[][] = [];
  for await (const wave of wavesOf([3, 3, 3, 1, 99, 1, 1, 1, 1], { prompts: 3, tokens: 7 }, (n) => n)) waves.push(wave);
  t.deepEqual(waves, [[3, 3], [3, 1], [99], [1, 1, 1], [1]]);
});

test('memory does not grow with the items, nor with a signal that is never aborted', async (t) => {
  const { signal } = new AbortController();
  const bytes = await heapPerTurn(20_000, 90_000, async (turn) => {
    const items = function* (): Generator<number> {
      for (let i = 0; i < 100_000; i += 1) {
        turn();
        yield i;
      }
    };
    let seen = 0;
    for await (const wave of wavesOf(items(), { prompts: 100, tokens: 1e6 }, () => 1, { signal, patience: 1000 }))
      seen += wave.length;
    t.is(seen, 100_000);
  });
  t.true(bytes < 100, `${bytes.toFixed(0)} bytes an item`);
});
