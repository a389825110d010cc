// scripts/test.sh with stand-ins for what it builds and runs: which parts run what, how results are counted, and what
// is printed at the end.
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { packageFolder } from '../support/package_folder';

const summary = (passed: number, failed: number): string =>
  `echo "[doctest] test cases: ${passed + failed} | ${passed} passed | ${failed} failed | 0 skipped"; exit ${failed}`;

const PROGRAMS: Record<string, string> = {
  'scripts/install_system_packages.sh': '',
  'bin/cmake': 'echo "$*" >>calls',
  'bin/node': '',
  'scripts/format.sh': 'true',
  'scripts/testing/test_plugin.sh': 'echo "SKIPPED: nvcc was found nowhere."',
  'scripts/test_arm64.sh': 'true',
  'bin/npx':
    'case "$*" in *ava*) echo "ava $*" >>calls; printf "ok 1 - needs a GPU # SKIP\\nok 2 - fine\\n# pass 1\\n# ' +
    'skip 1\\n# fail 0\\n" ;; esac',
  'build/cmake/cheems_native_tests': summary(100, 0),
  'build/cmake/cheems_cuda_emulated_tests': `echo "$*" >>calls; ${summary(20, 0)}`,
  'build/cmake/gpu_steps_emulated': '',
  'build/cmake/gpu_kernels_emulated': '',
  'build/sanitize/cheems_native_tests': summary(100, 0),
  'build/sanitize/fuzz_one': 'echo "$*"',
};

interface Run {
  code: number;
  /** The last lines first. */
  lines: string[];
  output: string;
}

function project(t: ExecutionContext, changed: Record<string, string> = {}): (...parts: string[]) => Promise<Run> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'cheems-test-script-')));
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  for (const [file, text] of Object.entries({ ...PROGRAMS, ...changed })) {
    mkdirSync(join(root, dirname(file)), { recursive: true });
    writeFileSync(join(root, file), `#!/usr/bin/env bash\n${text}\n`);
    chmodSync(join(root, file), 0o755);
  }
  cpSync(join(packageFolder(), 'scripts/test.sh'), join(root, 'scripts/test.sh'));
  for (const folder of ['dist', 'lib', 'node_modules']) mkdirSync(join(root, folder));
  writeFileSync(join(root, 'package-lock.json'), '');
  writeFileSync(join(root, 'node_modules/.installed-lock'), '');
  for (const [name, text] of [
    ['slow', 'require("node:child_process")'],
    ['fast', 'require("ava")'],
  ] as const) {
    writeFileSync(join(root, `lib/${name}.test.ts`), '');
    writeFileSync(join(root, `dist/${name}.test.js`), text);
  }
  const env = { ...process.env, PATH: `${join(root, 'bin')}:${process.env['PATH']}` };
  return (...parts) =>
    new Promise((resolve) => {
      const run = join(root, 'scripts/test.sh');
      const show = `bash '${run}' "$@"; code=$?; cat '${root}/calls' 2>/dev/null | sed 's/^/call: /' >&2; exit $code`;
      execFile('bash', ['-c', show, 'test.sh', ...parts], { env }, (error, stdout, stderr) =>
        resolve({
          code: typeof error?.code === 'number' ? error.code : 0,
          lines: stdout.trimEnd().split('\n').reverse(),
          output: stdout + stderr,
        }),
      );
    });
}

test('without a part everything runs once; what was left out is said before the last line', async (t) => {
  const { code, lines, output } = await project(t)();
  t.is(code, 0, output);
  t.deepEqual(lines.slice(0, 4), [
    '121 passed, 0 failed', // the sanitized run repeats the hundred
    'typescript-tests: needs a GPU',
    'cuda-plugin: nvcc was found nowhere.',
    '== not tested here',
  ]);
  for (const name of ['addon-build', 'cpp-tests', 'cuda-emulated-tests', 'cpp-tests-sanitized', 'fuzz_one'])
    t.regex(output, new RegExp(`^ +\\d+ +\\d+ {2}${name}$`, 'm'));
});

test('a part runs what it needs, and quick the quick ones', async (t) => {
  const cpp = await project(t)('cpp');
  t.is(cpp.lines[0], '100 passed, 0 failed', cpp.output);
  t.notRegex(cpp.output, /sanitize|emulated|typescript/);
  t.is((await project(t)('sanitize')).lines[0], '100 passed, 0 failed');
  t.is((await project(t)('cuda')).lines[0], '20 passed, 0 failed');
  const quick = await project(t)('quick');
  t.is(quick.lines[0], '121 passed, 0 failed', quick.output);
  t.regex(quick.output, /call: ava .*dist\/fast\.test\.js$/m);
  t.notRegex(quick.output, /slow\.test\.js/);
  t.regex(quick.output, /call: --test-case-exclude=device:/);
});

test('failures, programs that break off and builds that fail are counted', async (t) => {
  const failing = await project(t, { 'build/cmake/cheems_native_tests': summary(98, 2) })('cpp');
  t.is(failing.lines[0], '98 passed, 2 failed', failing.output);
  t.is(failing.code, 1);
  const broken = await project(t, { 'build/sanitize/cheems_native_tests': 'echo boom; exit 139' })('sanitize');
  t.is(broken.lines[0], '0 passed, 1 failed', broken.output);
  t.regex(broken.output, /cpp-tests-sanitized BROKE OFF \(status 139\)[^]*boom/);
  const unbuilt = await project(t, { 'bin/cmake': 'echo no compiler; exit 1' })('cpp', 'sanitize');
  t.is(unbuilt.lines[0], '0 passed, 2 failed', unbuilt.output);
});

test('--help names the parts, and another part is refused with them', async (t) => {
  const help = await project(t)('--help');
  t.is(help.code, 0);
  const wrong = await project(t)('gpu');
  t.is(wrong.code, 2);
  t.regex(wrong.output, /^There is no part gpu; there are ts, cpp, cuda, sanitize and quick/);
  const { scripts } = require(join(packageFolder(), 'package.json')) as { scripts: Record<string, string> };
  for (const part of ['ts', 'cpp', 'cuda', 'sanitize', 'quick']) {
    t.regex(help.output, new RegExp(`^ {2}${part} `, 'm'));
    t.is(scripts[`test:${part}`], `bash scripts/test.sh ${part}`);
  }
});
