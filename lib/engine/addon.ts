// The compiled addon's functions, described here and nowhere else; loader.ts finds it.
import { provideFileLocker } from '../files/kernel_lock';
import { packageFolder } from '../support/package_folder';
import { cudaPackage, loadEngine, type EngineSource } from './loader';
import type {
  ArchitectureInfo,
  CausalLoadOptions,
  EngineNote,
  GenerationOptions,
  GenerationStep,
  HeadInfo,
  InitializeOptions,
  ModelLoadOptions,
  NextTokenOptions,
  NextTokens,
  OptimizerStep,
  PlanningOptions,
  Precision,
  Progress,
  ScoreResult,
  ScorerOptions,
  StepResult,
  TrainerOptions,
} from './types.generated';
import type { ComparisonArrays, DeviceFacts, EngineInfo, MemoryPlan, SampleBatch } from './types';

/** Work on the engine's thread; `cancel` lets the promise reject with an AbortError as soon as the work has stopped. */
export interface NativeWork<T> {
  promise: Promise<T>;
  cancel: () => void;
}

declare const handle: unique symbol;
/** Opaque: the addon checks what it is given. Its memory is freed when it is disposed or collected. */
export interface ModelHandle {
  readonly [handle]: 'model';
}
export interface TrainerHandle {
  readonly [handle]: 'trainer';
}
export interface CausalHandle {
  readonly [handle]: 'language model';
}
export interface GenerationHandle {
  readonly [handle]: 'generation';
}

interface LoadedModel {
  handle: ModelHandle;
  architecture: ArchitectureInfo;
  head: HeadInfo;
  device: string;
  /** Why this device, where it was left open: a sentence. */
  deviceChoice: string;
  deviceFacts: DeviceFacts;
  precision: Precision;
  microBatchTokens: number;
}

interface LoadedCausalModel {
  handle: CausalHandle;
  architecture: ArchitectureInfo;
  device: string;
  deviceChoice: string;
  precision: Precision;
  microBatchTokens: number;
}

type OnProgress = ((progress: Progress) => void) | undefined;

/** The addon's exports. Arguments that do not fit throw at once; everything else comes through the promises. */
export interface Addon {
  info(): EngineInfo;
  /** What types.generated.ts is made of, as JSON. */
  schema(): string;
  /** A folder in which a package brought libcheems_cuda.so: looked into after the addon's own. */
  addPluginFolder(folder: string): void;
  /** flock(2), without waiting, of a file that is open for writing: 0, or the system's error number. */
  lockFile: (descriptor: number) => number;
  readArchitecture(folder: string): NativeWork<ArchitectureInfo>;
  initialize(options: InitializeOptions): NativeWork<void>;
  /** Without microBatchTokens: what fills the memory. */
  planMemory(request: PlanningOptions): NativeWork<MemoryPlan>;
  loadModel(options: ModelLoadOptions): NativeWork<LoadedModel>;
  score(
    model: ModelHandle,
    batch: SampleBatch,
    options: ScorerOptions,
    onProgress: OnProgress,
  ): NativeWork<ScoreResult>;
  saveWeights(model: ModelHandle, file: string, dtype?: Precision | 'held'): NativeWork<void>;
  modelNotes(model: ModelHandle): EngineNote[];
  disposeModel(model: ModelHandle): NativeWork<void>;
  createTrainer(model: ModelHandle, options: TrainerOptions): NativeWork<TrainerHandle>;
  trainStep(
    trainer: TrainerHandle,
    batch: SampleBatch,
    comparisons: ComparisonArrays,
    optimizer: OptimizerStep,
    onProgress: OnProgress,
  ): NativeWork<StepResult>;
  trainerScore(trainer: TrainerHandle, batch: SampleBatch, onProgress: OnProgress): NativeWork<ScoreResult>;
  saveOptimizer(trainer: TrainerHandle, file: string): NativeWork<void>;
  loadOptimizer(trainer: TrainerHandle, file: string): NativeWork<void>;
  disposeTrainer(trainer: TrainerHandle): NativeWork<void>;
  loadCausalModel(options: CausalLoadOptions): NativeWork<LoadedCausalModel>;
  nextTokens(
    model: CausalHandle,
    prompts: SampleBatch,
    options: NextTokenOptions,
    onProgress: OnProgress,
  ): NativeWork<NextTokens>;
  causalModelNotes(model: CausalHandle): EngineNote[];
  disposeCausalModel(model: CausalHandle): NativeWork<void>;
  startGeneration(model: CausalHandle, prompts: SampleBatch, options: GenerationOptions): NativeWork<GenerationHandle>;
  advanceGeneration(
    generation: GenerationHandle,
    steps: number,
    stop: readonly number[] | undefined,
    onProgress: OnProgress,
  ): NativeWork<GenerationStep>;
  disposeGeneration(generation: GenerationHandle): NativeWork<void>;
}

let loaded: { addon: Addon; source: EngineSource } | undefined;

/** Loads the addon at its first use, so that what needs no engine (`--help`, reading data) works without a build. */
function load(): { addon: Addon; source: EngineSource } {
  if (loaded !== undefined) return loaded;
  const root = packageFolder();
  const { addon, source } = loadEngine(root) as { addon: Addon; source: EngineSource };
  const cuda = cudaPackage(root);
  if (cuda !== undefined) addon.addPluginFolder(cuda.folder);
  if (cuda?.remark !== undefined) source.remarks.push(cuda.remark);
  loaded = { addon, source };
  return loaded;
}

export const addon = (): Addon => load().addon;

provideFileLocker(() => addon().lockFile);

/** Which file the engine came from. */
export const engineSource = (): EngineSource => load().source;
