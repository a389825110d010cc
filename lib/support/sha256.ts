import { createHash } from 'node:crypto';

/** The digest in hexadecimal digits; for a text, of its UTF-8 bytes. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}
