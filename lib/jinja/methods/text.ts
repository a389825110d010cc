// The methods of str.

import { needIndex, needText, parameters, type Bound } from '../arguments';
import { capitalize, caseFold, isAllCase, isTitle, swapCase, title } from '../case';

import { type Keywords, Markup, PythonBytes, PythonDict, PythonTuple, textOf, typeName, type Value } from '../values';
import { JinjaTypeError, JinjaValueError } from '../errors';
import { escapeHtml } from '../html';
import { iterate } from '../iteration';
import { charge, checkLength, chargeText } from '../limits';
import { UNPRINTABLE } from '../printing';
import { codePoints, lengthOf, sliceText, toPoints } from '../text';
import { IS_SPACE, replace, rightSplit, split, splitLines, strip } from './text_parts';

type TextMethod = (text: string, args: Value[], keywords: Keywords) => Value;
export const TEXT_METHODS = new Map<string, TextMethod>();

/** @param signature the parameters after the text itself, as in `parameters`. */
function method(name: string, signature: string, body: (text: string, bound: Bound) => Value): void {
  const read = parameters(`str.${name}`, signature);
  TEXT_METHODS.set(name, (text, args, keywords) => {
    chargeText(text.length);
    return body(text, read(args, keywords));
  });
}

const isNothing = (value: Value | undefined): boolean => value === undefined || value === null;
const characters = (value: Value | undefined, name: string): string | undefined =>
  isNothing(value) ? undefined : needText(value, `the argument of ${name}`);

for (const [name, change] of Object.entries({
  lower: (text: string) => text.toLowerCase(),
  upper: (text: string) => text.toUpperCase(),
  capitalize,
  title,
  swapcase: swapCase,
  casefold: caseFold,
})) {
  method(name, '', (text) => change(text));
}

const every = (text: string, pattern: RegExp): boolean => text !== '' && pattern.test(text);
// Digits that are not decimal digits, such as ².
const OTHER_DIGITS =
  '\\xb2\\xb3\\xb9\\u1369-\\u1371\\u19da\\u2070\\u2074-\\u2079\\u2080-\\u2089\\u2460-\\u2468\\u2474-\\u247c' +
  '\\u2488-\\u2490\\u24ea\\u24f5-\\u24fd\\u24ff\\u2776-\\u277e\\u2780-\\u2788\\u278a-\\u2792\\u{10a40}-\\u{10a43}' +
  '\\u{10e60}-\\u{10e68}\\u{11052}-\\u{1105a}\\u{1f100}-\\u{1f10a}';
// Letters that are numbers, such as 三.
const NUMBER_LETTERS =
  '㐅㒃㠪㭍一七万三九二五亖亿什仟仨伍佰億兆兩八六十千卄卅卌叁参參叄四壱壹幺廾廿弌弍弎弐拾捌柒漆玖百肆萬貮貳贰阡陆陌陸零\uf96b\uf973\uf978\uf9b2\uf9d1\uf9d3\uf9fd' +
  '𠀁𠁤𠃢𠄡𠤪𠦃𠦌𠦜𠫪𠫽𠬙𢎐𢦘𣬛𦉭\u{2f890}';
const NUMBER = `\\p{N}${NUMBER_LETTERS}`;
const KINDS: Record<string, RegExp> = {
  isalpha: /^\p{L}+$/u,
  isdecimal: /^\p{Nd}+$/u,
  isdigit: new RegExp(`^[\\p{Nd}${OTHER_DIGITS}]+$`, 'u'),
  isnumeric: new RegExp(`^[${NUMBER}]+$`, 'u'),
  isalnum: new RegExp(`^[\\p{L}${NUMBER}]+$`, 'u'),
  isidentifier: /^[\p{ID_Start}_][\p{ID_Continue}]*$/u,
  isspace: IS_SPACE,
};
for (const [name, pattern] of Object.entries(KINDS)) method(name, '', (text) => every(text, pattern));
method('isascii', '', (text) => !/[^\x00-\x7f]/.test(text));
method('isprintable', '', (text) => !UNPRINTABLE.test(text));
method('islower', '', (text) => isAllCase(text, 'Uppercase'));
method('isupper', '', (text) => isAllCase(text, 'Lowercase'));
method('istitle', '', (text) => isTitle(text));

