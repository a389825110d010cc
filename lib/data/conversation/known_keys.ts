// Keys that nothing reads. One that looks like a misspelling of a known key is refused; others are reported once.

import { distance } from 'fastest-levenshtein';
import { DataError } from '../errors';
import type { Source } from '../types';

const bare = (key: string): string => key.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** The known key that was probably meant: written together or in capitals, or a letter or two off. */
function nearest(key: string, known: readonly string[]): string | undefined {
  const own = bare(key);
  if (own === '') return undefined;
  let [found, least]: [string | undefined, number] = [undefined, Infinity];
  for (const name of known) {
    const other = bare(name);
    const off = own === other ? 0 : distance(own, other);
    if (off < least && off <= (other.length >= 9 ? 2 : other.length >= 5 ? 1 : 0)) [found, least] = [name, off];
  }
  return found;
}

/** @throws DataError if the key looks like one of the known ones. */
export function refuseNearly(key: string, known: readonly string[], what: string, source: Source): void {
  const meant = nearest(key, known);
  if (meant === undefined) return;
  throw new DataError(
    source,
    `${what} has the unknown key "${key}", which looks like "${meant}". Rename it, or remove it`,
  );
}

/** @throws DataError for any unknown key, with the list of the known ones. */
export function refuseUnknown(object: object, known: readonly string[], what: string, source: Source): void {
  for (const key of Object.keys(object)) {
    if (known.includes(key)) continue;
    const meant = nearest(key, known);
    const hint = meant === undefined ? '' : ` (did you mean "${meant}"?)`;
    throw new DataError(source, `${what} has the unknown key "${key}"${hint}; known are ${known.join(', ')}`);
  }
}
