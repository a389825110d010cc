import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { withFolderLock } from './folder_lock';

const newFolder = (): string => mkdtempSync(join(tmpdir(), 'folder-lock-'));

test("a folder is one run's; what was made for nothing goes, what holds files stays", async (t) => {
  const folder = newFolder();
  const inner = join(folder, 'a', 'b');
  await withFolderLock('--output_dir', inner, async () => {
    await t.throwsAsync(
      withFolderLock('--output_dir', inner, async () => t.fail()),
      {
        message: new RegExp(
          `^--output_dir: another run writes into .*/a/b \\(process ${process.pid} on .*\\)\\. Wait for it`,
        ),
      },
    );
  });
  t.deepEqual(readdirSync(folder), []);
  await t.throwsAsync(
    withFolderLock('--output_dir', inner, async () => Promise.reject(new Error('no'))),
    { message: 'no' },
  );
  t.deepEqual(readdirSync(folder), []);
  t.is(await withFolderLock('--output_dir', inner, async () => (writeFileSync(join(inner, 'x'), ''), 3)), 3);
  t.deepEqual(readdirSync(inner), ['x']);
  await withFolderLock('--output_dir', folder, async () => {});
  t.true(existsSync(folder));
  t.is(await withFolderLock('--output_dir', undefined, async () => 4), 4);
});
