// Splits, strips and replaces texts like Python.

import { PYTHON_SPACE, pythonLeftStrip, pythonRightStrip, pythonStrip } from '../../data/python_text';
import { JinjaValueError } from '../errors';
import { charge, chargeText } from '../limits';
import { codePoints } from '../text';

export const IS_SPACE = new RegExp(`^${PYTHON_SPACE}+$`, 'u');
const SPACES = new RegExp(`${PYTHON_SPACE}+`, 'gu');

const STRIPS = { strip: pythonStrip, lstrip: pythonLeftStrip, rstrip: pythonRightStrip };

export function strip(text: string, side: keyof typeof STRIPS, characters?: string): string {
  if (characters === undefined) return STRIPS[side](text);
  const set = new Set(characters);
  const points = codePoints(text);
  let begin = 0;
  let end = points.length;
  if (side !== 'rstrip') while (begin < end && set.has(points[begin]!)) begin += 1;
  if (side !== 'lstrip') while (end > begin && set.has(points[end - 1]!)) end -= 1;
  return points.slice(begin, end).join('');
}

/** @param max the maximum number of splits; negative: no limit. */
export function split(text: string, separator: string | undefined, max: number): string[] {
  if (separator === undefined) return splitAtSpace(pythonLeftStrip(text), max);
  if (separator === '') throw new JinjaValueError('empty separator');
  const parts: string[] = [];
  let from = 0;
  while (max < 0 || parts.length < max) {
    const at = text.indexOf(separator, from);
    if (at < 0) break;
    parts.push(text.slice(from, at));
    from = at + separator.length;
  }
  parts.push(text.slice(from));
  charge(parts.length);
  return parts;
}

function splitAtSpace(text: string, max: number): string[] {
  const parts: string[] = [];
  let from = 0;
  for (const match of text.matchAll(SPACES)) {
    if (max >= 0 && parts.length >= max) break;
    parts.push(text.slice(from, match.index));
    from = match.index + match[0].length;
  }
  if (from < text.length) parts.push(text.slice(from));
  charge(parts.length);
  return parts;
}

export function rightSplit(text: string, separator: string | undefined, max: number): string[] {
  if (max < 0) return split(text, separator, max);
  if (separator === undefined) return rightSplitAtSpace(pythonRightStrip(text), max);
  if (separator === '') throw new JinjaValueError('empty separator');
  const parts: string[] = [];
  let end = text.length;
  while (parts.length < max) {
    const at = end < separator.length ? -1 : text.lastIndexOf(separator, end - separator.length);
    if (at < 0) break;
    parts.unshift(text.slice(at + separator.length, end));
    end = at;
  }
  parts.unshift(text.slice(0, end));
  charge(parts.length);
  return parts;
}

function rightSplitAtSpace(text: string, max: number): string[] {
  const matches = [...text.matchAll(SPACES)];
  const parts: string[] = [];
  let end = text.length;
  while (parts.length < max && matches.length > 0) {
    const match = matches.pop()!;
    parts.unshift(text.slice(match.index + match[0].length, end));
    end = match.index;
  }
  if (end > 0) parts.unshift(text.slice(0, end));
  charge(parts.length);
  return parts;
}

const LINE_ENDS = /\r\n|[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]/g;

export function splitLines(text: string, keepEnds = false): string[] {
  const lines: string[] = [];
  let from = 0;
  for (const match of text.matchAll(LINE_ENDS)) {
    const end = match.index + match[0].length;
    lines.push(text.slice(from, keepEnds ? end : match.index));
    from = end;
  }
  if (from < text.length) lines.push(text.slice(from));
  charge(lines.length);
  return lines;
}

export function replace(text: string, old: string, by: string, max: number): string {
  if (max === 0) return text;
  if (old === '') return fillIn(text, by, max);
  const parts = split(text, old, max);
  chargeText(text.length + (parts.length - 1) * by.length);
  return parts.join(by);
}

/** Replacing the empty text puts the replacement between all characters. */
function fillIn(text: string, by: string, max: number): string {
  const points = codePoints(text);
  const times = Math.min(max < 0 ? Infinity : max, points.length + 1);
  chargeText(text.length + times * by.length);
  let filled = '';
  for (let i = 0; i <= points.length; i++) filled += (i < times ? by : '') + (points[i] ?? '');
  return filled;
}
