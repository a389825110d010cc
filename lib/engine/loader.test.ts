// Stand-in installations, one for each reason why the engine does not load: the reasons told and the command that
// helps.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { packageFolder } from '../support/package_folder';
import { EngineError } from './errors';
import { cudaPackage, loadEngine, LOCAL_BUILD } from './loader';
import type { System } from './installation';

const here = packageFolder();
const realAddon = join(here, LOCAL_BUILD);
const { arch } = process;
const otherArch = arch === 'x64' ? 'arm64' : 'x64';
const own = `cheems-native-linux-${arch}`;
const system: System = { platform: 'linux', arch, glibc: '2.36' };

interface Installation {
  project: string;
  root: string;
  /** Adds a file to the package's folder, or to another package's of node_modules. */
  write(file: string, content: string | Buffer, name?: string): void;
}

/** A project whose node_modules hold the main package, without an engine. */
function install(t: ExecutionContext, folder = 'project'): Installation {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'cheems-loader-')));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  const project = join(base, folder);
  const root = join(project, 'node_modules', 'cheems-native');
  const write: Installation['write'] = (file, content, name = 'cheems-native') => {
    const target = join(project, 'node_modules', name, file);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, content);
  };
  const optionalDependencies = { 'cheems-native-linux-arm64': '1.2.3', 'cheems-native-linux-x64': '1.2.3' };
  write('package.json', JSON.stringify({ name: 'cheems-native', version: '1.2.3', optionalDependencies }));
  return { project, root, write };
}

function addPackage({ write }: Installation, addon: Buffer | undefined, name = own, version = '1.2.3'): void {
  write('package.json', JSON.stringify({ name, version }), name);
  if (addon !== undefined) write('cheems_native.node', addon, name);
}

/** The lines of the refusal. */
function refused(t: ExecutionContext, root: string, machine = system): string[] {
  const error = t.throws(() => loadEngine(root, () => machine), { instanceOf: EngineError });
  t.is(error?.code, 'NOT_BUILT');
  return error.message.split('\n');
}

/** The addon, as if it had been built on a newer system. */
function ofNewerGlibc(): Buffer {
  const bytes = readFileSync(realAddon);
  const text = bytes.toString('latin1');
  const newest = [...text.matchAll(/(?<=\0)GLIBC_2\.\d\d?\0/g)]
    .sort(([a], [b]) => a.localeCompare(b, 'en', { numeric: true }))
    .at(-1)!;
  bytes.write(
    newest[0].replace(/2\.(\d+)/, (_all, minor: string) => `9.${'9'.repeat(minor.length)}`),
    newest.index,
    'latin1',
  );
  return bytes;
}

function ofMachine(machine: number): Buffer {
  const bytes = readFileSync(realAddon);
  bytes.writeUInt16LE(machine, 18);
  return bytes;
}

test('the local build comes first, then the platform package', (t) => {
  const place = install(t);
  addPackage(place, readFileSync(realAddon));
  const { addon, source } = loadEngine(place.root, () => system);
  t.is(typeof (addon as { info?: unknown }).info, 'function');
  t.deepEqual(source, {
    file: join(place.project, 'node_modules', own, 'cheems_native.node'),
    origin: `${own} 1.2.3`,
    remarks: [],
  });

  place.write(LOCAL_BUILD, readFileSync(realAddon));
  t.deepEqual(loadEngine(place.root, () => system).source, {
    file: join(place.root, LOCAL_BUILD),
    origin: 'built here',
    remarks: [],
  });

  // A local build that does not load is skipped and reported.
  rmSync(join(place.root, LOCAL_BUILD));
  place.write(LOCAL_BUILD, 'half a file');
  const { origin, remarks } = loadEngine(place.root, () => system).source;
  t.is(origin, `${own} 1.2.3`);
  t.deepEqual(remarks, [`${join(place.root, LOCAL_BUILD)} is damaged: it is no compiled library.`]);
});

test('not installed: both reasons, a line each, and the line that installs it', (t) => {
  const { root, project } = install(t);
  t.deepEqual(refused(t, root), [
    `The engine could not be loaded (linux-${arch}, glibc 2.36, Node.js ${process.versions.node}):`,
    `- ${join(root, LOCAL_BUILD)} is not there: the engine was not built here.`,
    `- The package ${own} is not installed.`,
    'Install it with:',
    `    (cd ${project} && npm install --include=optional --os=linux --cpu=${arch} --libc=glibc cheems-native@1.2.3)`,
  ]);
});

test('node_modules of another machine, of another version', (t) => {
  const copied = install(t);
  addPackage(copied, Buffer.alloc(0), `cheems-native-linux-${otherArch}`);
  const lines = refused(t, copied.root);
  t.is(
    lines[2],
    `- The package ${own} is not installed; cheems-native-linux-${otherArch} is, so these packages were ` +
      'installed or copied for another machine.',
  );
  t.regex(lines[4]!, new RegExp(`npm install .*--cpu=${arch}`));

  const mixed = install(t);
  addPackage(mixed, readFileSync(realAddon), own, '1.2.2');
  const [, , reason, , command] = refused(t, mixed.root);
  t.is(
    reason,
    `- ${own} in ${join(mixed.project, 'node_modules', own)} has version 1.2.2, and cheems-native 1.2.3.`.replace(
      '- c',
      '- C',
    ),
  );
  t.regex(command!, /npm install .*cheems-native@1\.2\.3/);
});

test('a glibc that is too old: build it here', (t) => {
  const place = install(t);
  addPackage(place, ofNewerGlibc());
  const lines = refused(t, place.root);
  t.regex(lines[2]!, /cheems_native\.node needs glibc 9\.\d+ or newer, and this system has 2\.36\.$/);
  t.deepEqual(lines.slice(3), [
    'Build it for this system with:',
    `    (cd ${place.project} && npx cheems-native build)`,
  ]);
});

