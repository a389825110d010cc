// What would be lost is known before the work starts: whether a folder or a file can be made and written, tried for
// real and taken back.

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
 * Makes a folder and its parents, one by one, so that an error is that of the folder which cannot be made. Returns
 * those made, outermost first.
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

/** Writes a byte to a new file of the folder and removes the file. */
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
 * Makes a folder and its parents; no error where it exists. @throws what the system says of the folder that cannot be
 * made.
 */
export async function makeFolders(folder: string): Promise<void> {
  await makeMissing(folder);
}

/**
 * Whether files can be written into the folder. What had to be made for the trial is removed again.
 * @param bytes about how much will be written.
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
        'what stands in the way.',
      { cause: error },
    );
  } finally {
    await removeEmpty(made);
  }
  await checkSpace(name, folder, bytes);
}

/** @throws Error with a sentence where the disk of the folder, which need not exist yet, has not that much room. */
export async function checkSpace(name: string, folder: string, bytes: number): Promise<void> {
  const free = await freeBytes(folder);
  if (free >= bytes) return;
  const inMegabytes = (count: number) => `${Math.ceil(count / 1e6).toLocaleString('en')} MB`;
  throw new Error(
    `${name}: the disk of ${folder} has ${inMegabytes(free)} free, and ${inMegabytes(bytes)} will be written. ` +
      'Free some space, or choose another place.',
  );
}

async function freeBytes(folder: string): Promise<number> {
  let place = resolve(folder);
  while (!(await isThere(place)) && dirname(place) !== place) place = dirname(place);
  const { bavail, bsize } = await statfs(place);
  return bavail * bsize;
}

/**
 * Whether the file can be made, or written to where it exists; it is as it was afterwards. Pipes and devices are not
 * tried. @throws Error with a sentence.
 */
export async function checkOutputFile(name: string, file: string): Promise<void> {
  const fail = (error: unknown): never => {
    throw new Error(`${name}: ${file} cannot be written: ${whyNot(error)}.`, { cause: error });
  };
  const existed = await isThere(file).catch(fail);
  // Opening a pipe waits for its reader, and closing it ends what the reader gets.
  const known = await stat(file).catch(() => undefined);
  if (known && !known.isFile() && !known.isDirectory()) return;
  try {
    await (await open(file, 'a')).close();
    if (!existed) await unlink(file);
    // The disk may be full, which opening a file does not tell.
    if ((await stat(dirname(resolve(file)))).isDirectory()) await probeIfAllowed(dirname(resolve(file)), existed);
  } catch (error) {
    fail(error);
  }
}

/** A file that exists may be written although its folder may not: then nothing is tried beside it. */
async function probeIfAllowed(folder: string, existed: boolean): Promise<void> {
  try {
    await probe(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!(existed && (code === 'EACCES' || code === 'EPERM' || code === 'EROFS'))) throw error;
  }
}
