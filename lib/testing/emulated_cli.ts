// A command in a process of its own, on the CUDA device that CHEEMS_DEVICE=emulated makes of the CPU.

import { spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** @param environment beside this process's own. */
export function emulatedCli(args: string[], environment: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = spawn(process.execPath, [join(__dirname, '..', 'cli', 'main.js'), ...args], {
    cwd: root,
    env: { ...process.env, CHEEMS_DEVICE: 'emulated', ...environment },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  child.stdin.end();
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}
