// When two responses are one sample.

import { exactText } from './conversation/numbers';
import type { Response } from './types';

/** Equal exactly if two responses would be the same sample. */
export function contentKey(response: Response): string {
  if (response.inputIds) return `ids:${response.inputIds.join(',')}`;
  if (response.messages) return `turns:${exactText(response.messages)}`;
  return `text:${response.content}`;
}
