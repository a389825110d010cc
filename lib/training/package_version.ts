import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The version in package.json, two folders above this file in dist/ as in lib/. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(join(__dirname, '..', '..', 'package.json'), 'utf8')) as { version: string }).version;
}
