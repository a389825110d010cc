// The library: what `require('cheems-native')` and `import … from 'cheems-native'` give. Functions check what they are
// given (signatures.ts) and load what they need with their first call. The types and comments of the same names are in
// public.ts.

import { loadedLater, offered, offeredAsync } from './door';
import { engine } from './engine/engine';
import { packageVersion } from './support/package_version';
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

const data = () => require('./data/dataset') as typeof import('./data/dataset');
const reports = () => require('./data/report') as typeof import('./data/report');
const tokenization = () =>
  require('./tokenization/tokenize_dataset') as typeof import('./tokenization/tokenize_dataset');
const samples = () => require('./tokenization/sample_builder') as typeof import('./tokenization/sample_builder');
const training = () => require('./training/train') as typeof import('./training/train');
const modelPredictor = () =>
  require('./evaluation/predictors/reward_model') as typeof import('./evaluation/predictors/reward_model');
const hubEnvironments = () => require('./hub/environment') as typeof import('./hub/environment');
const hub = () => require('./hub/fetch_model') as typeof import('./hub/fetch_model');
const metrics = () => require('./evaluation/metrics/compute') as typeof import('./evaluation/metrics/compute');
const metricRows = () => require('./evaluation/metrics/rows') as typeof import('./evaluation/metrics/rows');
const calibration = () =>
  require('./evaluation/metrics/calibration') as typeof import('./evaluation/metrics/calibration');
const comparisons = () =>
  require('./evaluation/metrics/comparisons') as typeof import('./evaluation/metrics/comparisons');
const figures = () => require('./evaluation/benchmarks/figure') as typeof import('./evaluation/benchmarks/figure');
const evaluation = () => require('./evaluation/evaluate') as typeof import('./evaluation/evaluate');
const results = () => require('./evaluation/results') as typeof import('./evaluation/results');
const resultsReport = () => require('./reporting/report') as typeof import('./reporting/report');
const table = () => require('./reporting/table') as typeof import('./reporting/table');
const storedResults = () => require('./reporting/stored_results') as typeof import('./reporting/stored_results');
const comparing = () => require('./reporting/compare') as typeof import('./reporting/compare');
const comparisonReport = () =>
  require('./reporting/comparison_report') as typeof import('./reporting/comparison_report');
const benchmarks = () =>
  require('./evaluation/benchmarks/registry') as typeof import('./evaluation/benchmarks/registry');
const benchmarkFiles = () => require('./evaluation/benchmarks/read') as typeof import('./evaluation/benchmarks/read');
const cheemsBenchmark = () =>
  require('./evaluation/benchmarks/cheems_bench') as typeof import('./evaluation/benchmarks/cheems_bench');
const judgeBench = () =>
  require('./evaluation/benchmarks/judgebench') as typeof import('./evaluation/benchmarks/judgebench');
const predictors = () => require('./evaluation/predictors/define') as typeof import('./evaluation/predictors/define');
const predictorRegistry = () =>
  require('./evaluation/predictors/registry') as typeof import('./evaluation/predictors/registry');
const judges = () => require('./evaluation/predictors/judge') as typeof import('./evaluation/predictors/judge');
const endpoints = () => require('./judging/http/http_completer') as typeof import('./judging/http/http_completer');
const localJudges = () =>
  require('./judging/local/local_completer') as typeof import('./judging/local/local_completer');
const letters = () => require('./judging/letters') as typeof import('./judging/letters');
const pairOrders = () => require('./judging/pair_orders') as typeof import('./judging/pair_orders');
const parsers = () => require('./judging/parsers/registry') as typeof import('./judging/parsers/registry');
const templates = () => require('./judging/templates/registry') as typeof import('./judging/templates/registry');
const templateFiles = () => require('./judging/templates/file') as typeof import('./judging/templates/file');
const hubErrors = () => require('./hub/errors') as typeof import('./hub/errors');
const judgingErrors = () => require('./judging/errors') as typeof import('./judging/errors');
const endpointErrors = () => require('./judging/http/errors') as typeof import('./judging/http/errors');
const judged = () => require('./evaluation/metrics/judged') as typeof import('./evaluation/metrics/judged');
const lengths = () => require('./evaluation/predictors/length') as typeof import('./evaluation/predictors/length');
const options = () => require('./training/options') as typeof import('./training/options');
const trainTable = () => require('./options/training') as typeof import('./options/training');

