import { isObject } from '../../support/is_object';
import { sha256 } from '../../support/sha256';

/**
 * The cache key of an answer: the digest of the whole request without the secret key; the order of fields does not
 * matter.
 */
export function requestKey(url: string, body: Record<string, unknown>): string {
  const sorted = JSON.stringify({ url, body }, (_, value: unknown) =>
    isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value,
  );
  return sha256(sorted);
}
