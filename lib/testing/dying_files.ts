// A file system that stops working at a given operation, as a killed process leaves its files.

import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';
import { realFileSystem, type FileSystem } from '../files/file_system';

const WRITING: (keyof FileSystem)[] = [
  'makeFolder',
  'writeDurably',
  'flushFile',
  'flushFolder',
  'rename',
  'symbolicLink',
  'removeFile',
  'removeFolder',
  'copyDurably',
  'hardLink',
];

/**
 * Dies at the k-th operation that changes or flushes something, and does nothing ever after; a write dies half done.
 */
export function dyingAt(k: number): { files: FileSystem; calls: () => number; log: string[] } {
  let calls = 0;
  const log: string[] = [];
  const files = { ...realFileSystem } as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
  for (const name of WRITING) {
    const real = files[name]!;
    files[name] = async (...args) => {
      calls += 1;
      log.push(`${name} ${args.map((arg) => (typeof arg === 'string' ? basename(arg) : '…')).join(' ')}`);
      if (calls < k) return real(...args);
      if (calls === k && name === 'writeDurably') writeFileSync(args[0] as string, (args[1] as string).slice(0, 5));
      throw new Error(`dead at operation ${k}: ${name}`);
    };
  }
  return { files: files as unknown as FileSystem, calls: () => calls, log };
}
