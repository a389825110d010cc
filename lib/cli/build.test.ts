// `cheems-native build` in a package that is installed in an unusual place, with a cmake that only records its
// arguments.
import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { LOCAL_BUILD } from '../engine/loader';
import { packageFolder } from '../support/package_folder';

const clone = packageFolder();

interface Place {
  root: string;
  /** The arguments of cmake's calls, one line each. */
  calls(): string[];
  start(args: readonly string[], env?: Record<string, string>): ReturnType<typeof spawn>;
  build(args: readonly string[], env?: Record<string, string>): Promise<{ code: number | null; output: string }>;
}

/** @param onBuild what the stand-in does for `cmake --build`, in shell; `$ROOT` is the package's folder */
function install(t: ExecutionContext, onBuild: string): Place {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'cheems-build-')));
  t.teardown(() => rmSync(base, { recursive: true, force: true }));
  const root = join(base, '我的 项目 (1)', 'node_modules', 'cheems-native');
  for (const folder of ['native', 'bindings', 'scripts/build']) mkdirSync(join(root, folder), { recursive: true });
  const isTest = /\.test\.|\/testing(\/|$)/;
  cpSync(join(clone, 'dist'), join(root, 'dist'), { recursive: true, filter: (file) => !isTest.test(file) });
  const { files } = JSON.parse(readFileSync(join(clone, 'package.json'), 'utf8')) as { files: string[] };
  for (const file of ['package.json', 'CMakeLists.txt', ...files.filter((name) => /^scripts\/.*\.cjs$/.test(name))]) {
    cpSync(join(clone, file), join(root, file));
  }
  const tools = join(base, 'tools');
  mkdirSync(tools);
  const log = join(base, 'calls');
  const cmake = `#!/bin/sh\necho "$*" >>"${log}"\nROOT="${root}"\ncase $1 in --build) ${onBuild} ;; esac\n`;
  writeFileSync(join(tools, 'cmake'), cmake, { mode: 0o755 });
  for (const name of ['g++', 'make']) writeFileSync(join(tools, name), '#!/bin/sh\n', { mode: 0o755 });
  for (const name of ['cp', 'sh', 'sleep']) {
    const real = ['/usr/bin', '/bin'].map((folder) => join(folder, name)).find((file) => existsSync(file))!;
    symlinkSync(real, join(tools, name));
  }
  const start: Place['start'] = (args, env = {}) =>
    spawn(process.execPath, [join(root, 'dist', 'cli', 'main.js'), 'build', ...args], {
      cwd: base,
      // Its dependencies are the clone's. With a user's own prefix, CMake itself looks for headers.
      env: { PATH: tools, NODE_PATH: join(clone, 'node_modules'), CMAKE_PREFIX_PATH: '/nowhere', ...env },
    });
  return {
    root,
    calls: () => (existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : []),
    start,
    build: async (args, env) => {
      const child = start(args, env);
      let output = '';
      for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (text) => (output += text));
      const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
      return { code, output };
    },
  };
}

/** Whether a process still runs; one that has ended may remain as a zombie. */
function isAlive(pid: string): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

const COPY = `cp "${join(clone, LOCAL_BUILD)}" "$ROOT/build/Release/"`;

test('configures and builds in a path with spaces, brackets and Chinese, and says what loads', async (t) => {
  const { root, build, calls } = install(t, COPY);
  const { code, output } = await build(['--cuda', 'off', '--jobs', '3']);
  t.is(code, 0, output);
  t.true(output.endsWith(`The engine is built and loads: ${join(root, LOCAL_BUILD)}\n`), output);
  t.true(
    calls()[0]!.startsWith(`-S ${root} -B ${join(root, 'build', 'cmake')} `) &&
      calls()[0]!.endsWith(' -DCHEEMS_CUDA=OFF'),
    calls()[0],
  );
  t.true(
    calls().some((call) => /^--build .*--parallel 3 --target cheems_native$/.test(call)),
    calls().join('\n'),
  );
});

test('what is missing is told before anything is started', async (t) => {
  const { root, build, calls } = install(t, COPY);
  const { code, output } = await build([], { PATH: '/nowhere', CMAKE_PREFIX_PATH: '' });
  t.is(code, 1);
  t.regex(output, /a C\+\+20 compiler, CMake, make \(or ninja\).* missing/);
  t.regex(output, /apt-get install g\+\+ cmake make/);
  t.deepEqual(calls(), []);
  t.false(existsSync(join(root, 'build')));
});

test('a folder that cannot be written is one sentence', async (t) => {
  const { root, build, calls } = install(t, COPY);
  writeFileSync(join(root, 'build'), ''); // also where the tests run as root
  const { code, output } = await build([]);
  t.is(code, 1);
  t.regex(
    output.trim(),
    /^\S.*build.* cannot be written \(E[A-Z]+\): run this as the user who owns .*node_modules\/cheems-native, or install cheems-native in a folder of your own\.$/,
  );
  t.deepEqual(calls(), []);
});

test('a build that fails, and one that does not load, end with an error', async (t) => {
  const failing = await install(t, 'echo "engine.cpp:1: error: expected"; exit 2').build([]);
  t.is(failing.code, 1);
  t.regex(
    failing.output,
    /engine\.cpp:1: error: expected\n[\s\S]*The build of cheems-native failed: see the first error above\./,
  );
  const broken = await install(t, 'echo broken >"$ROOT/build/Release/cheems_native.node"').build([]);
  t.is(broken.code, 1);
  t.regex(broken.output, /is damaged: it is no compiled library/);
});

test('a signal stops the compilers too, and the next call goes on', async (t) => {
  // The compiler is a process of a process of cmake.
  const place = install(
    t,
    `test -e "$ROOT/second" && { ${COPY}; exit; }; sh -c 'echo $$ >"'"$ROOT"'/compiler"; sleep 60; echo late ` +
      `>"'"$ROOT"'/late"'`,
  );
  const child = place.start([]);
  const ended = new Promise((resolve) => child.on('close', (code) => resolve(code)));
  let said = '';
  child.stderr!.on('data', (text) => (said += text));
  const pid = join(place.root, 'compiler');
  while (!existsSync(pid) || readFileSync(pid, 'utf8') === '') await sleep(20);
  child.kill('SIGTERM');
  t.is(await ended, 128 + 15);
  t.regex(said, /Stopped\. What is compiled is kept: the same command continues from here\./);
  const compiler = readFileSync(pid, 'utf8').trim();
  while (isAlive(compiler)) await sleep(20); // else the test's own time ends it
  writeFileSync(join(place.root, 'second'), '');
  t.is((await place.build([])).code, 0);
});
