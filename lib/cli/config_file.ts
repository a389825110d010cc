// `--config FILE`: options in YAML or JSON. The command line wins over the file, the file over the defaults.

import { readFileSync } from 'node:fs';
import { namesOf } from '../options/kinds';
import { UsageError } from './failure';
import { checkValue, type OptionTable } from './options';
import { suggestion } from '../arguments/checks';

/**
 * The options that a file sets, checked. Keys may be in snake_case or kebab-case. Paths in it are relative to the
 * working directory, like those on the command line.
 * @throws UsageError with file, line and key: unreadable file, broken YAML, unknown or repeated key, invalid value.
 */
export function readConfigFile(file: string, options: OptionTable): Map<string, unknown> {
  // most runs have no such file
  const { isMap, isScalar, LineCounter, parseDocument } = require('yaml') as typeof import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(readText(file), { lineCounter: lines });
  const problem = document.errors[0];
  if (problem) throw new UsageError(`${file}: ${problem.message.split('\n')[0]!.replace(/:$/, '.')}`);
  const values = new Map<string, unknown>();
  const contents = document.contents;
  if (contents === null || (isScalar(contents) && contents.value === null)) return values;
  if (!isMap(contents))
    throw new UsageError(`${file}: the file must hold "name: value" lines (YAML) or one object (JSON).`);
  const plain = document.toJS() as Record<string, unknown>;
  const names = namesOf(options);
  for (const { key: node } of contents.items) {
    if (!isScalar(node)) throw new UsageError(`${file}: every key must be an option's name.`);
    const key = String(node.value);
    const place = `${file}:${lines.linePos(node.range?.[0] ?? 0).line}`;
    const written = key.replaceAll('-', '_');
    const name = names.get(written);
    if (name === undefined)
      throw new UsageError(`${place}: unknown key "${key}".${suggestion(written, [...names.keys()])}`);
    const option = options[name]!;
    if (values.has(name))
      throw new UsageError(
        `${place}: "${name}" is set twice${written === name ? '' : ` ("${written}" is another name of it)`}.`,
      );
    const value = plain[key];
    if (value === null) throw new UsageError(`${place}: "${key}" has no value; leave the line out for the default.`);
    values.set(name, checkValue(option, value, `${place}: ${key}`));
  }
  return values;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    throw new UsageError(
      `--config: ${file} ${code === 'ENOENT' ? 'does not exist' : `cannot be read (${(error as Error).message})`}.`,
    );
  }
}
