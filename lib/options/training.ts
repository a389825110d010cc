// The options of a training run: Hugging Face's names, the defaults of the original's scripts/train_rm.sh.
// One table defines the schema, the defaults and the help texts, so that they cannot differ.

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
const RESOURCES = 'Memory and speed (only precision and optimizer_state change the result beyond float32 rounding)';
const EVALUATION = 'Evaluation';
const SAVING = 'Checkpoints and logs';

/** The paper's global batch (Table 9), in responses. */
export const PAPER_GLOBAL_BATCH = 256;

/** Every option: its description for help texts and the schema of its value. */
export const trainOptionDefinitions = {
  model_path: requiredPath({
    group: PATHS,
    otherName: 'model_name',
    describe:
      'model to start from: a Hugging Face model folder, or owner/name[@revision] on the hub (a language model ' +
      'gets a new reward head, made from --seed; a reward model keeps its head)',
  }),
  reward_head: text({
    group: PATHS,
    describe: 'if model_path has more than one reward head: the tensor name of the one to train',
  }),
  train_data_path: paths(
    {
      group: PATHS,
      describe:
        'preference data: files of JSON lines, JSON arrays (both may be gzipped) or parquet; prompts with the ' +
        'same text are merged across files',
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
      'folder that keeps the tokenized data for the next run; several runs may share one [default: output_dir/cache]',
  }),
  overwrite_output_dir: flag(false, {
    group: PATHS,
    describe: 'delete the checkpoints of an earlier run in output_dir and start over',
  }),

  num_train_epochs: number(
    1,
    { above: 0 },
    { group: LENGTH, describe: 'passes over the training prompts; a fraction stops in the middle of a pass' },
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
      describe:
        'responses in one optimizer step; all responses of a prompt stay together [default: ' +
        'per_device_train_batch_size x gradient_accumulation_steps if one of them is given, else ' +
        `${PAPER_GLOBAL_BATCH} as in the paper]`,
    },
  ),
  per_device_train_batch_size: optionalNumber(
    { from: 1, integer: true },
    {
      group: LENGTH,
      describe:
        'times gradient_accumulation_steps: the global batch size if global_batch_size is absent (1 if only the ' +
        'other one is given)',
    },
  ),
  gradient_accumulation_steps: optionalNumber(
    { from: 1, integer: true },
    { group: LENGTH, describe: 'see per_device_train_batch_size (1 if only the other one is given)' },
  ),
  do_shuffle: flag(true, {
    group: LENGTH,
    describe: 'shuffle the prompts in each epoch; the order depends on seed and epoch',
  }),
  seed: number(
    0,
    { from: 0, to: 0xffffffff, integer: true },
    {
      group: LENGTH,
      describe: 'seed of the new head and of the order of the prompts: the same seed gives the same bits',
    },
  ),

  learning_rate: number(5e-6, { from: 0 }, { group: OPTIMIZER, describe: 'peak learning rate of AdamW' }),
  lr_scheduler_type: choice(['cosine', 'linear', 'constant'], 'cosine', {
    group: OPTIMIZER,
    describe: 'learning rate after the warm-up: half a cosine down to 0, a line down to 0, or constant',
  }),
  warmup_ratio: number(
    0.1,
    { from: 0, to: 1 },
    {
      group: OPTIMIZER,
      describe:
        'fraction of all steps in which the learning rate rises from 0 (the first step has 0, as in Hugging Face)',
    },
  ),
  warmup_steps: number(
    0,
    { from: 0, integer: true },
    { group: OPTIMIZER, describe: 'length of the warm-up in steps; above 0 it overrides warmup_ratio' },
  ),
  weight_decay: number(0, { from: 0 }, { group: OPTIMIZER, describe: "AdamW's decoupled weight decay" }),
  adam_beta1: number(0.9, { from: 0, below: 1 }, { group: OPTIMIZER, describe: 'decay rate of the first moment' }),
  adam_beta2: number(0.999, { from: 0, below: 1 }, { group: OPTIMIZER, describe: 'decay rate of the second moment' }),
  adam_epsilon: number(
    1e-8,
    { above: 0 },
    { group: OPTIMIZER, describe: 'added to the square root of the second moment' },
  ),
  max_grad_norm: number(
    1,
    { from: 0 },
    { group: OPTIMIZER, describe: 'gradients are scaled down to this global norm; 0 is off' },
  ),
  dtype: choice(['float32', 'bfloat16'], 'float32', {
    otherName: 'torch_dtype',
    group: OPTIMIZER,
    describe:
      "dtype of the weights that are saved and that training computes with. 'bfloat16' rounds every weight; " +
      'AdamW updates float32 master weights, which checkpoints keep. The folder is half as large, and tools ' +
      'that load it in 16 bits compute with the same weights',
  }),
  reg_coef: number(
    ENGINE_DEFAULTS.TrainerOptions.regCoef,
    {},
    { group: OPTIMIZER, describe: 'weight of the mean squared reward in the loss; 0 or less is off' },
  ),

  max_length: number(
    2048,
    { from: 1, integer: true },
    { group: SAMPLES, describe: 'maximum number of tokens of prompt and response together' },
  ),
  truncation: flag(false, {
    group: SAMPLES,
    describe: 'cut longer samples from the left; otherwise they are dropped and counted',
  }),
  do_strip: flag(true, {
    group: SAMPLES,
    describe:
      'strip white space around the text that the chat template makes, so that the reward is read at the end ' +
      'marker; stored in the model folder, so that eval and score do the same',
  }),
  special_tokens_in_text: specialTokensInText(SAMPLES),
  chat_template: text({
    group: SAMPLES,
    describe: "file with a Jinja template to use instead of the tokenizer's own; it is saved in the model folder",
  }),
  compat: optionalChoice(['cheems', 'transformers'], {
    group: SAMPLES,
    describe:
      "'cheems': build samples exactly as the original does, with its doubled BOS, and train as transformers " +
      "does; 'transformers': only the latter: the " +
      "embedding row of config.json's pad_token_id (padding_idx) gets no gradient [default: this row gets its " +
      'gradient like any other]',
  }),

  micro_batch_tokens: microBatchTokens(
    RESOURCES,
    ENGINE_DEFAULTS.TrainerOptions.microBatchTokens,
    '; a resumed run uses the same number as before',
  ),
  gradient_checkpointing: flag(false, {
    group: RESOURCES,
    describe:
      "keep only each layer's input and recompute the layer in the backward pass: less memory, about a third more time",
  }),
  device_memory_reserve: deviceMemoryReserve(RESOURCES),
  num_threads: numThreads(RESOURCES),
  device: device(RESOURCES),
  precision: precision(RESOURCES),
  optimizer_state: choice(['float32', 'bfloat16'], 'float32', {
    group: RESOURCES,
    describe:
      "with bfloat16 precision: 'float32' keeps gradients, moments and a copy of the weights in float32; " +
      "'bfloat16' keeps everything in bfloat16 with stochastic rounding, 8 bytes per parameter instead of 18",
  }),

  evaluation_strategy: optionalChoice(['no', 'steps', 'epoch'], {
    group: EVALUATION,
    describe:
      'when to evaluate on test_data_path, in addition to the end of the run [default: steps with ' +
      'test_data_path, else no]',
  }),
  eval_steps: number(
    100,
    { above: 0 },
    { group: EVALUATION, describe: 'steps between evaluations; below 1: a fraction of all steps' },
  ),

  save_strategy: choice(['no', 'steps', 'epoch'], 'steps', {
    group: SAVING,
    describe: "when to save, in addition to the end of the run; 'steps' also saves at the end of each epoch",
  }),
  save_steps: number(
    100,
    { above: 0 },
    { group: SAVING, describe: 'steps between checkpoints; below 1: a fraction of all steps' },
  ),
  save_total_limit: number(
    3,
    { from: 0, integer: true },
    { group: SAVING, describe: 'number of newest checkpoints to keep; 0: all' },
  ),
  resume_if_possible: flag(false, {
    group: SAVING,
    describe:
      'continue from the newest complete checkpoint in output_dir, bit for bit; refused if the data, the base ' +
      'model, the template or an option that affects the batches has changed',
  }),
  logging_steps: number(
    1,
    { above: 0 },
    {
      group: SAVING,
      describe: 'steps between lines in metrics.jsonl, event files and plain output; below 1: a fraction of all steps',
    },
  ),
  report_to: choice(['tensorboard', 'none', 'all'], 'tensorboard', {
    group: SAVING,
    describe: "'tensorboard' or 'all': write event files to output_dir/runs; metrics.jsonl is always written",
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
/**
 * The written types must be those of the table: if this does not compile, run node
 * scripts/generate/write_option_comments.cjs.
 */
const _same: [TableValues, TrainOptionValues] extends [TrainOptionValues, TableValues] ? true : never = true;
void _same;
