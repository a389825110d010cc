// The main package, its lock file and the platform packages are published together: one version, one oldest Node.js.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { packageFolder } from '../support/package_folder';

interface Manifest {
  name: string;
  version: string;
  license: string;
  engines: { node: string };
  os: string[];
  cpu?: string[];
  libc?: string[];
  scripts?: Record<string, string>;
}

const root = packageFolder();
const read = <T>(...parts: string[]): T => JSON.parse(readFileSync(join(root, ...parts), 'utf8')) as T;
const main = read<Manifest>('package.json');
const folders = readdirSync(join(root, 'packages')).filter((name) =>
  existsSync(join(root, 'packages', name, 'package.json')),
);

test('one version, license and oldest Node.js in all packages', (t) => {
  t.true(folders.length >= 3);
  for (const folder of folders) {
    const own = read<Manifest>('packages', folder, 'package.json');
    const [platform, cpu] = folder.split('-');
    t.is(own.name, `cheems-native-${folder}`);
    t.is(own.version, main.version, `${folder}: node scripts/release/set_version.cjs ${main.version} mends it`);
    t.deepEqual([own.os, own.cpu, own.libc], [[platform!], [cpu!], ['glibc']], folder);
    t.deepEqual([own.engines, own.license], [main.engines, main.license], folder);
  }
  const lock = read<{ version: string; packages: Record<string, { version: string }> }>('package-lock.json');
  t.deepEqual([lock.version, lock.packages['']!.version], [main.version, main.version]);
});

test('no package has a script that npm runs when it is installed', (t) => {
  for (const manifest of [main, ...folders.map((folder) => read<Manifest>('packages', folder, 'package.json'))]) {
    for (const name of ['preinstall', 'install', 'postinstall', 'prepare'])
      t.is(manifest.scripts?.[name], undefined, `${manifest.name}: ${name}`);
  }
  // Without it, npm would run node-gyp for binding.gyp.
  t.is(read<{ gypfile?: boolean }>('package.json').gypfile, false);
});
