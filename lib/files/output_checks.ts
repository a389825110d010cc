// Checks before the work starts that its results can be saved: a folder or file is really created and written, then
// removed again.

import { randomBytes } from 'node:crypto';
import { lstat, mkdir, open, rmdir, stat, statfs, unlink } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'the system does not permit it',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than is allowed here',
  EIO: 'the disk reports a fault',
  ENOENT: 'its folder does not exist',
  ENOTDIR: 'a part of its path is a file, not a folder',
  EISDIR: 'it is a folder',
  EEXIST: 'there is a file of that name',
  ENAMETOOLONG: 'the name is too long',
  ELOOP: 'its path is a circle of links',
  EMFILE: 'too many files are open',
};

/** Why a file operation failed, as part of a sentence. */
export function whyNot(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return (code !== undefined && REASONS[code]) || (message ?? String(error));
}

/**
 * Creates a folder and its parents one by one, so that an error names the folder that cannot be created. Returns the
 * created folders, outermost first.
 */
async function makeMissing(folder: string): Promise<string[]> {
  const missing: string[] = [];
  let place = resolve(folder);
  while (!(await isThere(place)) && dirname(place) !== place) {
    missing.unshift(place);
    place = dirname(place);
  }
  if (!(await stat(place)).isDirectory())
    throw Object.assign(new Error(`${place} is a file`), { code: 'ENOTDIR', path: place });
  const made: string[] = [];
  try {
    for (const each of missing) {
      await mkdir(each);
      made.push(each);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      await removeEmpty(made);
      throw error;
    }
  }
  return made;
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw error;
  }
}

async function removeEmpty(folders: readonly string[]): Promise<void> {
  for (const folder of folders.toReversed()) await rmdir(folder).catch(() => undefined);
}

/** Writes a byte to a new file in the folder and removes the file. */
async function probe(folder: string): Promise<void> {
  const file = join(folder, `.writing-probe-${process.pid}-${randomBytes(4).toString('hex')}`);
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile('x');
    await handle.sync();
  } finally {
    await handle.close();
    await unlink(file).catch(() => undefined);
  }
}

/**
 * Creates a folder and its parents; no error if it exists. @throws the system's error for the folder that cannot be
 * created.
 */
export async function makeFolders(folder: string): Promise<void> {
  await makeMissing(folder);
}

/**
 * Checks that files can be written into the folder. Whatever was created for the check is removed again.
 * @param bytes approximately how much will be written.
 * @throws Error with a sentence that begins with `name`, such as `--output_dir`.
 */
export async function checkOutputFolder(name: string, folder: string, bytes = 0): Promise<void> {
  let made: string[] = [];
  try {
    made = await makeMissing(folder);
    await probe(folder);
  } catch (error) {
    const { path } = error as NodeJS.ErrnoException;
    const where =
      path === undefined || resolve(path) === resolve(folder) || basename(path).startsWith('.writing-probe-')
        ? ''
        : ` (${path})`;
    throw new Error(
      `${name}: the folder ${folder} cannot be written: ${whyNot(error)}${where}. Choose another, or change ` +
        'what prevents it.',
      { cause: error },
    );
  } finally {
    await removeEmpty(made);
  }
  await checkSpace(name, folder, bytes);
}

/** @throws Error with a sentence if the disk of the folder, which need not exist yet, has less free space. */
export async function checkSpace(name: string, folder: string, bytes: number): Promise<void> {
  const free = await freeBytes(folder);
  if (free >= bytes) return;
  const inMegabytes = (count: number) => `${Math.ceil(count / 1e6).toLocaleString('en')} MB`;
  throw new Error(
    `${name}: the disk of ${folder} has ${inMegabytes(free)} free, and ${inMegabytes(bytes)} will be written. ` +
      'Free some space, or choose another folder.',
  );
}

async function freeBytes(folder: string): Promise<number> {
  let place = resolve(folder);
  while (!(await isThere(place)) && dirname(place) !== place) place = dirname(place);
  const { bavail, bsize } = await statfs(place);
  return bavail * bsize;
}

/**
 * Checks that the file can be created, or written if it exists; it is unchanged afterwards. Pipes and devices are not
 * checked. @throws Error with a sentence.
 */
export async function checkOutputFile(name: string, file: string): Promise<void> {
  const fail = (error: unknown): never => {
    throw new Error(`${name}: ${file} cannot be written: ${whyNot(error)}.`, { cause: error });
  };
  const existed = await isThere(file).catch(fail);
  // Opening a pipe waits for its reader, and closing it ends the reader's input.
  const known = await stat(file).catch(() => undefined);
  if (known && !known.isFile() && !known.isDirectory()) return;
  try {
    await (await open(file, 'a')).close();
    if (!existed) await unlink(file);
    // The disk may be full, which opening a file does not show.
    if ((await stat(dirname(resolve(file)))).isDirectory()) await probeIfAllowed(dirname(resolve(file)), existed);
  } catch (error) {
    fail(error);
  }
}

/** An existing file may be writable although its folder is not: then the folder is not probed. */
async function probeIfAllowed(folder: string, existed: boolean): Promise<void> {
  try {
    await probe(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!(existed && (code === 'EACCES' || code === 'EPERM' || code === 'EROFS'))) throw error;
  }
}
