// What a command is, and how its options are read from the command line, the config file and the defaults.

import type { Argv, Options } from 'yargs';
import { namesOf, twoNames, type OptionDescription } from '../options/kinds';
import { readConfigFile } from './config_file';
import { UsageError } from './failure';
import { checkValue, type OptionTable, type OptionValues } from './options';
import { suggestion } from '../arguments/checks';

export interface Command<T extends OptionTable = OptionTable> {
  /** As typed: `train`, or `plan train`. */
  name: string;
  options: T;
  /** The option whose values may also follow the command's name without it. */
  operands?: string;
  /** [command line after "cheems-native", what it does]. */
  examples: readonly (readonly [string, string])[];
  /** Text below the options. */
  notes?: string;
  /** Returns the exit code, or nothing for 0. */
  run: (values: OptionValues<T>) => Promise<number | void>;
}

/** A command whose options' types have been erased. */
export interface AnyCommand extends Omit<Command, 'run'> {
  start(parsed: Record<string, unknown>): Promise<number | void>;
}

/** Joins the table and `run`: the values are read from the parsed arguments, and then typed. */
export function defineCommand<T extends OptionTable>(command: Command<T>): AnyCommand {
  const { run, ...rest } = command;
  return { ...rest, start: async (parsed) => run(resolveValues(command, parsed)) };
}

const CONFIG_NAME = 'config';
const SPELLING =
  'Every option can be written with - instead of _ (--kebab-case), and can be set in the file given with --config.';

/** Declares the options and examples, without defaults, so that the options that the user gave can be told apart. */
export function declareOptions(parser: Argv, command: Omit<AnyCommand, 'start'>, summary: string): Argv {
  for (const [name, { description }] of Object.entries(command.options)) {
    parser.option(name, parserOption(description));
    if (description.otherName !== undefined)
      parser.option(description.otherName, { ...parserOption(description), hidden: true });
  }
  parser.option(CONFIG_NAME, {
    type: 'string',
    requiresArg: true,
    group: 'Other',
    description: 'YAML or JSON file with any of these options; the command line overrides it',
  });
  parser.group(['help', 'version'], 'Other');
  for (const [line, text] of command.examples) parser.example(`$0 ${line}`, text);
  const notes = command.notes === undefined ? SPELLING : `${command.notes}\n\n${SPELLING}`;
  return parser.usage(`$0 ${command.name} [options]\n\n${summary}`).epilogue(notes);
}

function parserOption(option: OptionDescription): Options {
  const help: Options = { description: option.describe, group: option.group };
  if (option.otherName !== undefined) help.description += ` (also --${option.otherName})`;
  if (option.required === true) help.description += ' (required)';
  if (option.choices !== undefined) help.description += ` (${option.choices.join(', ')})`;
  if (option.default !== undefined) help.defaultDescription = String(option.default);
  if (option.type === 'boolean') return { ...help, type: 'boolean' };
  if (option.type === 'array') return { ...help, type: 'string', array: true, requiresArg: true };
  // With the type 'number' yargs would turn invalid numbers into NaN, and the error could not show what was given.
  if (option.type === 'number') {
    const kind = option.word === undefined ? 'number' : `number or ${option.word}`;
    return { ...help, description: `${help.description} [${kind}]`, requiresArg: true };
  }
  return { ...help, type: 'string', requiresArg: true };
}

/**
 * The command's values from what yargs parsed. The last of a repeated single-valued option counts.
 * @throws UsageError for unknown options, stray words, missing required options and invalid values.
 */
export function resolveValues<T extends OptionTable>(
  command: Pick<Command<T>, 'name' | 'options' | 'operands'>,
  parsed: Record<string, unknown>,
): OptionValues<T> {
  if (command.operands === undefined) refuseStrayWords(command, parsed);
  else takeOperands(command.operands, command.name, parsed);
  const names = namesOf(command.options);
  const given = new Map<string, unknown>();
  let config: string | undefined;
  for (const [name, raw] of Object.entries(parsed)) {
    if (['_', '$0', 'help', 'version'].includes(name) || raw === undefined) continue;
    const own = names.get(name);
    const option = own === undefined ? undefined : command.options[own];
    const value = Array.isArray(raw) && option?.description.type !== 'array' ? (raw as unknown[]).at(-1) : raw;
    if (name === CONFIG_NAME) config = String(value);
    else if (option)
      setOnce(given, own!, checkValue(option, value, `--${name}`), () => twoNames(command.options, own!, '--'));
    else throw new UsageError(`Unknown option "--${name}".${suggestion(name, [...names.keys(), CONFIG_NAME])}`);
  }
  const fromFile = config === undefined ? new Map<string, unknown>() : readConfigFile(config, command.options);
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(command.options)) {
    const value = given.get(name) ?? fromFile.get(name);
    if (value === undefined && option.description.required === true)
      throw new UsageError(`--${name} is missing: ${option.description.describe}.`);
    values[name] = value ?? option.schema.parse(undefined);
  }
  return values as OptionValues<T>;
}

function setOnce(values: Map<string, unknown>, name: string, value: unknown, otherwise: () => string): void {
  if (values.has(name) && JSON.stringify(values.get(name)) !== JSON.stringify(value)) throw new UsageError(otherwise());
  values.set(name, value);
}

/** Words without an option become values of this option, before those given with its name. */
function takeOperands(option: string, command: string, parsed: Record<string, unknown>): void {
  const words = ((parsed['_'] as (string | number)[] | undefined) ?? []).slice(command.split(' ').length).map(String);
  if (words.length > 0) parsed[option] = [...words, ...((parsed[option] as string[] | undefined) ?? [])];
}

function refuseStrayWords(command: { name: string }, parsed: Record<string, unknown>): void {
  const words = (parsed['_'] as (string | number)[] | undefined) ?? [];
  const stray = words[command.name.split(' ').length];
  if (stray !== undefined)
    throw new UsageError(
      `"${stray}" stands alone on the command line: a value follows the name of its option ("--name ${stray}").`,
    );
}
