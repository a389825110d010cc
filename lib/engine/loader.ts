// Finds and loads the compiled engine: the one built here, else the one in the platform package that npm installed. If
// neither loads, one error gives every reason and the one command that helps.
import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { EngineError } from './errors';
import type { Manifest, System } from './installation';
import { remedy, type Cause } from './loader_remedies';
import { messageOf } from '../support/thrown';

/** Where the loaded engine was found. */
export interface EngineSource {
  file: string;
  /** `built here`, or the platform package with its version. */
  origin: string;
  /** What was tried before it and did not load, and other problems that were found: a sentence each. */
  remarks: string[];
}

export const LOCAL_BUILD = path.join('build', 'Release', 'cheems_native.node');
const ADDON = 'cheems_native.node';

function thisSystem(): System {
  const { platform, arch, report } = process;
  if (report === undefined) return { platform, arch, glibc: undefined };
  // Without it, the report looks up the names of connected hosts.
  (report as { excludeNetwork?: boolean }).excludeNetwork = true;
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } };
  return { platform, arch, glibc: header.glibcVersionRuntime };
}

/** The package.json of a package that code in `root` may require; the folder too. */
function resolvePackage(root: string, name: string): { folder: string; manifest: Manifest } | undefined {
  try {
    // Not this file's own require, which bundlers replace. With Yarn's and pnpm's layouts, only the package itself can
    // resolve its dependencies.
    const file = createRequire(path.join(root, 'package.json')).resolve(`${name}/package.json`);
    return { folder: path.dirname(file), manifest: JSON.parse(readFileSync(file, 'utf8')) as Manifest };
  } catch {
    return undefined;
  }
}

const MACHINES: Readonly<Record<number, string>> = { 3: 'ia32', 40: 'arm', 62: 'x64', 183: 'arm64', 243: 'riscv64' };

/**
 * What is wrong with a file, found before it is opened as a library: the dynamic linker's messages for these cases are
 * misleading, and a truncated file causes a bus error in it.
 */
function unfitFile(file: string, arch: string): Cause | undefined {
  const damaged = (how: string): Cause => ({ kind: 'damaged', reason: `${file} is damaged: ${how}` });
  const head = Buffer.alloc(64);
  const descriptor = openSync(file, 'r');
  try {
    const got = readSync(descriptor, head, 0, head.length, 0);
    if (got < head.length || head.toString('latin1', 0, 4) !== '\x7fELF') return damaged('it is no compiled library');
    const machine = head.readUInt16LE(18);
    const built = MACHINES[machine] ?? `another kind of processor (${machine})`;
    if (built !== arch)
      return { kind: 'other machine', reason: `${file} was built for ${built}, and this Node.js is ${arch}` };
    // The section header table is the last part of the file.
    const end = Number(head.readBigUInt64LE(40)) + head.readUInt16LE(58) * head.readUInt16LE(60);
    const { size } = fstatSync(descriptor);
    return size < end ? damaged(`it has ${size} bytes of ${end}`) : undefined;
  } finally {
    closeSync(descriptor);
  }
}

