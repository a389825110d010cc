// Python's json.dumps, as transformers provides it to templates: the output of `|tojson`.

import { native, needIndex } from './arguments';
import { isTrue } from './compare';
import { PythonDict, PythonFloat, PythonTuple, textOf, typeName, type Value } from './values';
import { JinjaTypeError, JinjaValueError } from './errors';
import { iterate } from './iteration';
import { charge, checkLength, checkValueDepth } from './limits';
import { integerText } from './numbers';
import { floatText } from './printing';
import { sorted } from './sorting';

interface Layout {
  indent: string | undefined;
  item: string;
  key: string;
  ascii: boolean;
  sortKeys: boolean;
}

export const toJson = native(
  'tojson',
  'x ensure_ascii? indent? separators? sort_keys?',
  ([value, ascii = false, indent = null, separators = null, sortKeys = false]) => {
    const [item, key] = separators === null ? [indent === null ? ', ' : ',', ': '] : pair(separators);
    const layout = { indent: indentText(indent), item, key, ascii: isTrue(ascii), sortKeys: isTrue(sortKeys) };
    return new JsonWriter(layout).text(value!);
  },
);

function indentText(indent: Value): string | undefined {
  if (indent === null) return undefined;
  return textOf(indent) ?? ' '.repeat(Math.min(Math.max(needIndex(indent, 'indent'), 0), 10_000));
}

function pair(separators: Value): [string, string] {
  const [item, key, ...more] = [...iterate(separators)].map((value) => textOf(value));
  if (item === undefined || key === undefined || more.length > 0) throw new JinjaValueError('separators are two texts');
  return [item, key];
}

class JsonWriter {
  private readonly parts: string[] = [];
  private length = 0;

  constructor(private readonly layout: Layout) {}

  text(value: Value): string {
    this.write(value, 0);
    return this.parts.join('');
  }

  private put(text: string): void {
    checkLength((this.length += text.length));
    charge(1 + text.length / 16);
    this.parts.push(text);
  }

  private write(value: Value, depth: number): void {
    checkValueDepth(depth);
    if (Array.isArray(value))
      return this.items(
        '[',
        value.map((item) => () => this.write(item, depth + 1)),
        ']',
        depth,
      );
    if (value instanceof PythonTuple) return this.write([...value.items], depth);
    if (value instanceof PythonDict) return this.items('{', this.entries(value, depth), '}', depth);
    this.put(this.scalar(value));
  }

  private entries(dict: PythonDict, depth: number): (() => void)[] {
    const entries = [...dict.entries()];
    const inOrder = this.layout.sortKeys ? sorted(entries, ({ key }) => key) : entries;
    return inOrder.map(({ key, value }) => () => {
      this.put(jsonString(keyText(key), this.layout.ascii));
      this.put(this.layout.key);
      this.write(value, depth + 1);
    });
  }

  private items(open: string, items: readonly (() => void)[], close: string, depth: number): void {
    if (items.length === 0) return this.put(open + close);
    const { indent, item } = this.layout;
    const line = (level: number): string => (indent === undefined ? '' : `\n${indent.repeat(level)}`);
    this.put(open);
    items.forEach((write, i) => {
      this.put((i === 0 ? '' : item) + line(depth + 1));
      write();
    });
    this.put(line(depth) + close);
  }

  private scalar(value: Value): string {
    const text = textOf(value);
    if (text !== undefined) return jsonString(text, this.layout.ascii);
    const known = scalarText(value);
    if (known === undefined) throw new JinjaTypeError(`Object of type ${typeName(value)} is not JSON serializable`);
    return known;
  }
}

function scalarText(value: Value): string | undefined {
  if (value === null) return 'null';
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value === 'number' || typeof value === 'bigint') return integerText(value);
  if (!(value instanceof PythonFloat)) return undefined;
  if (Number.isFinite(value.value)) return floatText(value.value);
  return Number.isNaN(value.value) ? 'NaN' : value.value < 0 ? '-Infinity' : 'Infinity';
}

function keyText(key: Value): string {
  const text = textOf(key) ?? scalarText(key);
  if (text !== undefined) return text;
  throw new JinjaTypeError(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

const SHORT: Record<string, string> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\f': '\\f',
  '\b': '\\b',
  '"': '\\"',
  '\\': '\\\\',
};

function jsonString(text: string, ascii: boolean): string {
  charge(1 + text.length / 16);
  const pattern = ascii ? /[^\x20\x21\x23-\x5b\x5d-\x7e]/g : /["\\\x00-\x1f]/g;
  const escaped = text.replace(
    pattern,
    (unit) => SHORT[unit] ?? `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `"${escaped}"`;
}
