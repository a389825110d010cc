import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { realFileSystem } from '../files/file_system';
import { dyingAt } from '../testing/dying_files';
import { exportModel } from './export';

function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-model-folder-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const ignore = () => undefined;

test('an export that dies leaves the checkpoint whole and no mixture of models', async (t) => {
  const make = async () => {
    const folder = temporaryFolder(t);
    const old = join(folder, 'out');
    mkdirSync(old);
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json', 'cheems.json', 'merges.txt'])
      writeFileSync(join(old, name), `old ${name}`);
    const checkpoint = join(old, 'checkpoint-1');
    mkdirSync(checkpoint);
    for (const name of ['config.json', 'model.safetensors', 'tokenizer.json', 'cheems.json'])
      writeFileSync(join(checkpoint, name), `new ${name}`);
    return { old, checkpoint };
  };
  const { old, checkpoint } = await make();
  const counter = dyingAt(Infinity);
  await exportModel(checkpoint, old, counter.files);
  t.false(readdirSync(old).includes('merges.txt'));
  t.deepEqual(
    readdirSync(old).filter((name) => name.startsWith('.')),
    [],
  );
  await exportModel(checkpoint, old, realFileSystem); // a second time, over links to the same files
  t.deepEqual(
    readdirSync(old).filter((name) => name.startsWith('.')),
    [],
  );
  for (let k = 1; k <= counter.calls(); k += 1) {
    const { old: folder, checkpoint: source } = await make();
    await exportModel(source, folder, dyingAt(k).files).catch(ignore);
    const names = readdirSync(folder);
    const kinds = new Set(
      names
        .filter((name) => !name.startsWith('.') && name !== 'checkpoint-1')
        .map((name) => readFileSync(join(folder, name), 'utf8').split(' ')[0]),
    );
    t.false(names.includes('config.json') && kinds.size > 1, `k=${k}: ${[...kinds].join()}`);
    for (const name of readdirSync(source)) t.is(readFileSync(join(source, name), 'utf8'), `new ${name}`);
  }
});

test('where links cannot be made the export copies', async (t) => {
  const folder = temporaryFolder(t);
  const checkpoint = join(folder, 'checkpoint-1');
  mkdirSync(checkpoint);
  for (const name of ['config.json', 'model.safetensors']) writeFileSync(join(checkpoint, name), name);
  await exportModel(checkpoint, folder, { ...realFileSystem, hardLink: () => Promise.reject(new Error('EPERM')) });
  t.is(readFileSync(join(folder, 'model.safetensors'), 'utf8'), 'model.safetensors');
});
