import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { checkOutputFile, checkOutputFolder, checkSpace, makeFolders, whyNot } from './output_checks';

const folder = (): string => mkdtempSync(join(tmpdir(), 'cheems-outputs-'));

/** The checks as a user who is not root, for whom permissions count; the sentence, or 'fine'. */
function asUser(check: 'checkOutputFolder' | 'checkOutputFile', path: string): string {
  const script = `
    const checks = require(${JSON.stringify(join(__dirname, 'output_checks.js'))});
    if (process.getuid() === 0) { process.setgid(65534); process.setuid(65534); }
    checks.${check}('--output', ${JSON.stringify(path)}).then(() => console.log('fine'), (error) => console.log(error.message));`;
  return spawnSync(process.execPath, ['-e', script], { encoding: 'utf8', cwd: '/' }).stdout.trim();
}

test('a folder that can be made is tried for real, and nothing of the trial stays', async (t) => {
  const place = folder();
  await checkOutputFolder('--output_dir', join(place, 'a', 'b', 'c'));
  t.deepEqual(readdirSync(place), []);
  mkdirSync(join(place, 'there'));
  writeFileSync(join(place, 'there', 'kept'), 'x');
  await checkOutputFolder('--output_dir', join(place, 'there'));
  t.deepEqual(readdirSync(join(place, 'there')), ['kept']);
  await makeFolders(join(place, 'a', 'b'));
  t.true(existsSync(join(place, 'a', 'b')));
});

test('a file in the way is named, wherever in the path it stands', async (t) => {
  const place = folder();
  writeFileSync(join(place, 'file'), '');
  for (const path of ['file', 'file/a', 'file/a/b']) {
    await t.throwsAsync(
      checkOutputFolder('--output_dir', join(place, path)),
      { message: /^--output_dir: the folder .* cannot be written: a part of its path is a file, not a folder/ },
      path,
    );
  }
  symlinkSync(join(place, 'nowhere'), join(place, 'dangling'));
  await t.throwsAsync(checkOutputFolder('--output_dir', join(place, 'dangling')), {
    message: /cannot be written: its folder does not exist/,
  });
  await t.throwsAsync(checkOutputFolder('--output_dir', join(place, 'x'.repeat(300))), {
    message: /the name is too long/,
  });
  t.deepEqual(readdirSync(place).sort(), ['dangling', 'file']);
});

test('permissions: the folder, its parent, a file', (t) => {
  const place = folder();
  chmodSync(place, 0o755);
  t.regex(
    asUser('checkOutputFolder', join(place, 'new', 'deeper')),
    /^--output: the folder .*deeper cannot be written: permission denied \(.*new\)\./,
  );
  t.regex(asUser('checkOutputFolder', place), /permission denied/);
  t.regex(
    asUser('checkOutputFile', join(place, 'rows.jsonl')),
    /^--output: .*rows\.jsonl cannot be written: permission denied\.$/,
  );
  writeFileSync(join(place, 'mine'), 'kept');
  chmodSync(join(place, 'mine'), 0o644);
  t.regex(asUser('checkOutputFile', join(place, 'mine')), /permission denied/);
  chmodSync(join(place, 'mine'), 0o666);
  t.is(asUser('checkOutputFile', join(place, 'mine')), 'fine', 'a file that may be written in a folder that may not');
  t.is(readFileSync(join(place, 'mine'), 'utf8'), 'kept');
});

test('a file to write: made and taken back, or left as it is', async (t) => {
  const place = folder();
  await checkOutputFile('--output', join(place, 'rows.jsonl'));
  t.deepEqual(readdirSync(place), []);
  writeFileSync(join(place, 'rows.jsonl'), 'row\n');
  await checkOutputFile('--output', join(place, 'rows.jsonl'));
  t.is(readFileSync(join(place, 'rows.jsonl'), 'utf8'), 'row\n');
  await t.throwsAsync(checkOutputFile('--output', place), { message: /it is a folder/ });
  await t.throwsAsync(checkOutputFile('--output', join(place, 'no', 'rows.jsonl')), {
    message: /its folder does not exist/,
  });
  await t.throwsAsync(checkOutputFile('--output', join(place, 'rows.jsonl', 'x')), {
    message: /a part of its path is a file/,
  });
});

test('a disk that is too small is told with both figures', async (t) => {
  await checkSpace('--output_dir', join(folder(), 'not', 'there'), 1);
  await t.throwsAsync(checkSpace('--output_dir', folder(), 1e18), {
    message:
      /^--output_dir: the disk of .* has [\d,]+ MB free, and 1,000,000,000,000 MB will be written\. Free some space/,
  });
});

/** A read-only file system, where this machine has one. */
const readOnly = readFileSync('/proc/mounts', 'utf8')
  .split('\n')
  .map((line) => line.split(' '))
  .find(
    ([, path, , flags]) =>
      flags?.split(',').includes('ro') &&
      path !== undefined &&
      /^\/[\w/-]+$/.test(path) &&
      existsSync(path) &&
      spawnSync('mkdir', [join(path, 'cheems-probe')], {
        env: { PATH: process.env['PATH'], LC_ALL: 'C' },
        encoding: 'utf8',
      }).stderr.includes('Read-only file system'),
  )?.[1];

(readOnly === undefined ? test.skip : test)(
  'a read-only file system is told as such, not as a folder that does not exist',
  async (t) => {
    await t.throwsAsync(checkOutputFolder('--output_dir', join(readOnly!, 'a', 'b')), {
      message: /the file system is read-only \(/,
    });
    await t.throwsAsync(checkOutputFile('--output', join(readOnly!, 'rows.jsonl')), {
      message: /the file system is read-only/,
    });
  },
);

test('reasons are words, and what is not known keeps its own', (t) => {
  const error = (code: string) => Object.assign(new Error(`${code}: text of the system`), { code });
  t.is(whyNot(error('ENOSPC')), 'the disk is full');
  t.is(whyNot(error('EROFS')), 'the file system is read-only');
  t.is(whyNot(error('EODD')), 'EODD: text of the system');
});
