#!/usr/bin/env node
// The command line: finds the command, reads its options, runs it, and turns the result into an exit code.

import type { Argv } from 'yargs';
import { packageVersion } from '../support/package_version';
import { normalizeArguments } from './arguments';
import { declareOptions, type AnyCommand } from './command';
import { COMMANDS, PLANS } from './commands';
import { EXIT_ERROR, EXIT_OK, reportFailure, UsageError } from './failure';
import { suggestion } from '../arguments/checks';
import { print } from './terminal';

type Job = { command: AnyCommand; parsed: Record<string, unknown> };

/**
 * The parser, loaded only if there is something to parse. yargs 18 is a module with a default export, 17 is the
 * function itself.
 */
function library(): typeof import('yargs') {
  const loaded = require('yargs') as typeof import('yargs') | { default: typeof import('yargs') };
  return typeof loaded === 'function' ? loaded : loaded.default;
}

/** What to run; undefined if only help or version was asked for. */
async function parse(argv: readonly string[], onHelp: (text: string) => void): Promise<Job | undefined> {
  let job: Job | undefined;
  const yargs = library();
  const addAll = (parser: Argv, commands: typeof COMMANDS): void => {
    for (const [name, { summary, load }] of Object.entries(commands)) {
      parser.command(
        name,
        summary,
        (own) => declareOptions(own, load(), summary),
        (parsed) => void (job = { command: load(), parsed }),
      );
    }
  };
  const root = yargs()
    .scriptName('cheems-native')
    .locale('en')
    .usage('$0 <command> [options]\n\nTrains, evaluates and runs reward models on a native engine.')
    .parserConfiguration({
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': true,
      'parse-positional-numbers': false,
    })
    .version(packageVersion())
    .alias('h', 'help')
    .wrap(helpWidth())
    .exitProcess(false)
    .fail((message, error) => {
      // yargs' own errors come as a YError or only as a message.
      throw error && error.name !== 'YError' ? error : new UsageError(sentence(message ?? error.message));
    });
  addAll(root, COMMANDS);
  root.command('plan', 'Shows how much memory train or eval will need, by kind, without allocating it.', (own) => {
    addAll(own, PLANS);
    own.usage('$0 plan train|eval [options]');
  });
  root.epilogue('"cheems-native <command> --help" lists the options of a command, with examples.');
  let helped = false;
  const { _: words } = await root.parseAsync(normalizeArguments(argv), {}, (_error, _argv, output) => {
    if (output) onHelp(output);
    helped = output !== '';
  });
  if (!job && !helped) throw noCommand(words.map(String));
  return helped ? undefined : job;
}

function noCommand([first, second]: string[]): UsageError {
  const names = [...Object.keys(COMMANDS), 'plan'];
  if (first === undefined) return new UsageError(`No command was given; the commands are ${names.join(', ')}.`);
  if (first === 'plan')
    return new UsageError(
      `Say what to plan: "plan train" or "plan eval"${second === undefined ? '' : `, not "plan ${second}"`}. ` +
        'The options are those of that command.',
    );
  return new UsageError(`There is no command "${first}".${suggestion(first, names)}`);
}

/** As wide as the terminal, within readable limits; 100 without a terminal. */
function helpWidth(): number {
  return process.stdout.isTTY ? Math.max(40, Math.min(120, process.stdout.columns || 100)) : 100;
}

/** yargs' own messages as full sentences. */
function sentence(message: string): string {
  const text = message.trim().replace(/^Not enough arguments following: (.*)$/, 'The option --$1 needs a value.');
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

/** Returns the exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  let name: string | undefined;
  try {
    if (argv.length === 1 && argv[0] === '--version') {
      print(`${packageVersion()}\n`);
      return EXIT_OK;
    }
    const job = await parse(argv, (text) => print(`${text}\n`));
    if (!job) return EXIT_OK;
    name = job.command.name;
    return (await job.command.start(job.parsed)) ?? EXIT_OK;
  } catch (error) {
    return reportFailure(error, name);
  }
}

if (require.main === module) {
  // A reader that has closed the pipe (head, less) is no reason to crash; the rest of the output is lost, as it must
  // be.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') return;
      if (stream === process.stdout)
        process.stderr.write(`cheems-native: error: standard output cannot be written (${error.message}).\n`);
      process.exit(EXIT_ERROR);
    });
  }
  void main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });
}
