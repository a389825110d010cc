// How the command line ends: exit codes, and the one sentence that the user gets instead of a stack trace.

import { constants } from 'node:os';
import { say } from './terminal';

export const EXIT_OK = 0;
export const EXIT_ERROR = 1;
const EXIT_USAGE = 2;

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The user or the system asked to stop; the exit code is 128 + the signal's number, 130 for Ctrl-C. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  readonly exitCode: number;

  constructor(readonly signal: NodeJS.Signals) {
    super(`Stopped by ${signal}.`);
    this.exitCode = 128 + (constants.signals[signal] ?? 2);
  }
}

/**
 * The reader of standard output has closed it (`| head`): no error, and nothing to report. The exit code is that of a
 * process ended by SIGPIPE.
 */
export class ReaderGone extends Error {
  override readonly name = 'ReaderGone';
  readonly exitCode = 128 + constants.signals.SIGPIPE;
}

/** Writes the error to stderr and returns its exit code. With CHEEMS_DEBUG=1 the stack follows. */
export function reportFailure(error: unknown, command?: string): number {
  const debug = (process.env['CHEEMS_DEBUG'] ?? '') !== '' && process.env['CHEEMS_DEBUG'] !== '0';
  if (error instanceof Interrupted || error instanceof ReaderGone) return error.exitCode;
  const message = error instanceof Error ? error.message || error.name : String(error);
  say(`cheems-native: error: ${message}`);
  if (debug && error instanceof Error) say(describeStack(error));
  if (error instanceof UsageError) {
    say(`Try "cheems-native ${command === undefined ? '' : `${command} `}--help".`);
    return EXIT_USAGE;
  }
  return EXIT_ERROR;
}

function describeStack(error: Error): string {
  const own = error.stack ?? error.message;
  return error.cause instanceof Error ? `${own}\ncaused by: ${describeStack(error.cause)}` : own;
}
