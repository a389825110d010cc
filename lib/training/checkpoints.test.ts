import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { findFault, findLatestCheckpoint, listCheckpoints, removeLeftovers, saveCheckpoint } from './checkpoints';
import { realFileSystem, type FileSystem } from '../files/file_system';
import { dyingAt } from '../testing/dying_files';

function temporaryFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-checkpoints-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const ignore = () => undefined;

/** Writes what an engine would, then the state, so that both kinds of writing take part in the crashes. */
const contentOf = (step: number, files: FileSystem) => async (folder: string) => {
  writeFileSync(join(folder, 'model.safetensors'), `weights of step ${step}`.repeat(100));
  await files.writeDurably(join(folder, 'trainer_state.json'), JSON.stringify({ step }));
};

const save = (
  outputDir: string,
  step: number,
  files: FileSystem,
  totalLimit = 2,
  onWarning: (message: string) => void = ignore,
) => saveCheckpoint({ outputDir, step, totalLimit, onWarning, files, write: contentOf(step, files) });

test('wherever a save dies, the old checkpoint or the new one is whole, and the next run can go on', async (t) => {
  const probe = temporaryFolder(t);
  for (const step of [1, 2]) await save(probe, step, realFileSystem);
  const counter = dyingAt(Infinity);
  await save(probe, 3, counter.files);
  const operations = counter.calls();
  t.true(operations > 12, `${operations} operations`);

  const newest: number[] = [];
  for (let k = 1; k <= operations; k += 1) {
    const folder = temporaryFolder(t);
    for (const step of [1, 2]) await save(folder, step, realFileSystem);
    await save(folder, 3, dyingAt(k).files).catch(ignore);
    for (const { folder: checkpoint } of await listCheckpoints(folder))
      t.is(await findFault(checkpoint), undefined, `k=${k}`);
    const { latest, broken } = await findLatestCheckpoint(folder);
    t.true(latest?.step === 2 || latest?.step === 3, `k=${k}: ${latest?.step}`);
    t.deepEqual(broken, []);
    t.true(['checkpoint-2', 'checkpoint-3'].includes(readlinkSync(join(folder, 'checkpoint-last'))));
    t.is(await findFault(join(folder, 'checkpoint-last')), undefined);
    await removeLeftovers(folder);
    t.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('.')),
      [],
    );
    if (latest?.step === 2) await save(folder, 3, realFileSystem);
    t.is((await findLatestCheckpoint(folder)).latest?.step, 3);
    newest.push(latest!.step);
  }
  t.true(newest.includes(2) && newest.includes(3));
});

test('every file and the folder are flushed before the rename that makes a checkpoint visible', async (t) => {
  const { files, log } = dyingAt(Infinity);
  const folder = temporaryFolder(t);
  await save(folder, 7, files);
  const visible = log.findIndex((line) => line.startsWith('rename .writing-checkpoint-7'));
  const before = log.slice(0, visible);
  for (const name of ['model.safetensors', 'trainer_state.json']) t.true(before.includes(`flushFile ${name}`), name);
  t.true(before.some((line) => line.startsWith('writeDurably digests.json')));
  t.regex(before.at(-1)!, /^flushFolder \.writing-checkpoint-7/);
  t.is(log[visible + 1], `flushFolder ${basename(folder)}`);
  t.deepEqual(
    Object.keys(
      (JSON.parse(readFileSync(join(folder, 'checkpoint-7', 'digests.json'), 'utf8')) as { files: object }).files,
    ),
    ['model.safetensors', 'trainer_state.json'],
  );
});

test('an error while saving leaves nothing behind and tells what stands', async (t) => {
  const folder = temporaryFolder(t);
  await save(folder, 1, realFileSystem);
  const full: FileSystem = {
    ...realFileSystem,
    writeDurably: () =>
      Promise.reject(Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })),
  };
  await t.throwsAsync(save(folder, 2, full), {
    message: /checkpoint-2 could not be saved in .*ENOSPC.*disk is full.*checkpoint-1 is unchanged/,
  });
  t.deepEqual(readdirSync(folder).sort(), ['checkpoint-1', 'checkpoint-last']);
  const unflushed: FileSystem = {
    ...realFileSystem,
    flushFolder: (path) => (path === folder ? Promise.reject(new Error('EIO')) : realFileSystem.flushFolder(path)),
  };
  await t.throwsAsync(save(folder, 2, unflushed), { message: /EIO/ });
  t.is((await findLatestCheckpoint(folder)).latest?.step, 1);
  t.is((await save(folder, 2, realFileSystem)).step, 2);
  await t.throwsAsync(save(folder, 2, realFileSystem), { message: /something with that name exists already/ });
});

test('old checkpoints go only after the new one stands; a limit of zero keeps all', async (t) => {
  const folder = temporaryFolder(t);
  const { files, log } = dyingAt(Infinity);
  for (const step of [5, 10, 20]) await save(folder, step, files, 1);
  t.deepEqual(
    (await listCheckpoints(folder)).map(({ step }) => step),
    [20],
  );
  const visible = log.findIndex((line) => line.startsWith('rename .writing-checkpoint-20'));
  t.true(log.findIndex((line) => line.startsWith('rename checkpoint-10 .deleting')) > visible);
  for (const step of [30, 40]) await save(folder, step, files, 0);
  t.deepEqual(
    (await listCheckpoints(folder)).map(({ step }) => step),
    [20, 30, 40],
  );
});

test('a fault is named: a file missing, cut or changed, and digests missing', async (t) => {
  const folder = temporaryFolder(t);
  for (const step of [1, 2, 3, 4, 5]) await save(folder, step, realFileSystem, 0);
  const file = (step: number, name: string) => join(folder, `checkpoint-${step}`, name);
  rmSync(file(2, 'trainer_state.json'));
  writeFileSync(file(3, 'model.safetensors'), 'short');
  const changed = readFileSync(file(4, 'model.safetensors'));
  changed[10]! ^= 1;
  writeFileSync(file(4, 'model.safetensors'), changed);
  rmSync(file(5, 'digests.json'));
  const { latest, broken } = await findLatestCheckpoint(folder);
  t.is(latest?.step, 1);
  t.deepEqual(
    broken.map(({ step }) => step),
    [5, 4, 3, 2],
  );
  for (const [i, pattern] of [
    /digests\.json is missing/,
    /model\.safetensors does not have the SHA-256/,
    /model\.safetensors has 5 bytes/,
    /trainer_state\.json is missing/,
  ].entries()) {
    t.regex(broken[i]!.fault, pattern);
  }
});

test('a checkpoint-last that is a folder is left alone, with a warning', async (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'checkpoint-last'));
  const warnings: string[] = [];
  await save(folder, 1, realFileSystem, 2, (message) => warnings.push(message));
  t.regex(
    warnings[0]!,
    /checkpoint-1 is saved, but the link checkpoint-last could not be set: .*is a folder of an earlier run/,
  );
});
