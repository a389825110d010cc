// The JSON files of model folders, as Python's json module writes and reads them.

import { parseWithNumbers } from '../files/exact_json';

/** A number; for one that JSON does not know, its name. */
const readNumber = (spelling: string): number | string => (/[NI]/.test(spelling) ? spelling : Number(spelling));

/**
 * Parses JSON. Python's NaN, Infinity and -Infinity, outside of texts, become texts with these names, as in the engine:
 * they do not stop parsing, but are not numbers. A byte-order mark is skipped.
 * @throws Error with the end of a sentence that begins with the file's name.
 */
export function parseModelJson(text: string): unknown {
  const other = otherContent(text);
  if (other !== undefined) throw new Error(other);
  const plain = withoutMark(text);
  try {
    return JSON.parse(plain);
  } catch (error) {
    if (!/NaN|Infinity/.test(plain)) throw new Error(`is not valid JSON (${(error as Error).message})`);
  }
  try {
    return parseWithNumbers(plain, readNumber);
  } catch (error) {
    throw new Error(`is not valid JSON (${(error as Error).message})`);
  }
}

/** What a file is that is often found in place of the expected text file; undefined if it is none of these. */
export function otherContent(text: string): string | undefined {
  if (text.startsWith('version https://git-lfs'))
    return 'is only a Git LFS pointer to the file: fetch it with `git lfs pull` in the folder that was cloned';
  if (/^\ufeff?\s*<(?:!doctype|html|head|\?xml|error)\b/i.test(text.slice(0, 512)))
    return "is a web page or a server's message (HTML or XML), not the file that was asked for: download it again";
  return text.trim() === '' ? 'is empty: download it again' : undefined;
}

/** The text without a byte-order mark. */
export const withoutMark = (text: string): string => (text.startsWith('\ufeff') ? text.slice(1) : text);
