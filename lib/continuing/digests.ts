// What tells one row from another, and one template from another: digests of texts and of values that were read.

import { exactText } from '../data/conversation/numbers';
import { sha256 } from '../support/sha256';

/** 128 bits, as hexadecimal digits: enough for rows that are compared place by place. */
export const DIGEST_CHARACTERS = 32;

/** Of bytes, or of the UTF-8 of a text. */
export function digestOfText(text: string | Uint8Array): string {
  return sha256(text).slice(0, DIGEST_CHARACTERS);
}

/** Of a value as JSON writes it. */
export function digestOfValue(value: unknown): string {
  return digestOfText(exactText(value));
}
