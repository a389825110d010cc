// Options of the library's functions, in tables: what each means (its comment in the types, which editors show) and its
// check.

import { ArgumentError } from '../arguments/errors';
import { abortSignal, callback, options, type Check } from '../arguments/checks';
import type { OptionDefinition } from './kinds';
import { show } from '../support/show';

export interface LibraryOption {
  /** Same as `describe` of a command's option. */
  describe: string;
  check: Check;
  default?: string | number | boolean;
}

/** A table with every option of the type, so that none is missing. */
export type LibraryOptions<T> = Readonly<{ [Name in keyof T & string]-?: LibraryOption }>;

const TYPES = { string: 'text', number: 'a number', boolean: 'true or false', array: 'a list' } as const;

/**
 * A command's option as an option of the library: the same text, default and limits, but numbers and flags cannot be
 * given as text.
 */
export function like({ description, schema }: OptionDefinition): LibraryOption {
  const check: Check = (value, { call, path }) => {
    const { type, word } = description;
    const isOfType =
      (type === 'array' ? Array.isArray(value) : typeof value === type) || (word !== undefined && value === word);
    const wanted = word === undefined ? TYPES[type] : `'${word}' or ${TYPES[type]}`;
    const result = isOfType ? schema.safeParse(value) : { problem: `expected ${wanted}` };
    if ('problem' in result) throw new ArgumentError(path, `${call}: ${path} (${show(value)}): ${result.problem}.`);
  };
  return {
    describe: description.describe,
    check,
    ...(description.default === undefined ? {} : { default: description.default }),
  };
}

export const own = (describe: string, check: Check, fallback?: string | number | boolean): LibraryOption => ({
  describe,
  check,
  ...(fallback === undefined ? {} : { default: fallback }),
});

export const SIGNAL = own("aborts the call: it rejects with the signal's reason, within milliseconds", abortSignal);
export const onEvent = (describe: string): LibraryOption => own(describe, callback);

/** The check of an options object. */
export function optionsOf(table: Readonly<Record<string, LibraryOption>>): Check {
  return options(Object.fromEntries(Object.entries(table).map(([name, { check }]) => [name, check])));
}

/**
 * The comment of an option: its text as a sentence, with the default. Names of other options (`--max_length`,
 * `max_length`) are replaced by the library's names, if `names` has them.
 */
export function commentOf(
  { describe, default: fallback }: Pick<LibraryOption, 'describe' | 'default'>,
  names: Readonly<Record<string, string>> = {},
): string {
  const renamed = describe.replace(
    /--([a-z_]+)|\b([a-z]+(?:_[a-z]+)+)\b/g,
    (written, dashed?: string, bare?: string) => names[dashed ?? bare!] ?? written,
  );
  const sentence = renamed.replace(/\s*\[default: ([^\]]*)\]$/, '. Default: $1').replace(/\.?$/, '.');
  const said =
    fallback === undefined || fallback === '' ? '' : ` Default: ${show(fallback).replace(/^"(.*)"$/, "'$1'")}.`;
  return `${sentence[0]!.toUpperCase()}${sentence.slice(1)}${said}`;
}
