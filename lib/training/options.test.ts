import test from 'ava';
import { TrainingError } from './errors';
import { trainOptionDescriptions } from '../options/training';
import { parseTrainOptions, stepsOf } from './options';

const needed = { model_path: 'base', train_data_path: 'a.jsonl', output_dir: 'out' };

function messageFor(input: object): string {
  try {
    parseTrainOptions(input);
  } catch (error) {
    if (error instanceof TrainingError) return error.message;
    throw error;
  }
  return '';
}

test("defaults are those of the original's script and of the paper", (t) => {
  const options = parseTrainOptions(needed);
  t.like(options, {
    train_data_path: ['a.jsonl'],
    test_data_path: [],
    num_train_epochs: 1,
    max_steps: -1,
    learning_rate: 5e-6,
    lr_scheduler_type: 'cosine',
    warmup_ratio: 0.1,
    reg_coef: 0.1,
    max_length: 2048,
    truncation: false,
    do_shuffle: true,
    do_strip: true,
    seed: 0,
    dtype: 'float32',
    save_strategy: 'steps',
    save_steps: 100,
    save_total_limit: 3,
    resume_if_possible: false,
    evaluation_strategy: 'no',
    global_batch_size: 256,
  });
  t.is(parseTrainOptions({ ...needed, test_data_path: 'b.jsonl' }).evaluation_strategy, 'steps');
});

test('the global batch is the product of the other two where it is not given', (t) => {
  const size = (more: object) => parseTrainOptions({ ...needed, ...more }).global_batch_size;
  t.is(size({ per_device_train_batch_size: 2, gradient_accumulation_steps: 8 }), 16);
  t.is(size({ gradient_accumulation_steps: 8 }), 8);
  t.is(size({ per_device_train_batch_size: 2, gradient_accumulation_steps: 8, global_batch_size: 5 }), 5);
});

test('text from a shell or a file counts as the value it spells', (t) => {
  t.like(
    parseTrainOptions({
      ...needed,
      learning_rate: '1e-4',
      truncation: 'True',
      do_strip: 'false',
      seed: '7',
      train_data_path: '[data/a.jsonl, data/b.jsonl]',
    }),
    {
      learning_rate: 1e-4,
      truncation: true,
      do_strip: false,
      seed: 7,
      train_data_path: ['data/a.jsonl', 'data/b.jsonl'],
    },
  );
  t.deepEqual(parseTrainOptions({ ...needed, train_data_path: '["x.jsonl"]' }).train_data_path, ['x.jsonl']);
  t.deepEqual(parseTrainOptions({ ...needed, train_data_path: ['x', 'y'] }).train_data_path, ['x', 'y']);
});

test('a wrong value is told with its option, itself and what is wanted', (t) => {
  t.is(messageFor({ ...needed, learning_rate: 'fast' }), 'Option learning_rate ("fast"): expected a number.');
  t.is(messageFor({ ...needed, warmup_ratio: 1.5 }), 'Option warmup_ratio (1.5): must be at most 1.');
  t.is(messageFor({ ...needed, seed: 1.5 }), 'Option seed (1.5): expected a whole number.');
  t.is(
    messageFor({ ...needed, lr_scheduler_type: 'step' }),
    'Option lr_scheduler_type ("step"): expected one of cosine, linear, constant.',
  );
  t.is(messageFor({ ...needed, truncation: 'maybe' }), 'Option truncation ("maybe"): expected true or false.');
  t.regex(messageFor({ ...needed, learning_rte: 1 }), /no option learning_rte/);
  t.regex(messageFor({ model_path: 'm', train_data_path: 'a' }), /Option output_dir is required/);
  t.regex(messageFor({ ...needed, train_data_path: '' }), /Option train_data_path \(""\): is required/);
  t.is(messageFor({ ...needed, seed: -1, max_length: 0 }).split('\n').length, 2);
});

test('the model goes by model_name too', (t) => {
  const { model_path: model, ...others } = needed;
  t.is(parseTrainOptions({ ...others, model_name: model }).model_path, model);
  t.is(parseTrainOptions({ ...needed, model_name: model }).model_path, model);
  t.is(
    messageFor({ ...needed, model_name: 'other' }),
    'Options model_path and model_name are two names of the same option, but were given different values. Give ' +
      'only one of them.',
  );
});

test('options that contradict each other are refused', (t) => {
  t.regex(
    messageFor({ ...needed, evaluation_strategy: 'steps' }),
    /evaluation_strategy \('steps'\) needs test_data_path/,
  );
  t.regex(messageFor({ ...needed, resume_if_possible: true, overwrite_output_dir: true }), /contradicts/);
  t.is(messageFor({ ...needed, evaluation_strategy: 'no', test_data_path: null }), '');
  t.regex(
    messageFor({ ...needed, dtype: 'bfloat16', optimizer_state: 'bfloat16' }),
    /dtype \('bfloat16'\).*optimizer_state \('bfloat16'\)/,
  );
});

test('each option has a description that agrees with its parsed default', (t) => {
  const options = parseTrainOptions(needed) as unknown as Record<string, unknown>;
  for (const [name, { default: value, describe, group, type, choices, word }] of Object.entries(
    trainOptionDescriptions,
  )) {
    t.true(describe.length > 10 && group.length > 0, name);
    if (value === undefined) continue;
    t.is(options[name], value, name);
    if (word === undefined) t.is<string, string>(typeof value, type, name);
    else t.is(value, word, name);
    if (choices) t.true(choices.includes(value as string), name);
  }
});

test('micro_batch_tokens is a number or auto', (t) => {
  for (const [given, value] of [
    ['auto', 'auto'],
    ['4096', 4096],
    [17, 17],
  ] as const) {
    t.is(parseTrainOptions({ ...needed, micro_batch_tokens: given }).micro_batch_tokens, value);
  }
  t.regex(
    messageFor({ ...needed, micro_batch_tokens: 'all' }),
    /micro_batch_tokens \("all"\): expected 'auto' or a whole number/,
  );
  t.regex(messageFor({ ...needed, micro_batch_tokens: 0 }), /micro_batch_tokens \(0\): must be at least 1/);
});

test('intervals below one are shares of all steps', (t) => {
  t.is(stepsOf(100, 1000), 100);
  t.is(stepsOf(0.25, 10), 3);
  t.is(stepsOf(0.001, 10), 1);
});
