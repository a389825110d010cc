// A command's options as data: one table gives the parser, the help, the check of the config file and the types.

import { closest, distance } from 'fastest-levenshtein';
import { z } from 'zod';
import type { OptionDefinition } from '../training/option_kinds';
import { UsageError } from './failure';

export type OptionTable = Readonly<Record<string, OptionDefinition<z.ZodType>>>;

/** The values that a table describes, as its schemas give them. */
export type OptionValues<T extends OptionTable> = { [Name in keyof T]: z.output<T[Name]['schema']> };

interface Facts {
  describe: string;
  group: string;
  otherName?: string;
}

/** A path or name that must be given. */
export function requiredText(facts: Facts) {
  return { description: { ...facts, type: 'string' as const, required: true }, schema: z.string('is required').min(1, 'must not be empty') };
}

/** A flag without a default: undefined where it is not given. */
export function optionalFlag(facts: Facts) {
  const fromText = (value: unknown): unknown => (typeof value === 'string' && /^(true|false)$/i.test(value) ? value.toLowerCase() === 'true' : value);
  return { description: { ...facts, type: 'boolean' as const }, schema: z.preprocess(fromText, z.boolean('expected true or false').optional()) };
}

/**
 * Checks one given value.
 * @throws UsageError naming where it was given (`--seed`, `run.yaml:3: seed`), what was given and what is wanted.
 */
export function checkValue(definition: OptionDefinition<z.ZodType>, raw: unknown, origin: string): unknown {
  const result = definition.schema.safeParse(raw);
  if (result.success) return result.data;
  throw new UsageError(`${origin} (${show(raw)}): ${result.error.issues[0]?.message ?? 'unfit value'}.`);
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? String(value);
}

/** ` Did you mean "learning_rate"?` (with the space), or nothing where no name is near. */
export function suggestion(name: string, known: readonly string[]): string {
  if (known.length === 0) return '';
  const nearest = closest(name, known as string[]);
  return distance(name, nearest) <= Math.max(2, Math.floor(name.length / 3)) ? ` Did you mean "${nearest}"?` : '';
}
