// A folder with a small model, data and options, for tests of whole training runs on the fake engine.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { Engine } from '../engine/types';
import { fakeEngine, writeFakeModel } from './fake_engine';
import type { TrainContext } from '../training/loop';

export const VOCABULARY = 64;

export interface Setting {
  folder: string;
  options: Record<string, unknown>;
}

/** Prompts with three responses whose better ones hold higher ids: something that the fake engine can learn. */
export function rows(count: number, salt: number): string {
  const random = (n: number) => ((n * 2654435761 + salt * 40503) >>> 8) % 1000;
  return Array.from({ length: count }, (_, i) => {
    const responses = [0, 1, 2].map((rank) => ({
      id: `r${rank}`,
      input_ids: [
        10 + (i % 5),
        ...Array.from(
          { length: 3 + (random(i + rank) % 4) },
          (_id, j) => 12 + 15 * (2 - rank) + (random(31 * i + 7 * rank + j) % 15),
        ),
        3,
      ],
    }));
    return JSON.stringify({
      input: `prompt ${i} ${salt}`,
      responses,
      annotations: [
        ['r0', 'r1', '1'],
        ['r1', 'r2', '1'],
      ],
      rank: { r0: '1', r1: '2', r2: '3' },
    });
  }).join('\n');
}

export function setUp(t: ExecutionContext, more: Record<string, unknown> = {}): Setting {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-loop-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const base = join(folder, 'base');
  mkdirSync(base);
  writeFakeModel(base, VOCABULARY);
  writeFileSync(join(folder, 'train.jsonl'), rows(20, 1));
  writeFileSync(join(folder, 'test.jsonl'), rows(6, 2));
  return {
    folder,
    options: {
      model_path: base,
      train_data_path: join(folder, 'train.jsonl'),
      test_data_path: join(folder, 'test.jsonl'),
      output_dir: join(folder, 'out'),
      global_batch_size: 12,
      num_train_epochs: 3,
      learning_rate: 0.02,
      save_steps: 2,
      eval_steps: 4,
      logging_steps: 1,
      report_to: 'none',
      ...more,
    },
  };
}

export const weightsIn = (folder: string) => readFileSync(join(folder, 'model.safetensors'));
export const metricsIn = (folder: string) =>
  readFileSync(join(folder, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, number | string>);
export const withoutTimes = (records: Record<string, unknown>[]) =>
  records.map(({ seconds: _s, tokens_per_second: _t, ...rest }) => rest);

/** Stops the run in good order after the given step. */
export function stopAfter(step: number, engine: Engine = fakeEngine()): TrainContext {
  const stop = new AbortController();
  return { engine, stop: stop.signal, callbacks: { onStep: (metrics) => metrics.step === step && stop.abort() } };
}
