// The engine's thread when processes and workers end, and with the garbage collector.
import test from 'ava';
import { execFile, execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import * as path from 'node:path';
import { engineSource } from './addon';
import { makeSmallModel } from '../testing/small_model';

interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

const program = path.join(__dirname, '..', 'testing', 'engine_process.js');
let folder: string;

// Serial: these start many processes and worker threads.
test.before(async () => {
  folder = await makeSmallModel();
});
test.after.always(() => rm(path.dirname(folder), { recursive: true, force: true }));

function runScene(scene: string, nodeOptions: string[] = [], sceneFolder = folder): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [...nodeOptions, program, scene, sceneFolder],
      { timeout: 120_000 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr }),
    );
  });
}

for (const scene of ['exitWhileScoring', 'exitWhileTraining', 'exitWhileLoading', 'exitWithWorkers']) {
  test.serial(`process.exit is clean: ${scene}`, async (t) => {
    for (let round = 0; round < 3; round++) {
      t.deepEqual(await runScene(scene), { code: 7, signal: null, stdout: '', stderr: '' });
    }
  });
}

// What CUDA's runtime does in its constructors and at exit, but slow. It writes to `directory` when it begins.
const slowLibrary = (directory: string): string => `
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
static volatile int torn_down;
static void tear_down(void) { torn_down = 1; }
__attribute__((constructor)) static void set_up(void) {
  atexit(tear_down);
  close(open(${JSON.stringify(path.join(directory, 'opening'))}, O_CREAT | O_WRONLY, 0600));
  usleep(300000);
  if (torn_down) abort();
}
`;

test.serial('process.exit waits for a library that is being opened', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'cheems-slow-library-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  await copyFile(engineSource().file, path.join(directory, 'cheems_native.node'));
  await writeFile(path.join(directory, 'slow.c'), slowLibrary(directory));
  const library = path.join(directory, 'libcheems_cuda.so');
  execFileSync(process.env['CC'] ?? 'gcc', ['-shared', '-fPIC', '-o', library, path.join(directory, 'slow.c')]);
  const outcome = await runScene('exitWhileOpeningLibrary', [], directory);
  t.deepEqual(outcome, { code: 7, signal: null, stdout: '', stderr: '' });
});

test.serial('an addon that is loaded again and again listens for the exit once', async (t) => {
  t.deepEqual(await runScene('loadAgainAndAgain'), { code: 7, signal: null, stdout: '1\n', stderr: '' });
});

test.serial('an uncaught exception ends the process in the middle of work as node would', async (t) => {
  const { code, signal, stderr } = await runScene('exceptionWhileScoring');
  t.deepEqual({ code, signal }, { code: 1, signal: null });
  t.regex(stderr, /thrown on purpose/);
});

test.serial('a process ends by itself with a model still loaded', async (t) => {
  t.deepEqual(await runScene('endWithoutDispose'), { code: 0, signal: null, stdout: '4\n', stderr: '' });
});

test.serial('workers are terminated in the middle of scoring and training, and the others go on', async (t) => {
  t.deepEqual(await runScene('terminateWorkers'), { code: 0, signal: null, stdout: '4\n', stderr: '' });
});

test.serial('workers that alone loaded the engine exit in the middle of work', async (t) => {
  t.deepEqual(await runScene('workersOnly'), { code: 0, signal: null, stdout: '3\n', stderr: '' });
});

test.serial('models that nobody refers to are collected', async (t) => {
  t.deepEqual(await runScene('collectIdleModels', ['--expose-gc']), {
    code: 0,
    signal: null,
    stdout: '8\n',
    stderr: '',
  });
});

test.serial('the garbage collector knows the weight of models', async (t) => {
  t.deepEqual(await runScene('collectUnderPressure'), { code: 0, signal: null, stdout: 'collected\n', stderr: '' });
});

test.serial('work in progress keeps its model and trainer from being collected', async (t) => {
  t.deepEqual(await runScene('collectWhileWorking', ['--expose-gc']), {
    code: 0,
    signal: null,
    stdout: '128\n',
    stderr: '',
  });
});
