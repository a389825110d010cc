// A program that lifecycle.test.ts runs as a child process: what happens to a whole process can only be seen from
// outside.
//   node engine_process.js SCENE MODEL_FOLDER
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import * as path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { engineSource, type Addon } from '../engine/addon.js';
import { engine } from '../engine/engine.js';
import type { EngineModel } from '../engine/types.js';
import { adamStep, longBatch, neighborPairs, randomBatch } from './small_model.js';

type Scene = (folder: string) => Promise<void>;

const load = (folder: string): Promise<EngineModel> => engine.loadModel({ folder, createHead: true, numThreads: 2 });

/** Resolves with the first progress of work that goes on for much longer. */
function scoringHasBegun(model: EngineModel): Promise<void> {
  return new Promise((resolve, reject) => {
    model.score(longBatch(), { onProgress: () => resolve() }).catch(reject);
  });
}

async function trainingHasBegun(model: EngineModel): Promise<void> {
  const trainer = await model.createTrainer({});
  const batch = longBatch();
  await new Promise<void>((resolve, reject) => {
    trainer.step(batch, neighborPairs(batch.groups.length), adamStep, { onProgress: () => resolve() }).catch(reject);
  });
}

function workerOf(scene: string, folder: string): Worker {
  return new Worker(__filename, { workerData: { scene, folder } });
}

function firstMessage(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

async function collected(condition: () => boolean): Promise<boolean> {
  for (let round = 0; round < 100; round++) {
    globalThis.gc?.();
    if (condition()) return true;
    await sleep(20);
  }
  return false;
}

async function loadAndForget(folder: string, registry: FinalizationRegistry<null>): Promise<void> {
  registry.register(await load(folder), null);
}

const scenes: Record<string, Scene> = {
  async exitWhileScoring(folder) {
    await scoringHasBegun(await load(folder));
    process.exit(7);
  },

  async exitWhileTraining(folder) {
    await trainingHasBegun(await load(folder));
    process.exit(7);
  },

  async exitWhileLoading(folder) {
    void load(folder);
    void engine.readArchitecture(folder);
    process.exit(7);
  },

  // `folder` has the addon and, beside it, a CUDA backend that is slow to open: slowLibrary in lifecycle.test.ts.
  async exitWhileOpeningLibrary(folder) {
    const addon = createRequire(__filename)(path.join(folder, 'cheems_native.node')) as Addon;
    void addon.Model.load({ folder, device: 'cuda' });
    while (!existsSync(path.join(folder, 'opening'))) await sleep(1);
    process.exit(7);
  },

  // As tools do that load modules anew for each test file. The last one's work is stopped like the first one's.
  async loadAgainAndAgain(folder) {
    const addons = Array.from({ length: 12 }, () => {
      const loaded = { exports: {} as Addon };
      process.dlopen(loaded, engineSource().file);
      return loaded.exports;
    });
    void addons[0]!.Model.load({ folder, createHead: true, device: 'cpu' });
    void addons[11]!.Model.load({ folder, createHead: true, device: 'cpu' });
    console.log(process.listenerCount('exit'));
    await sleep(50); // a warning of too many listeners comes with the next tick
    process.exit(7);
  },

  async exceptionWhileScoring(folder) {
    await scoringHasBegun(await load(folder));
    setImmediate(() => {
      throw new Error('thrown on purpose');
    });
  },

  async endWithoutDispose(folder) {
    const model = await load(folder);
    const { rewards } = await model.score(randomBatch(4, 16));
    console.log(rewards.length);
  },

  async terminateWorkers(folder) {
    const model = await load(folder);
    for (let round = 0; round < 6; round++) {
      const worker = workerOf(round % 2 === 0 ? 'workerScores' : 'workerTrains', folder);
      await firstMessage(worker);
      const before = performance.now();
      await worker.terminate();
      const milliseconds = performance.now() - before;
      if (milliseconds > 2000) throw new Error(`terminating took ${milliseconds} ms`);
    }
    const { rewards } = await model.score(randomBatch(4, 16));
    console.log(rewards.length);
    await model.dispose();
  },

  // The addon is loaded in workers alone, and unloaded with each.
  async workersOnly(folder) {
    for (let round = 0; round < 3; round++) {
      const worker = workerOf('workerExits', folder);
      const code = await new Promise((resolve) => worker.once('exit', resolve));
      if (code !== 5) throw new Error(`the worker ended with ${String(code)}`);
    }
    console.log('3');
  },

  async exitWithWorkers(folder) {
    const workers = [workerOf('workerScores', folder), workerOf('workerTrains', folder)];
    await Promise.all(workers.map(firstMessage));
    process.exit(7);
  },

  async collectIdleModels(folder) {
    let finalized = 0;
    const registry = new FinalizationRegistry<null>(() => finalized++);
    for (let round = 0; round < 8; round++) await loadAndForget(folder, registry);
    if (!(await collected(() => finalized === 8))) throw new Error(`${finalized} of 8 models collected`);
    console.log(finalized);
  },

  // Nobody calls for a collection: the memory that models are reported to hold must bring it about.
  async collectUnderPressure(folder) {
    let finalized = 0;
    const registry = new FinalizationRegistry<null>(() => finalized++);
    for (let round = 0; round < 200 && finalized === 0; round++) await loadAndForget(folder, registry);
    console.log(finalized > 0 ? 'collected' : 'never collected');
  },

  // Nobody but the work itself refers to the model and the trainer.
  async collectWhileWorking(folder) {
    const timer = setInterval(() => globalThis.gc?.(), 5);
    const batch = randomBatch(64, 128);
    const score = (await load(folder)).score(batch);
    const trainer = await (await load(folder)).createTrainer({});
    const { rewards } = await score;
    const step = await trainer.step(batch, neighborPairs(64), adamStep);
    clearInterval(timer);
    console.log(rewards.length + step.rewards.length);
  },

  async workerScores(folder) {
    await scoringHasBegun(await load(folder));
    parentPort?.postMessage('begun');
  },

  async workerTrains(folder) {
    await trainingHasBegun(await load(folder));
    parentPort?.postMessage('begun');
  },

  async workerExits(folder) {
    await scoringHasBegun(await load(folder));
    process.exit(5);
  },
};

const { scene, folder } = isMainThread
  ? { scene: process.argv[2] ?? '', folder: process.argv[3] ?? '' }
  : (workerData as { scene: string; folder: string });
const run = scenes[scene];
if (run === undefined) throw new Error(`unknown scene ${scene}`);
run(folder).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
