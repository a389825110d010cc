// `cheems-native build`: the engine from the sources that the package ships, on this machine and for it.

import { spawn } from 'node:child_process';
import * as path from 'node:path';
import { choice, flag, optionalNumber } from '../options/kinds';
import { EngineError } from '../engine/errors';
import { loadEngine } from '../engine/loader';
import { packageFolder } from '../support/package_folder';
import { defineCommand } from './command';
import { EXIT_ERROR } from './failure';
import { withInterrupts } from './interrupt';
import { print } from './terminal';

export const buildCommand = defineCommand({
  name: 'build',
  options: {
    clean: flag(false, { group: 'Options', describe: 'remove what earlier builds left, and build all anew' }),
    cuda: choice(['auto', 'on', 'off'], 'auto', {
      group: 'Options',
      describe: 'the CUDA backend: where a toolkit is, or else an error, or never',
    }),
    jobs: optionalNumber(
      { from: 1, integer: true },
      { group: 'Options', describe: 'compilers at once; by default as many as cores and memory allow' },
    ),
  },
  examples: [
    ['build', 'build the engine; what the system lacks for it is told before anything is compiled'],
    ['build --cuda off --jobs 1', 'the CPU backend alone, on a small machine'],
  ],
  notes:
    'npm brings the engine along for Linux on x64 and arm64 with glibc. Build it where that one does not load, or for the CUDA ' +
    'backend of your own toolkit. It needs g++ 12 or newer, CMake, make or ninja, Highway and nlohmann-json; a build that was ' +
    'stopped goes on where it was. What is built here is used before what npm installed.',
  async run({ clean, cuda, jobs }) {
    const root = packageFolder();
    const words = [path.join(root, 'scripts', 'build', 'build_addon.cjs')];
    // Not given: the environment's CHEEMS_CUDA counts.
    if (cuda !== 'auto') words.push(`-DCHEEMS_CUDA=${cuda.toUpperCase()}`);
    if (clean) words.push('--clean');
    if (jobs !== undefined) words.push(`--jobs=${jobs}`);
    const code = await withInterrupts('Stopping the compilers.', (signal) => runNode(words, signal));
    if (code !== 0) return EXIT_ERROR;
    const { source } = loadEngine(root);
    if (source.remarks.length > 0)
      throw new EngineError('NOT_BUILT', `What was built does not load: ${source.remarks.join(' ')}`);
    print(`The engine is built, and loads: ${source.file}\n`);
    return undefined;
  },
});

/** Runs a script of this package on this terminal; an abort asks it to stop, and waits until it has. */
function runNode(words: readonly string[], signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, words, { stdio: 'inherit' });
    signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? EXIT_ERROR));
  });
}
