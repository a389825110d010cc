// The options of a training run, checked and completed: the table is in lib/options/training.ts.

import { suggestion } from '../arguments/checks';
import { namesOf, twoNames } from '../options/kinds';
import { PAPER_GLOBAL_BATCH, trainOptionDefinitions } from '../options/training';
import type { TrainOptionValues } from '../options/training_values';
import { show } from '../support/show';
import { TrainingError } from './errors';

type ParsedOptions = TrainOptionValues;

/**
 * What a caller gives: only the three paths are required, and a single data file need not be in a list. The model may
 * also be given as `model_name`, its name in evaluation.
 */
export type TrainOptionsInput = Partial<Omit<ParsedOptions, 'model_path' | 'train_data_path' | 'test_data_path'>> &
  Pick<ParsedOptions, 'output_dir'> &
  ListsOrOne<Pick<ParsedOptions, 'train_data_path'>> &
  ListsOrOne<Partial<Pick<ParsedOptions, 'test_data_path'>>> &
  (
    | (Pick<ParsedOptions, 'model_path'> & { model_name?: string })
    | {
        model_path?: undefined;
        /** Another name of model_path. */
        model_name: string;
      }
  );

/** A single file need not be in a list. */
type ListsOrOne<T> = { [Name in keyof T]: T[Name] | string };

/** Options with every default filled in. */
export interface TrainOptions extends ParsedOptions {
  global_batch_size: number;
  evaluation_strategy: 'no' | 'steps' | 'epoch';
}

/** With the number that `micro_batch_tokens` was resolved to. */
export interface PlannedTrainOptions extends TrainOptions {
  micro_batch_tokens: number;
}

/** How samples are built, as the rooms that read and tokenize have it: 'transformers' changes nothing there. */
export function sampleCompat({ compat }: Pick<ParsedOptions, 'compat'>): 'cheems' | undefined {
  return compat === 'cheems' ? 'cheems' : undefined;
}

/** Checks options and fills in defaults. Throws a TrainingError that names each wrong option and its value. */
export function parseTrainOptions(input: object): TrainOptions {
  const given = underOwnNames(withoutAbsent(input));
  const options = settled(given);
  if (options.resume_if_possible && options.overwrite_output_dir) {
    throw new TrainingError(
      'Option resume_if_possible (true) contradicts overwrite_output_dir (true), which deletes the checkpoints ' +
        'to resume from. Give only one of them.',
    );
  }
  if (options.evaluation_strategy && options.evaluation_strategy !== 'no' && options.test_data_path.length === 0) {
    throw new TrainingError(
      `Option evaluation_strategy ('${options.evaluation_strategy}') needs test_data_path: give the files to ` +
        `evaluate on, or set it to 'no'.`,
    );
  }
  if (options.dtype === 'bfloat16' && options.optimizer_state === 'bfloat16') {
    throw new TrainingError(
      "Option dtype ('bfloat16') rounds the weights from float32 masters, which optimizer_state ('bfloat16') " +
        'does not keep: leave one of them out.',
    );
  }
  return {
    ...options,
    global_batch_size: globalBatchSize(options),
    evaluation_strategy: options.evaluation_strategy ?? (options.test_data_path.length > 0 ? 'steps' : 'no'),
  };
}

function globalBatchSize(options: ParsedOptions): number {
  if (options.global_batch_size !== undefined) return options.global_batch_size;
  const { per_device_train_batch_size: perDevice, gradient_accumulation_steps: accumulation } = options;
  if (perDevice === undefined && accumulation === undefined) return PAPER_GLOBAL_BATCH;
  return (perDevice ?? 1) * (accumulation ?? 1);
}

/** An option that is present but undefined or null counts as absent. */
export function withoutAbsent(input: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined && value !== null));
}

/** @throws TrainingError if an option is given under both of its names with different values. */
export function underOwnNames(input: Record<string, unknown>): Record<string, unknown> {
  const names = namesOf(trainOptionDefinitions);
  const result: Record<string, unknown> = {};
  for (const [written, value] of Object.entries(input)) {
    const name = names.get(written) ?? written;
    if (Object.hasOwn(result, name) && JSON.stringify(result[name]) !== JSON.stringify(value)) {
      throw new TrainingError(`Options ${twoNames(trainOptionDefinitions, name)}`);
    }
    result[name] = value;
  }
  return result;
}

/** Checks the options one by one; all invalid ones are reported at once. */
function settled(given: Record<string, unknown>): ParsedOptions {
  const names = Object.keys(trainOptionDefinitions);
  const problems = Object.keys(given)
    .filter((name) => !Object.hasOwn(trainOptionDefinitions, name))
    .map((name) => `There is no option ${name}.${suggestion(name, names)} The options are: ${names.join(', ')}.`);
  const values: Record<string, unknown> = {};
  for (const [name, { schema }] of Object.entries(trainOptionDefinitions)) {
    const value = Object.hasOwn(given, name) ? given[name] : undefined;
    const result = schema.safeParse(value);
    if ('problem' in result)
      problems.push(
        value === undefined
          ? `Option ${name} ${result.problem}.`
          : `Option ${name} (${show(value)}): ${result.problem}.`,
      );
    else values[name] = result.value;
  }
  if (problems.length > 0) throw new TrainingError(problems.join('\n'));
  return values as unknown as ParsedOptions;
}

/** An interval option: whole steps, or, below 1, a fraction of all steps, rounded up as in Hugging Face. */
export function stepsOf(interval: number, totalSteps: number): number {
  return interval < 1 ? Math.max(1, Math.ceil(interval * totalSteps)) : Math.floor(interval);
}
