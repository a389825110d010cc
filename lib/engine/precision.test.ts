// `precision: 'bfloat16'` on the CPU, or the note that this processor has no instructions for it.
import test from 'ava';
import { rm } from 'node:fs/promises';
import * as path from 'node:path';
import { adamStep, makeSmallModel, neighborPairs, randomBatch } from '../testing/small_model';
import { engine } from './engine';
import type { EngineModel } from './types';
import type { ModelLoadOptions } from './types.generated';

let folder: string;

test.before(async () => {
  folder = await makeSmallModel();
});
test.after.always(() => rm(path.dirname(folder), { recursive: true, force: true }));

const load = (options: Partial<ModelLoadOptions> = {}): Promise<EngineModel> =>
  engine.loadModel({ folder, createHead: true, seed: 3, numThreads: 2, ...options });

test('bfloat16 products on the CPU: near the float32 rewards, the same alone as in a batch, and trained', async (t) => {
  const exact = await load({ device: 'cpu' });
  const model = await load({ device: 'cpu', precision: 'bfloat16' });
  const batch = randomBatch(8, 32);
  const [expected, rewards] = [[...(await exact.score(batch)).rewards], [...(await model.score(batch)).rewards]];
  if (model.precision === 'bfloat16') {
    t.deepEqual(model.notes(), []);
    t.notDeepEqual(rewards, expected);
  } else {
    t.regex(model.notes()[0]!.text, /AVX512_BF16/);
    t.deepEqual(rewards, expected);
  }
  const deviation = Math.hypot(...expected) / Math.sqrt(expected.length);
  for (const [i, reward] of rewards.entries()) t.true(Math.abs(reward - expected[i]!) < 0.05 * deviation);
  const alone = batch.tokens.slice(batch.offsets[3], batch.offsets[4]);
  const single = { tokens: alone, offsets: Int32Array.of(0, alone.length), groups: Int32Array.of(0) };
  t.is((await model.score(single)).rewards[0], rewards[3]);
  await t.throwsAsync(model.createTrainer({ optimizerState: 'bfloat16' }), { message: /float32/ });
  const trainer = await model.createTrainer({});
  const losses: number[] = [];
  for (let step = 1; step <= 5; ++step)
    losses.push((await trainer.step(batch, neighborPairs(8), { ...adamStep, step, learningRate: 1e-3 })).loss);
  t.true(losses.at(-1)! < losses[0]!);
  await Promise.all([exact.dispose(), model.dispose()]);
});
