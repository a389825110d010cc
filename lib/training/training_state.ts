// What a checkpoint records about its run besides weights and moments, and whether a run may continue from it.
//
// There is no random generator state to keep: the order of the prompts is a function of seed, epoch and data, and the
// learning rate is a function of the step. So (step, epoch, batch index) is the whole state of sampler and schedule.
import { join } from 'node:path';
import { z } from 'zod';
import { TrainingError } from './errors';
import { messageOf } from '../support/thrown';
import type { FileDigest, FileSystem } from '../files/file_system';
import type { EngineModel } from '../engine/types';
import type { Precision } from '../engine/types.generated';
import type { TrainOptionName } from '../options/training';
import type { TrainOptions } from './options';

export const STATE_FILE = 'trainer_state.json';

/**
 * Everything that decides the samples of each batch, the trained parameters, and the contents of a checkpoint's files.
 * A run continues only if all of it is the same.
 */
export interface RunIdentity {
  data: FileDigest[];
  /** Of tokenizer.json; null where all samples come as token ids. */
  tokenizer_sha256: string | null;
  chat_template_sha256: string | null;
  base_config_sha256: string;
  /** Configuration, tokenizer and weights (`modelDigest`). */
  base_model_digest: string | null;
  reward_head: string | null;
  special_tokens_in_text: string;
  seed: number;
  do_shuffle: boolean;
  global_batch_size: number;
  max_length: number;
  truncation: boolean;
  do_strip: boolean;
  compat: 'cheems' | 'transformers' | null;
  /** The token whose embedding row gets no gradient. */
  padding_token: number | null;
  dtype: Precision;
}

const digest = z.object({ sha256: z.string(), bytes: z.number() });

const stateSchema = z.object({
  global_step: z.number().int().min(0),
  max_steps: z.number().int().min(1),
  epoch: z.number(),
  cheems: z.object({
    format: z.literal(1),
    /** The epoch, from 0, and the position in it of the next batch. */
    next_epoch: z.number().int().min(0),
    next_batch: z.number().int().min(0),
    computed_tokens: z.number(),
    /** Absent: written by a version that did not record it. */
    device: z.object({ id: z.string(), facts: z.record(z.string(), z.string()), arithmetic: z.string() }).optional(),
    seconds: z.number(),
    identity: z.object({
      data: z.array(digest),
      tokenizer_sha256: z.string().nullable(),
      chat_template_sha256: z.string().nullable(),
      base_config_sha256: z.string(),
      /** null: written by a version that did not record it. */
      base_model_digest: z.string().nullable().default(null),
      reward_head: z.string().nullable().default(null),
      special_tokens_in_text: z.string().default('keep'),
      seed: z.number(),
      do_shuffle: z.boolean(),
      global_batch_size: z.number(),
      max_length: z.number(),
      truncation: z.boolean(),
      do_strip: z.boolean(),
      compat: z.enum(['cheems', 'transformers']).nullable(),
      // Runs of versions without this rule trained every row.
      padding_token: z.number().nullable().default(null),
      /** Checkpoints of versions without this option are float32. */
      dtype: z.enum(['float32', 'bfloat16']).default('float32'),
    }),
    options: z.record(z.string(), z.unknown()),
  }),
});

/** `global_step`, `max_steps` and `epoch` have Hugging Face's names and meanings. */
export type TrainerState = z.output<typeof stateSchema>;

/** The device of the steps so far: `id` is 'cpu', 'cuda:0', …; for a resumed run the last device. */
export type DeviceRecord = NonNullable<TrainerState['cheems']['device']>;

export function deviceRecord({ device, deviceFacts }: Pick<EngineModel, 'device' | 'deviceFacts'>): DeviceRecord {
  return { id: device, facts: deviceFacts.entries, arithmetic: deviceFacts.arithmetic };
}

/** A sentence if the run continues with different arithmetic from its beginning; that is no reason to refuse. */
export function deviceChange(
  folder: string,
  before: DeviceRecord,
  { deviceFacts: { arithmetic } }: Pick<EngineModel, 'deviceFacts'>,
): string | undefined {
  if (before.arithmetic === arithmetic) return undefined;
  return (
    `${folder} was computed with ${before.arithmetic}, and the run continues with ${arithmetic}: numbers may ` +
    'round differently, and the run may differ in its last bits from an uninterrupted one.'
  );
}

