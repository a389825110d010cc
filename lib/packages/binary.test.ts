// The compiled libraries need nothing but libc and libm (scripts/release/check_binary.cjs), and the check finds what is
// wrong with others.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { packageFolder } from '../support/package_folder';

const root = packageFolder();
const release = join(root, 'build', 'Release');
const check = (...args: string[]): { status: number | null; stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(root, 'scripts', 'release', 'check_binary.cjs'), ...args], { encoding: 'utf8' });

test('the addon, and the CUDA plug-in where it is built, need libc and libm alone', (t) => {
  const libraries = ['cheems_native.node', 'libcheems_cuda.so'];
  const built = libraries.map((name) => join(release, name)).filter((file) => existsSync(file));
  t.true(built.length > 0, 'Build the addon first: npm run build');
  for (const file of built) {
    const { status, stdout, stderr } = check(file);
    t.is(status, 0, stderr);
    const [, needed] = /: needs (.*); newest symbol version GLIBC_[\d.]+$/m.exec(stdout) ?? [];
    for (const library of needed!.split(', ')) t.regex(library, /^(lib[cm]\.so\.6|ld-linux.*)$/);
  }
});

test('a version of glibc that is too new is refused, with the functions that ask for it', (t) => {
  const addon = join(release, 'cheems_native.node');
  const { status, stderr } = check(addon, '--glibc', '2.2');
  t.is(status, 1);
  t.regex(stderr, /It needs glibc 2\.\d+, and at most 2\.2 is allowed: .*\bpow\b/);
  t.is(check(addon, '--glibc', '2.99').status, 0);
});

test('a library that needs the C++ library, shows functions or calls what nobody has is refused', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-binary-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const source = join(folder, 'wrong.cpp');
  const library = join(folder, 'wrong.so');
  writeFileSync(
    source,
    '#include <string>\nvoid nobody_has(int);\nstd::string shown(int i) { nobody_has(i); return ' +
      'std::to_string(i) + "?"; }\n',
  );
  execFileSync(process.env.CXX ?? 'g++', ['-shared', '-fPIC', '-o', library, source]);
  const { status, stderr } = check(library);
  t.is(status, 1);
  t.regex(stderr, /It needs libstdc\+\+\.so\.6: /);
  t.regex(stderr, /It needs symbols of version GLIBCXX_/);
  t.regex(stderr, /No library that it names has .*nobody_has/);
  t.regex(stderr, /It shows .*shown/);
});

test('what is no library, and calls that say nothing, are told as such', (t) => {
  t.regex(check(join(root, 'package.json')).stderr, /cannot be read as a library/);
  for (const args of [[], ['a', 'b'], ['a', '--glibc'], ['a', '--glibc', 'old']]) {
    const { status, stderr } = check(...args);
    t.is(status, 1);
    t.regex(stderr, /^Usage: /);
  }
});
