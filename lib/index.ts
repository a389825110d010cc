// The library: what `require('cheems-native')` and `import … from 'cheems-native'` give. Functions check what they are
// given (signatures.ts) and load what they need with their first call. The types and comments of the same names are in
// public.ts.

import { loadedLater, offered, offeredAsync } from './door';
import { engine } from './engine/engine';
import { packageVersion } from './support/package_version';
import * as load from './modules';
import type * as Public from './public';
import * as check from './arguments/checks';
import * as is from './signatures';

export { ArgumentError } from './arguments/errors';
export { DataError } from './data/errors';
export { ENGINE_ERROR_CODES, EngineError } from './engine/errors';
export { GenerationError } from './generation/errors';
export { TokenizerError } from './tokenization/errors';
export { ScoringError } from './scoring/errors';
export { EvaluationError } from './evaluation/errors';
export { TrainingError } from './training/errors';
export { RewardModel } from './scoring/reward_model';
export { LanguageModel } from './generation/language_model';

// Classes and constants of rooms that few programs need. Written so that Node's import finds the names in the text of
// this file.
const hubErrorsRoom = loadedLater(load.hubErrors);
const judgingErrorsRoom = loadedLater(load.judgingErrors);
const endpointErrorsRoom = loadedLater(load.endpointErrors);
const endpointsRoom = loadedLater(load.endpoints);
const judgedRoom = loadedLater(load.judged);
const cheemsBenchmarkRoom = loadedLater(load.cheemsBenchmark);
const lengthsRoom = loadedLater(load.lengths);
const pairOrdersRoom = loadedLater(load.pairOrders);
const trainTableRoom = loadedLater(load.trainTable);
const samplesRoom = loadedLater(load.samples);
Object.defineProperty(exports, 'HubError', {
  enumerable: true,
  get: function () {
    return hubErrorsRoom.HubError;
  },
});
Object.defineProperty(exports, 'PredictorError', {
  enumerable: true,
  get: function () {
    return judgingErrorsRoom.PredictorError;
  },
});
Object.defineProperty(exports, 'JudgeError', {
  enumerable: true,
  get: function () {
    return judgingErrorsRoom.JudgeError;
  },
});
Object.defineProperty(exports, 'EndpointError', {
  enumerable: true,
  get: function () {
    return endpointErrorsRoom.EndpointError;
  },
});
Object.defineProperty(exports, 'HttpCompleter', {
  enumerable: true,
  get: function () {
    return endpointsRoom.HttpCompleter;
  },
});
Object.defineProperty(exports, 'JUDGE_FORMULAS', {
  enumerable: true,
  get: function () {
    return judgedRoom.JUDGE_FORMULAS;
  },
});
Object.defineProperty(exports, 'cheemsBench', {
  enumerable: true,
  get: function () {
    return cheemsBenchmarkRoom.cheemsBench;
  },
});
Object.defineProperty(exports, 'lengthPredictor', {
  enumerable: true,
  get: function () {
    return lengthsRoom.lengthPredictor;
  },
});
Object.defineProperty(exports, 'bothOrders', {
  enumerable: true,
  get: function () {
    return pairOrdersRoom.bothOrders;
  },
});
Object.defineProperty(exports, 'trainOptionDescriptions', {
  enumerable: true,
  get: function () {
    return trainTableRoom.trainOptionDescriptions;
  },
});
Object.defineProperty(exports, 'SampleBuilder', {
  enumerable: true,
  get: function () {
    return samplesRoom.SampleBuilder;
  },
});

/** The package's version. */
export const version: string = packageVersion();
export const engineInfo: typeof Public.engineInfo = offered('engineInfo', () => () => engine.info(), []);

// Data.
export const readPreferenceDataset = offeredAsync('readPreferenceDataset', () => load.data().readPreferenceDataset, [
  ['files', is.paths],
  ['options', is.readOptions],
]);
export const datasetFromRows = offered('datasetFromRows', () => load.data().datasetFromRows, [
  ['rows', is.rows],
  ['name', is.maybe(check.text)],
]);
export const formatReport = offered(
  'formatReport',
  () => load.reports().formatReport,
  [['report', is.report]],
  is.givesReport,
);
export const tokenizeDataset = offeredAsync(
  'tokenizeDataset',
  () => load.tokenization().tokenizeDataset,
  [
    ['dataset', is.dataset],
    ['options', is.tokenizeOptions],
    ['control', is.tokenizeControl],
  ],
  is.givesDataset,
);