/** Options that change the numbers but not the batches: a resumed run may change them, and is then warned. */
const NUMERIC_OPTIONS: TrainOptionName[] = [
  'num_train_epochs',
  'max_steps',
  'learning_rate',
  'lr_scheduler_type',
  'warmup_ratio',
  'warmup_steps',
  'weight_decay',
  'adam_beta1',
  'adam_beta2',
  'adam_epsilon',
  'max_grad_norm',
  'reg_coef',
  'micro_batch_tokens',
  'device',
  'precision',
  'optimizer_state',
];

export function numericOptions(options: TrainOptions): Record<string, unknown> {
  return Object.fromEntries(NUMERIC_OPTIONS.map((name) => [name, options[name]]));
}

export async function readState(folder: string, files: FileSystem): Promise<TrainerState> {
  const file = join(folder, STATE_FILE);
  try {
    return stateSchema.parse(JSON.parse(await files.readText(file)));
  } catch (error) {
    throw new TrainingError(
      `${file} is not a training state that this version can continue from: ${messageOf(error)}. Start over in ` +
        'another output_dir, or with overwrite_output_dir.',
    );
  }
}

/** The number of tokens that the checkpoint's run computed at once. */
export function microBatchTokensOf({ cheems }: TrainerState): number | undefined {
  const before = cheems.options['micro_batch_tokens'];
  return typeof before === 'number' ? before : undefined;
}

const IDENTITY_NAMES: Record<keyof RunIdentity, string> = {
  data: 'the training data (train_data_path)',
  tokenizer_sha256: "the base model's tokenizer (model_path)",
  chat_template_sha256: 'the chat template',
  base_config_sha256: "the base model's config.json (model_path)",
  base_model_digest: "the base model's weights, configuration or tokenizer (model_path)",
  reward_head: 'reward_head',
  special_tokens_in_text: 'special_tokens_in_text',
  seed: 'seed',
  do_shuffle: 'do_shuffle',
  global_batch_size: 'global_batch_size',
  max_length: 'max_length',
  truncation: 'truncation',
  do_strip: 'do_strip',
  compat: 'compat',
  padding_token: 'the embedding row without a gradient (compat)',
  dtype: 'dtype',
};

/**
 * Throws a TrainingError if the checkpoint was trained on other batches than this run would make. Returns the numeric
 * options that differ, as sentences: the run continues, but no longer equals an uninterrupted one.
 */
export function checkResumable(
  folder: string,
  state: TrainerState,
  identity: RunIdentity,
  options: TrainOptions,
  version: string,
): string[] {
  const saved = state.cheems.identity;
  const differences = (Object.keys(IDENTITY_NAMES) as (keyof RunIdentity)[])
    .filter((name) => !(name === 'base_model_digest' && saved[name] === null))
    .filter((name) => JSON.stringify(saved[name]) !== JSON.stringify(identity[name]))
    .map((name) => `${IDENTITY_NAMES[name]}${describeChange(saved[name], identity[name])}`);
  if (differences.length > 0) {
    throw new TrainingError(
      `${folder} cannot be resumed, because these differ from the run that wrote it: ${differences.join('; ')}. ` +
        'Give the same options and data as before, or start over in another output_dir (or with ' +
        'overwrite_output_dir).',
    );
  }
  const before = state.cheems.options;
  return Object.entries({ ...numericOptions(options), package_version: version })
    .filter(([name, value]) => name in before && JSON.stringify(before[name]) !== JSON.stringify(value))
    .map(
      ([name, value]) =>
        `${name} was ${JSON.stringify(before[name])} and is now ${JSON.stringify(value)}: the run continues ` +
        'with it, and no longer equals an uninterrupted one.',
    );
}

function describeChange(before: unknown, now: unknown): string {
  const plain = (value: unknown) =>
    typeof value === 'number' || typeof value === 'boolean' || value === 'float32' || value === 'bfloat16';
  return plain(before) && plain(now) ? ` (${String(before)} then, ${String(now)} now)` : '';
}
