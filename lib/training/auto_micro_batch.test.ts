// Training with micro_batch_tokens auto: the number is found once for a run, however often it is resumed.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Engine } from '../engine/types';
import { fakeEngine, writeFakeModel } from '../testing/fake_engine';
import { train, type TrainContext } from './loop';

/** Eight prompts with two responses, of 8 tokens and of 5. */
function setUp(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-auto-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const base = join(folder, 'base');
  mkdirSync(base);
  writeFakeModel(base, 64);
  const response = (id: string, length: number) => ({ id, input_ids: Array.from({ length }, (_, i) => 10 + i) });
  const rows = Array.from({ length: 8 }, (_, i) =>
    JSON.stringify({ input: `${i}`, responses: [response('a', 8), response('b', 5)], annotations: [['a', 'b', '1']] }),
  );
  writeFileSync(join(folder, 'train.jsonl'), rows.join('\n'));
  return {
    model_path: base,
    train_data_path: join(folder, 'train.jsonl'),
    output_dir: join(folder, 'out'),
    global_batch_size: 4,
    save_total_limit: 0,
    report_to: 'none' as const,
  };
}

/**
 * A fake device on which micro-batches of so many tokens fit; what was planned, and what the trainers were made for.
 */
function engineWithRoomFor(tokens: number): { engine: Engine; asked: unknown[]; trained: unknown[] } {
  const asked: unknown[] = [];
  const trained: unknown[] = [];
  const engine = fakeEngine({
    memory: ({ microBatchTokens = 'auto', mostTokens = Infinity }) => {
      asked.push(microBatchTokens);
      const found = microBatchTokens === 'auto' ? Math.min(tokens, mostTokens) : microBatchTokens;
      return {
        entries: [],
        totalBytes: found,
        availableBytes: tokens,
        reserveBytes: 0,
        microBatchTokens: found,
        deviceChoice: 'Device: the fake engine.',
      };
    },
  });
  const loadModel: Engine['loadModel'] = async (...given) => {
    const model = await engine.loadModel(...given);
    const createTrainer = model.createTrainer.bind(model);
    model.createTrainer = (options) => (trained.push(options.microBatchTokens), createTrainer(options));
    return model;
  };
  return { engine: { ...engine, loadModel }, asked, trained };
}

test('micro_batch_tokens auto: what the device has room for is trained with, kept in checkpoints, and gone on with', async (t) => {
  const options = setUp(t);
  const roomy = engineWithRoomFor(20_000);
  await train({ ...options, max_steps: 2 }, { engine: roomy.engine });
  const most = 4 * 8; // responses of a batch, tokens of the longest
  t.deepEqual([roomy.asked, roomy.trained], [['auto'], [most]]);
  const kept = JSON.parse(readFileSync(join(options.output_dir, 'checkpoint-2', 'trainer_state.json'), 'utf8')) as {
    cheems: { options: Record<string, unknown> };
  };
  t.is(kept.cheems.options['micro_batch_tokens'], most);

  const again = { ...options, resume_if_possible: true };
  const warnings: string[] = [];
  const callbacks: TrainContext['callbacks'] = {
    onLog: ({ level, message }) => level === 'warning' && warnings.push(message),
  };
  const larger = engineWithRoomFor(1 << 30);
  await train({ ...again, max_steps: 3 }, { engine: larger.engine, callbacks });
  t.deepEqual([larger.asked, larger.trained], [[most], [most]]);
  t.deepEqual(
    warnings.filter((line) => line.includes('micro_batch_tokens')),
    [],
  );

  const smaller = engineWithRoomFor(most - 8);
  await t.throwsAsync(train({ ...again, max_steps: 4 }, { engine: smaller.engine }), {
    message: /It fits with:\n {2}`microBatchTokens: 16`/,
  });
  await train({ ...again, max_steps: 4, micro_batch_tokens: 16 }, { engine: smaller.engine, callbacks });
  t.deepEqual(smaller.trained, [16]);
  t.true(warnings.some((line) => line.startsWith(`micro_batch_tokens was ${most} and is now 16`)));
});
