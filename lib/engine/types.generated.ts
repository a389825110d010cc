// Made by scripts/generate/generate_engine_types.cjs from the descriptions in C++: change those, build, and run it again.

export type Precision = 'float32' | 'bfloat16';
export type Readout = 'last_token' | 'prompt_and_last' | 'every_step';

export const Finish = { running: 0, stopToken: 1, length: 2, byCaller: 3 } as const;

export interface ScorerOptions {
  /** Tokens computed at once; affects memory, not the result. Default: 8192. */
  microBatchTokens?: number | undefined;
  /** Compute the common prefixes of a prompt's samples only once. Default: true. */
  sharePrompts?: boolean | undefined;
}

export interface TrainerOptions {
  /** Tokens computed at once; affects memory, not the result (except for float32 rounding). Default: 4096. */
  microBatchTokens?: number | undefined;
  /** Keep only the input of each layer, and recompute the layer in the backward pass. Default: false. */
  gradientCheckpointing?: boolean | undefined;
  /** Compute the common prefixes of a prompt's samples only once. Default: true. */
  sharePrompts?: boolean | undefined;
  /**
   * Dtype of gradients and moments; `bfloat16` needs bfloat16 weights, which are then rounded stochastically.
   * Default: "float32".
   */
  optimizerState?: Precision | undefined;
  /** Seed of the stochastic rounding. Default: 0. */
  seed?: number | undefined;
  /** Weight of mean(reward^2) in the loss; 0 or less: none. Default: 0.1. */
  regCoef?: number | undefined;
  /** The token whose embedding row gets no gradient, like PyTorch's padding_idx; -1: none. Default: -1. */
  paddingToken?: number | undefined;
}

export interface OptimizerStep {
  /** 1 for the first update. */
  step: number;
  learningRate: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  /** Decoupled, on all parameters. */
  weightDecay: number;
  /** 0 or less: no clipping. */
  maxGradNorm: number;
}

export interface ModelLoadOptions {
  /** A Hugging Face model folder: config.json and the weights. */
  folder: string;
  /**
   * Dtype of matrix products; absent: bfloat16 on a GPU, float32 on the CPU. On a GPU the activations and the
   * matrices have it too.
   */
  precision?: Precision | undefined;
  /**
   * For training 16-bit weights with a float32 optimizer state: keep a float32 copy of the weights. Default:
   * false.
   */
  float32Copy?: boolean | undefined;
  /**
   * `bfloat16`: round every weight to it before computing, as if the folder were loaded in that dtype. With
   * `float32Copy`, training computes with the rounded weights and updates the exact ones. Default: "float32".
   */
  dtype?: Precision | undefined;
  /**
   * Make a new head from `seed` if the folder has none (training); otherwise such a folder is refused. Default:
   * false.
   */
  createHead?: boolean | undefined;
  /** Seed of a new head. Default: 0. */
  seed?: number | undefined;
  /**
   * On the CPU: leave matrices as stored, in the mapped files; the rewards are the same. Scoring only. Default:
   * false.
   */
  keep16Bit?: boolean | undefined;
  /** If a folder has more than one reward head: the head's kind, or its tensor's name. */
  rewardHead?: string | undefined;
  /** Apply config.json's mean and std to a linear head's rewards (OpenRLHF). Scoring only. Default: false. */
  normalizeReward?: boolean | undefined;
  /** 'auto', 'cpu', 'cuda' or 'cuda:<number>'. Default: "auto". */
  device?: string | undefined;
  /** 0: one per usable core. Default: 0. */
  numThreads?: number | undefined;
  /** Bytes of the device's memory to leave alone; absent: 1 GiB on a GPU, none on the CPU. */
  memoryReserve?: number | undefined;
}

