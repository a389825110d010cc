// The kinds of option values. Values come from the command line, a YAML or JSON file, the environment or a caller's
// code, so text is accepted if it spells a value of the right kind ("5e-6", "True").

import { isObject } from '../support/is_object';
import { show } from '../support/show';

export interface OptionDescription {
  type: 'string' | 'number' | 'boolean' | 'array';
  /** Absent if the option has no default. */
  default?: string | number | boolean;
  describe: string;
  choices?: readonly string[];
  /** For a number that may be chosen automatically: the word for that. */
  word?: string;
  group: string;
  required?: boolean;
  /** An alias, known from other tools, that is also accepted here. */
  otherName?: string;
}

/** What is wrong with a value, as the end of a sentence. */
export interface Problem {
  problem: string;
}

/**
 * Checks and normalizes the values of an option. Written here, since a library for it would be most of what `--version`
 * loads.
 */
export class Schema<Value> {
  /** @param read returns the normalized value; `undefined` means that the option is not given. */
  constructor(private readonly read: (value: unknown) => { value: Value } | Problem) {}

  safeParse(value: unknown): { value: Value } | Problem {
    return this.read(value);
  }

  /** @throws Error if the value is not valid. */
  parse(value: unknown): Value {
    const result = this.read(value);
    if ('problem' in result) throw new Error(`${show(value)}: ${result.problem}.`);
    return result.value;
  }
}

export type ValueOf<S> = S extends Schema<infer Value> ? Value : never;

export interface OptionDefinition<Value = unknown> {
  description: OptionDescription;
  schema: Schema<Value>;
}

type Facts = Omit<OptionDescription, 'type' | 'default' | 'choices' | 'word' | 'required'>;

/** All names of each option of a table, including its own. */
export function namesOf(table: Readonly<Record<string, { description: OptionDescription }>>): Map<string, string> {
  const names = new Map<string, string>();
  for (const [name, { description }] of Object.entries(table)) {
    names.set(name, name);
    if (description.otherName !== undefined) names.set(description.otherName, name);
  }
  return names;
}

/** The error for an option that was given under both of its names, with different values. */
export function twoNames(
  table: Readonly<Record<string, { description: OptionDescription }>>,
  name: string,
  place = '',
): string {
  const other = table[name]!.description.otherName!;
  return (
    `${place}${name} and ${place}${other} are two names of the same option, but were given different values. Give ` +
    'only one of them.'
  );
}

const fromText = (text: string): unknown => {
  const lower = text.trim().toLowerCase();
  if (lower === 'true') return true;
  if (lower === 'false') return false;
  return text;
};

const toNumber = (value: unknown): unknown =>
  typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value;