for (const side of ['strip', 'lstrip', 'rstrip'] as const) {
  method(side, 'chars? /', (text, [chars]) => strip(text, side, characters(chars, side)));
}
method('removeprefix', 'prefix /', (text, [prefix]) => {
  const beginning = needText(prefix, 'the prefix');
  return text.startsWith(beginning) ? text.slice(beginning.length) : text;
});
method('removesuffix', 'suffix /', (text, [suffix]) => {
  const end = needText(suffix, 'the suffix');
  return end !== '' && text.endsWith(end) ? text.slice(0, -end.length) : text;
});

const count = (value: Value | undefined): number => (value === undefined ? -1 : needIndex(value, 'a count'));
method('split', 'sep? maxsplit?', (text, [sep, max]) => split(text, characters(sep, 'split'), count(max)));
method('rsplit', 'sep? maxsplit?', (text, [sep, max]) => rightSplit(text, characters(sep, 'rsplit'), count(max)));
method('splitlines', 'keepends?', (text, [keep = false]) => splitLines(text, needIndex(keep, 'keepends') !== 0));
method('replace', 'old new count? /', (text, [old, by, max]) => {
  return replace(text, needText(old, 'what is replaced'), needText(by, 'the replacement'), count(max));
});
method('partition', 'sep /', (text, [sep]) => {
  const separator = separatorOf(sep);
  const at = text.indexOf(separator);
  const parts = at < 0 ? [text, '', ''] : [text.slice(0, at), separator, text.slice(at + separator.length)];
  return new PythonTuple(parts);
});
method('rpartition', 'sep /', (text, [sep]) => {
  const separator = separatorOf(sep);
  const at = text.lastIndexOf(separator);
  const parts = at < 0 ? ['', '', text] : [text.slice(0, at), separator, text.slice(at + separator.length)];
  return new PythonTuple(parts);
});

function separatorOf(value: Value | undefined): string {
  const separator = needText(value, 'the separator');
  if (separator === '') throw new JinjaValueError('empty separator');
  return separator;
}

/** The part of a text from start to end, and where it begins; undefined if start is after the end. */
function part(text: string, start: Value | undefined, end: Value | undefined): [string, number] | undefined {
  if (isNothing(start) && isNothing(end)) return [text, 0];
  const length = lengthOf(text);
  const from = isNothing(start) ? 0 : needIndex(start, 'start');
  const begin = from < 0 ? Math.max(0, from + length) : from;
  if (begin > length) return undefined;
  return [sliceText(text, { start: begin, stop: end ?? null, step: null }), begin];
}

function find(text: string, [sub, start, end]: Bound, last: boolean): number {
  const wanted = needText(sub, 'what is looked for');
  const found = part(text, start, end);
  if (!found) return -1;
  const [within, begin] = found;
  const at = last ? within.lastIndexOf(wanted) : within.indexOf(wanted);
  return at < 0 ? -1 : begin + toPoints(within, at);
}

for (const [name, last, mustBe] of [
  ['find', false, false],
  ['rfind', true, false],
  ['index', false, true],
  ['rindex', true, true],
] as const) {
  method(name, 'sub start? end? /', (text, bound) => {
    const at = find(text, bound, last);
    if (at < 0 && mustBe) throw new JinjaValueError('substring not found');
    return at;
  });
}
method('count', 'sub start? end? /', (text, [sub, start, end]) => {
  const wanted = needText(sub, 'what is counted');
  const found = part(text, start, end);
  if (!found) return 0;
  return wanted === '' ? lengthOf(found[0]) + 1 : found[0].split(wanted).length - 1;
});
for (const [name, test] of [
  ['startswith', (text: string, affix: string) => text.startsWith(affix)],
  ['endswith', (text: string, affix: string) => text.endsWith(affix)],
] as const) {
  method(name, 'affix start? end? /', (text, [affix, start, end]) => {
    const affixes = affix instanceof PythonTuple ? affix.items : [affix!];
    const texts = affixes.map((item) => needText(item, `the argument of ${name}`));
    const found = part(text, start, end);
    return found !== undefined && texts.some((item) => test(found[0], item));
  });
}

