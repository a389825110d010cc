// The Python files of a model's own class, which config.json's auto_map names. They are copied, never run.

import { join } from 'node:path';
import type { FileSystem } from '../files/file_system';

/** The entry for a tokenizer class; it is left out, because the tokenizer is saved as one of the library's classes. */
const TOKENIZER_CLASS = 'AutoTokenizer';
/** The imports that transformers follows from one file to the next. */
const RELATIVE_IMPORTS = /^[ \t]*(?:import[ \t]+\.(\S+)[ \t]*$|from[ \t]+\.(\S+)[ \t]+import)/gm;

export interface OwnClass {
  /** The part of auto_map that config.json keeps; undefined if it has none, or if a file is missing. */
  autoMap: Record<string, unknown> | undefined;
  /** The files that must be copied with it. */
  files: string[];
  /** Files that are not in the folder; if any, `autoMap` is undefined and `files` empty. */
  missing: string[];
}

/**
 * @param autoMap the field of config.json. A class of another repository (`owner/name--module.Class`) needs no file.
 */
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