// The hub.
export const hubEnvironment = offered('hubEnvironment', () => load.hubEnvironments().hubEnvironment, [
  ['variables', is.variables],
]);
export const localModelFolder = offeredAsync('localModelFolder', () => load.hub().localModelFolder, [
  ['folderOrId', check.path],
  ['options', is.modelFolderOptions],
]);

// Training.
export const train = offeredAsync('train', () => load.training().train, [
  ['options', is.object],
  ['control', is.trainControl],
]);
export const parseTrainOptions = offered('parseTrainOptions', () => load.options().parseTrainOptions, [
  ['input', is.object],
]);

// Metrics.
export const computeMetrics = offered('computeMetrics', () => load.metrics().computeMetrics, [
  ['input', is.metricInput],
]);
export const promptsFromRows = offered('promptsFromRows', () => load.metricRows().promptsFromRows, [
  ['rows', is.metricRows],
]);
export const calibrationCurve = offered('calibrationCurve', () => load.calibration().calibrationCurve, [
  ['chosen', check.numbers],
  ['rejected', check.numbers],
  ['options', is.calibrationOptions],
]);
export const expectedCalibrationError = offered(
  'expectedCalibrationError',
  () => load.calibration().expectedCalibrationError,
  [['curve', is.calibrationCurve]],
);
export const comparisonMargin = offered('comparisonMargin', () => load.comparisons().comparisonMargin, [
  ['comparison', is.comparison],
]);
export const judgedMargin = offered('judgedMargin', () => load.comparisons().judgedMargin, [
  ['comparisons', is.comparisons],
  ['chosen', check.wholeNumber(0)],
  ['rejected', check.wholeNumber(0)],
]);
export const figureInterval = offered(
  'figureInterval',
  () => load.figures().figureInterval,
  [
    ['strata', is.strata],
    ['options', is.maybe(is.bootstrapOptions)],
  ],
  is.givesStrata,
);

// Evaluation.
export const evaluate = offeredAsync('evaluate', () => load.evaluation().evaluate, [['options', is.evaluateOptions]]);
export const writeResults = offeredAsync(
  'writeResults',
  () => load.results().writeResults,
  [
    ['folder', check.path],
    ['evaluation', is.evaluation],
    ['meta', is.resultsMeta],
  ],
  is.givesEvaluation,
);
export const describeResults = offeredAsync(
  'describeResults',
  () => load.results().describeResults,
  [
    ['evaluation', is.evaluation],
    ['meta', is.resultsMeta],
  ],
  is.givesEvaluation,
);
export const writeReport = offeredAsync(
  'writeReport',
  () => load.resultsReport().writeReport,
  [
    ['folder', check.path],
    ['evaluation', is.evaluation],
    ['origin', is.maybe(is.object)],
  ],
  is.givesEvaluation,
);
export const formatEvaluation = offered(
  'formatEvaluation',
  () => load.table().formatEvaluation,
  [
    ['evaluation', is.evaluation],
    ['options', is.tableOptions],
  ],
  is.givesEvaluation,
);
export const tableFor = offered(
  'tableFor',
  () => load.table().tableFor,
  [
    ['evaluation', is.evaluation],
    ['stream', is.stream],
  ],
  is.givesEvaluation,
);
export const readResults = offeredAsync('readResults', () => load.storedResults().readResults, [['path', check.path]]);
export const compareResults = offered(
  'compareResults',
  () => load.comparing().compareResults,
  [
    ['results', is.storedResults],
    ['options', is.maybe(is.bootstrapOptions)],
  ],
  is.givesStored,
);
export const formatComparison = offered(
  'formatComparison',
  () => load.comparisonReport().formatComparison,
  [['comparison', is.compared]],
  is.givesCompared,
);
export const writeComparison = offeredAsync(
  'writeComparison',
  () => load.comparisonReport().writeComparison,
  [
    ['folder', check.path],
    ['comparison', is.compared],
  ],
  is.givesCompared,
);

