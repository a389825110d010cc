// An engine for tests of what stands around the engine: a reward that is linear in the tokens' mean embedding, its
// true loss and gradient, AdamW in float32, and real safetensors files. Same inputs give the same bits, as with the
// real one.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type {
  ArchitectureInfo,
  ComparisonArrays,
  DeviceFacts,
  EngineNote,
  MemoryPlan,
  OptimizerStep,
  SampleBatch,
  StepResult,
  TrainerOptions,
} from '../engine/types.generated';
import type { Engine, EngineModel, EngineTrainer, PlanRequest } from '../engine/types';

const { fround, exp, log1p, sqrt } = Math;

export interface FakeEngineOptions {
  memory?: (request: PlanRequest) => MemoryPlan;
  /** What the engine would have noted by now. */
  notes?: () => EngineNote[];
  /** Of the device, in place of the fake's own. */
  arithmetic?: string;
  /** Called before each step; throw to let the step fail. */
  beforeStep?: (step: number) => void | Promise<void>;
}

/** One tensor [n] a name, float32. */
function writeSafetensors(file: string, tensors: Record<string, Float32Array>): void {
  const header: Record<string, unknown> = {};
  let offset = 0;
  for (const [name, values] of Object.entries(tensors)) {
    header[name] = { dtype: 'F32', shape: [values.length], data_offsets: [offset, offset + 4 * values.length] };
    offset += 4 * values.length;
  }
  const text = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(
    file,
    Buffer.concat([
      length,
      text,
      ...Object.values(tensors).map((values) => Buffer.from(values.buffer, values.byteOffset, values.byteLength)),
    ]),
  );
}

/** The float32 tensors of a file, flat; those of other types and the metadata are left out. */
export function readSafetensors(file: string): Record<string, Float32Array> {
  const bytes = readFileSync(file);
  const length = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + length)) as Record<
    string,
    { dtype: string; data_offsets: [number, number] }
  >;
  const tensors: Record<string, Float32Array> = {};
  for (const [name, { dtype, data_offsets }] of Object.entries(header)) {
    if (name === '__metadata__' || dtype !== 'F32') continue;
    const [begin, end] = data_offsets;
    tensors[name] = new Float32Array(
      bytes.buffer.slice(bytes.byteOffset + 8 + length + begin, bytes.byteOffset + 8 + length + end),
    );
  }
  return tensors;
}

/** To nearest, ties to even. */
export function roundedToBfloat16(values: Float32Array): Float32Array {
  const bits = new Uint32Array(values.slice().buffer);
  return new Float32Array(bits.map((word) => ((word + 0x7fff + ((word >>> 16) & 1)) & 0xffff0000) >>> 0).buffer);
}

/** A model folder that the fake engine loads: weights of zeros but for a slope, no head file entry needed. */
export function writeFakeModel(folder: string, vocabSize: number): void {
  const config = {
    architectures: ['Qwen2ForCausalLM'],
    model_type: 'qwen2',
    vocab_size: vocabSize,
    eos_token_id: 2,
    rope_theta: 10000,
  };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  writeSafetensors(join(folder, 'model.safetensors'), {
    weight: Float32Array.from({ length: vocabSize }, (_, id) => fround(0.001 * (id % 7))),
  });
}

class FakeModel implements EngineModel {
  readonly head = { kind: 'linear', source: 'new', description: 'of the fake engine', readout: 'last_token' } as const;
  readonly device = 'fake';
  readonly deviceChoice = 'The fake engine, for tests.';
  readonly deviceFacts: DeviceFacts;
  readonly precision = 'float32';
  readonly microBatchTokens = 8192;
  disposed = false;

  constructor(
    readonly architecture: ArchitectureInfo,
    readonly weight: Float32Array,
    private readonly options: FakeEngineOptions,
  ) {
    const arithmetic = options.arithmetic ?? 'fake arithmetic';
    this.deviceFacts = { entries: { name: 'a fake' }, arithmetic };
  }

  rewards(batch: SampleBatch): Float32Array {
    return Float32Array.from({ length: batch.groups.length }, (_, sample) => {
      const ids = batch.tokens.subarray(batch.offsets[sample], batch.offsets[sample + 1]);
      let sum = 0;
      for (const id of ids) sum = fround(sum + this.weight[id]!);
      return fround(sum / ids.length);
    });
  }

  async score(batch: SampleBatch) {
    return { rewards: this.rewards(batch), computedTokens: batch.tokens.length };
  }

  async saveWeights(file: string): Promise<void> {
    writeSafetensors(file, { weight: this.weight });
  }

  async createTrainer(options: TrainerOptions): Promise<EngineTrainer> {
    return new FakeTrainer(this, options, this.options);
  }

  notes(): EngineNote[] {
    return this.options.notes?.() ?? [];
  }

  async dispose(): Promise<void> {
    this.disposed = true;
  }
}

class FakeTrainer implements EngineTrainer {
  private first: Float32Array;
  private second: Float32Array;

  constructor(
    private readonly model: FakeModel,
    private readonly trainer: TrainerOptions,
    private readonly options: FakeEngineOptions,
  ) {
    this.first = new Float32Array(model.weight.length);
    this.second = new Float32Array(model.weight.length);
  }

