// The library: what `require('cheems-native')` and `import … from 'cheems-native'` give. Functions check what they are
// given (signatures.ts) and load what they need with their first call. The types and comments of the same names are in
// public.ts.

import { loadedLater, offered, offeredAsync } from './door';
import { engine } from './engine';
import { packageVersion } from './support/package_version';
import type * as Public from './public';
import * as is from './signatures';

export { ArgumentError } from './arguments/errors';
export { DataError } from './data/errors';
export { ENGINE_ERROR_CODES, EngineError } from './engine';
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
const hub = () => require('./hub') as typeof import('./hub');
const training = () => require('./training/train') as typeof import('./training/train');
const metrics = () => require('./evaluation/metrics') as typeof import('./evaluation/metrics');
const evaluation = () => require('./evaluation') as typeof import('./evaluation');
const predictors = () => require('./evaluation/predictors') as typeof import('./evaluation/predictors');
const modelPredictor = () =>
  require('./evaluation/predictors/reward_model') as typeof import('./evaluation/predictors/reward_model');
const options = () => require('./training/options') as typeof import('./training/options');
const trainTable = () => require('./options/training') as typeof import('./options/training');

// Classes and constants of rooms that few programs need. Written so that Node's import finds the names in the text of
// this file.
const later = {
  hub: loadedLater(hub),
  evaluation: loadedLater(evaluation),
  options: loadedLater(trainTable),
  samples: loadedLater(
    () => require('./tokenization/sample_builder') as typeof import('./tokenization/sample_builder'),
  ),
};
const { hub: hubRoom, evaluation: evaluationRoom, options: optionsRoom, samples: samplesRoom } = later;
Object.defineProperty(exports, 'HubError', {
  enumerable: true,
  get: function () {
    return hubRoom.HubError;
  },
});
Object.defineProperty(exports, 'PredictorError', {
  enumerable: true,
  get: function () {
    return evaluationRoom.PredictorError;
  },
});
Object.defineProperty(exports, 'JudgeError', {
  enumerable: true,
  get: function () {
    return evaluationRoom.JudgeError;
  },
});
Object.defineProperty(exports, 'EndpointError', {
  enumerable: true,
  get: function () {
    return evaluationRoom.EndpointError;
  },
});
Object.defineProperty(exports, 'HttpCompleter', {
  enumerable: true,
  get: function () {
    return evaluationRoom.HttpCompleter;
  },
});
Object.defineProperty(exports, 'JUDGE_FORMULAS', {
  enumerable: true,
  get: function () {
    return evaluationRoom.JUDGE_FORMULAS;
  },
});
Object.defineProperty(exports, 'cheemsBench', {
  enumerable: true,
  get: function () {
    return evaluationRoom.cheemsBench;
  },
});
Object.defineProperty(exports, 'lengthPredictor', {
  enumerable: true,
  get: function () {
    return evaluationRoom.lengthPredictor;
  },
});
Object.defineProperty(exports, 'bothOrders', {
  enumerable: true,
  get: function () {
    return evaluationRoom.bothOrders;
  },
});
Object.defineProperty(exports, 'trainOptionDescriptions', {
  enumerable: true,
  get: function () {
    return optionsRoom.trainOptionDescriptions;
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
  ['name', is.maybe(is.text)],
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
export const hubEnvironment = offered('hubEnvironment', () => hub().hubEnvironment, [['variables', is.variables]]);
export const localModelFolder = offeredAsync('localModelFolder', () => hub().localModelFolder, [
  ['folderOrId', is.path],
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
export const promptsFromRows = offered('promptsFromRows', () => metrics().promptsFromRows, [['rows', is.metricRows]]);
export const calibrationCurve = offered('calibrationCurve', () => metrics().calibrationCurve, [
  ['chosen', is.numbers],
  ['rejected', is.numbers],
  ['options', is.calibrationOptions],
]);
export const expectedCalibrationError = offered('expectedCalibrationError', () => metrics().expectedCalibrationError, [
  ['curve', is.calibrationCurve],
]);
export const comparisonMargin = offered('comparisonMargin', () => metrics().comparisonMargin, [
  ['comparison', is.comparison],
]);
export const judgedMargin = offered('judgedMargin', () => metrics().judgedMargin, [
  ['comparisons', is.comparisons],
  ['chosen', is.wholeNumber(0)],
  ['rejected', is.wholeNumber(0)],
]);
export const figureInterval = offered(
  'figureInterval',
  () => evaluation().figureInterval,
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
  () => evaluation().writeResults,
  [
    ['folder', is.path],
    ['evaluation', is.evaluation],
    ['meta', is.resultsMeta],
  ],
  is.givesEvaluation,
);
export const describeResults = offeredAsync(
  'describeResults',
  () => evaluation().describeResults,
  [
    ['evaluation', is.evaluation],
    ['meta', is.resultsMeta],
  ],
  is.givesEvaluation,
);
export const writeReport = offeredAsync(
  'writeReport',
  () => evaluation().writeReport,
  [
    ['folder', is.path],
    ['evaluation', is.evaluation],
    ['origin', is.maybe(is.object)],
  ],
  is.givesEvaluation,
);
export const formatEvaluation = offered(
  'formatEvaluation',
  () => evaluation().formatEvaluation,
  [
    ['evaluation', is.evaluation],
    ['options', is.tableOptions],
  ],
  is.givesEvaluation,
);
export const tableFor = offered(
  'tableFor',
  () => evaluation().tableFor,
  [
    ['evaluation', is.evaluation],
    ['stream', is.stream],
  ],
  is.givesEvaluation,
);
export const readResults = offeredAsync('readResults', () => evaluation().readResults, [['path', is.path]]);
export const compareResults = offered(
  'compareResults',
  () => evaluation().compareResults,
  [
    ['results', is.storedResults],
    ['options', is.maybe(is.bootstrapOptions)],
  ],
  is.givesStored,
);
export const formatComparison = offered(
  'formatComparison',
  () => evaluation().formatComparison,
  [['comparison', is.compared]],
  is.givesCompared,
);
export const writeComparison = offeredAsync(
  'writeComparison',
  () => evaluation().writeComparison,
  [
    ['folder', is.path],
    ['comparison', is.compared],
  ],
  is.givesCompared,
);

// Benchmarks.
export const registerBenchmark = offered('registerBenchmark', () => evaluation().registerBenchmark, [
  ['benchmark', is.benchmark],
]);
export const registeredBenchmarks = offered('registeredBenchmarks', () => evaluation().registeredBenchmarks, []);
export const findBenchmark = offered('findBenchmark', () => evaluation().findBenchmark, [['name', is.text]]);
export const readBenchmarkFile = offeredAsync('readBenchmarkFile', () => evaluation().readBenchmarkFile, [
  ['benchmark', is.benchmark],
  ['file', is.path],
  ['options', is.reader],
]);
export const headlineMetrics = offered(
  'headlineMetrics',
  () => evaluation().headlineMetrics,
  [['file', is.scoredFile]],
  is.givesScoredFile,
);
export const isRightInBothOrders = offered('isRightInBothOrders', () => evaluation().isRightInBothOrders, [
  ['label', is.label],
  ['first', is.verdict],
  ['second', is.verdict],
]);

// Predictors.
export const definePredictor = offered('definePredictor', () => predictors().definePredictor, [
  ['definition', is.definition],
]);
export const registerPredictor = offered('registerPredictor', () => predictors().registerPredictor, [
  ['definition', is.definition],
]);
export const registeredPredictors = offered('registeredPredictors', () => predictors().registeredPredictors, []);
export const loadPredictor = offeredAsync('loadPredictor', () => predictors().loadPredictor, [['nameOrPath', is.path]]);
export const runPredictor = offeredAsync('runPredictor', () => predictors().runPredictor, [
  ['predictor', is.predictor],
  ['prompts', is.prompts],
  ['options', is.scoringOptions],
]);
export const rewardModelPredictor = offered('rewardModelPredictor', () => modelPredictor().rewardModelPredictor, [
  ['model', is.scorer],
  ['name', is.maybe(is.text)],
]);
export const judgePredictor = offered('judgePredictor', () => evaluation().judgePredictor, [
  ['options', is.judgePredictorOptions],
]);

// Judges.
export const openEndpoint = offeredAsync('openEndpoint', () => evaluation().openEndpoint, [
  ['options', is.endpointOptions],
]);
export const openLocalJudge = offeredAsync('openLocalJudge', () => evaluation().openLocalJudge, [
  ['model', is.languageModel],
  ['options', is.localJudgeOptions],
]);
export const letterProbability = offered('letterProbability', () => evaluation().letterProbability, [
  ['tokens', is.tokenProbabilities],
  ['letters', is.letters],
]);
export const pairsToJudge = offered(
  'pairsToJudge',
  () => evaluation().pairsToJudge,
  [['prompts', is.prompts]],
  is.givesDataset,
);
export const singleOrder = offered('singleOrder', () => evaluation().singleOrder, [
  ['seed', is.wholeNumber(0)],
  ['name', is.maybe(is.oneOf('single', 'cheems'))],
]);
export const bindParser = offered('bindParser', () => evaluation().bindParser, [
  ['name', is.text],
  ['options', is.maybe(is.object)],
  ['reasoning', is.maybe(is.oneOf('strip', 'keep'))],
]);
export const registeredVerdictParsers = offered(
  'registeredVerdictParsers',
  () => evaluation().registeredVerdictParsers,
  [],
);
export const registerVerdictParser = offered('registerVerdictParser', () => evaluation().registerVerdictParser, [
  ['parser', is.verdictParser],
]);
export const findJudgeTemplate = offeredAsync('findJudgeTemplate', () => evaluation().findJudgeTemplate, [
  ['nameOrFile', is.path],
]);
export const readTemplateFile = offeredAsync('readTemplateFile', () => evaluation().readTemplateFile, [
  ['file', is.path],
]);
export const registeredJudgeTemplates = offered(
  'registeredJudgeTemplates',
  () => evaluation().registeredJudgeTemplates,
  [],
);
export const registerJudgeTemplate = offered('registerJudgeTemplate', () => evaluation().registerJudgeTemplate, [
  ['template', is.judgeTemplate],
]);