/** One path, several, or the original's spelling of several: "[a.jsonl,b.jsonl]" or a JSON list. */
function toPaths(value: unknown): unknown {
  if (Array.isArray(value)) return value.flatMap((entry) => toPaths(entry) as unknown[]);
  if (typeof value !== 'string') return value;
  const text = value.trim();
  if (text === '') return [];
  if (!text.startsWith('[') || !text.endsWith(']')) return [value];
  try {
    return JSON.parse(text);
  } catch {
    return text
      .slice(1, -1)
      .split(',')
      .map((part) => part.trim().replace(/^(['"])(.*)\1$/, '$2'))
      .filter((part) => part !== '');
  }
}

type Read<Value> = (value: unknown) => { value: Value } | Problem;

const optionalSchema = <Value>(read: Read<Value>): Schema<Value | undefined> =>
  new Schema<Value | undefined>((value) => (value === undefined ? { value } : read(value)));

const defaultSchema = <Value>(fallback: Value, read: Read<Value>): Schema<Value> =>
  new Schema((value) => (value === undefined ? { value: fallback } : read(value)));

const readText: Read<string> = (value) => {
  if (typeof value !== 'string') return { problem: 'expected text' };
  return value === '' ? { problem: 'must not be empty' } : { value };
};

export function text(facts: Facts) {
  return { description: { ...facts, type: 'string' as const }, schema: optionalSchema(readText) };
}

export function requiredPath(facts: Facts) {
  const schema = new Schema<string>((value) =>
    typeof value === 'string' ? readText(value) : { problem: 'is required: give the path of a folder' },
  );
  return { description: { ...facts, type: 'string' as const, required: true }, schema };
}

/** A path or name that must be given. */
export function requiredText(facts: Facts) {
  const schema = new Schema<string>((value) =>
    typeof value === 'string' ? readText(value) : { problem: 'is required' },
  );
  return { description: { ...facts, type: 'string' as const, required: true }, schema };
}

export function textWithDefault(value: string, facts: Facts) {
  return { description: { ...facts, type: 'string' as const, default: value }, schema: defaultSchema(value, readText) };
}

export function paths(facts: Facts, least: 0 | 1) {
  const schema = new Schema<string[]>((given) => {
    const list = toPaths(given ?? []);
    if (!Array.isArray(list)) return { problem: 'expected one or more file paths' };
    if (!list.every((path) => typeof path === 'string')) return { problem: 'expected file paths' };
    return list.length < least ? { problem: 'is required: give one or more files' } : { value: list };
  });
  return { description: { ...facts, type: 'array' as const, required: least === 1 }, schema };
}

/** Any number of texts, unchanged. */
export function textList(facts: Facts) {
  const schema = new Schema<string[]>((given) => {
    const list: unknown = given === undefined ? [] : Array.isArray(given) ? given : [given];
    if (!(list as unknown[]).every((text) => typeof text === 'string')) return { problem: 'expected texts' };
    return (list as string[]).includes('') ? { problem: 'must not be empty' } : { value: list as string[] };
  });
  return { description: { ...facts, type: 'array' as const }, schema };
}

const oneOf =
  <Choice extends string>(choices: readonly Choice[]): Read<Choice> =>
  (value) =>
    choices.includes(value as Choice)
      ? { value: value as Choice }
      : { problem: `expected one of ${choices.join(', ')}` };

export function choice<const Choices extends readonly [string, ...string[]]>(
  choices: Choices,
  value: Choices[number],
  facts: Facts,
) {
  const schema = defaultSchema<Choices[number]>(value, oneOf(choices));
  return { description: { ...facts, type: 'string' as const, choices, default: value }, schema };
}

export function optionalChoice<const Choices extends readonly [string, ...string[]]>(choices: Choices, facts: Facts) {
  return {
    description: { ...facts, type: 'string' as const, choices },
    schema: optionalSchema<Choices[number]>(oneOf(choices)),
  };
}

const readFlag: Read<boolean> = (given) => {
  const value = typeof given === 'string' ? fromText(given) : given;
  return typeof value === 'boolean' ? { value } : { problem: 'expected true or false' };
};

export function flag(value: boolean, facts: Facts) {
  return {
    description: { ...facts, type: 'boolean' as const, default: value },
    schema: defaultSchema(value, readFlag),
  };
}

/** A flag without a default: undefined if it is not given. */
export function optionalFlag(facts: Facts) {
  return { description: { ...facts, type: 'boolean' as const }, schema: optionalSchema(readFlag) };
}

/** A JSON object, as text or, in a configuration file or a program, as an object. */
export function optionalJson(facts: Facts) {
  const schema = optionalSchema<Record<string, unknown>>((given) => {
    let value = given;
    try {
      if (typeof given === 'string') value = JSON.parse(given);
    } catch {
      // Reported below.
    }
    return isObject(value) ? { value } : { problem: 'expected a JSON object' };
  });
  return { description: { ...facts, type: 'string' as const }, schema };
}

interface Range {
  from?: number;
  above?: number;
  to?: number;
  below?: number;
  integer?: boolean;
}

const ranged =
  (range: Range): Read<number> =>
  (given) => {
    const value = toNumber(given);
    const kind = range.integer ? 'a whole number' : 'a number';
    if (typeof value !== 'number' || !Number.isFinite(value)) return { problem: `expected ${kind}` };
    if (range.integer && !Number.isSafeInteger(value)) return { problem: 'expected a whole number' };
    if (range.from !== undefined && value < range.from) return { problem: `must be at least ${range.from}` };
    if (range.above !== undefined && value <= range.above) return { problem: `must be above ${range.above}` };
    if (range.to !== undefined && value > range.to) return { problem: `must be at most ${range.to}` };
    if (range.below !== undefined && value >= range.below) return { problem: `must be below ${range.below}` };
    return { value };
  };

export function number(value: number, range: Range, facts: Facts) {
  return {
    description: { ...facts, type: 'number' as const, default: value },
    schema: defaultSchema(value, ranged(range)),
  };
}

export function optionalNumber(range: Range, facts: Facts) {
  return { description: { ...facts, type: 'number' as const }, schema: optionalSchema(ranged(range)) };
}

/** A number, or the word for an automatic choice, which is the default. */
export function numberOr<const Word extends string>(word: Word, range: Range, facts: Facts) {
  const read = ranged(range);
  const schema = defaultSchema<number | Word>(word, (given) => {
    if (given === word) return { value: word };
    const result = read(given);
    if (!('problem' in result)) return result;
    return { problem: result.problem.replace(/^expected /, `expected '${word}' or `) };
  });
  return { description: { ...facts, type: 'number' as const, word, default: word as string }, schema };
}
