// Small data files for tests of the readers, in a folder that goes with the test file's end.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';

export interface DataFiles {
  folder: string;
  file(content: string | Buffer, extension?: string): string;
}

export function dataFiles(): DataFiles {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-data-'));
  test.after.always(() => rmSync(folder, { recursive: true, force: true }));
  let files = 0;
  return {
    folder,
    file(content, extension = '.jsonl') {
      const path = join(folder, `${(files += 1)}${extension}`);
      writeFileSync(path, content);
      return path;
    },
  };
}

export const jsonLines = (...rows: unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
export const PAIR = { input: 'q', answer1: 'a', answer2: 'b', preference: 1 };