export interface CausalLoadOptions {
  /** A Hugging Face folder: config.json and the weights. */
  folder: string;
  /** Dtype of matrix products; absent: bfloat16 on a GPU, float32 on the CPU. */
  precision?: Precision | undefined;
  /**
   * On the CPU: leave matrices as stored and where they lie, in the mapped files; the same numbers. Default:
   * false.
   */
  keep16Bit?: boolean | undefined;
  /** 'auto', 'cpu', 'cuda' or 'cuda:<number>'. Default: "auto". */
  device?: string | undefined;
  /** 0: one per usable core. Default: 0. */
  numThreads?: number | undefined;
  /** Bytes of the device's memory to leave alone; absent: 1 GiB on a GPU, none on the CPU. */
  memoryReserve?: number | undefined;
}

export interface GenerationOptions {
  /** For every prompt, or one for each. A prompt ends earlier when it reaches the model's last position. */
  maxNewTokens: number | readonly number[] | Int32Array;
  /** Numbers of the prompts' random streams, so that tokens depend on no other prompt. Absent: 0, 1, 2, … */
  sequenceNumbers?: readonly number[] | Int32Array | undefined;
  /** End a prompt's text and are not part of it. */
  stopTokens?: readonly number[] | Int32Array | undefined;
  /** Tokens of prompts computed at once; affects memory, not the result. Default: 8192. */
  microBatchTokens?: number | undefined;
  /**
   * Tokens of prompts and texts in the cache at once; absent: as many as are useful, within half of the available
   * memory. Further prompts wait.
   */
  cacheTokens?: number | undefined;
  /** Bytes of available memory to leave free if cacheTokens is absent; absent: 1 GiB on a GPU, none on the CPU. */
  memoryReserve?: number | undefined;
  /** Prompts under way at once. Default: 64. */
  maxSequences?: number | undefined;
  /** 0: greedy. Default: 0. */
  temperature?: number | undefined;
  /** 0: off. Default: 0. */
  topK?: number | undefined;
  /** 1: off. Default: 1. */
  topP?: number | undefined;
  /** Default: 0. */
  seed?: number | undefined;
}

export interface NextTokenOptions {
  /** Tokens to tell for each prompt. */
  count: number;
  /** Tokens computed at once: memory, never the result. Default: 8192. */
  microBatchTokens?: number | undefined;
}

export interface InitializeOptions {
  configFile: string;
  weightsFile: string;
  /** Default: 0. */
  seed?: number | undefined;
}

export interface PlanningOptions {
  folder: string;
  purpose: 'train' | 'score';
  /** Absent: what fills the memory. */
  microBatchTokens?: number | undefined;
  /** Tokens that there will ever be at once: what fills the memory need not exceed them. */
  mostTokens?: number | undefined;
  /** Tokens of the longest sample: the least that a micro-batch must hold. Absent: as long as a micro-batch. */
  longestSample?: number | undefined;
  /** Default: false. */
  gradientCheckpointing?: boolean | undefined;
  /** Default: false. */
  keep16Bit?: boolean | undefined;
  precision?: Precision | undefined;
  /** As of ModelLoadOptions. Default: "float32". */
  dtype?: Precision | undefined;
  /** Default: "float32". */
  optimizerState?: Precision | undefined;
  /** As of ModelLoadOptions. */
  rewardHead?: string | undefined;
  /** 'auto', 'cpu', 'cuda' or 'cuda:<number>'. Default: "auto". */
  device?: string | undefined;
  /** 0: one per usable core. Default: 0. */
  numThreads?: number | undefined;
  /** Bytes of the device's memory to leave alone; absent: 1 GiB on a GPU, none on the CPU. */
  memoryReserve?: number | undefined;
}

/** Token sequences back to back, grouped by the prompt that they share. */
export interface SampleBatch {
  /** All ids; sample s is `tokens.subarray(offsets[s], offsets[s + 1])`. */
  tokens: Int32Array;
  /** One more entry than there are samples; the first is 0. */
  offsets: Int32Array;
  /** The number of each sample's prompt; samples of one prompt are adjacent. */
  groups: Int32Array;
  /**
   * Positions within each sample that the model's head reads: those of sample s are
   * `readouts.subarray(readoutOffsets[s], readoutOffsets[s + 1])`. Absent: the last token.
   */
  readouts?: Int32Array;
  /** Goes with `readouts`. */
  readoutOffsets?: Int32Array;
}

