// The library: what `require('cheems-native')` and `import … from 'cheems-native'` give.

import { engine } from './engine';
import type { EngineInfo } from './engine/types';
import { rewardModelPredictor } from './evaluation/predictors/reward_model';
import { localModelFolder } from './hub';
import type { TrainCallbacks, TrainResult } from './training/events';
import { train as trainWith } from './training/loop';
import { underOwnNames, withoutAbsent, type TrainOptionsInput } from './training/options';
import { packageVersion } from './training/package_version';

// Reward models: load one, score conversations with it.
export { RewardModel } from './scoring/reward_model';
export type { RewardModelOptions, ScoreItemsOptions } from './scoring/reward_model';
export type { ScoredResponse, ScoreItem } from './scoring/items';
export type { ScoreItemsProgress } from './scoring/progress';

// Language models: load one, let it answer prompts.
export { GenerationError, LanguageModel } from './generation';
export type { Answer, GenerateOptions, GenerationItem, LanguageModelOptions, SamplingOptions, StopToken } from './generation';

// Data: read files of any form, or make a data set of rows in memory; then tokenise.
export { datasetFromRows, readPreferenceDataset, type ReadOptions } from './data/dataset';
export { DataError } from './data/errors';
export { formatReport } from './data/report';
export type {
  DatasetReport, Message, PreferenceDataset, PreferencePrompt, Prompt, Response, Source, TokenizedPrompt, TokenizedSample,
} from './data/types';
export { tokenizeDataset, type TokenizedDataset, type TokenizeOptions } from './tokenization/tokenize_dataset';
export { SampleBuilder, type Sample, type SampleOptions } from './tokenization/sample_builder';
export { TokenizerError } from './tokenization/errors';

// Evaluation: metrics from rewards alone, predictors of one's own, whole evaluations.
export * from './evaluation';
export { rewardModelPredictor };

// Models of the Hugging Face hub: `RewardModel.load` and `train` take their ids, and this gives the folder of one.
export { hubEnvironment, HubError, localModelFolder, type FetchProgress, type HubEnvironment, type ModelFolderOptions } from './hub';

// Training.
export { TrainingError } from './training/errors';
export { parseTrainOptions, trainOptionDescriptions, type TrainOptionName, type TrainOptions, type TrainOptionsInput } from './training/options';
export type { EvaluationResult, RunStart, StepMetrics, TrainCallbacks, TrainResult } from './training/events';
export type { RoundingEffect } from './training/rounding';

export type { ArchitectureInfo, EngineInfo, MemoryPlan } from './engine/types';

export interface TrainControl extends TrainCallbacks {
  /** Abandons the run at once; what was saved stays. The promise rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Ends the run in good order: the step under way is finished, a checkpoint saved, and the result says `interrupted`. */
  stop?: AbortSignal;
}

/**
 * Trains a reward model: the same as `cheems-native train`, with the same option names. All work runs on the engine's own
 * thread. The same options, data and seed give the same bits, stopped and resumed on the way or not.
 *
 *     await train(
 *       { model_path: 'models/base', train_data_path: 'train.jsonl', output_dir: 'runs/rm', learning_rate: 1e-5 },
 *       { onStep: ({ step, loss, accuracy }) => console.log(step, loss, accuracy) },
 *     );
 *
 * @throws TrainingError, DataError, TokenizerError or the engine's error: one message that says what, where and what to do.
 */
export async function train(options: TrainOptionsInput, control: TrainControl = {}): Promise<TrainResult> {
  const { signal, stop, ...callbacks } = control;
  const { model_path: named, ...others } = underOwnNames(withoutAbsent(options));
  const folder = typeof named === 'string' ? await localModelFolder(named, { signal }) : named;
  return trainWith({ ...others, model_path: folder }, { engine, callbacks, ...(signal ? { signal } : {}), ...(stop ? { stop } : {}) });
}

/** Versions, processor features, threads and backends of the engine. @throws Error where the engine has not been built. */
export function engineInfo(): EngineInfo {
  return engine.info();
}

/** The package's version. */
export const version: string = packageVersion();