function padding(text: string, width: Value | undefined, fill: Value | undefined): [number, string] {
  const character = fill === undefined ? ' ' : needText(fill, 'the fill character');
  if (lengthOf(character) !== 1) throw new JinjaTypeError('The fill character must be exactly one character long');
  const missing = Math.max(0, needIndex(width, 'the width') - lengthOf(text));
  chargeText(missing);
  return [missing, character];
}

method('ljust', 'width fillchar? /', (text, [width, fill]) => {
  const [missing, character] = padding(text, width, fill);
  return text + character.repeat(missing);
});
method('rjust', 'width fillchar? /', (text, [width, fill]) => {
  const [missing, character] = padding(text, width, fill);
  return character.repeat(missing) + text;
});
method('center', 'width fillchar? /', (text, [width, fill]) => center(text, width, fill));
method('zfill', 'width /', (text, [width]) => {
  const [missing] = padding(text, width, undefined);
  const sign = /^[+-]/.test(text) ? text[0]! : '';
  return sign + '0'.repeat(missing) + text.slice(sign.length);
});

export function center(text: string, width: Value | undefined, fill?: Value): string {
  const [missing, character] = padding(text, width, fill);
  // CPython's rule for odd margins.
  const left = (missing >> 1) + (missing & needIndex(width, 'the width') & 1);
  return character.repeat(left) + text + character.repeat(missing - left);
}

method('expandtabs', 'tabsize?', (text, [tabsize = 8]) => {
  const size = needIndex(tabsize, 'the tab size');
  chargeText((text.split('\t').length - 1) * Math.max(size, 0) + text.length);
  let column = 0;
  return codePoints(text)
    .map((character) => {
      if (character === '\t') {
        const spaces = size > 0 ? size - (column % size) : 0;
        column += spaces;
        return ' '.repeat(spaces);
      }
      column = character === '\n' || character === '\r' ? 0 : column + 1;
      return character;
    })
    .join('');
});
method('join', 'iterable /', (separator, [items]) => {
  const texts: string[] = [];
  let length = 0;
  for (const item of iterate(items!)) {
    charge(1);
    const text = textOf(item);
    if (text === undefined) throw new JinjaTypeError(`join: item ${texts.length} is no text but ${typeName(item)}`);
    checkLength((length += text.length + separator.length));
    texts.push(text);
  }
  chargeText(length);
  return texts.join(separator);
});
method('encode', 'encoding? errors?', (text, [encoding = 'utf-8']) => {
  if (!/^utf-?8$/i.test(needText(encoding, 'the encoding')))
    throw new JinjaValueError('texts are encoded as UTF-8 only');
  return new PythonBytes(new Uint8Array(Buffer.from(text, 'utf8')));
});
method('translate', 'table /', (text, [table]) => {
  return codePoints(text)
    .map((character) => translated(character, table!))
    .join('');
});

function translated(character: string, table: Value): string {
  const value = table instanceof PythonDict ? table.get(character.codePointAt(0)!) : undefined;
  if (value === undefined) return character;
  if (value === null) return '';
  return typeof value === 'number' ? String.fromCodePoint(value) : needText(value, 'a translation');
}

/** Methods of Markup: arguments are escaped, and results are Markup again. */
export function markupMethod(name: string, self: Markup, args: Value[], keywords: Keywords): Value {
  const escape = (value: Value): Value => (typeof value === 'string' ? escapeHtml(value) : value);
  const escaped = ESCAPES_ARGUMENTS.has(name) ? args.map(escape) : args;
  const given = name === 'join' ? [[...iterate(args[0] ?? null)].map(escape)] : escaped;
  return marked(TEXT_METHODS.get(name)!(self.text, given, keywords));
}

const ESCAPES_ARGUMENTS = new Set(['replace', 'format', 'ljust', 'rjust', 'center', 'strip', 'lstrip', 'rstrip']);

function marked(value: Value): Value {
  if (typeof value === 'string') return new Markup(value);
  if (Array.isArray(value)) return value.map(marked);
  return value instanceof PythonTuple ? new PythonTuple(value.items.map(marked)) : value;
}
