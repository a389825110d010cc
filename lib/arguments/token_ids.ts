// Token ids as callers give them: lists, or typed arrays of whole numbers.

import { show } from '../support/show';

const LARGEST_ID = 0x7fffffff;

/**
 * The ids, or what is wrong with them as the end of a sentence: "token 1 is 1.5; …". Nothing is rounded, wrapped around
 * or filled in.
 */
export function tokenIdsOf(value: unknown): Int32Array | { problem: string } {
  const isTyped = ArrayBuffer.isView(value) && !(value instanceof DataView);
  if (!Array.isArray(value) && !isTyped)
    return { problem: `is ${show(value)}; token ids are a list of whole numbers or an Int32Array` };
  const given = value as ArrayLike<unknown>;
  // Checked by its tag: in a vm context (Jest) the caller's classes may come from another realm.
  const isBig = /^\[object Big/.test(Object.prototype.toString.call(value));
  if (given.length === 0) return { problem: 'is empty; a sample needs at least one token' };
  const ids = new Int32Array(given.length);
  for (let i = 0; i < given.length; i += 1) {
    const id = isBig ? Number(given[i]) : given[i];
    if (typeof id !== 'number' || !Number.isInteger(id) || id < 0 || id > LARGEST_ID) {
      return { problem: `has ${show(given[i])} at place ${i}; token ids are whole numbers from 0 to ${LARGEST_ID}` };
    }
    ids[i] = id;
  }
  return ids;
}
