// Filters for HTML and addresses.

import { native, needText } from '../arguments';
import { isTrue } from '../compare';
import { DictView, Markup, type NativeFunction, PythonDict, textOf, Undefined, type Value } from '../values';
import { JinjaTypeError, JinjaValueError } from '../errors';
import { escapeHtml } from '../html';
import { isIterable, iterate } from '../iteration';
import { charge } from '../limits';
import { quote, str } from '../printing';

export function addWebFilters(filters: Map<string, NativeFunction>): void {
  filters.set(
    'urlencode',
    native('urlencode', 'value', ([value]) => urlEncode(value!)),
  );
  filters.set(
    'xmlattr',
    native('xmlattr', 'd autospace?', ([value, space = true]) => attributes(value!, isTrue(space))),
  );
  filters.set(
    'striptags',
    native('striptags', 'value', ([value]) => stripTags(str(value!))),
  );
  filters.set('urlize', () => {
    throw new JinjaTypeError('|urlize makes links for HTML pages, which chat templates have no use for');
  });
}

function urlEncode(value: Value): string {
  if (textOf(value) !== undefined || !isIterable(value)) return percent(str(value));
  const pairs = value instanceof PythonDict ? new DictView(value, 'items') : iterate(value);
  const encoded: string[] = [];
  for (const pair of pairs) {
    charge(1);
    const [key, item, ...more] = [...iterate(pair)];
    if (key === undefined || item === undefined || more.length > 0) throw new JinjaValueError('urlencode needs pairs');
    encoded.push(`${queryPart(key)}=${queryPart(item)}`);
  }
  return encoded.join('&');
}

const queryPart = (value: Value): string => percent(str(value)).replaceAll('/', '%2F').replaceAll('%20', '+');

function percent(text: string): string {
  charge(1 + text.length);
  const bytes = Buffer.from(text, 'utf8').toString('latin1');
  return bytes.replace(/[^\w.~/-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`);
}

function attributes(value: Value, space: boolean): string {
  if (value instanceof Undefined) value.fail();
  if (!(value instanceof PythonDict)) throw new JinjaTypeError('xmlattr needs a mapping');
  const parts: string[] = [];
  for (const { key, value: item } of value.entries()) {
    if (item === null || item instanceof Undefined) continue;
    const name = needText(key, 'the name of an attribute');
    if (/[\t\n\v\f\r />=]/.test(name)) throw new JinjaValueError(`Invalid character in attribute name: ${quote(name)}`);
    parts.push(`${escapeHtml(name)}="${item instanceof Markup ? item.text : escapeHtml(str(item))}"`);
  }
  return space && parts.length > 0 ? ` ${parts.join(' ')}` : parts.join(' ');
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'", nbsp: '\xa0' };

function stripTags(text: string): string {
  charge(1 + text.length);
  const plain = without(without(text, '<!--', '-->'), '<', '>');
  const spaced = plain
    .split(/[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/)
    .filter((part) => part !== '');
  return spaced.join(' ').replace(/&(#x[\da-f]{1,6}|#\d{1,7}|\w+);/gi, (whole, name: string) => {
    if (!name.startsWith('#')) return ENTITIES[name] ?? whole;
    const code = /^#x/i.test(name) ? parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : '\ufffd';
  });
}

/** The text without everything between the two marks, and without the marks. */
function without(text: string, open: string, close: string): string {
  let kept = '';
  let from = 0;
  for (;;) {
    const begin = text.indexOf(open, from);
    const end = begin < 0 ? -1 : text.indexOf(close, begin);
    if (end < 0) return kept + text.slice(from);
    kept += text.slice(from, begin);
    from = end + close.length;
  }
}
