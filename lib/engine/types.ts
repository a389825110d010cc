// The engine as the rest of the package sees it. Only lib/engine knows that an addon stands behind it.

/** Token sequences back to back, grouped by the prompt that they share. */
export interface SampleBatch {
  /** All ids; sample s is `tokens.subarray(offsets[s], offsets[s + 1])`. */
  tokens: Int32Array;
  /** One more entry than there are samples; the first is 0. */
  offsets: Int32Array;
  /** The number of each sample's prompt; samples of one prompt stand next to each other. */
  groups: Int32Array;
}

export interface Progress {
  /** Samples. */
  done: number;
  total: number;
  /** Tokens computed so far, each shared prompt counted once. */
  tokens: number;
}

export interface WorkOptions {
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

export type Precision = 'float32' | 'bfloat16';

export interface ModelLoadOptions {
  folder: string;
  /** 'auto', 'cpu', 'cuda' or 'cuda:<number>'. */
  device?: string;
  /** Of the activations and the matrices that they meet; absent: bfloat16 on a GPU, float32 on the CPU. */
  precision?: Precision;
  /** Training with 16-bit weights and float32 optimiser state: keep the weights in float32 too. */
  float32Copy?: boolean;
  /** 0 or absent: one a usable core. */
  numThreads?: number;
  /** Make a new seeded head where the folder has none (training); otherwise such a folder is refused. */
  createHead?: boolean;
  seed?: number;
  /** Keep bfloat16/float16 matrices as stored: half the memory, the same rewards. Scoring only. */
  keep16Bit?: boolean;
}

/** What a folder's config.json says; sizes in elements. */
export interface ArchitectureInfo {
  family: string;
  classPrefix: string;
  hiddenSize: number;
  intermediateSize: number;
  numLayers: number;
  numHeads: number;
  numKeyValueHeads: number;
  headSize: number;
  vocabSize: number;
  maxPositionEmbeddings: number;
  parameters: number;
}

export interface ScoreOptions extends WorkOptions {
  /** Tokens computed at once: memory, never the result. */
  microBatchTokens?: number;
  sharePrompts?: boolean;
}

export interface ScoreResult {
  rewards: Float32Array;
  computedTokens: number;
}

export interface TrainerOptions {
  microBatchTokens?: number;
  gradientCheckpointing?: boolean;
  sharePrompts?: boolean;
  /** Of gradients and moments: 'float32' (the default), or 'bfloat16' with bfloat16 weights, rounded stochastically. */
  optimizerState?: Precision;
  /** Of the stochastic rounding. */
  seed?: number;
  regCoef?: number;
}

export interface OptimizerStep {
  /** 1 for the first update. */
  step: number;
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  weightDecay: number;
  /** 0 or less: no clipping. */
  maxGradNorm: number;
}

export interface StepResult {
  loss: number;
  rankingLoss: number;
  regulariser: number;
  gradientNorm: number;
  rewards: Float32Array;
  computedTokens: number;
  microBatches: number;
}

export interface MemoryPlanEntry {
  name: string;
  kind: 'weights' | 'gradients' | 'optimiser' | 'activations' | 'workspace';
  bytes: number;
}

export interface MemoryPlan {
  entries: MemoryPlanEntry[];
  totalBytes: number;
  /** null where the device that is planned for is not here. */
  availableBytes: number | null;
  /** What is planned for and why: a sentence. */
  deviceChoice: string;
}

/** A model in the engine's memory. All work runs on the engine's own thread, one piece after another. */
export interface EngineModel {
  readonly architecture: ArchitectureInfo;
  /** 'score.weight', 'v_head.weight' or 'new'. */
  readonly headSource: string;
  /** 'cpu', 'cuda:0', … */
  readonly device: string;
  /** What was taken and why: a sentence. */
  readonly deviceChoice: string;
  readonly precision: Precision;
  readonly disposed: boolean;
  score(batch: SampleBatch, options?: ScoreOptions): Promise<ScoreResult>;
  /** Writes the weights as one safetensors file; folder layout and atomicity are the caller's. */
  saveWeights(file: string, dtype?: Precision): Promise<void>;
  createTrainer(options: TrainerOptions): Promise<EngineTrainer>;
  /** Frees the memory once running work has stopped; later calls reject. */
  dispose(): Promise<void>;
}

export interface EngineTrainer {
  step(batch: SampleBatch, pairs: Int32Array, optimizer: OptimizerStep, options?: WorkOptions): Promise<StepResult>;
  score(batch: SampleBatch, options?: WorkOptions): Promise<ScoreResult>;
  saveOptimizer(file: string): Promise<void>;
  loadOptimizer(file: string): Promise<void>;
  dispose(): Promise<void>;
}

export interface PlanRequest {
  folder: string;
  purpose: 'train' | 'score';
  microBatchTokens?: number;
  gradientCheckpointing?: boolean;
  keep16Bit?: boolean;
  precision?: Precision;
  optimizerState?: Precision;
  /** Tokens of the longest sample: the least that a micro-batch must hold. */
  longestSample: number;
  numThreads?: number;
  device?: string;
}

export interface EngineInfo {
  version: string;
  compiler: string;
  /** SIMD target chosen at run time, and those compiled in. */
  simdTarget: string;
  cpuFeatures: string[];
  numThreads: number;
  backends: { name: string; found: boolean; detail: string }[];
}

/** lib/engine/index.ts exports an object of this shape as `engine`. */
export interface Engine {
  info(): EngineInfo;
  readArchitecture(folder: string): Promise<ArchitectureInfo>;
  loadModel(options: ModelLoadOptions, work?: WorkOptions): Promise<EngineModel>;
  /** Random weights for a folder whose config.json stands there already. */
  initialise(configFile: string, seed: number, weightsFile: string): Promise<void>;
  planMemory(request: PlanRequest): Promise<MemoryPlan>;
}
