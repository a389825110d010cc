// The content of the main package: everything that its code, documents and messages refer to, and nothing that only
// tests need.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import test from 'ava';
import { packageFolder } from '../support/package_folder';

const root = packageFolder();
const list = execFileSync(process.execPath, [join(root, 'scripts', 'release', 'stage_package.cjs'), 'list'], {
  encoding: 'utf8',
});
const files = list.trimEnd().split('\n');
const shipped = new Set(files);
for (const file of files)
  for (let folder = dirname(file); folder !== '.'; folder = dirname(folder)) shipped.add(folder);
const text = (file: string): string => readFileSync(join(root, file), 'utf8');

const FORBIDDEN: readonly (readonly [string, RegExp])[] = [
  ['tests', /(^|\/)(tests|test_[^/]*|([^/]*[_.])?test\.(cpp|cu|js|d\.ts|ts))(\/|$)/],
  ['what tests alone use', /(^|\/)(testing|fuzz_[^/]*)(\/|$|\.)/],
  ['TypeScript sources', /^lib\/|(?<!\.d)\.ts$/],
  ['build information', /\.tsbuildinfo$|^build\/|\.map$|\.gyp$|\.o$/],
  ['benchmarks', /^bench\/(?!RESULTS\.md$|KERNELS\.md$)/],
  [
    'what developers alone run',
    /^scripts\/((pack|bench|test|format|quickstart)|(release|testing|generate|gpu)\/)|^packages\/|^fixtures\/|tsconfig/,
  ],
];

/** Of a clone alone, as the documents say where they name them. */
const IN_A_CLONE = [
  ...[
    'quickstart.sh',
    'test.sh',
    'test_gpu.sh',
    'bench_gpu.sh',
    'pack_packages.sh',
    'test_arm64.sh',
    'release/build_release_addon.sh',
    'release/check_binary.cjs',
    'gpu/pack_system_packages.sh',
    'gpu/compile_kernels.cjs',
    'generate/make_quickstart_tokenizer.py',
    'generate/make_sample_data.cjs',
  ].map((name) => `scripts/${name}`),
  'bench/gpu_predictions.json',
  'bench/results',
  'lib/data/conversation',
  'lib/data/forms',
  'packages',
  'fixtures/reference',
];
/** What commands write, or others' files. */
const NOT_OURS = /^data\/(cheems_bench|dpo_zh_demo|oaast_rm_zh)/;

test('nothing that only tests and developers need is shipped', (t) => {
  t.true(files.length > 500);
  for (const file of files) {
    for (const [what, pattern] of FORBIDDEN) t.notRegex(file, pattern, what);
  }
});

test('every header is included by something that is shipped, and every included header is shipped', (t) => {
  const code = files.filter((file) => /\.(cpp|h|cu|cuh)$/.test(file));
  const included = new Set<string>();
  for (const file of code) {
    for (const [, name] of text(file).matchAll(/^\s*#include "(?!hwy\/)([^"]+)"/gm)) {
      const places = [posix.join(dirname(file), name!), posix.join('native', name!), posix.join('bindings', name!)];
      const place = places.find((candidate) => existsSync(join(root, candidate)));
      t.truthy(place, `${file}: ${name}`);
      // Behind an #if that the build of the emulated device alone fulfils.
      if (place === 'native/testing/cuda_on_cpu/instructions_emulated.cuh') continue;
      t.true(shipped.has(place!), `${file} includes ${place}`);
      included.add(place!);
    }
  }
  for (const header of code.filter((file) => /\.(h|cuh)$/.test(file)))
    t.true(included.has(header), `nothing includes ${header}`);
});

test('a plug-in of the clone fits an engine built from the package: both hash the same headers', (t) => {
  const globs = /interface_headers CONFIGURE_DEPENDS ([^)]+)\)/.exec(text('CMakeLists.txt'))![1]!.split(/\s+/);
  const headers = globs.flatMap((glob) => {
    const folder = dirname(glob);
    const folders = folder.endsWith('/*')
      ? readdirSync(join(root, dirname(folder))).map((name) => posix.join(dirname(folder), name))
      : [folder];
    const present = folders.filter((name) => statSync(join(root, name)).isDirectory());
    return present.flatMap((name) => readdirSync(join(root, name)).map((file) => posix.join(name, file)));
  });
  const notHashed = /NOT header MATCHES "([^"]+)"/.exec(text('CMakeLists.txt'))![1]!.replaceAll('\\\\', '\\');
  const hashed = headers.filter((file) => file.endsWith('.h') && !new RegExp(notHashed).test(file));
  t.true(hashed.length > 30);
  for (const header of hashed) t.true(shipped.has(header), header);
});

test('every module that a compiled file requires is shipped', (t) => {
  for (const file of files.filter((name) => /^dist\/.*\.(js|d\.ts)$|^scripts\/.*\.cjs$/.test(name))) {
    for (const [, name] of text(file).matchAll(/(?:require\(|from |import\()['"](\.[^'"]*)['"]/g)) {
      const path = posix.join(dirname(file), name!.replace(/\.js$/, ''));
      const found = ['', '.js', '.d.ts', '/index.js', '/index.d.ts'].some((ending) =>
        files.includes(`${path}${ending}`),
      );
      t.true(found, `${file} requires ${name}`);
    }
  }
});

/** Source text without whole lines of comment. */
const withoutComments = (source: string): string => source.replace(/^\s*(\/\/|\/\*|\*|#(?!include)).*$/gm, '');

test('what documents and messages point to is shipped, or said to be in a clone', (t) => {
  const speaking = files.filter((file) =>
    /^(README\.md|(docs|data|examples)\/.*\.md|dist\/.*\.js|native\/.*\.cpp)$/.test(file),
  );
  let found = 0;
  // These two are for whoever works in a clone.
  const ofClones = ['docs/architecture.md', 'docs/development.md', 'docs/releases.md'];
  for (const file of speaking.filter((name) => !ofClones.includes(name))) {
    const named = withoutComments(text(file)).matchAll(
      /(?<![\w/.$}-])(docs|scripts|data|examples|bench|packages|fixtures|lib)\/([\w./-]*\w)/g,
    );
    for (const [, folder, rest] of named) {
      const path = `${folder}/${rest}`;
      if (file.startsWith('native/') && folder === 'data') continue; // entries of PyTorch's archives
      if (NOT_OURS.test(path)) continue;
      found++;
      const ofClone = IN_A_CLONE.some((name) => path === name || path.startsWith(`${name}/`));
      t.true(ofClone || shipped.has(path), `${file} names ${path}`);
      if (ofClone) t.true(existsSync(join(root, path)), `${file} names ${path}`);
    }
  }
  t.true(found > 30);
});
