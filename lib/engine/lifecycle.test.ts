// The engine's thread against the life of processes, workers and the garbage collector.
import test from 'ava';
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import * as path from 'node:path';
import { makeSmallModel } from '../testing/small_model.js';

interface Outcome {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

const program = path.join(__dirname, '..', 'testing', 'engine_process.js');
let folder: string;

// One after another: these start processes and worker threads enough.
test.before(async () => {
  folder = await makeSmallModel();
});
test.after.always(() => rm(path.dirname(folder), { recursive: true, force: true }));

function runScene(scene: string, nodeOptions: string[] = []): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [...nodeOptions, program, scene, folder], { timeout: 120_000 },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr }));
  });
}

for (const scene of ['exitWhileScoring', 'exitWhileTraining', 'exitWhileLoading', 'exitWithWorkers']) {
  test.serial(`process.exit is clean: ${scene}`, async (t) => {
    for (let round = 0; round < 3; round++) {
      t.deepEqual(await runScene(scene), { code: 7, signal: null, stdout: '', stderr: '' });
    }
  });
}

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
  t.deepEqual(await runScene('collectIdleModels', ['--expose-gc']), { code: 0, signal: null, stdout: '8\n', stderr: '' });
});

test.serial('the garbage collector knows the weight of models', async (t) => {
  t.deepEqual(await runScene('collectUnderPressure'), { code: 0, signal: null, stdout: 'collected\n', stderr: '' });
});

test.serial('work in progress keeps its model and trainer from being collected', async (t) => {
  t.deepEqual(await runScene('collectWhileWorking', ['--expose-gc']), { code: 0, signal: null, stdout: '128\n', stderr: '' });
});
