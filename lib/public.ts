// The library's types, and what each of its names stands for. `lib/index.ts` offers the same names checked and loaded
// when they are needed; programs see the comments here.

import { engine } from './engine';
import type { EngineInfo } from './engine/types';
import { packageVersion } from './support/package_version';

// Reward models: load one, score conversations with it.
export { RewardModel } from './scoring/reward_model';
export type { RewardModelOptions, ScoreItemsOptions } from './scoring/reward_model';
export type { ScoredResponse, ScoreItem } from './scoring/items';
export type { ScoreItemsProgress } from './scoring/progress';

// Language models: load one, let it answer prompts.
export { GenerationError, LanguageModel } from './generation';
export type {
  Answer,
  GenerateOptions,
  GenerationItem,
  LanguageModelOptions,
  SamplingOptions,
  StopToken,
} from './generation';

// Data: read files of any form, or make a data set of rows in memory; then tokenise.
export { datasetFromRows, readPreferenceDataset, type ReadOptions } from './data/dataset';
export { DataError } from './data/errors';
export { formatReport } from './data/report';
export type {
  DatasetReport,
  Message,
  PreferenceDataset,
  PreferencePrompt,
  Prompt,
  Response,
  Source,
  TokenizedPrompt,
  TokenizedSample,
} from './data/types';
export { tokenizeDataset, type TokenizedDataset, type TokenizeOptions } from './tokenization/tokenize_dataset';
export { SampleBuilder, type Sample, type SampleOptions } from './tokenization/sample_builder';
export { TokenizerError } from './tokenization/errors';

// Evaluation: metrics from rewards alone, predictors of one's own, whole evaluations.
export type * from './evaluation';
export {
  bindParser,
  bothOrders,
  calibrationCurve,
  cheemsBench,
  comparisonMargin,
  compareResults,
  computeMetrics,
  definePredictor,
  describeResults,
  EndpointError,
  evaluate,
  expectedCalibrationError,
  figureInterval,
  findBenchmark,
  findJudgeTemplate,
  formatComparison,
  formatEvaluation,
  headlineMetrics,
  HttpCompleter,
  isRightInBothOrders,
  JUDGE_FORMULAS,
  judgedMargin,
  JudgeError,
  judgePredictor,
  lengthPredictor,
  letterProbability,
  loadPredictor,
  openEndpoint,
  openLocalJudge,
  pairsToJudge,
  PredictorError,
  promptsFromRows,
  readBenchmarkFile,
  readResults,
  readTemplateFile,
  registerBenchmark,
  registeredBenchmarks,
  registeredJudgeTemplates,
  registeredPredictors,
  registeredVerdictParsers,
  registerJudgeTemplate,
  registerPredictor,
  registerVerdictParser,
  runPredictor,
  singleOrder,
  tableFor,
  writeComparison,
  writeReport,
  writeResults,
} from './evaluation';
export { rewardModelPredictor } from './evaluation/predictors/reward_model';

// Models of the Hugging Face hub: `RewardModel.load` and `train` take their ids, and this gives the folder of one.
export {
  hubEnvironment,
  HubError,
  localModelFolder,
  type FetchProgress,
  type HubEnvironment,
  type ModelFolderOptions,
} from './hub';

// Errors: what is given to a function, what the engine cannot do.
export { ArgumentError } from './arguments/errors';
export { ENGINE_ERROR_CODES, EngineError, type EngineErrorCode } from './engine';

// Training.
export { ScoringError } from './scoring/errors';
export { EvaluationError } from './evaluation/errors';
export { TrainingError } from './training/errors';
export {
  parseTrainOptions,
  type TrainOptions,
  type TrainOptionsInput,
} from './training/options';
export { trainOptionDescriptions, type TrainOptionName } from './options/training';
export type { EvaluationResult, RunStart, StepMetrics, TrainCallbacks, TrainResult } from './training/events';
export type { RoundingEffect } from './training/rounding';

export type { ArchitectureInfo, EngineInfo, MemoryPlan } from './engine/types';

export { train, type TrainControl } from './training/train';

/**
 * Versions, processor features, threads and backends of the engine. @throws Error where the engine has not been
 * built.
 */
export function engineInfo(): EngineInfo {
  return engine.info();
}

/** The package's version. */
export const version: string = packageVersion();
