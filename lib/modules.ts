// The modules behind the library's functions, each loaded when it is first asked for.

export const data = () => require('./data/dataset') as typeof import('./data/dataset');
export const reports = () => require('./data/report') as typeof import('./data/report');
export const tokenization = () =>
  require('./tokenization/tokenize_dataset') as typeof import('./tokenization/tokenize_dataset');
export const samples = () => require('./tokenization/sample_builder') as typeof import('./tokenization/sample_builder');
export const training = () => require('./training/train') as typeof import('./training/train');
export const modelPredictor = () =>
  require('./evaluation/predictors/reward_model') as typeof import('./evaluation/predictors/reward_model');
export const hubEnvironments = () => require('./hub/environment') as typeof import('./hub/environment');
export const hub = () => require('./hub/fetch_model') as typeof import('./hub/fetch_model');
export const metrics = () => require('./evaluation/metrics/compute') as typeof import('./evaluation/metrics/compute');
export const metricRows = () => require('./evaluation/metrics/rows') as typeof import('./evaluation/metrics/rows');
export const calibration = () =>
  require('./evaluation/metrics/calibration') as typeof import('./evaluation/metrics/calibration');
export const comparisons = () =>
  require('./evaluation/metrics/comparisons') as typeof import('./evaluation/metrics/comparisons');
export const figures = () =>
  require('./evaluation/benchmarks/figure') as typeof import('./evaluation/benchmarks/figure');
export const evaluation = () => require('./evaluation/evaluate') as typeof import('./evaluation/evaluate');
export const results = () => require('./evaluation/results') as typeof import('./evaluation/results');
export const resultsReport = () => require('./reporting/report') as typeof import('./reporting/report');
export const table = () => require('./reporting/table') as typeof import('./reporting/table');
export const storedResults = () => require('./reporting/stored_results') as typeof import('./reporting/stored_results');
export const comparing = () => require('./reporting/compare') as typeof import('./reporting/compare');
export const comparisonReport = () =>
  require('./reporting/comparison_report') as typeof import('./reporting/comparison_report');
export const benchmarks = () =>
  require('./evaluation/benchmarks/registry') as typeof import('./evaluation/benchmarks/registry');
export const benchmarkFiles = () =>
  require('./evaluation/benchmarks/read') as typeof import('./evaluation/benchmarks/read');
export const cheemsBenchmark = () =>
  require('./evaluation/benchmarks/cheems_bench') as typeof import('./evaluation/benchmarks/cheems_bench');
export const judgeBench = () =>
  require('./evaluation/benchmarks/judgebench') as typeof import('./evaluation/benchmarks/judgebench');
export const predictors = () =>
  require('./evaluation/predictors/define') as typeof import('./evaluation/predictors/define');
export const predictorRegistry = () =>
  require('./evaluation/predictors/registry') as typeof import('./evaluation/predictors/registry');
export const judges = () => require('./evaluation/predictors/judge') as typeof import('./evaluation/predictors/judge');
export const endpoints = () =>
  require('./judging/http/http_completer') as typeof import('./judging/http/http_completer');
export const localJudges = () =>
  require('./judging/local/local_completer') as typeof import('./judging/local/local_completer');
export const letters = () => require('./judging/letters') as typeof import('./judging/letters');
export const pairOrders = () => require('./judging/pair_orders') as typeof import('./judging/pair_orders');
export const parsers = () => require('./judging/parsers/registry') as typeof import('./judging/parsers/registry');
export const templates = () => require('./judging/templates/registry') as typeof import('./judging/templates/registry');
export const templateFiles = () => require('./judging/templates/file') as typeof import('./judging/templates/file');
export const hubErrors = () => require('./hub/errors') as typeof import('./hub/errors');
export const judgingErrors = () => require('./judging/errors') as typeof import('./judging/errors');
export const endpointErrors = () => require('./judging/http/errors') as typeof import('./judging/http/errors');
export const judged = () => require('./evaluation/metrics/judged') as typeof import('./evaluation/metrics/judged');
export const lengths = () =>
  require('./evaluation/predictors/length') as typeof import('./evaluation/predictors/length');
export const options = () => require('./training/options') as typeof import('./training/options');
export const trainTable = () => require('./options/training') as typeof import('./options/training');
