// A command's options as data: one table defines the parser, the help, the check of the config file and the types.

import type { OptionDefinition, ValueOf } from '../options/kinds';
import { show } from '../support/show';
import { UsageError } from './failure';

export type OptionTable = Readonly<Record<string, OptionDefinition>>;

/** The values that a table describes, according to its schemas. */
export type OptionValues<T extends OptionTable> = { [Name in keyof T]: ValueOf<T[Name]['schema']> };

/**
 * Checks one given value.
 * @throws UsageError naming where it was given (`--seed`, `run.yaml:3: seed`), what was given and what is expected.
 */
export function checkValue(definition: OptionDefinition, raw: unknown, origin: string): unknown {
  const result = definition.schema.safeParse(raw);
  if ('problem' in result) throw new UsageError(`${origin} (${show(raw)}): ${result.problem}.`);
  return result.value;
}