/** P pairs of a batch's samples. If an array is absent, all pairs have its default. */
export interface ComparisonArrays {
  /** [2 P]: the two samples of each pair, alternating. */
  pairs: Int32Array;
  /** [P]: the probability that the first is the better one; 1 by default. */
  targets?: Float32Array;
  /** [P]: the pair's weight in the loss; 1 by default. */
  weights?: Float32Array;
  /** [P]: by how much the first one's reward should exceed the second's; 0 by default. */
  margins?: Float32Array;
}

export interface ScoreResult {
  /** One per sample; with the readout `every_step` one per readout, sample after sample. */
  rewards: Float32Array;
  /** Computed tokens; each shared prompt counts once. */
  computedTokens: number;
}

export interface StepResult {
  /** `rankingLoss` + regCoef * `regulariser`. */
  loss: number;
  rankingLoss: number;
  /** mean(reward^2) */
  regulariser: number;
  /** Before clipping. */
  gradientNorm: number;
  /** One per sample, before the update. */
  rewards: Float32Array;
  /** Computed tokens; each shared prompt counts once. */
  computedTokens: number;
  microBatches: number;
}

export interface HeadInfo {
  kind: 'linear' | 'relu_layers' | 'gated_attributes' | 'weighted_attributes' | 'label_distribution' | 'process' | 'vocabulary_row' | 'pooler';
  /** The tensor of its last layer: `score.weight`, …; `new` if there was none. */
  source: string;
  /** A description for people, in one line. */
  description: string;
  /** Which tokens of a sample it reads: see `SampleBatch.readouts`. With `every_step`: one reward per step. */
  readout: Readout;
}

/** What kind of model a folder holds, and its sizes. */
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
  /**
   * How the model reads a sample: a conversation, or question and answer as a pair of texts, of which no
   * beginnings are shared (encoders).
   */
  sampleForm: 'conversation' | 'pair';
  /**
   * Whether samples may be longer than maxPositionEmbeddings: positions are relative, and all beyond the farthest
   * count alike.
   */
  anyLength: boolean;
  /** model_type of what is saved: as `family`, but for families that are saved as another. */
  savedFamily: string;
  /** config.json's pad_token_id, or its class's, where there is one. */
  padToken?: number;
  /** The token that every sample must end with (config.json's reward_token_id), where there is one. */
  rewardToken?: number;
  /**
   * True for a language model whose config.json ties the output layer to the embedding, but whose files have
   * another one, which is used.
   */
  keepsOutputLayer?: boolean;
  parameters: number;
}

/** What a run's record says of its device. */
export interface DeviceFacts {
  /** `name`, `driver`, `cuBLAS`, `SIMD target`, …: what there is of each kind of device. */
  entries: Record<string, string>;
  /** What the bits of results hang on: where this text is the same, they are. */
  arithmetic: string;
}

export interface ModelInfo {
  architecture: ArchitectureInfo;
  /** `cpu`, `cuda:0`, … */
  device: string;
  /** What was taken and why: a sentence. */
  deviceChoice: string;
  /** Dtype of matrix products. */
  precision: Precision;
  /** Tokens of a micro-batch that work with this model on its device when nobody says how many. */
  microBatchTokens: number;
  head: HeadInfo;
  /** What a run's record says of its device. */
  deviceFacts: DeviceFacts;
}

export interface CausalModelInfo {
  architecture: ArchitectureInfo;
  /** `cpu`, `cuda:0`, … */
  device: string;
  /** What was taken and why: a sentence. */
  deviceChoice: string;
  /** Dtype of matrix products. */
  precision: Precision;
  /** Tokens of a micro-batch that work with this model on its device when nobody says how many. */
  microBatchTokens: number;
}

export interface NextTokens {
  /** `count` ids per prompt, the most likely first; of equal ones the lower ids. */
  ids: Int32Array;
  /** Natural logarithms of their probabilities over the whole vocabulary. */
  logProbabilities: Float32Array;
}

