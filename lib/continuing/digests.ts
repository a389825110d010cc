// Digests of texts and values, which tell rows and templates apart.

import { exactText } from '../data/conversation/numbers';
import { sha256 } from '../support/sha256';

/** 128 bits in hexadecimal digits: enough for rows that are compared position by position. */
export const DIGEST_CHARACTERS = 32;

/** Digest of bytes, or of the UTF-8 of a text. */
export function digestOfText(text: string | Uint8Array): string {
  return sha256(text).slice(0, DIGEST_CHARACTERS);
}

/** Digest of a value's JSON text. */
export function digestOfValue(value: unknown): string {
  return digestOfText(exactText(value));
}
