// The engine as the rest of the package sees it. Only lib/engine knows that an addon stands behind it.
// Options, results, defaults and enums come from the descriptions in C++ (types.generated.ts).
import type {
  ArchitectureInfo,
  CausalLoadOptions,
  EngineNote,
  GenerationOptions,
  GenerationStep,
  HeadInfo,
  MemoryPlanEntry,
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

/** Token sequences back to back, grouped by the prompt that they share. */
export interface SampleBatch {
  /** All ids; sample s is `tokens.subarray(offsets[s], offsets[s + 1])`. */
  tokens: Int32Array;
  /** One more entry than there are samples; the first is 0. */
  offsets: Int32Array;
  /** The number of each sample's prompt; samples of one prompt stand next to each other. */
  groups: Int32Array;
  /** Places in its sample that the model's head reads: those of sample s are `readouts.subarray(readoutOffsets[s], readoutOffsets[s + 1])`. Absent: the last token. */
  readouts?: Int32Array;
  readoutOffsets?: Int32Array;
}

export interface WorkOptions {
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

export type ScoreOptions = WorkOptions & ScorerOptions;

/** The memory that a run needs. */
export interface MemoryPlan {
  entries: MemoryPlanEntry[];
  totalBytes: number;
  /** null where the device that is planned for is not here. */
  availableBytes: number | null;
  /** Tokens of a micro-batch: those asked for, or what 'auto' came to. */
  microBatchTokens: number;
  /** Bytes of the available memory that the run must leave: what libraries load at their first use. */
  reserveBytes: number;
  /** What is planned for and why: a sentence. */
  deviceChoice: string;
  /** Of training: bytes of a checkpoint's weights and optimizer state. */
  checkpointBytes?: number;
}

/** What a run's record says of its device. */
export interface DeviceFacts {
  /** `name`, `driver`, `cuBLAS`, `SIMD target`, …: what there is of each kind of device. */
  entries: Record<string, string>;
  /** What the bits of results hang on: where this text is the same, they are. */
  arithmetic: string;
}

/** A model in the engine's memory. All work runs on the engine's own thread, one piece after another. */
export interface EngineModel {
  readonly architecture: ArchitectureInfo;
  readonly head: HeadInfo;
  /** 'cpu', 'cuda:0', … */
  readonly device: string;
  /** What was taken and why: a sentence. */
  readonly deviceChoice: string;
  readonly deviceFacts: DeviceFacts;
  readonly precision: Precision;
  /** Tokens of a micro-batch that score with this model on its device when nobody says how many. */
  readonly microBatchTokens: number;
  readonly disposed: boolean;
  score(batch: SampleBatch, options?: ScoreOptions): Promise<ScoreResult>;
  /**
   * Writes the weights as one safetensors file; folder layout and atomicity are the caller's. `held`: each tensor in the dtype
   * that it has in memory, so that nothing is lost and nothing widened. Float32 by default.
   */
  saveWeights(file: string, dtype?: Precision | 'held'): Promise<void>;
  createTrainer(options: TrainerOptions): Promise<EngineTrainer>;
  /** Of all work since the model was loaded, its trainers' too; none once it is disposed. */
  notes(): EngineNote[];
  /** Frees the memory once running work has stopped; later calls reject. */
  dispose(): Promise<void>;
}

/** What is known of P pairs of a batch's samples. Without an array all pairs have its default. */
export interface ComparisonArrays {
  /** [2 P]: the two samples of each pair, alternating. */
  pairs: Int32Array;
  /** [P]: the probability that the first is the better one; 1 by default. */
  targets?: Float32Array;
  /** [P]: how much the pair counts; 1 by default. */
  weights?: Float32Array;
  /** [P]: by how much the first one's reward should exceed the second's; 0 by default. */
  margins?: Float32Array;
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

/** A language model in the engine's memory. All work runs on the engine's own thread, one piece after another. */
export interface EngineCausalModel {
  readonly architecture: ArchitectureInfo;
  readonly device: string;
  readonly deviceChoice: string;
  readonly precision: Precision;
  /** Tokens of prompts computed at once when nobody says how many. */
  readonly microBatchTokens: number;
  readonly disposed: boolean;
  /** Takes the memory for all prompts; several generations may go on at once. An aborted start is freed by the garbage collector. */
  startGeneration(
    prompts: SampleBatch,
    options: GenerationOptions,
    work?: { signal?: AbortSignal },
  ): Promise<EngineGeneration>;
  /** Of all work since the model was loaded; none once it is disposed. */
  notes(): EngineNote[];
  /** The `count` likeliest next tokens of each prompt: one forward pass. */
  nextTokenLogProbabilities(prompts: SampleBatch, options: NextTokenOptions, work?: WorkOptions): Promise<NextTokens>;
  /** Frees the memory once running work has stopped, that of its generations too; later calls reject. */
  dispose(): Promise<void>;
}

export interface EngineGeneration {
  /**
   * At most `steps` new tokens for each prompt; prompts in `stop` are ended first. What an aborted call had done comes with the next one.
   * Rejects once every prompt has ended.
   */
  advance(steps: number, options?: WorkOptions & { stop?: readonly number[] }): Promise<GenerationStep>;
  dispose(): Promise<void>;
}

export type PlanRequest = Omit<PlanningOptions, 'microBatchTokens'> & {
  /** 'auto': on a GPU what fills its memory; absent: the same. */
  microBatchTokens?: number | 'auto' | undefined;
};

/** The engine that is loaded, and what it runs on. */
export interface EngineInfo {
  version: string;
  compiler: string;
  /** SIMD target chosen at run time, and those compiled in. */
  simdTarget: string;
  cpuFeatures: string[];
  numThreads: number;
  backends: { name: string; found: boolean; detail: string }[];
  cuda: CudaInfo;
}

/** What there is of the CUDA backend. Where no plug-in could be taken, `missing` alone says why. */
interface CudaInfo {
  /** The plug-in's file, and the version of the package that it is part of. */
  file?: string;
  version?: string;
  /** What it holds machine code and PTX for: "sm_80 sm_90 PTX 8.0". */
  images?: string;
  /** What compiled it: "CUDA 13.0". */
  toolkit?: string;
  /** "580.65.06, runs CUDA 13.0"; absent where no driver is installed. */
  driver?: string;
  /** NVIDIA's libraries that it would use, and where they lie. */
  libraries: { name: string; version: string; file: string }[];
  /** What is missing, a sentence each. */
  missing: string[];
}

/** lib/engine/engine.ts exports an object of this shape as `engine`. */
export interface Engine {
  info(): EngineInfo;
  readArchitecture(folder: string): Promise<ArchitectureInfo>;
  loadModel(options: ModelLoadOptions, work?: WorkOptions): Promise<EngineModel>;
  loadCausalModel(options: CausalLoadOptions, work?: WorkOptions): Promise<EngineCausalModel>;
  /** Random weights for a folder whose config.json stands there already. */
  initialize(configFile: string, seed: number, weightsFile: string): Promise<void>;
  planMemory(request: PlanRequest): Promise<MemoryPlan>;
}
