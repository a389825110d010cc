// The default number of tokens of a micro-batch: on a device (here the emulated one), as many as fill its memory.
import { rm } from 'node:fs/promises';
import * as path from 'node:path';
import test from 'ava';
import { makeSmallModel, randomBatch } from '../testing/small_model';
import { engine } from './engine';
import type { PlanRequest } from './types';

process.env['CHEEMS_DEVICE'] = 'emulated';

const MOST = 32768;
const [GIB, MIB] = [2 ** 30, 2 ** 20];
let folder: string;

test.before(async () => {
  folder = await makeSmallModel();
});
test.after.always(() => rm(path.dirname(folder), { recursive: true, force: true }));

const plan = (request: Partial<PlanRequest>) =>
  engine.planMemory({ folder, purpose: 'score', longestSample: 128, device: 'cuda', ...request });

for (const purpose of ['train', 'score'] as const) {
  test.serial(`${purpose}: the largest multiple of 1024 tokens that fits is taken, to the byte`, async (t) => {
    const { microBatchTokens, totalBytes, availableBytes, reserveBytes } = await plan({ purpose });
    t.is(microBatchTokens, MOST);
    t.is(reserveBytes, GIB);
    t.true(totalBytes + GIB < availableBytes!);
    for (const tokens of [1024, 5120, 31744]) {
      const asked = await plan({ purpose, microBatchTokens: tokens });
      const memoryReserve = asked.availableBytes! - asked.totalBytes;
      const filling = await plan({ purpose, microBatchTokens: 'auto', memoryReserve });
      t.like(filling, { microBatchTokens: tokens, totalBytes: asked.totalBytes, entries: asked.entries });
      const less = await plan({ purpose, memoryReserve: memoryReserve + 1 });
      t.is(less.microBatchTokens, Math.max(1024, tokens - 1024));
    }
    t.is((await plan({ purpose, mostTokens: 3000 })).microBatchTokens, 3072);
  });
}

test.serial('on the CPU, and for a device that is not here, it is the usual number', async (t) => {
  for (const device of ['cpu', 'cuda:7']) {
    t.is((await plan({ purpose: 'train', device })).microBatchTokens, 4096);
    t.is((await plan({ purpose: 'score', device, memoryReserve: 0 })).microBatchTokens, 8192);
  }
});

test.serial('a model that is loaded says what its device has room for beside it', async (t) => {
  const load = (memoryReserve?: number) =>
    engine.loadModel({
      folder,
      createHead: true,
      device: 'cuda',
      ...(memoryReserve === undefined ? {} : { memoryReserve }),
    });
  const model = await load();
  t.is(model.microBatchTokens, MOST);
  t.is((await model.score(randomBatch(2, 16), { microBatchTokens: model.microBatchTokens })).rewards.length, 2);
  await model.dispose();
  const { totalBytes, availableBytes } = await plan({ microBatchTokens: 8192 });
  const narrow = await load(availableBytes! - totalBytes - 4 * MIB);
  t.true(narrow.microBatchTokens >= 8192 && narrow.microBatchTokens < MOST, `${narrow.microBatchTokens} tokens`);
  await narrow.dispose();

  const writer = await engine.loadCausalModel({ folder, device: 'cuda' });
  t.is(writer.microBatchTokens, MOST);
  await writer.dispose();
  const onCpu = await engine.loadCausalModel({ folder, device: 'cpu' });
  t.is(onCpu.microBatchTokens, 8192);
  await onCpu.dispose();
});