/** Why opening the library failed. */
function loadFailure(file: string, error: unknown, system: () => System): Cause {
  const text = messageOf(error).replace(/\s+/g, ' ').trim();
  if ((error as { code?: unknown } | null)?.code === 'ERR_DLOPEN_DISABLED') {
    return { kind: 'addons disabled', reason: `Node.js was started so that it loads no compiled code (${text})` };
  }
  const wanted = /version [`'"]GLIBC_([\d.]+)'? not found/.exec(text)?.[1];
  if (wanted !== undefined) {
    const here = system().glibc;
    return {
      kind: 'old glibc',
      reason: `${file} needs glibc ${wanted} or newer, and this system has ${here ?? 'another C library'}`,
    };
  }
  return { kind: 'does not load', reason: `${file} could not be loaded: ${text}` };
}

/** Opens the library, or says why it does not. */
function open(file: string, system: () => System): { addon: unknown } | Cause {
  try {
    return unfitFile(file, process.arch) ?? { addon: createRequire(file)(file) as unknown };
  } catch (error) {
    return loadFailure(file, error, system);
  }
}

/** Opens the engine of the platform package, or says why there is none. */
function openPackage(
  root: string,
  main: Manifest,
  system: () => System,
): { addon: unknown; file: string; origin: string } | Cause {
  const { platform, arch } = system();
  const prebuilt = Object.keys(main.optionalDependencies ?? {});
  const name = `${main.name}-${platform}-${arch}`;
  const found = resolvePackage(root, name);
  if (found === undefined) {
    // The clone's package.json does not list them.
    if (prebuilt.length > 0 && !prebuilt.includes(name)) {
      return {
        kind: 'no package',
        reason: `there is no compiled engine for ${platform}-${arch}: ${prebuilt.join(' and ')} are all there are`,
      };
    }
    const others = prebuilt.filter((other) => resolvePackage(root, other) !== undefined);
    const hint =
      others.length > 0
        ? `; ${others.join(' and ')} is, so these packages were installed or copied for another machine`
        : '';
    return { kind: 'not installed', reason: `the package ${name} is not installed${hint}` };
  }
  const { folder, manifest } = found;
  if (manifest.version !== main.version) {
    return {
      kind: 'other version',
      reason: `${name} in ${folder} has version ${manifest.version}, and ${main.name} ${main.version}`,
    };
  }
  if (platform === 'linux' && system().glibc === undefined) {
    return {
      kind: 'musl',
      reason: `${name} is compiled for glibc, and this system has another C library (musl, as in Alpine Linux)`,
    };
  }
  const file = path.join(folder, ADDON);
  if (!existsSync(file)) return { kind: 'damaged', reason: `${name} is incomplete: ${file} is not there`, folder };
  const opened = open(file, system);
  return 'addon' in opened ? { ...opened, file, origin: `${name} ${manifest.version}` } : { ...opened, folder };
}

/** If the system has musl, npm does not install the package, so musl is the real cause. */
function withMusl(cause: Cause, { platform, glibc }: System): Cause {
  if (cause.kind !== 'not installed' || platform !== 'linux' || glibc !== undefined) return cause;
  return {
    kind: 'musl',
    reason:
      `${cause.reason}: it is compiled for glibc, and this system has another C library (musl, as in ` +
      'Alpine Linux)',
  };
}

/**
 * Loads the engine of the package in `root`.
 * @throws EngineError NOT_BUILT with every reason, one per line, and the command that helps
 */
export function loadEngine(root: string, system: () => System = thisSystem): { addon: unknown; source: EngineSource } {
  const main = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest;
  const local = path.join(root, LOCAL_BUILD);
  const causes: Cause[] = [];
  if (existsSync(local)) {
    const opened = open(local, system);
    if ('addon' in opened) return { addon: opened.addon, source: { file: local, origin: 'built here', remarks: [] } };
    causes.push({ ...opened, kind: opened.kind === 'addons disabled' ? opened.kind : 'local build' });
  } else {
    causes.push({ kind: 'not built', reason: `${local} is not there: the engine was not built here` });
  }
  const here = system();
  const opened = openPackage(root, main, () => here);
  if ('addon' in opened) {
    const remarks = causes.filter(({ kind }) => kind !== 'not built').map(({ reason }) => `${reason}.`);
    return { addon: opened.addon, source: { file: opened.file, origin: opened.origin, remarks } };
  }
  causes.push(withMusl(opened, here));
  throw new EngineError('NOT_BUILT', describe(root, main, causes, here));
}

function describe(root: string, main: Manifest, causes: readonly Cause[], { platform, arch, glibc }: System): string {
  const place = `${platform}-${arch}${glibc === undefined ? '' : `, glibc ${glibc}`}, Node.js ${process.versions.node}`;
  const { text, command } = remedy(root, main, causes, { platform, arch, glibc });
  const reasons = causes.map(({ reason }) => `- ${reason[0]!.toUpperCase()}${reason.slice(1)}.`);
  return [
    `The engine could not be loaded (${place}):`,
    ...reasons,
    text,
    ...(command === undefined ? [] : [`    ${command}`]),
  ].join('\n');
}

/**
 * The folder of the CUDA package, which is only there if somebody installed it, and a sentence if something is wrong
 * with it.
 */
export function cudaPackage(root: string): { folder: string; remark?: string } | undefined {
  const main = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as Manifest;
  const name = `${main.name}-${process.platform}-${process.arch}-cuda`;
  const found = resolvePackage(root, name);
  if (found === undefined) return undefined;
  const { folder, manifest } = found;
  if (manifest.version === main.version) return { folder };
  return {
    folder,
    remark:
      `${name} has version ${manifest.version}, and ${main.name} ${main.version}: install the same version of ` +
      'both.',
  };
}
