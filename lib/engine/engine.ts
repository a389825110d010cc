// The one typed door to the engine: abort signals, devices and disposal over the addon's calls.
import {
  addon,
  type CausalHandle,
  type GenerationHandle,
  type ModelHandle,
  type NativeWork,
  type TrainerHandle,
} from './addon';
import type {
  ArchitectureInfo,
  CausalLoadOptions,
  EngineNote,
  GenerationOptions,
  GenerationStep,
  HeadInfo,
  ModelLoadOptions,
  NextTokenOptions,
  NextTokens,
  OptimizerStep,
  Precision,
  ScoreResult,
  StepResult,
  TrainerOptions,
} from './types.generated';
import type {
  ComparisonArrays,
  DeviceFacts,
  Engine,
  EngineCausalModel,
  EngineGeneration,
  EngineInfo,
  EngineModel,
  EngineTrainer,
  MemoryPlan,
  PlanRequest,
  SampleBatch,
  ScoreOptions,
  WorkOptions,
} from './types';
import { unlessAborted } from '../support/abort';
import { asEngineError } from './errors';

/**
 * Starts work and awaits it; an abort of the signal stops it. The promise rejects with the signal's reason once the
 * work has stopped, and resolves when the abort came too late: a training step either happened or it did not.
 */
async function run<T>(signal: AbortSignal | undefined, begin: () => NativeWork<T>): Promise<T> {
  signal?.throwIfAborted();
  let cancel: (() => void) | undefined;
  try {
    const work = begin();
    cancel = work.cancel;
    signal?.addEventListener('abort', cancel, { once: true });
    return await work.promise;
  } catch (error) {
    throw signal?.aborted === true && isAbort(error) ? signal.reason : asEngineError(error);
  } finally {
    if (cancel) signal?.removeEventListener('abort', cancel);
  }
}

/** As `run`, for work that cannot stop half-way but whose result may be thrown away: an abort rejects at once. */
function runOrAbandon<T>(signal: AbortSignal | undefined, begin: () => NativeWork<T>): Promise<T> {
  return unlessAborted(run(signal, begin), signal);
}

function isAbort(error: unknown): boolean {
  return (error as { name?: unknown } | null | undefined)?.name === 'AbortError';
}

class Model implements EngineModel {
  #disposed = false;

  constructor(
    private readonly handle: ModelHandle,
    readonly architecture: ArchitectureInfo,
    readonly head: HeadInfo,
    readonly device: string,
    readonly deviceChoice: string,
    readonly deviceFacts: DeviceFacts,
    readonly precision: Precision,
    readonly microBatchTokens: number,
  ) {}

  get disposed(): boolean {
    return this.#disposed;
  }

  score(batch: SampleBatch, options: ScoreOptions = {}): Promise<ScoreResult> {
    const { signal, onProgress, ...scoreOptions } = options;
    return run(signal, () => addon().score(this.handle, batch, scoreOptions, onProgress));
  }

  saveWeights(file: string, dtype: Precision | 'held' = 'float32'): Promise<void> {
    return run(undefined, () => addon().saveWeights(this.handle, file, dtype));
  }

  async createTrainer(options: TrainerOptions): Promise<EngineTrainer> {
    return new Trainer(await run(undefined, () => addon().createTrainer(this.handle, options)));
  }

  notes(): EngineNote[] {
    return addon().modelNotes(this.handle);
  }

  dispose(): Promise<void> {
    this.#disposed = true;
    return run(undefined, () => addon().disposeModel(this.handle));
  }
}

class Trainer implements EngineTrainer {
  constructor(private readonly handle: TrainerHandle) {}

  step(
    batch: SampleBatch,
    comparisons: ComparisonArrays,
    optimizer: OptimizerStep,
    options: WorkOptions = {},
  ): Promise<StepResult> {
    return run(options.signal, () => addon().trainStep(this.handle, batch, comparisons, optimizer, options.onProgress));
  }

  score(batch: SampleBatch, options: WorkOptions = {}): Promise<ScoreResult> {
    return run(options.signal, () => addon().trainerScore(this.handle, batch, options.onProgress));
  }

  saveOptimizer(file: string): Promise<void> {
    return run(undefined, () => addon().saveOptimizer(this.handle, file));
  }

  loadOptimizer(file: string): Promise<void> {
    return run(undefined, () => addon().loadOptimizer(this.handle, file));
  }

  dispose(): Promise<void> {
    return run(undefined, () => addon().disposeTrainer(this.handle));
  }
}

class CausalModel implements EngineCausalModel {
  #disposed = false;

  constructor(
    private readonly handle: CausalHandle,
    readonly architecture: ArchitectureInfo,
    readonly device: string,
    readonly deviceChoice: string,
    readonly precision: Precision,
    readonly microBatchTokens: number,
  ) {}

  get disposed(): boolean {
    return this.#disposed;
  }

  async startGeneration(
    prompts: SampleBatch,
    options: GenerationOptions,
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<EngineGeneration> {
    return new Generation(await runOrAbandon(signal, () => addon().startGeneration(this.handle, prompts, options)));
  }

  nextTokenLogProbabilities(
    prompts: SampleBatch,
    options: NextTokenOptions,
    work: WorkOptions = {},
  ): Promise<NextTokens> {
    return run(work.signal, () => addon().nextTokens(this.handle, prompts, options, work.onProgress));
  }

  notes(): EngineNote[] {
    return addon().causalModelNotes(this.handle);
  }

  dispose(): Promise<void> {
    this.#disposed = true;
    return run(undefined, () => addon().disposeCausalModel(this.handle));
  }
}

class Generation implements EngineGeneration {
  constructor(private readonly handle: GenerationHandle) {}

  advance(
    steps: number,
    { stop, signal, onProgress }: WorkOptions & { stop?: readonly number[] } = {},
  ): Promise<GenerationStep> {
    return run(signal, () => addon().advanceGeneration(this.handle, steps, stop, onProgress));
  }

  dispose(): Promise<void> {
    return run(undefined, () => addon().disposeGeneration(this.handle));
  }
}

export const engine: Engine = {
  info(): EngineInfo {
    return addon().info();
  },

  readArchitecture(folder: string): Promise<ArchitectureInfo> {
    return run(undefined, () => addon().readArchitecture(folder));
  },

  async loadModel(options: ModelLoadOptions, work: WorkOptions = {}): Promise<EngineModel> {
    const loaded = await runOrAbandon(work.signal, () => addon().loadModel(options));
    const { handle, architecture, head, device, deviceChoice, deviceFacts, precision, microBatchTokens } = loaded;
    return new Model(handle, architecture, head, device, deviceChoice, deviceFacts, precision, microBatchTokens);
  },

  async loadCausalModel(options: CausalLoadOptions, work: WorkOptions = {}): Promise<EngineCausalModel> {
    const { handle, architecture, device, deviceChoice, precision, microBatchTokens } = await runOrAbandon(
      work.signal,
      () => addon().loadCausalModel(options),
    );
    return new CausalModel(handle, architecture, device, deviceChoice, precision, microBatchTokens);
  },

  initialize(configFile: string, seed: number, weightsFile: string): Promise<void> {
    return run(undefined, () => addon().initialize({ configFile, seed, weightsFile }));
  },

  async planMemory({ microBatchTokens = 'auto', ...request }: PlanRequest): Promise<MemoryPlan> {
    return run(undefined, () =>
      addon().planMemory({ ...request, ...(microBatchTokens === 'auto' ? {} : { microBatchTokens }) }),
    );
  },
};