// Benchmarks.
export const registerBenchmark = offered('registerBenchmark', () => load.benchmarks().registerBenchmark, [
  ['benchmark', is.benchmark],
]);
export const registeredBenchmarks = offered('registeredBenchmarks', () => load.benchmarks().registeredBenchmarks, []);
export const findBenchmark = offered('findBenchmark', () => load.benchmarks().findBenchmark, [['name', check.text]]);
export const readBenchmarkFile = offeredAsync('readBenchmarkFile', () => load.benchmarkFiles().readBenchmarkFile, [
  ['benchmark', is.benchmark],
  ['file', check.path],
  ['options', is.reader],
]);
export const headlineMetrics = offered(
  'headlineMetrics',
  () => load.cheemsBenchmark().headlineMetrics,
  [['file', is.scoredFile]],
  is.givesScoredFile,
);
export const isRightInBothOrders = offered('isRightInBothOrders', () => load.judgeBench().isRightInBothOrders, [
  ['label', is.label],
  ['first', is.verdict],
  ['second', is.verdict],
]);

// Predictors.
export const definePredictor = offered('definePredictor', () => load.predictors().definePredictor, [
  ['definition', is.definition],
]);
export const registerPredictor = offered('registerPredictor', () => load.predictorRegistry().registerPredictor, [
  ['definition', is.definition],
]);
export const registeredPredictors = offered(
  'registeredPredictors',
  () => load.predictorRegistry().registeredPredictors,
  [],
);
export const loadPredictor = offeredAsync('loadPredictor', () => load.predictorRegistry().loadPredictor, [
  ['nameOrPath', check.path],
]);
export const runPredictor = offeredAsync('runPredictor', () => load.predictors().runPredictor, [
  ['predictor', is.predictor],
  ['prompts', is.prompts],
  ['options', is.scoringOptions],
]);
export const rewardModelPredictor = offered('rewardModelPredictor', () => load.modelPredictor().rewardModelPredictor, [
  ['model', is.scorer],
  ['name', is.maybe(check.text)],
]);
export const judgePredictor = offered('judgePredictor', () => load.judges().judgePredictor, [
  ['options', is.judgePredictorOptions],
]);

// Judges.
export const openEndpoint = offeredAsync('openEndpoint', () => load.endpoints().openEndpoint, [
  ['options', is.endpointOptions],
]);
export const openLocalJudge = offeredAsync('openLocalJudge', () => load.localJudges().openLocalJudge, [
  ['model', is.languageModel],
  ['options', is.localJudgeOptions],
]);
export const letterProbability = offered('letterProbability', () => load.letters().letterProbability, [
  ['tokens', is.tokenProbabilities],
  ['letters', is.letters],
]);
export const pairsToJudge = offered(
  'pairsToJudge',
  () => load.pairOrders().pairsToJudge,
  [['prompts', is.prompts]],
  is.givesDataset,
);
export const singleOrder = offered('singleOrder', () => load.pairOrders().singleOrder, [
  ['seed', check.wholeNumber(0)],
  ['name', is.maybe(check.oneOf('single', 'cheems'))],
]);
export const bindParser = offered('bindParser', () => load.parsers().bindParser, [
  ['name', check.text],
  ['options', is.maybe(is.object)],
  ['reasoning', is.maybe(check.oneOf('strip', 'keep'))],
]);
export const registeredVerdictParsers = offered(
  'registeredVerdictParsers',
  () => load.parsers().registeredVerdictParsers,
  [],
);
export const registerVerdictParser = offered('registerVerdictParser', () => load.parsers().registerVerdictParser, [
  ['parser', is.verdictParser],
]);
export const findJudgeTemplate = offeredAsync('findJudgeTemplate', () => load.templates().findJudgeTemplate, [
  ['nameOrFile', check.path],
]);
export const readTemplateFile = offeredAsync('readTemplateFile', () => load.templateFiles().readTemplateFile, [
  ['file', check.path],
]);
export const registeredJudgeTemplates = offered(
  'registeredJudgeTemplates',
  () => load.templates().registeredJudgeTemplates,
  [],
);
export const registerJudgeTemplate = offered('registerJudgeTemplate', () => load.templates().registerJudgeTemplate, [
  ['template', is.judgeTemplate],
]);
