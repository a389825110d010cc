// Filters on texts.

import { native, needIndex, needText, softText, type Bound } from '../arguments';
import { capitalize } from '../case';
import { isTrue } from '../compare';
import { JinjaTypeError, JinjaValueError } from '../errors';
import { formatPercent } from '../formatting/percent';
import { escapeHtml } from '../html';
import { PYTHON_SPACE } from '../../data/python_text';
import { knownLength } from '../iteration';
import { charge, chargeText } from '../limits';
import { add } from '../operators';
import { pretty } from '../pretty';
import { str } from '../printing';
import { lengthOf, sliceText } from '../text';
import { center } from '../methods/text';
import { replace, rightSplit, splitLines, strip } from '../methods/text_parts';
import { wrap } from '../wrapping';
import { isText, Markup, type NativeFunction, PythonDict, PythonTuple, Undefined, type Value } from '../values';

export function addTextFilters(filters: Map<string, NativeFunction>): void {
  const set = (names: string, signature: string, body: (bound: Bound) => Value): void => {
    for (const name of names.split(' ')) filters.set(name, native(name, signature, body));
  };
  /** Markup stays what it is. */
  const soft = (name: string, signature: string, change: (text: string, bound: Bound) => string): void => {
    set(name, `s ${signature}`, ([value, ...rest]) => {
      chargeText(value instanceof Markup ? value.text.length : 1);
      return like(value!, change(softText(value), rest));
    });
  };
  soft('upper', '', (text) => text.toUpperCase());
  soft('lower', '', (text) => text.toLowerCase());
  soft('capitalize', '', capitalize);
  soft('title', '', title);
  soft('trim', 'chars?', (text, [chars = null]) => {
    return strip(text, 'strip', chars === null ? undefined : needText(chars, 'the characters to trim'));
  });
  soft('center', 'width?', (text, [width = 80]) => center(text, width));
  set('string', 'object', ([value]) => (value instanceof Markup ? value : str(value!)));
  set('safe', 'value', ([value]) => new Markup(str(value!)));
  set('e escape', 's /', ([value]) => (value instanceof Markup ? value : new Markup(escapeHtml(str(value!)))));
  set('forceescape', 'value', ([value]) => new Markup(escapeHtml(str(value!))));
  set('default d', 'value default_value? boolean?', ([value, otherwise = '', boolean = false]) => {
    return value instanceof Undefined || (isTrue(boolean) && !isTrue(value!)) ? otherwise : value!;
  });
  set('replace', 's old new count?', ([value, old, by, count = null]) => {
    return replace(str(value!), str(old!), str(by!), count === null ? -1 : needIndex(count, 'count'));
  });
  filters.set('format', format);
  set('indent', 's width? first? blank?', ([value, width = 4, first = false, blank = false]) => {
    return indent(value!, width, isTrue(first), isTrue(blank));
  });
  set('truncate', 's length? killwords? end? leeway?', truncate);
  set('wordcount', 's', ([value]) => wordCount(softText(value)));
  set('wordwrap', 's width? break_long_words? wrapstring? break_on_hyphens?', wordWrap);
  set('pprint', 'value', ([value]) => pretty(value!));
}

function like(value: Value, text: string): Value {
  return value instanceof Markup ? new Markup(text) : text;
}

const WORD_BEGINNINGS = new RegExp(`((?:[-({\\[<]|${PYTHON_SPACE})+)`, 'u');

function title(text: string): string {
  charge(text.length);
  return text
    .split(WORD_BEGINNINGS)
    .map((part) => {
      const [first = ''] = part;
      return first.toUpperCase() + part.slice(first.length).toLowerCase();
    })
    .join('');
}

function format(args: Value[], keywords: Map<string, Value> | undefined): Value {
  const [value, ...rest] = args as [Value, ...Value[]];
  if (rest.length > 0 && keywords) {
    throw new JinjaTypeError("can't handle positional and keyword arguments at the same time");
  }
  const given = keywords && keywords.size > 0 ? PythonDict.of(keywords) : new PythonTuple(rest);
  const text = formatPercent(softText(value), given, value instanceof Markup ? escapeHtml : undefined);
  return like(value, text);
}

function indent(value: Value, width: Value, first: boolean, blank: boolean): Value {
  const indention = isText(width) ? str(width) : ' '.repeat(boundedWidth(needIndex(width, 'width')));
  const whole = add(value, value instanceof Markup ? new Markup('\n') : '\n');
  const lines = splitLines(str(whole));
  chargeText(str(whole).length + lines.length * indention.length);
  const [head = '', ...tail] = lines;
  const rest = tail.map((line) => `\n${line !== '' || blank ? indention : ''}${line}`).join('');
  return like(value, (first ? indention : '') + head + rest);
}

function boundedWidth(width: number): number {
  chargeText(Math.max(0, width));
  return Math.max(0, width);
}

function truncate([value, length = 255, kill = false, end = '...', leeway = null]: Bound): Value {
  const tail = needText(end, 'end');
  const limit = needIndex(length, 'length');
  const margin = leeway === null ? 5 : needIndex(leeway, 'leeway');
  if (limit < lengthOf(tail)) throw new JinjaValueError(`expected length >= ${lengthOf(tail)}, got ${limit}`);
  if (margin < 0) throw new JinjaValueError(`expected leeway >= 0, got ${margin}`);
  const size = knownLength(value!);
  if (size === undefined) throw new JinjaTypeError('truncate needs a text');
  if (size <= limit + margin) return value!;
  const text = needText(value, 'what is truncated');
  const head = sliceText(text, { start: null, stop: limit - lengthOf(tail), step: null });
  return like(value!, (isTrue(kill) ? head : rightSplit(head, ' ', 1)[0]!) + tail);
}

function wordCount(text: string): number {
  charge(text.length);
  return text.match(/[\p{L}\p{N}_]+/gu)?.length ?? 0;
}

function wordWrap([value, width = 79, breakLong = true, wrapString = null, breakOnHyphens = true]: Bound): Value {
  const joint = wrapString === null ? '\n' : needText(wrapString, 'wrapstring');
  const text = needText(value, 'what is wrapped');
  const size = needIndex(width, 'width');
  charge(text.length * 4);
  return splitLines(text)
    .map((line) => wrap(line, size, isTrue(breakLong), isTrue(breakOnHyphens)).join(joint))
    .join(joint);
}
