// The options of a training run: Hugging Face's names, the defaults of the original's scripts/train_rm.sh.
// One table gives the schema, the defaults and the help texts, so that they cannot drift apart.

import { ENGINE_DEFAULTS } from '../engine/types.generated';
import { device, deviceMemoryReserve, microBatchTokens, numThreads, precision } from './engine';
import {
  choice,
  flag,
  number,
  optionalChoice,
  optionalNumber,
  paths,
  requiredPath,
  text,
  type OptionDescription,
  type ValueOf,
} from './kinds';
import { specialTokensInText } from './special_tokens';
import type { TrainOptionValues } from './training_values';

const PATHS = 'Paths';
const LENGTH = 'Length of the run and batches';
const OPTIMIZER = 'Optimizer and loss';
const SAMPLES = 'Samples';
const RESOURCES = 'Memory and speed (never change the result beyond float32 rounding)';
const EVALUATION = 'Evaluation';
const SAVING = 'Checkpoints and logs';

/** The paper's global batch (Table 9), in responses. */
export const PAPER_GLOBAL_BATCH = 256;

/** Every option: its facts for help texts and the schema of its value. */
export const trainOptionDefinitions = {
  model_path: requiredPath({
    group: PATHS,
    otherName: 'model_name',
    describe:
      'Hugging Face model folder, or owner/name[@revision] of the hub, to start from (a language model: a new seeded head is made; a reward model with a head of one linear layer: its head is kept)',
  }),
  reward_head: text({
    group: PATHS,
    describe: "where model_path has more than one reward head: the tensor's name of the one to go on from",
  }),
  train_data_path: paths(
    {
      group: PATHS,
      describe:
        'files of preferences: JSON lines, JSON arrays (gzip too) or parquet; prompts with the same text are merged over the files',
    },
    1,
  ),
  test_data_path: paths({ group: PATHS, describe: 'JSONL files to evaluate on while training' }, 0),
  output_dir: requiredPath({
    group: PATHS,
    describe: 'folder for checkpoint-<step>, checkpoint-last, the final model, metrics.jsonl and event files',
  }),
  cache_dir: text({
    group: PATHS,
    describe:
      'folder where tokenized data are kept for the next run; several runs may share one [default: output_dir/cache]',
  }),
  overwrite_output_dir: flag(false, {
    group: PATHS,
    describe: 'delete the checkpoints of an earlier run in output_dir and start afresh',
  }),

  num_train_epochs: number(
    1,
    { above: 0 },
    { group: LENGTH, describe: 'passes over the training prompts; a fraction ends in the middle of a pass' },
  ),
  max_steps: number(
    -1,
    { from: -1, integer: true },
    { group: LENGTH, describe: 'optimizer steps; above 0 it overrides num_train_epochs' },
  ),
  global_batch_size: optionalNumber(
    { from: 1, integer: true },
    {
      group: LENGTH,
      describe: `responses in one optimizer step; all responses of a prompt stay together [default: per_device_train_batch_size x gradient_accumulation_steps where one of them is given, else ${PAPER_GLOBAL_BATCH} as in the paper]`,
    },
  ),
  per_device_train_batch_size: optionalNumber(
    { from: 1, integer: true },
    {
      group: LENGTH,
      describe:
        'with gradient_accumulation_steps: their product is the global batch when global_batch_size is absent [1 when only the other is given]',
    },
  ),
  gradient_accumulation_steps: optionalNumber(
    { from: 1, integer: true },
    { group: LENGTH, describe: 'see per_device_train_batch_size [1 when only the other is given]' },
  ),
  do_shuffle: flag(true, { group: LENGTH, describe: 'shuffle the prompts in each epoch, by seed and epoch' }),
  seed: number(
    0,
    { from: 0, to: 0xffffffff, integer: true },
    { group: LENGTH, describe: 'of the new head and of the order of the prompts: same seed, same bits' },
  ),

  learning_rate: number(5e-6, { from: 0 }, { group: OPTIMIZER, describe: 'peak learning rate of AdamW' }),
  lr_scheduler_type: choice(['cosine', 'linear', 'constant'], 'cosine', {
    group: OPTIMIZER,
    describe: 'after the warm-up: half a cosine to 0, a line to 0, or level',
  }),
  warmup_ratio: number(
    0.1,
    { from: 0, to: 1 },
    {
      group: OPTIMIZER,
      describe:
        'share of all steps in which the learning rate climbs from 0 (the first step has 0, as in Hugging Face)',
    },
  ),
  warmup_steps: number(
    0,
    { from: 0, integer: true },
    { group: OPTIMIZER, describe: 'the same in steps; above 0 it overrides warmup_ratio' },
  ),
  weight_decay: number(0, { from: 0 }, { group: OPTIMIZER, describe: "AdamW's decoupled weight decay" }),
  adam_beta1: number(0.9, { from: 0, below: 1 }, { group: OPTIMIZER, describe: 'decay of the first moment' }),
  adam_beta2: number(0.999, { from: 0, below: 1 }, { group: OPTIMIZER, describe: 'decay of the second moment' }),
  adam_epsilon: number(1e-8, { above: 0 }, { group: OPTIMIZER, describe: 'added to the root of the second moment' }),
  max_grad_norm: number(
    1,
    { from: 0 },
    { group: OPTIMIZER, describe: 'gradients are scaled down to this global norm; 0 is off' },
  ),
  dtype: choice(['float32', 'bfloat16'], 'float32', {
    otherName: 'torch_dtype',
    group: OPTIMIZER,
    describe:
      "of the saved weights, which training computes with: 'bfloat16' rounds every weight, over float32 masters that AdamW updates and checkpoints keep, so that the folder is half as large and means the same to tools that load in 16 bits",
  }),
  reg_coef: number(
    ENGINE_DEFAULTS.TrainerOptions.regCoef,
    {},
    { group: OPTIMIZER, describe: 'weight of the mean square reward in the loss; 0 or less is off' },
  ),

  max_length: number(
    2048,
    { from: 1, integer: true },
    { group: SAMPLES, describe: 'tokens of prompt and response together' },
  ),
  truncation: flag(false, {
    group: SAMPLES,
    describe: 'cut longer samples from the left; otherwise they are dropped and counted',
  }),
  do_strip: flag(true, {
    group: SAMPLES,
    describe:
      'strip white space around the templated text, so that the reward is read at the end marker; stored in the model folder and obeyed by eval and score',
  }),
  special_tokens_in_text: specialTokensInText(SAMPLES),
  chat_template: text({
    group: SAMPLES,
    describe: "file with a Jinja template to use in place of the tokenizer's own; it is written into the model folder",
  }),
  compat: optionalChoice(['cheems', 'transformers'], {
    group: SAMPLES,
    describe:
      "'cheems': build samples exactly as the original does, doubled BOS included, and train as transformers does; 'transformers': that alone, the " +
      "embedding row of config.json's pad_token_id (padding_idx) gets no gradient [default: it gets its gradient, as any row]",
  }),

  micro_batch_tokens: microBatchTokens(
    RESOURCES,
    ENGINE_DEFAULTS.TrainerOptions.microBatchTokens,
    ', and in a resumed run as many as before',
  ),
  gradient_checkpointing: flag(false, {
    group: RESOURCES,
    describe:
      "keep only each layer's input and compute the layer again going back: less memory, about a third more time",
  }),
  device_memory_reserve: deviceMemoryReserve(RESOURCES),
  num_threads: numThreads(RESOURCES),
  device: device(RESOURCES),
  precision: precision(RESOURCES),
  optimizer_state: choice(['float32', 'bfloat16'], 'float32', {
    group: RESOURCES,
    describe:
      "with bfloat16 precision: 'float32' keeps gradients, moments and a copy of the weights in float32; 'bfloat16' keeps all in bfloat16 with stochastic rounding, 8 bytes a parameter instead of 18",
  }),

  evaluation_strategy: optionalChoice(['no', 'steps', 'epoch'], {
    group: EVALUATION,
    describe:
      'when to evaluate on test_data_path, beside the end of the run [default: steps with test_data_path, else no]',
  }),
  eval_steps: number(
    100,
    { above: 0 },
    { group: EVALUATION, describe: 'steps between evaluations; below 1: a share of all steps' },
  ),

  save_strategy: choice(['no', 'steps', 'epoch'], 'steps', {
    group: SAVING,
    describe: "when to save, beside the end of the run; 'steps' saves at the end of each epoch too",
  }),
  save_steps: number(
    100,
    { above: 0 },
    { group: SAVING, describe: 'steps between checkpoints; below 1: a share of all steps' },
  ),
  save_total_limit: number(
    3,
    { from: 0, integer: true },
    { group: SAVING, describe: 'newest checkpoints kept; 0: all of them' },
  ),
  resume_if_possible: flag(false, {
    group: SAVING,
    describe:
      'go on from the newest whole checkpoint in output_dir, bit for bit; refused where data, base model, template or an option of the batches is another',
  }),
  logging_steps: number(
    1,
    { above: 0 },
    {
      group: SAVING,
      describe: 'steps between lines in metrics.jsonl, event files and plain output; below 1: a share of all steps',
    },
  ),
  report_to: choice(['tensorboard', 'none', 'all'], 'tensorboard', {
    group: SAVING,
    describe: "'tensorboard' or 'all': event files in output_dir/runs; metrics.jsonl is always written",
  }),
};

type Definitions = typeof trainOptionDefinitions;
/** The names of the training options. */
export type TrainOptionName = keyof Definitions;

/** Facts for a command line: kind, default, help text, choices and group of each option. */
export const trainOptionDescriptions = Object.fromEntries(
  Object.entries(trainOptionDefinitions).map(([name, definition]) => [name, definition.description]),
) as Record<TrainOptionName, OptionDescription>;

type TableValues = { [Name in TrainOptionName]: ValueOf<Definitions[Name]['schema']> };
/** The written types are those of the table: where this does not compile, run node scripts/generate/write_option_comments.cjs. */
const _same: [TableValues, TrainOptionValues] extends [TrainOptionValues, TableValues] ? true : never = true;
void _same;
