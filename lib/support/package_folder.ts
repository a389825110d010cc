// The folder of this package, for files that are found by path: the addon and the program of worker threads.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { PACKAGE_NAME } from './package_version';

function isPackage(folder: string): boolean {
  try {
    return (
      (JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as { name?: unknown }).name === PACKAGE_NAME
    );
  } catch {
    return false;
  }
}

/** The nearest folder above `from` that is this package. */
function above(from: string): string | undefined {
  for (let folder = from; ; folder = path.dirname(folder)) {
    if (isPackage(folder)) return folder;
    if (path.dirname(folder) === folder) return undefined;
  }
}

/** The package as installed for code in `from`: for code that a bundler moved elsewhere. */
function installed(from: string): string | undefined {
  try {
    return path.dirname(createRequire(path.join(from, 'program.js')).resolve(`${PACKAGE_NAME}/package.json`));
  } catch {
    return undefined;
  }
}

let found: string | undefined;

/** The package's own folder. A bundle still needs the package to be installed, for the compiled engine. */
export function packageFolder(): string {
  // A bundle of ES modules has no __dirname.
  const here = typeof __dirname === 'string' ? __dirname : process.cwd();
  found ??= above(here) ?? installed(here) ?? installed(process.cwd()) ?? path.resolve(here, '..', '..');
  return found;
}