  async step(batch: SampleBatch, { pairs }: ComparisonArrays, optimizer: OptimizerStep): Promise<StepResult> {
    await this.options.beforeStep?.(optimizer.step);
    const { regCoef = 0, paddingToken } = this.trainer;
    const rewards = this.model.rewards(batch);
    const samples = rewards.length;
    const pairCount = pairs.length / 2;
    const slopes = Float64Array.from(rewards, (reward) => (2 * regCoef * reward) / samples);
    let rankingLoss = 0;
    for (let pair = 0; pair < pairCount; pair += 1) {
      const [chosen, rejected] = [pairs[2 * pair]!, pairs[2 * pair + 1]!];
      const difference = rewards[chosen]! - rewards[rejected]!;
      rankingLoss += log1p(exp(-difference)) / pairCount;
      const slope = -1 / (1 + exp(difference)) / pairCount;
      slopes[chosen]! += slope;
      slopes[rejected]! -= slope;
    }
    const gradient = new Float64Array(this.model.weight.length);
    for (let sample = 0; sample < samples; sample += 1) {
      const ids = batch.tokens.subarray(batch.offsets[sample], batch.offsets[sample + 1]);
      for (const id of ids) gradient[id]! += slopes[sample]! / ids.length;
    }
    if (paddingToken !== undefined) gradient[paddingToken] = 0;
    const gradientNorm = sqrt(gradient.reduce((sum, value) => sum + value * value, 0));
    this.update(gradient, gradientNorm, optimizer);
    const regulariser = rewards.reduce((sum, reward) => sum + reward * reward, 0) / samples;
    return {
      loss: rankingLoss + regCoef * regulariser,
      rankingLoss,
      regulariser,
      gradientNorm,
      rewards,
      computedTokens: batch.tokens.length,
      microBatches: 1,
    };
  }

  private update(
    gradient: Float64Array,
    norm: number,
    { step, learningRate, beta1, beta2, epsilon, weightDecay, maxGradNorm }: OptimizerStep,
  ): void {
    const scale = maxGradNorm > 0 ? Math.min(1, maxGradNorm / (norm + 1e-6)) : 1;
    for (const [i, raw] of gradient.entries()) {
      const value = raw * scale;
      this.first[i] = beta1 * this.first[i]! + (1 - beta1) * value;
      this.second[i] = beta2 * this.second[i]! + (1 - beta2) * value * value;
      const direction = this.first[i] / (1 - beta1 ** step) / (sqrt(this.second[i] / (1 - beta2 ** step)) + epsilon);
      this.model.weight[i] = this.model.weight[i]! * (1 - learningRate * weightDecay) - learningRate * direction;
    }
  }

  async score(batch: SampleBatch) {
    return this.model.score(batch);
  }

  async saveOptimizer(file: string): Promise<void> {
    writeSafetensors(file, { first: this.first, second: this.second });
  }

  async loadOptimizer(file: string): Promise<void> {
    const tensors = readSafetensors(file);
    this.first = tensors['first']!;
    this.second = tensors['second']!;
  }

  async dispose(): Promise<void> {}
}

const AMPLE: MemoryPlan = {
  entries: [{ name: 'weights', kind: 'weights', bytes: 4096 }],
  totalBytes: 4096,
  availableBytes: 1 << 30,
  reserveBytes: 0,
  microBatchTokens: 4096,
  deviceChoice: 'Device: the fake engine.',
};

/** A checkpoint: weights and two moments in float32. */
const BYTES_PER_PARAMETER = 12;

export function fakeEngine(options: FakeEngineOptions = {}): Engine {
  const readArchitecture = async (folder: string): Promise<ArchitectureInfo> => {
    const config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as { vocab_size: number };
    return {
      family: 'qwen2',
      savedFamily: 'qwen2',
      sampleForm: 'conversation',
      anyLength: false,
      classPrefix: 'Qwen2',
      hiddenSize: 1,
      intermediateSize: 1,
      numLayers: 1,
      numHeads: 1,
      numKeyValueHeads: 1,
      headSize: 1,
      vocabSize: config.vocab_size,
      maxPositionEmbeddings: 4096,
      parameters: config.vocab_size,
    };
  };
  return {
    info: () => ({
      version: 'fake',
      compiler: '',
      simdTarget: '',
      cpuFeatures: [],
      numThreads: 1,
      backends: [],
      cuda: { libraries: [], missing: [] },
    }),
    readArchitecture,
    async loadModel({ folder, dtype }) {
      const weight = readSafetensors(join(folder, 'model.safetensors'))['weight']!;
      return new FakeModel(
        await readArchitecture(folder),
        dtype === 'bfloat16' ? roundedToBfloat16(weight) : weight,
        options,
      );
    },
    async loadCausalModel() {
      throw new Error('the fake engine has no language models');
    },
    async initialize() {
      throw new Error('the fake engine makes no models');
    },
    planMemory: async (request) => {
      if (options.memory) return options.memory(request);
      const { parameters } = await readArchitecture(request.folder);
      const { microBatchTokens } = request;
      const asked = typeof microBatchTokens === 'number' ? { microBatchTokens } : {};
      return { ...AMPLE, ...asked, checkpointBytes: BYTES_PER_PARAMETER * parameters };
    },
  };
}
