// The few file operations that checkpoints need, durable if the name says so. They are an interface so that tests can
// make any of them fail, as a crash or a full disk would.
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  constants,
  copyFile,
  link,
  lstat,
  mkdir,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  statfs,
  symlink,
  truncate,
  unlink,
} from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { makeFolders } from './output_checks';

export interface FileSystem {
  /** Creates one folder; its parent must exist. */
  makeFolder(folder: string): Promise<void>;
  /** Creates a folder and its parents; no error if it exists. */
  makeFolders(folder: string): Promise<void>;
  /** Writes a whole file and flushes it to the device. */
  writeDurably(file: string, data: string | Uint8Array): Promise<void>;
  /** Copies a file and flushes the copy to the device. */
  copyDurably(source: string, target: string): Promise<void>;
  /** Flushes a file that something else wrote. */
  flushFile(file: string): Promise<void>;
  /** Flushes a folder's entries: names created, renamed or removed in it. */
  flushFolder(folder: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  hardLink(existing: string, created: string): Promise<void>;
  symbolicLink(target: string, created: string): Promise<void>;
  readLink(file: string): Promise<string>;
  removeFile(file: string): Promise<void>;
  /** Removes a folder and everything in it; no error if it is absent. */
  removeFolder(folder: string): Promise<void>;
  list(folder: string): Promise<string[]>;
  readText(file: string): Promise<string>;
  readBytes(file: string): Promise<Uint8Array>;
  /** Undefined if nothing has that name; links are not followed. */
  kindOf(path: string): Promise<{ kind: 'file' | 'folder' | 'link' | 'other'; bytes: number } | undefined>;
  digest(file: string): Promise<FileDigest>;
  truncate(file: string, bytes: number): Promise<void>;
  /** Free bytes for an unprivileged user on the file system of `folder`. */
  freeBytes(folder: string): Promise<number>;
}

export interface FileDigest {
  sha256: string;
  bytes: number;
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export const realFileSystem: FileSystem = {
  makeFolder: async (folder) => void (await mkdir(folder)),
  makeFolders,
  async writeDurably(file, data) {
    const handle = await open(file, 'w');
    try {
      await handle.writeFile(data);
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
  async copyDurably(source, target) {
    await copyFile(source, target, constants.COPYFILE_FICLONE);
    await flush(target);
  },
  flushFile: flush,
  flushFolder: flush,
  rename,
  hardLink: link,
  symbolicLink: (target, created) => symlink(target, created),
  readLink: (file) => readlink(file),
  removeFile: unlink,
  removeFolder: (folder) => rm(folder, { recursive: true, force: true }),
  list: (folder) => readdir(folder),
  readText: (file) => readFile(file, 'utf8'),
  readBytes: (file) => readFile(file),
  async kindOf(path) {
    try {
      const status = await lstat(path);
      const kind = status.isFile()
        ? 'file'
        : status.isDirectory()
          ? 'folder'
          : status.isSymbolicLink()
            ? 'link'
            : 'other';
      return { kind, bytes: status.size };
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
      throw error;
    }
  },
  async digest(file) {
    const hash = createHash('sha256');
    let bytes = 0;
    await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), async (chunks) => {
      for await (const chunk of chunks as AsyncIterable<Buffer>) {
        hash.update(chunk);
        bytes += chunk.length;
      }
    });
    return { sha256: hash.digest('hex'), bytes };
  },
  truncate,
  async freeBytes(folder) {
    const status = await statfs(folder);
    return status.bavail * status.bsize;
  },
};
