import { isObject } from '../../support/is_object';
import { sha256 } from '../../support/sha256';

/**
 * What an answer is stored under: the digest of the whole request, the secret key apart; the order of fields does not
 * count.
 */
export function requestKey(url: string, body: Record<string, unknown>): string {
  const sorted = JSON.stringify({ url, body }, (_, value: unknown) =>
    isObject(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value,
  );
  return sha256(sorted);
}
