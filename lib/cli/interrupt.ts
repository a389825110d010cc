// Ctrl-C: the first asks the work to stop in an orderly way, the second exits at once.

import { Interrupted } from './failure';
import { say } from './terminal';

/**
 * Runs `work` with a signal that SIGINT, SIGTERM and SIGHUP abort (the reason is an `Interrupted`). `announce` is then
 * written to stderr, and the returned promise rejects with the reason, however the work ended. A second signal ends the
 * process at once.
 */
export async function withInterrupts<T>(
  announce: string | (() => string),
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const names: NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const stop = (name: NodeJS.Signals): void => {
    const reason = new Interrupted(name);
    if (controller.signal.aborted) {
      // The shell's next line must not begin inside the bar.
      if (process.stderr.isTTY) process.stderr.write('\n');
      // By the signal itself: process.exit would wait for the engine, which may be in the middle of writing a large
      // file.
      for (const each of names) process.off(each, stop);
      process.kill(process.pid, name);
      return;
    }
    if (process.stderr.isTTY) process.stderr.write('\n'); // below the ^C that the terminal shows
    say(typeof announce === 'string' ? announce : announce());
    controller.abort(reason);
  };
  for (const name of names) process.on(name, stop);
  try {
    const result = await work(controller.signal);
    controller.signal.throwIfAborted();
    return result;
  } catch (error) {
    // Whatever error the work threw when it was stopped, the reason is the signal.
    controller.signal.throwIfAborted();
    throw error;
  } finally {
    for (const name of names) process.off(name, stop);
  }
}
