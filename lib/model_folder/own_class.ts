// The Python files of a model's own class, which config.json's auto_map names. They are copied, never run.

import { join } from 'node:path';
import type { FileSystem } from '../files/file_system';

/** For a class of the tokenizer, which is written as a library's own. */
const TOKENIZER_CLASS = 'AutoTokenizer';
/** What transformers follows from one file to the next. */
const RELATIVE_IMPORTS = /^[ \t]*(?:import[ \t]+\.(\S+)[ \t]*$|from[ \t]+\.(\S+)[ \t]+import)/gm;

export interface OwnClass {
  /** What config.json keeps of auto_map; undefined where it has none, or where a file is missing. */
  autoMap: Record<string, unknown> | undefined;
  /** The files that must lie beside it. */
  files: string[];
  /** Those that are not in the folder: then `autoMap` is undefined and `files` empty. */
  missing: string[];
}

/** @param autoMap of config.json. A class of another repository (`owner/name--module.Class`) needs no file. */
export async function readOwnClass(folder: string, autoMap: unknown, files: FileSystem): Promise<OwnClass> {
  if (typeof autoMap !== 'object' || autoMap === null) return { autoMap: undefined, files: [], missing: [] };
  const kept = Object.entries(autoMap).filter(([name]) => name !== TOKENIZER_CLASS);
  const waiting = kept
    .flatMap(([, reference]): unknown[] => (Array.isArray(reference) ? reference : [reference]))
    .filter((reference): reference is string => typeof reference === 'string' && !reference.includes('--'))
    .map((reference) => reference.slice(0, reference.lastIndexOf('.')));
  const found = new Set<string>();
  const missing = new Set<string>();
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const file = `${name}.py`;
    if (found.has(file) || missing.has(file)) continue;
    if (!/^\w+$/.test(name) || (await files.kindOf(join(folder, file))) === undefined) {
      missing.add(file);
      continue;
    }
    found.add(file);
    for (const [, imported, from] of (await files.readText(join(folder, file))).matchAll(RELATIVE_IMPORTS))
      waiting.push((imported ?? from)!);
  }
  if (missing.size > 0) return { autoMap: undefined, files: [], missing: [...missing].sort() };
  return {
    autoMap: kept.length > 0 ? Object.fromEntries(kept) : undefined,
    files: [...found].sort(),
    missing: [],
  };
}
