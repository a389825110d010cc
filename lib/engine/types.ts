// The engine as the rest of the package sees it. Only lib/engine knows that an addon stands behind it.

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
  /** 'bfloat16': round every weight to it before computing, as where a folder is loaded in that dtype; with `float32Copy`, train so over the exact ones. */
  dtype?: Precision;
  /** 0 or absent: one a usable core. */
  numThreads?: number;
  /** Make a new seeded head where the folder has none (training); otherwise such a folder is refused. */
  createHead?: boolean;
  seed?: number;
  /** On the CPU: leave matrices as stored and where they lie, in the mapped files; the same rewards. Scoring only. */
  keep16Bit?: boolean;
  /** Where a folder has more than one reward head: the head's kind, or its tensor's name. */
  rewardHead?: string;
  /** Apply config.json's mean and std to a linear head's rewards (OpenRLHF). Scoring only. */
  normalizeReward?: boolean;
  /** Bytes of the device's memory that `microBatchTokens` of the model leaves; absent: 1 GiB on a GPU, none on the CPU. */
  memoryReserve?: number;
}

/** The head that a folder was found to have (native/model/heads). */
export interface HeadInfo {
  kind: 'linear' | 'relu_layers' | 'gated_attributes' | 'weighted_attributes' | 'label_distribution' | 'process' | (string & {});
  /** The tensor of its last layer: 'score.weight', …; 'new' where there was none. */
  source: string;
  /** A line for people. */
  description: string;
  /** Which tokens of a sample it reads: see `SampleBatch.readouts`. With `every_step` there is one reward for each. */
  readout: 'last_token' | 'prompt_and_last' | 'every_step';
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
  /** How the model reads a sample: a conversation (the default), or question and answer as a pair of texts, of which no beginnings are shared (encoders). */
  sampleForm?: 'conversation' | 'pair';
  /** True where samples may be longer than maxPositionEmbeddings: positions are relative, and all beyond the farthest count alike. */
  anyLength?: boolean;
  /** model_type of what is saved: as `family`, but for families that are saved as another. */
  savedFamily?: string;
  /** config.json's pad_token_id, or its class's, where there is one. */
  padToken?: number;
  /** The token that every sample must end with (config.json's reward_token_id), where there is one. */
  rewardToken?: number;
  /** True for a language model whose config.json ties the output layer to the embedding, but whose files have another one, which is used. */
  keepsOutputLayer?: boolean;
  parameters: number;
}

export interface ScoreOptions extends WorkOptions {
  /** Tokens computed at once: memory, never the result. */
  microBatchTokens?: number;
  sharePrompts?: boolean;
}

export interface ScoreResult {
  /** One a sample; with the readout `every_step` one a readout, sample after sample. */
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
  /** The token whose embedding row gets no gradient, as PyTorch's padding_idx has it; absent or -1: none. */
  paddingToken?: number;
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
  /** Tokens of a micro-batch: those asked for, or what 'auto' came to. */
  microBatchTokens: number;
  /** Bytes of the available memory that the run must leave: what libraries load at their first use. */
  reserveBytes: number;
  /** What is planned for and why: a sentence. */
  deviceChoice: string;
  /** Of training: bytes of a checkpoint's weights and optimiser state. */
  checkpointBytes?: number;
}

/** What a run's record says of its device. */
export interface DeviceFacts {
  /** `name`, `driver`, `cuBLAS`, `SIMD target`, …: what there is of each kind of device. */
  entries: Record<string, string>;
  /** What the bits of results hang on: where this text is the same, they are. */
  arithmetic: string;
}

/** What the user should know of the work that was done: a sentence, and how often it came about. */
export interface EngineNote {
  text: string;
  count: number;
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
  step(batch: SampleBatch, comparisons: ComparisonArrays, optimizer: OptimizerStep, options?: WorkOptions): Promise<StepResult>;
  score(batch: SampleBatch, options?: WorkOptions): Promise<ScoreResult>;
  saveOptimizer(file: string): Promise<void>;
  loadOptimizer(file: string): Promise<void>;
  dispose(): Promise<void>;
}

export interface CausalLoadOptions {
  folder: string;
  /** As of ModelLoadOptions. */
  device?: string;
  numThreads?: number;
  precision?: Precision;
  /** On the CPU: leave matrices as stored and where they lie, in the mapped files; the same numbers. */
  keep16Bit?: boolean;
  /** As of ModelLoadOptions. */
  memoryReserve?: number;
}

export interface GenerationOptions {
  /** Of every prompt, or one for each. A prompt ends earlier where the model's positions do. */
  maxNewTokens: number | readonly number[] | Int32Array;
  /** 0, the default: greedy. */
  temperature?: number;
  /** 0, the default: off. */
  topK?: number;
  /** 1, the default: off. */
  topP?: number;
  seed?: number;
  /** Names each prompt's random stream: its tokens depend on no other prompt. Absent: 0, 1, 2, … */
  sequenceNumbers?: Int32Array;
  /** End a prompt's text and are not part of it. */
  stopTokens?: readonly number[];
  /** Tokens of prompts computed at once: memory, never the result. */
  microBatchTokens?: number;
  /** Tokens of prompts and texts kept at once; absent: as many as are of use, as far as half the available memory goes. Prompts wait for room. */
  cacheTokens?: number;
  /** Bytes of the available memory to leave alone where cacheTokens is absent; absent: 1 GiB on a GPU, none on the CPU. */
  memoryReserve?: number;
  /** Prompts under way at once; 64 by default. */
  maxSequences?: number;
}

export interface GenerationStep {
  /** The new tokens of all prompts, back to back. */
  tokens: Int32Array;
  /** New tokens of each prompt. */
  counts: Int32Array;
  /** 0: goes on (or waits); 1: ended by a stop token; 2: by its length; 3: by the caller. */
  finished: Uint8Array;
}

export interface NextTokens {
  /** `count` ids a prompt, the likeliest first, of equals the lower ids. */
  ids: Int32Array;
  /** Natural logarithms of their probabilities over the whole vocabulary. */
  logProbabilities: Float32Array;
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
  startGeneration(prompts: SampleBatch, options: GenerationOptions, work?: { signal?: AbortSignal }): Promise<EngineGeneration>;
  /** Of all work since the model was loaded; none once it is disposed. */
  notes(): EngineNote[];
  /** The `count` likeliest next tokens of each prompt: one forward pass. */
  nextTokenLogProbabilities(prompts: SampleBatch, options: { count: number; microBatchTokens?: number }, work?: WorkOptions): Promise<NextTokens>;
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

export interface PlanRequest {
  folder: string;
  purpose: 'train' | 'score';
  /** 'auto': on a GPU what fills its memory; absent: the same. */
  microBatchTokens?: number | 'auto';
  /** Tokens that there will ever be at once: what 'auto' need not exceed. */
  mostTokens?: number;
  gradientCheckpointing?: boolean;
  keep16Bit?: boolean;
  precision?: Precision;
  /** As of ModelLoadOptions. */
  dtype?: Precision;
  optimizerState?: Precision;
  /** Tokens of the longest sample: the least that a micro-batch must hold. Absent: as long as a micro-batch. */
  longestSample?: number;
  /** Bytes of the available memory that the run must leave; absent: 1 GiB on a GPU, none on the CPU. */
  memoryReserve?: number;
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
  cuda: CudaInfo;
}

/** What there is of the CUDA backend. Where no plug-in could be taken, `missing` alone says why. */
export interface CudaInfo {
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
  initialise(configFile: string, seed: number, weightsFile: string): Promise<void>;
  planMemory(request: PlanRequest): Promise<MemoryPlan>;
}
