import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';

test('init of a large model ends at once at a signal and leaves nothing', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-init-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const sizes = ['--hidden_size', '2048', '--num_hidden_layers', '4', '--vocab_size', '30000'];
  const child = spawn(process.execPath, [
    join(__dirname, 'main.js'),
    'init',
    ...sizes,
    '--output_dir',
    join(folder, 'model'),
  ]);
  let err = '';
  child.stderr.on('data', (chunk) => (err += chunk));
  const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve) =>
    child.on('close', (...how) => resolve(how)),
  );
  while (readdirSync(folder).length === 0 && child.exitCode === null)
    await new Promise((resolve) => setTimeout(resolve, 10));
  const began = performance.now();
  child.kill('SIGINT');
  t.deepEqual(await ended, [null, 'SIGINT'], err);
  t.true(performance.now() - began < 5000);
  t.is(err, 'Stopping; no folder is left behind.\n');
  t.deepEqual(readdirSync(folder), []);
});