// Classes and constants of rooms that few programs need. Written so that Node's import finds the names in the text of
// this file.
const hubErrorsRoom = loadedLater(hubErrors);
const judgingErrorsRoom = loadedLater(judgingErrors);
const endpointErrorsRoom = loadedLater(endpointErrors);
const endpointsRoom = loadedLater(endpoints);
const judgedRoom = loadedLater(judged);
const cheemsBenchmarkRoom = loadedLater(cheemsBenchmark);
const lengthsRoom = loadedLater(lengths);
const pairOrdersRoom = loadedLater(pairOrders);
const trainTableRoom = loadedLater(trainTable);
const samplesRoom = loadedLater(samples);
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
export const readPreferenceDataset = offeredAsync('readPreferenceDataset', () => data().readPreferenceDataset, [
  ['files', is.paths],
  ['options', is.readOptions],
]);
export const datasetFromRows = offered('datasetFromRows', () => data().datasetFromRows, [
  ['rows', is.rows],
  ['name', is.maybe(check.text)],
]);
export const formatReport = offered(
  'formatReport',
  () => reports().formatReport,
  [['report', is.report]],
  is.givesReport,
);
export const tokenizeDataset = offeredAsync(
  'tokenizeDataset',
  () => tokenization().tokenizeDataset,
  [
    ['dataset', is.dataset],
    ['options', is.tokenizeOptions],
    ['control', is.tokenizeControl],
  ],
  is.givesDataset,
);

// The hub.
export const hubEnvironment = offered('hubEnvironment', () => hubEnvironments().hubEnvironment, [
  ['variables', is.variables],
]);
export const localModelFolder = offeredAsync('localModelFolder', () => hub().localModelFolder, [
  ['folderOrId', check.path],
  ['options', is.modelFolderOptions],
]);

// Training.
export const train = offeredAsync('train', () => training().train, [
  ['options', is.object],
  ['control', is.trainControl],
]);
export const parseTrainOptions = offered('parseTrainOptions', () => options().parseTrainOptions, [
  ['input', is.object],
]);

// Metrics.
export const computeMetrics = offered('computeMetrics', () => metrics().computeMetrics, [['input', is.metricInput]]);
export const promptsFromRows = offered('promptsFromRows', () => metricRows().promptsFromRows, [
  ['rows', is.metricRows],
]);
export const calibrationCurve = offered('calibrationCurve', () => calibration().calibrationCurve, [
  ['chosen', check.numbers],
  ['rejected', check.numbers],
  ['options', is.calibrationOptions],
]);
export const expectedCalibrationError = offered(
  'expectedCalibrationError',
  () => calibration().expectedCalibrationError,
  [['curve', is.calibrationCurve]],
);
export const comparisonMargin = offered('comparisonMargin', () => comparisons().comparisonMargin, [
  ['comparison', is.comparison],
]);
export const judgedMargin = offered('judgedMargin', () => comparisons().judgedMargin, [
  ['comparisons', is.comparisons],
  ['chosen', check.wholeNumber(0)],
  ['rejected', check.wholeNumber(0)],
]);
export const figureInterval = offered(
  'figureInterval',
  () => figures().figureInterval,
  [
    ['strata', is.strata],
    ['options', is.maybe(is.bootstrapOptions)],
  ],
  is.givesStrata,
);

// Evaluation.
export const evaluate = offeredAsync('evaluate', () => evaluation().evaluate, [['options', is.evaluateOptions]]);
export const writeResults = offeredAsync(
  'writeResults',
  () => results().writeResults,
  [
    ['folder', check.path],
    ['evaluation', is.evaluation],
    ['meta', is.resultsMeta],
  ],
  is.givesEvaluation,
);
export const describeResults = offeredAsync(
  'describeResults',
  () => results().describeResults,
  [
    ['evaluation', is.evaluation],
    ['meta', is.resultsMeta],
  ],
  is.givesEvaluation,
);
export const writeReport = offeredAsync(
  'writeReport',
  () => resultsReport().writeReport,
  [
    ['folder', check.path],
    ['evaluation', is.evaluation],
    ['origin', is.maybe(is.object)],
  ],
  is.givesEvaluation,
);
export const formatEvaluation = offered(
  'formatEvaluation',
  () => table().formatEvaluation,
  [
    ['evaluation', is.evaluation],
    ['options', is.tableOptions],
  ],
  is.givesEvaluation,
);
export const tableFor = offered(
  'tableFor',
  () => table().tableFor,
  [
    ['evaluation', is.evaluation],
    ['stream', is.stream],
  ],
  is.givesEvaluation,
);
export const readResults = offeredAsync('readResults', () => storedResults().readResults, [['path', check.path]]);
export const compareResults = offered(
  'compareResults',
  () => comparing().compareResults,
  [
    ['results', is.storedResults],
    ['options', is.maybe(is.bootstrapOptions)],
  ],
  is.givesStored,
);
export const formatComparison = offered(
  'formatComparison',
  () => comparisonReport().formatComparison,
  [['comparison', is.compared]],
  is.givesCompared,
);
export const writeComparison = offeredAsync(
  'writeComparison',
  () => comparisonReport().writeComparison,
  [
    ['folder', check.path],
    ['comparison', is.compared],
  ],
  is.givesCompared,
);

