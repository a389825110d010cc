// The long kill test, over the real command and engine: node kill_cli.js [--kills 60] [--seed N] [--folder DIR]
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killTest, rankedRows } from './kill_test';

const MAIN = join(__dirname, '..', 'cli', 'main.js');
const VOCABULARY = 300;
const STEPS = 40;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { kills: { type: 'string', default: '60' }, seed: { type: 'string' }, folder: { type: 'string' } },
  });
  const seed = values.seed === undefined ? Date.now() % 1_000_000 : Number(values.seed);
  const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'cheems-kill-'));
  mkdirSync(folder, { recursive: true });
  process.stdout.write(`seed ${seed}, in ${folder}\n`);
  const base = join(folder, 'base');
  const data = join(folder, 'train.jsonl');
  const made = spawnSync(
    process.execPath,
    [
      MAIN,
      'init',
      '--architecture',
      'qwen2',
      '--hidden_size',
      '64',
      '--num_hidden_layers',
      '2',
      '--vocab_size',
      String(VOCABULARY),
      '--output_dir',
      base,
      '--overwrite',
    ],
    { encoding: 'utf8' },
  );
  if (made.status !== 0) throw new Error(`init failed:\n${made.stderr}`);
  writeFileSync(data, rankedRows(4 * STEPS, 5, VOCABULARY, 7));
  const report = await killTest({
    folder: join(folder, 'runs'),
    kills: Number(values.kills),
    seed,
    steps: STEPS,
    onProgress: (line) => process.stdout.write(`${line}\n`),
    command: (outputDir) => [
      process.execPath,
      MAIN,
      'train',
      '--model_path',
      base,
      '--train_data_path',
      data,
      '--output_dir',
      outputDir,
      '--resume_if_possible',
      '--global_batch_size',
      '12',
      '--learning_rate',
      '1e-3',
      '--save_steps',
      '1',
      '--save_total_limit',
      '2',
      '--num_threads',
      '1',
    ],
  });
  process.stdout.write(
    `${JSON.stringify(report)}\nEvery checkpoint was whole after each of ${report.kills} kills, and ` +
      `${report.finishedRuns} killed runs ended bit for bit as the uninterrupted one.\n`,
  );
  if (values.folder === undefined) rmSync(folder, { recursive: true, force: true });
}

main().catch((error: unknown) => {
  process.stderr.write(`kill test failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
