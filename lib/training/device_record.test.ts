import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { realFileSystem } from '../files/file_system';
import { fakeEngine, writeFakeModel } from '../testing/fake_engine';
import { DIGESTS_FILE, saveCheckpoint } from './checkpoints';
import { train } from './loop';
import { readState, STATE_FILE } from './training_state';

const response = (id: string, token: number) => ({ id, input_ids: [1, token, 3] });
const ROW = JSON.stringify({
  input: 'x',
  responses: [response('a', 5), response('b', 6)],
  annotations: [['a', 'b', '1']],
});

function setUp(t: ExecutionContext): Record<string, unknown> {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-device-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  writeFakeModel(folder, 16);
  writeFileSync(join(folder, 'train.jsonl'), `${ROW}\n`);
  return {
    model_path: folder,
    train_data_path: join(folder, 'train.jsonl'),
    output_dir: join(folder, 'out'),
    num_train_epochs: 4,
    global_batch_size: 2,
    save_steps: 1,
    report_to: 'none',
  };
}

async function warningsOf(options: Record<string, unknown>, arithmetic: string): Promise<string[]> {
  const warnings: string[] = [];
  const onLog = ({ level, message }: { level: string; message: string }) =>
    level === 'warning' && warnings.push(message);
  await train(options, { engine: fakeEngine({ arithmetic }), callbacks: { onLog } });
  return warnings;
}

test('a checkpoint records its device, and a run that goes on with other arithmetic is told so and goes on', async (t) => {
  const options = setUp(t);
  const again = { ...options, resume_if_possible: true, max_steps: 4 };
  const card = 'NVIDIA A100-SXM4-80GB, cuBLAS 12.8.4';
  t.deepEqual(await warningsOf({ ...options, max_steps: 2 }, card), []);
  const folder = join(options['output_dir'] as string, 'checkpoint-2');
  const { device } = (await readState(folder, realFileSystem)).cheems;
  t.deepEqual(device, { id: 'fake', facts: { name: 'a fake' }, arithmetic: card });
  const warnings = (await warningsOf({ ...again, max_steps: 3 }, 'NVIDIA H100, cuBLAS 13.1.0')).filter(
    (line) => !/max_steps/.test(line),
  );
  t.is(warnings.length, 1);
  t.regex(
    warnings[0]!,
    /checkpoint-2 was computed with NVIDIA A100.* continues with NVIDIA H100, cuBLAS 13\.1\.0.*last bits/,
  );
  t.deepEqual(
    (await warningsOf(again, 'NVIDIA H100, cuBLAS 13.1.0')).filter((line) => !/max_steps/.test(line)),
    [],
  );
});

test('a checkpoint of a version that recorded no device is gone on with in silence', async (t) => {
  const options = setUp(t);
  await warningsOf({ ...options, max_steps: 2 }, 'one');
  const folder = join(options['output_dir'] as string, 'checkpoint-2');
  const file = join(folder, STATE_FILE);
  const state = JSON.parse(readFileSync(file, 'utf8')) as { cheems: { device?: unknown } };
  delete state.cheems.device;
  writeFileSync(file, JSON.stringify(state));
  const digests = JSON.parse(readFileSync(join(folder, DIGESTS_FILE), 'utf8')) as { files: Record<string, unknown> };
  digests.files[STATE_FILE] = await realFileSystem.digest(file);
  writeFileSync(join(folder, DIGESTS_FILE), JSON.stringify(digests));
  const warnings = await warningsOf({ ...options, resume_if_possible: true, max_steps: 4 }, 'another');
  t.deepEqual(
    warnings.filter((line) => !/max_steps/.test(line)),
    [],
  );
});

test('a file that is whole is digested while the next one is written, and what fails there fails the save', async (t) => {
  const outputDir = mkdtempSync(join(tmpdir(), 'cheems-digests-'));
  t.teardown(() => rmSync(outputDir, { recursive: true, force: true }));
  const order: string[] = [];
  let digested: (() => void) | undefined;
  const early = new Promise<void>((resolve) => (digested = resolve));
  const files = {
    ...realFileSystem,
    digest: async (file: string) => {
      const digest = await realFileSystem.digest(file);
      order.push(`digest ${file.slice(file.lastIndexOf('/') + 1)}`);
      digested?.();
      return digest;
    },
  };
  const request = { outputDir, totalLimit: 0, onWarning: (message: string) => t.fail(message) };
  const { folder } = await saveCheckpoint({
    ...request,
    step: 1,
    files,
    write: async (temporary, written) => {
      writeFileSync(join(temporary, 'weights'), 'w');
      written('weights');
      await early;
      order.push('second file');
      writeFileSync(join(temporary, 'optimizer'), 'o');
    },
  });
  t.deepEqual(order, ['digest weights', 'second file', 'digest optimizer']);
  const { files: recorded } = JSON.parse(readFileSync(join(folder, DIGESTS_FILE), 'utf8')) as {
    files: Record<string, { sha256: string }>;
  };
  for (const name of ['weights', 'optimizer']) {
    t.deepEqual(recorded[name] as unknown, await realFileSystem.digest(join(folder, name)));
  }
  const failing = { ...realFileSystem, digest: () => Promise.reject(new Error('EIO: i/o error, read')) };
  const write = async (temporary: string, written: (name: string) => void) => {
    writeFileSync(join(temporary, 'weights'), 'w');
    written('weights');
  };
  await t.throwsAsync(saveCheckpoint({ ...request, step: 2, files: failing, write }), {
    message: /checkpoint-2 could not be saved.*EIO/,
  });
});
