// What helps if the engine does not load: one command, chosen by the cause.
import { existsSync } from 'node:fs';
import * as path from 'node:path';
import { quoteCommand } from '../text/shell';
import type { Manifest, System } from './installation';

type CauseKind =
  | 'addons disabled'
  | 'damaged'
  | 'does not load'
  | 'local build'
  | 'musl'
  | 'no package'
  | 'not built'
  | 'not installed'
  | 'old glibc'
  | 'other machine'
  | 'other version';

/** Why one way to load the engine failed; `reason` is a sentence without capital letter and full stop. */
export interface Cause {
  kind: CauseKind;
  reason: string;
  /** The folder of the installed package at fault. */
  folder?: string;
}

interface Remedy {
  text: string;
  command?: string;
}

/**
 * The folder whose node_modules contain the package; undefined in a clone. Global installations have it in
 * lib/node_modules.
 */
function owner(root: string): { folder: string; isGlobal: boolean } | undefined {
  const parts = root.split(path.sep);
  const at = parts.indexOf('node_modules');
  if (at < 0) return undefined;
  const folder = parts.slice(0, at).join(path.sep) || path.sep;
  return { folder, isGlobal: path.basename(folder) === 'lib' && !existsSync(path.join(folder, 'package.json')) };
}

/** The command, preceded by a `cd` to its folder unless that is the current one. */
function within(folder: string, words: readonly string[]): string {
  const command = quoteCommand(words);
  return process.cwd() === folder ? command : `(${quoteCommand(['cd', folder])} && ${command})`;
}

function installCommand(root: string, main: Manifest, { arch }: System): string {
  const spec = `${main.name}@${main.version}`;
  const { folder, isGlobal } = owner(root)!;
  // Yarn's Plug'n'Play has the package in a folder of Yarn's own.
  if (process.versions['pnp'] !== undefined) return quoteCommand(['yarn', 'add', spec]);
  if (root.includes(`${path.sep}.pnpm${path.sep}`)) return within(folder, ['pnpm', 'add', spec]);
  const machine = ['--include=optional', '--os=linux', `--cpu=${arch}`, '--libc=glibc'];
  if (isGlobal) return quoteCommand(['npm', 'install', '--global', ...machine, spec]);
  return within(folder, ['npm', 'install', ...machine, spec]);
}

/** The command that builds the engine from the sources in `root`. A broken or foreign build is deleted first. */
function buildCommand(root: string, isRebuild = false): string {
  const place = owner(root);
  if (place === undefined) {
    const build = `(${quoteCommand(['cd', root])} && node scripts/build/build_addon.cjs)`;
    return isRebuild ? `${quoteCommand(['rm', '-rf', path.join(root, 'build')])} && ${build}` : build;
  }
  const words = ['cheems-native', 'build', ...(isRebuild ? ['--clean'] : [])];
  if (process.versions['pnp'] !== undefined) return quoteCommand(['yarn', ...words]);
  return place.isGlobal ? quoteCommand(words) : within(place.folder, ['npx', ...words]);
}

export function remedy(root: string, main: Manifest, causes: readonly Cause[], system: System): Remedy {
  const has = (kind: CauseKind): boolean => causes.some((cause) => cause.kind === kind);
  if (has('addons disabled'))
    return {
      text: 'Start Node.js without --no-addons, and with --allow-addons if it is started with --permission.',
    };
  if (system.platform !== 'linux') {
    const way =
      system.platform === 'win32' ? 'in WSL 2 or a Linux container' : 'in a Linux container or virtual machine';
    return { text: `cheems-native runs on Linux, on x64 and arm64: run it ${way}.` };
  }
  if (owner(root) === undefined) {
    return { text: 'Build it with:', command: buildCommand(root, has('local build')) };
  }
  if (has('musl'))
    return {
      text:
        'Use a system with glibc; for a container image from Node.js: FROM node:22-slim instead of ' +
        'node:22-alpine.',
    };
  if (has('not installed') || has('other version'))
    return { text: 'Install it with:', command: installCommand(root, main, system) };
  const broken = causes.find(({ kind }) => kind === 'damaged' || kind === 'other machine')?.folder;
  if (broken !== undefined) {
    return {
      text: 'Install it again with:',
      command: `${quoteCommand(['rm', '-rf', broken])} && ${installCommand(root, main, system)}`,
    };
  }
  return { text: 'Build it for this system with:', command: buildCommand(root, has('local build')) };
}