// Benchmarks.
export const registerBenchmark = offered('registerBenchmark', () => benchmarks().registerBenchmark, [
  ['benchmark', is.benchmark],
]);
export const registeredBenchmarks = offered('registeredBenchmarks', () => benchmarks().registeredBenchmarks, []);
export const findBenchmark = offered('findBenchmark', () => benchmarks().findBenchmark, [['name', check.text]]);
export const readBenchmarkFile = offeredAsync('readBenchmarkFile', () => benchmarkFiles().readBenchmarkFile, [
  ['benchmark', is.benchmark],
  ['file', check.path],
  ['options', is.reader],
]);
export const headlineMetrics = offered(
  'headlineMetrics',
  () => cheemsBenchmark().headlineMetrics,
  [['file', is.scoredFile]],
  is.givesScoredFile,
);
export const isRightInBothOrders = offered('isRightInBothOrders', () => judgeBench().isRightInBothOrders, [
  ['label', is.label],
  ['first', is.verdict],
  ['second', is.verdict],
]);

// Predictors.
export const definePredictor = offered('definePredictor', () => predictors().definePredictor, [
  ['definition', is.definition],
]);
export const registerPredictor = offered('registerPredictor', () => predictorRegistry().registerPredictor, [
  ['definition', is.definition],
]);
export const registeredPredictors = offered('registeredPredictors', () => predictorRegistry().registeredPredictors, []);
export const loadPredictor = offeredAsync('loadPredictor', () => predictorRegistry().loadPredictor, [
  ['nameOrPath', check.path],
]);
export const runPredictor = offeredAsync('runPredictor', () => predictors().runPredictor, [
  ['predictor', is.predictor],
  ['prompts', is.prompts],
  ['options', is.scoringOptions],
]);
export const rewardModelPredictor = offered('rewardModelPredictor', () => modelPredictor().rewardModelPredictor, [
  ['model', is.scorer],
  ['name', is.maybe(check.text)],
]);
export const judgePredictor = offered('judgePredictor', () => judges().judgePredictor, [
  ['options', is.judgePredictorOptions],
]);

// Judges.
export const openEndpoint = offeredAsync('openEndpoint', () => endpoints().openEndpoint, [
  ['options', is.endpointOptions],
]);
export const openLocalJudge = offeredAsync('openLocalJudge', () => localJudges().openLocalJudge, [
  ['model', is.languageModel],
  ['options', is.localJudgeOptions],
]);
export const letterProbability = offered('letterProbability', () => letters().letterProbability, [
  ['tokens', is.tokenProbabilities],
  ['letters', is.letters],
]);
export const pairsToJudge = offered(
  'pairsToJudge',
  () => pairOrders().pairsToJudge,
  [['prompts', is.prompts]],
  is.givesDataset,
);
export const singleOrder = offered('singleOrder', () => pairOrders().singleOrder, [
  ['seed', check.wholeNumber(0)],
  ['name', is.maybe(check.oneOf('single', 'cheems'))],
]);
export const bindParser = offered('bindParser', () => parsers().bindParser, [
  ['name', check.text],
  ['options', is.maybe(is.object)],
  ['reasoning', is.maybe(check.oneOf('strip', 'keep'))],
]);
export const registeredVerdictParsers = offered(
  'registeredVerdictParsers',
  () => parsers().registeredVerdictParsers,
  [],
);
export const registerVerdictParser = offered('registerVerdictParser', () => parsers().registerVerdictParser, [
  ['parser', is.verdictParser],
]);
export const findJudgeTemplate = offeredAsync('findJudgeTemplate', () => templates().findJudgeTemplate, [
  ['nameOrFile', check.path],
]);
export const readTemplateFile = offeredAsync('readTemplateFile', () => templateFiles().readTemplateFile, [
  ['file', check.path],
]);
export const registeredJudgeTemplates = offered(
  'registeredJudgeTemplates',
  () => templates().registeredJudgeTemplates,
  [],
);
export const registerJudgeTemplate = offered('registerJudgeTemplate', () => templates().registerJudgeTemplate, [
  ['template', is.judgeTemplate],
]);
