// `cheems-native build`: compiles the engine on this machine from the sources that the package ships.

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
    clean: flag(false, {
      group: 'Options',
      describe: 'remove the results of earlier builds and build everything again',
    }),
    cuda: choice(['auto', 'on', 'off'], 'auto', {
      group: 'Options',
      describe: 'build the CUDA backend: auto (if there is a CUDA toolkit), on (an error without one) or off',
    }),
    jobs: optionalNumber(
      { from: 1, integer: true },
      { group: 'Options', describe: 'number of compilers at once; by default as many as cores and memory allow' },
    ),
  },
  examples: [
    ['build', 'build the engine; anything missing on the system is reported before compiling starts'],
    ['build --cuda off --jobs 1', 'only the CPU backend, on a small machine'],
  ],
  notes:
    'npm installs the engine for Linux on x64 and arm64 with glibc. Build it here if that one does not load, or ' +
    'to get the CUDA ' +
    'backend for your own toolkit. This needs g++ 12 or newer, CMake, make or ninja, Highway and nlohmann-json. ' +
    'A build that was ' +
    'stopped continues where it was. The engine that is built here takes precedence over the one that npm installed.',
  async run({ clean, cuda, jobs }) {
    const root = packageFolder();
    const words = [path.join(root, 'scripts', 'build', 'build_addon.cjs')];
    // If it is not given, the environment's CHEEMS_CUDA decides.
    if (cuda !== 'auto') words.push(`-DCHEEMS_CUDA=${cuda.toUpperCase()}`);
    if (clean) words.push('--clean');
    if (jobs !== undefined) words.push(`--jobs=${jobs}`);
    const code = await withInterrupts('Stopping the compilers.', (signal) => runNode(words, signal));
    if (code !== 0) return EXIT_ERROR;
    const { source } = loadEngine(root);
    if (source.remarks.length > 0)
      throw new EngineError('NOT_BUILT', `The engine was built but does not load: ${source.remarks.join(' ')}`);
    print(`The engine is built and loads: ${source.file}\n`);
    return undefined;
  },
});

/** Runs a script of this package in this terminal; an abort asks it to stop and waits until it has. */
function runNode(words: readonly string[], signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, words, { stdio: 'inherit' });
    signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? EXIT_ERROR));
  });
}
