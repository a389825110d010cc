// The library's types, and what each of its names stands for. `lib/index.ts` offers the same names checked and loaded
// when they are needed; programs see the comments here.

import { engine } from './engine/engine';
import type { EngineInfo } from './engine/types.generated';
import { packageVersion } from './support/package_version';

// Reward models: load one, score conversations with it.
export { RewardModel } from './scoring/reward_model';
export type { RewardModelOptions, ScoreItemsOptions } from './scoring/options';
export type { ScoredResponse, ScoreItem } from './scoring/items';
export type { ScoreItemsProgress } from './scoring/progress';

// Language models: load one, let it answer prompts.
export { GenerationError } from './generation/errors';
export { LanguageModel } from './generation/language_model';
export type { Answer } from './generation/answer';
export type { GenerateOptions, LanguageModelOptions, SamplingOptions } from './generation/options';
export type { GenerationItem } from './generation/items';
export type { StopToken } from './generation/stop_tokens';

// Data: read files of any form, or make a data set of rows in memory; then tokenize.
export { datasetFromRows, readPreferenceDataset } from './data/dataset';
export type { ReadOptions } from './data/read_options';
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
export type {
  Benchmark,
  BenchmarkScore,
  FileReport,
  RowFormat,
  ScoredFile,
  ScoreTable,
} from './evaluation/benchmarks/benchmark';
export type { JudgeBenchLabel, Verdict } from './evaluation/benchmarks/judgebench';
export type { FilePrecision, PrecisionComparison } from './evaluation/compare_precision';
export type {
  EvaluatedFile,
  EvaluateOptions,
  Evaluation,
  EvaluationDataset,
  EvaluationProgress,
} from './evaluation/evaluate';
export type { CalibrationCurve, CalibrationOptions } from './evaluation/metrics/calibration';
export type { RewardShift } from './evaluation/metrics/reward_shift';
export type { MetricRows } from './evaluation/metrics/rows';
export type {
  Basis,
  BootstrapOptions,
  Comparison,
  GroupCounts,
  Interval,
  Judgement,
  JudgeStatistics,
  LengthBin,
  LengthReport,
  LengthUnit,
  MetricInput,
  MetricPrompt,
  MetricReport,
} from './evaluation/metrics/types';
export type { JudgePredictorOptions } from './evaluation/predictors/judge';
export type {
  Predictor,
  PredictorDefinition,
  PredictorSample,
  PromptScores,
  ScoringOptions,
  ScoringProgress,
} from './evaluation/predictors/predictor';
export type { ResultsMeta, WrittenResults } from './evaluation/results';
export type {
  Completer,
  Completion,
  CompletionControl,
  CompletionOptions,
  TokenProbability,
} from './judging/completer';
export type { EndpointOptions } from './judging/http/options';
export type { LocalCompleter, LocalJudgeOptions } from './judging/local/local_completer';
export type { PairOrders, Showing } from './judging/pair_orders';
export type { VerdictParser } from './judging/parsers/parser';
export type { BoundParser } from './judging/parsers/registry';
export type { TemplateChoice } from './judging/templates/registry';
export type { JudgeTemplate } from './judging/templates/template';
export type { Comparison as ResultsComparison } from './reporting/compare';
export type { WrittenComparison } from './reporting/comparison_report';
export type { WrittenReport } from './reporting/report';
export type { StoredResults } from './reporting/stored_results';
export type { TableOptions } from './reporting/table';
export { bindParser, registeredVerdictParsers, registerVerdictParser } from './judging/parsers/registry';
export { bothOrders, pairsToJudge, singleOrder } from './judging/pair_orders';
export { calibrationCurve, expectedCalibrationError } from './evaluation/metrics/calibration';
export { cheemsBench, headlineMetrics } from './evaluation/benchmarks/cheems_bench';
export { comparisonMargin, judgedMargin } from './evaluation/metrics/comparisons';
export { compareResults } from './reporting/compare';
export { computeMetrics } from './evaluation/metrics/compute';
export { definePredictor, runPredictor } from './evaluation/predictors/define';
export { describeResults, writeResults } from './evaluation/results';
export { EndpointError } from './judging/http/errors';
export { evaluate } from './evaluation/evaluate';
export { figureInterval } from './evaluation/benchmarks/figure';
export { findBenchmark, registerBenchmark, registeredBenchmarks } from './evaluation/benchmarks/registry';
export { findJudgeTemplate, registeredJudgeTemplates, registerJudgeTemplate } from './judging/templates/registry';
export { formatComparison, writeComparison } from './reporting/comparison_report';
export { formatEvaluation, tableFor } from './reporting/table';
export { HttpCompleter, openEndpoint } from './judging/http/http_completer';
export { isRightInBothOrders } from './evaluation/benchmarks/judgebench';
export { JUDGE_FORMULAS } from './evaluation/metrics/judged';
export { JudgeError, PredictorError } from './judging/errors';
export { judgePredictor } from './evaluation/predictors/judge';
export { lengthPredictor } from './evaluation/predictors/length';
export { letterProbability } from './judging/letters';
export { loadPredictor, registeredPredictors, registerPredictor } from './evaluation/predictors/registry';
export { openLocalJudge } from './judging/local/local_completer';
export { promptsFromRows } from './evaluation/metrics/rows';
export { readBenchmarkFile } from './evaluation/benchmarks/read';
export { readResults } from './reporting/stored_results';
export { readTemplateFile } from './judging/templates/file';
export { writeReport } from './reporting/report';
export { rewardModelPredictor } from './evaluation/predictors/reward_model';

// Models of the Hugging Face hub: `RewardModel.load` and `train` take their ids, and this gives the folder of one.
export { hubEnvironment, type HubEnvironment } from './hub/environment';
export { HubError } from './hub/errors';
export { type FetchProgress, localModelFolder, type ModelFolderOptions } from './hub/fetch_model';

// Errors: what is given to a function, what the engine cannot do.
export { ArgumentError } from './arguments/errors';
export { ENGINE_ERROR_CODES, EngineError, type EngineErrorCode } from './engine/errors';

// Training.
export { ScoringError } from './scoring/errors';
export { EvaluationError } from './evaluation/errors';
export { TrainingError } from './training/errors';
export { parseTrainOptions, type TrainOptions, type TrainOptionsInput } from './training/options';
export { trainOptionDescriptions, type TrainOptionName } from './options/training';
export type { EvaluationResult, RunStart, StepMetrics, TrainCallbacks, TrainResult } from './training/events';
export type { RoundingEffect } from './training/rounding';

export type { ArchitectureInfo, EngineInfo, MemoryPlan } from './engine/types.generated';

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
