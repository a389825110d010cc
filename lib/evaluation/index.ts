// The evaluation room's door.

export { evaluate, type EvaluateOptions, type EvaluatedFile, type Evaluation, type EvaluationDataset, type EvaluationProgress } from './evaluate';
export { describeResults, writeResults, type ResultsMeta, type WrittenResults } from './results';
export { compareResults, formatComparison, readResults, writeComparison, writeReport, RESULT_FILES, type ResultsComparison, type StoredResults, type WrittenComparison, type WrittenReport } from '../reporting/report';
export { formatEvaluation, tableFor, type TableOptions } from '../reporting/table';
export * from './metrics';
export * from './benchmarks';
export * from './predictors';
export * from '../judging';
export { requireVerdicts } from './verdicts';
export { judgePredictor, type JudgePredictorOptions } from './predictors/judge';