export interface GenerationStep {
  /** The new tokens of all prompts, one prompt after another. */
  tokens: Int32Array;
  /** New tokens of each prompt. */
  counts: Int32Array;
  /** A `Finish` for each prompt. */
  finished: Uint8Array;
}

export interface Progress {
  /** Samples. */
  done: number;
  /** Samples of the whole work. */
  total: number;
  /** Tokens computed so far, each shared prompt counted once. */
  tokens: number;
}

/** One part of the memory that a run needs. */
export interface MemoryPlanEntry {
  name: string;
  kind: 'weights' | 'gradients' | 'optimizer' | 'activations' | 'workspace';
  bytes: number;
}

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

export interface EngineNote {
  /** A message for the user about the work that was done: a sentence. */
  text: string;
  /** How often it applied. */
  count: number;
}

/** A device that the engine can compute on, or why there is none. */
export interface BackendInfo {
  /** `cpu`, `cuda:0`; `cuda` if there is no device. */
  name: string;
  found: boolean;
  /** What it is, or one sentence about what is missing. */
  detail: string;
}

/** One of NVIDIA's libraries. */
export interface CudaLibrary {
  name: string;
  version: string;
  file: string;
}

/** The CUDA backend that is installed. If no plug-in could be loaded, `missing` alone says why. */
export interface CudaInfo {
  /** The plug-in's file. */
  file?: string;
  /** Of the package that it is part of. */
  version?: string;
  /** What it holds machine code and PTX for: `sm_80 sm_90 PTX 8.0`. */
  images?: string;
  /** What compiled it: `CUDA 13.0`. */
  toolkit?: string;
  /** `580.65.06, runs CUDA 13.0`; absent where no driver is installed. */
  driver?: string;
  /** NVIDIA's libraries that it would use, and where they lie. */
  libraries: CudaLibrary[];
  /** What is missing, a sentence each. */
  missing: string[];
}

/** The engine that is loaded, and what it runs on. */
export interface EngineInfo {
  version: string;
  compiler: string;
  /** SIMD target chosen at run time, and those compiled in. */
  simdTarget: string;
  cpuFeatures: string[];
  numThreads: number;
  backends: BackendInfo[];
  /** What there is of the CUDA backend. Where no plug-in could be taken, `missing` alone says why. */
  cuda: CudaInfo;
}

/** What the engine takes where an option is absent. */
export const ENGINE_DEFAULTS = {
  ScorerOptions: {
    microBatchTokens: 8192,
    sharePrompts: true,
  },
  TrainerOptions: {
    microBatchTokens: 4096,
    gradientCheckpointing: false,
    sharePrompts: true,
    optimizerState: 'float32',
    seed: 0,
    regCoef: 0.1,
    paddingToken: -1,
  },
  ModelLoadOptions: {
    float32Copy: false,
    dtype: 'float32',
    createHead: false,
    seed: 0,
    keep16Bit: false,
    normalizeReward: false,
    device: 'auto',
    numThreads: 0,
  },
  CausalLoadOptions: {
    keep16Bit: false,
    device: 'auto',
    numThreads: 0,
  },
  GenerationOptions: {
    microBatchTokens: 8192,
    maxSequences: 64,
    temperature: 0,
    topK: 0,
    topP: 1,
    seed: 0,
  },
  NextTokenOptions: {
    microBatchTokens: 8192,
  },
  InitializeOptions: {
    seed: 0,
  },
  PlanningOptions: {
    gradientCheckpointing: false,
    keep16Bit: false,
    dtype: 'float32',
    optimizerState: 'float32',
    device: 'auto',
    numThreads: 0,
  },
} as const;

/** Options that sentences of the engine name, in backticks. */
export const ENGINE_KNOBS: readonly string[] = ['device', 'deviceMemoryReserve', 'dtype', 'globalBatchSize', 'gradientCheckpointing', 'learningRate', 'maxLength', 'microBatchTokens', 'normalizeReward', 'optimizerState', 'precision', 'rewardHead', 'truncation', 'warmupRatio'];