test('damaged, incomplete, or for another processor: install it anew', (t) => {
  const machine = arch === 'x64' ? 183 : 62;
  for (const [addon, reason] of [
    [Buffer.from('version https://git-lfs'), /is damaged: it is no compiled library\.$/],
    // The dynamic linker would end the process by SIGBUS.
    [readFileSync(realAddon).subarray(0, 5000), /is damaged: it has 5000 bytes of \d+\.$/],
    [undefined, /is incomplete: .*cheems_native\.node is not there\.$/],
    [ofMachine(machine), new RegExp(`was built for ${otherArch}, and this Node.js is ${arch}\\.$`)],
  ] as const) {
    const place = install(t);
    addPackage(place, addon);
    const lines = refused(t, place.root);
    t.regex(lines[2]!, reason);
    t.is(lines[3], 'Install it again with:');
    t.true(
      lines[4]!.startsWith(
        `    rm -rf ${join(place.project, 'node_modules', own)} && (cd ${place.project} && npm install `,
      ),
      lines[4],
    );
  }
});

test('a library that does not load at all: its own words on one line', (t) => {
  const place = install(t);
  const addon = readFileSync(realAddon);
  const needed = addon.indexOf('libc.so.6\0');
  addon.write('libq.so.6', needed, 'latin1');
  addPackage(place, addon);
  const lines = refused(t, place.root);
  t.is(lines.length, 5);
  t.regex(lines[2]!, /could not be loaded: libq\.so\.6: cannot open shared object file/);
  t.regex(lines[4]!, /npx cheems-native build/);
});

test('musl, other systems, other processors', (t) => {
  const { root } = install(t);
  const alpine = refused(t, root, { ...system, glibc: undefined });
  t.regex(
    alpine[2]!,
    /it is compiled for glibc, and this system has another C library \(musl, as in Alpine Linux\)\.$/,
  );
  t.is(
    alpine.at(-1),
    'Use a system with glibc; for a container image from Node.js: FROM node:22-slim instead of node:22-alpine.',
  );

  const copied = install(t);
  addPackage(copied, readFileSync(realAddon));
  t.regex(refused(t, copied.root, { ...system, glibc: undefined })[2]!, /compiled for glibc.*musl/);

  t.regex(
    refused(t, root, { platform: 'darwin', arch: 'arm64', glibc: undefined }).at(-1)!,
    /runs on Linux, on x64 and arm64: run it in a Linux container/,
  );
  t.regex(refused(t, root, { platform: 'win32', arch: 'x64', glibc: undefined }).at(-1)!, /WSL 2/);
  const riscv = refused(t, root, { ...system, arch: 'riscv64' });
  t.is(
    riscv[2],
    '- There is no compiled engine for linux-riscv64: cheems-native-linux-arm64 and cheems-native-linux-x64 are ' +
      'all there are.',
  );
  t.regex(riscv.at(-1)!, /npx cheems-native build/);
});

test('in a clone, a global installation, and with pnpm, the command is theirs', (t) => {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'cheems-loader-')));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  writeFileSync(join(base, 'package.json'), '{"name":"cheems-native","version":"1.2.3"}');
  t.is(refused(t, base).at(-1), `    (cd ${base} && node scripts/build/build_addon.cjs)`);
  mkdirSync(join(base, dirname(LOCAL_BUILD)), { recursive: true });
  writeFileSync(join(base, LOCAL_BUILD), '');
  t.is(
    refused(t, base).at(-1),
    `    rm -rf ${join(base, 'build')} && (cd ${base} && node scripts/build/build_addon.cjs)`,
  );

  t.regex(refused(t, install(t, 'lib').root).at(-1)!, /^ {4}npm install --global .*cheems-native@1\.2\.3$/);
  const store = install(t, join('app', 'node_modules', '.pnpm', 'cheems-native@1.2.3'));
  t.regex(refused(t, store.root).at(-1)!, /^ {4}\(cd .*\/app && pnpm add cheems-native@1\.2\.3\)$/);
});

test('Node.js that loads no compiled code says so', (t) => {
  const place = install(t);
  addPackage(place, readFileSync(realAddon));
  cpSync(join(here, 'dist', 'engine'), join(place.root, 'dist', 'engine'), { recursive: true });
  for (const room of ['support', 'text'])
    cpSync(join(here, 'dist', room), join(place.root, 'dist', room), { recursive: true });
  const program =
    'try { ' +
    `require(${JSON.stringify(join(place.root, 'dist', 'engine', 'loader.js'))}).loadEngine(${JSON.stringify(place.root)}) ` +
    '} catch (error) { console.log(error.message) }';
  const message = execFileSync(process.execPath, ['--no-addons', '-e', program], { encoding: 'utf8' });
  t.regex(message, /- Node\.js was started so that it loads no compiled code/);
  t.regex(message, /Start Node\.js without --no-addons/);
});

test('the CUDA package is found where it is installed; another version is told', (t) => {
  const place = install(t);
  t.is(cudaPackage(place.root), undefined);
  addPackage(place, undefined, `${own}-cuda`);
  t.deepEqual(cudaPackage(place.root), { folder: join(place.project, 'node_modules', `${own}-cuda`) });
  addPackage(place, undefined, `${own}-cuda`, '1.2.2');
  t.regex(
    cudaPackage(place.root)!.remark!,
    /has version 1\.2\.2, and cheems-native 1\.2\.3: install the same version of both\./,
  );
});
