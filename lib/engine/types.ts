// The engine as the rest of the package sees it. Only lib/engine knows that it is an addon, whose classes
// (bindings/*_object.h) are Model, Trainer, CausalModel and Generation. Options, arrays, results, defaults and enums
// come from the descriptions in C++ (types.generated.ts).
import type {
  ArchitectureInfo,
  CausalLoadOptions,
  CausalModelInfo,
  ComparisonArrays,
  EngineInfo,
  EngineNote,
  GenerationOptions,
  GenerationStep,
  MemoryPlan,
  ModelInfo,
  ModelLoadOptions,
  NextTokenOptions,
  NextTokens,
  OptimizerStep,
  PlanningOptions,
  Precision,
  Progress,
  SampleBatch,
  ScoreResult,
  ScorerOptions,
  StepResult,
  TrainerOptions,
} from './types.generated';

export interface WorkOptions {
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

export type ScoreOptions = WorkOptions & ScorerOptions;

/** A model in the engine's memory. All work runs on the engine's own thread, one call after another. */
export interface EngineModel extends Readonly<ModelInfo> {
  readonly disposed: boolean;
  score(batch: SampleBatch, options?: ScoreOptions): Promise<ScoreResult>;
  /**
   * Writes the weights as one safetensors file; folder layout and atomicity are the caller's responsibility. `held`:
   * each tensor in the dtype that it has in memory, neither rounded nor widened. Float32 by default.
   */
  saveWeights(file: string, dtype?: Precision | 'held'): Promise<void>;
  createTrainer(options: TrainerOptions): Promise<EngineTrainer>;
  /** Notes on all work since the model was loaded, including that of its trainers; empty once it is disposed. */
  notes(): EngineNote[];
  /** Frees the memory once running work has stopped; later calls reject. */
  dispose(): Promise<void>;
}

export interface EngineTrainer {
  step(
    batch: SampleBatch,
    comparisons: ComparisonArrays,
    optimizer: OptimizerStep,
    options?: WorkOptions,
  ): Promise<StepResult>;
  score(batch: SampleBatch, options?: WorkOptions): Promise<ScoreResult>;
  saveOptimizer(file: string): Promise<void>;
  loadOptimizer(file: string): Promise<void>;
  dispose(): Promise<void>;
}

/** A language model in the engine's memory. All work runs on the engine's own thread, one call after another. */
export interface EngineCausalModel extends Readonly<CausalModelInfo> {
  readonly disposed: boolean;
  /**
   * Allocates the memory for all prompts; several generations may run at once. The memory of an aborted start is freed
   * by the garbage collector.
   */
  startGeneration(
    prompts: SampleBatch,
    options: GenerationOptions,
    work?: { signal?: AbortSignal },
  ): Promise<EngineGeneration>;
  /** Notes on all work since the model was loaded; empty once it is disposed. */
  notes(): EngineNote[];
  /** The `count` most likely next tokens of each prompt, from one forward pass. */
  nextTokenLogProbabilities(prompts: SampleBatch, options: NextTokenOptions, work?: WorkOptions): Promise<NextTokens>;
  /** Frees the memory, including that of its generations, once running work has stopped; later calls reject. */
  dispose(): Promise<void>;
}

export interface EngineGeneration {
  /**
   * Generates at most `steps` new tokens for each prompt; prompts in `stop` are ended first. Tokens of an aborted call
   * are returned by the next one. Rejects once every prompt has ended.
   */
  advance(steps: number, options?: WorkOptions & { stop?: readonly number[] }): Promise<GenerationStep>;
  dispose(): Promise<void>;
}

export type PlanRequest = Omit<PlanningOptions, 'microBatchTokens'> & {
  /** 'auto', the default: on a GPU as many as fill its memory. */
  microBatchTokens?: number | 'auto' | undefined;
};

/** lib/engine/engine.ts exports an object of this shape as `engine`. */
export interface Engine {
  info(): EngineInfo;
  readArchitecture(folder: string): Promise<ArchitectureInfo>;
  loadModel(options: ModelLoadOptions, work?: WorkOptions): Promise<EngineModel>;
  loadCausalModel(options: CausalLoadOptions, work?: WorkOptions): Promise<EngineCausalModel>;
  /** Writes random weights for a folder that already has a config.json. */
  initialize(configFile: string, seed: number, weightsFile: string): Promise<void>;
  planMemory(request: PlanRequest): Promise<MemoryPlan>;
}
