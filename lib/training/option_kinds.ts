// The kinds of option values. Values come from the command line, a YAML or JSON file, the environment or a
// caller's own code, so text is accepted wherever it spells a value of the right kind ("5e-6", "True").
import { z } from 'zod';

export interface OptionDescription {
  type: 'string' | 'number' | 'boolean' | 'array';
  /** Absent where the option has no value unless given. */
  default?: string | number | boolean;
  describe: string;
  choices?: readonly string[];
  group: string;
  required?: boolean;
  /** Other tools' names for it, which a command line and its file take too. */
  aliases?: readonly string[];
}

export interface OptionDefinition<Schema extends z.ZodType> {
  description: OptionDescription;
  schema: Schema;
}

type Facts = Omit<OptionDescription, 'type' | 'default' | 'choices' | 'required'>;

const fromText = (text: string): unknown => {
  const lower = text.trim().toLowerCase();
  if (lower === 'true') return true;
  if (lower === 'false') return false;
  return text;
};

const toNumber = (value: unknown): unknown =>
  typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value;

/** One path, several, or the original's spelling of several: "[a.jsonl,b.jsonl]" or a JSON list. */
export function toPaths(value: unknown): unknown {
  if (Array.isArray(value)) return value.flatMap((entry) => toPaths(entry) as unknown[]);
  if (typeof value !== 'string') return value;
  const text = value.trim();
  if (text === '') return [];
  if (!text.startsWith('[') || !text.endsWith(']')) return [value];
  try {
    return JSON.parse(text);
  } catch {
    return text.slice(1, -1).split(',').map((part) => part.trim().replace(/^(['"])(.*)\1$/, '$2')).filter((part) => part !== '');
  }
}

export function text(facts: Facts) {
  return { description: { ...facts, type: 'string' as const }, schema: z.string('expected text').min(1, 'must not be empty').optional() };
}

export function requiredPath(facts: Facts) {
  return {
    description: { ...facts, type: 'string' as const, required: true },
    schema: z.string('is required: give the path of a folder').min(1, 'must not be empty'),
  };
}

export function textWithDefault(value: string, facts: Facts) {
  return { description: { ...facts, type: 'string' as const, default: value }, schema: z.string('expected text').min(1, 'must not be empty').default(value) };
}

export function paths(facts: Facts, least: 0 | 1) {
  const list = z.array(z.string('expected file paths'), 'expected one or more file paths');
  const schema = z.preprocess((value) => toPaths(value ?? []), least === 1 ? list.min(1, 'is required: give one or more files') : list);
  return { description: { ...facts, type: 'array' as const, required: least === 1 }, schema };
}

export function choice<const Choices extends readonly [string, ...string[]]>(choices: Choices, value: Choices[number], facts: Facts) {
  const schema = z.enum(choices, `expected one of ${choices.join(', ')}`).default(value as never);
  return { description: { ...facts, type: 'string' as const, choices, default: value as string }, schema };
}

export function optionalChoice<const Choices extends readonly [string, ...string[]]>(choices: Choices, facts: Facts) {
  const schema = z.enum(choices, `expected one of ${choices.join(', ')}`).optional();
  return { description: { ...facts, type: 'string' as const, choices }, schema };
}

export function flag(value: boolean, facts: Facts) {
  const schema = z.preprocess((given) => (typeof given === 'string' ? fromText(given) : given), z.boolean('expected true or false').default(value));
  return { description: { ...facts, type: 'boolean' as const, default: value }, schema };
}

interface Range {
  from?: number;
  above?: number;
  to?: number;
  below?: number;
  integer?: boolean;
}

function ranged(range: Range) {
  const kind = range.integer ? 'a whole number' : 'a number';
  let schema = z.number(`expected ${kind}`);
  if (range.integer) schema = schema.int('expected a whole number');
  if (range.from !== undefined) schema = schema.min(range.from, `must be at least ${range.from}`);
  if (range.above !== undefined) schema = schema.gt(range.above, `must be above ${range.above}`);
  if (range.to !== undefined) schema = schema.max(range.to, `must be at most ${range.to}`);
  if (range.below !== undefined) schema = schema.lt(range.below, `must be below ${range.below}`);
  return schema;
}

export function number(value: number, range: Range, facts: Facts) {
  return {
    description: { ...facts, type: 'number' as const, default: value },
    schema: z.preprocess(toNumber, ranged(range).default(value)),
  };
}

export function optionalNumber(range: Range, facts: Facts) {
  return { description: { ...facts, type: 'number' as const }, schema: z.preprocess(toNumber, ranged(range).optional()) };
}
