import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { writeFakeModel } from './fake_engine';
import { killTest, rankedRows } from './kill_test';

// A quick form of scripts/testing/kill_test.sh, with the fake engine: what is tested is the saving, not the arithmetic.
test('killed six times, a run keeps what it reported as saved and ends with the same bits', async (t) => {
  t.timeout(240_000);
  const folder = mkdtempSync(join(tmpdir(), 'cheems-kill-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const base = join(folder, 'base');
  mkdirSync(base);
  writeFakeModel(base, 100);
  writeFileSync(join(folder, 'train.jsonl'), rankedRows(60, 5, 100, 3));
  const report = await killTest({
    folder: join(folder, 'runs'),
    kills: 6,
    seed: 11,
    steps: 15,
    command: (outputDir) => {
      const options = {
        model_path: base,
        train_data_path: join(folder, 'train.jsonl'),
        output_dir: outputDir,
        resume_if_possible: true,
        global_batch_size: 12,
        learning_rate: 0.01,
        save_steps: 1,
        save_total_limit: 2,
      };
      const file = `${outputDir}.json`;
      writeFileSync(file, JSON.stringify(options));
      return [process.execPath, join(__dirname, 'fake_train.js'), file];
    },
  });
  t.is(report.kills, 6);
  t.true(report.finishedRuns >= 1);
  t.true(report.checkpointsVerified > 6);
});
