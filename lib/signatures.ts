// What the library's functions take, for the checks at its door. Rows, items and folders are checked where they are
// read.

import {
  abortSignal,
  callback,
  either,
  filledText,
  flag,
  list,
  made,
  number,
  numbers,
  oneOf,
  optional,
  options,
  path,
  refuse,
  shape,
  text,
  textOr,
  wholeNumber,
  type Check,
  type ChecksOf,
} from './arguments/checks';
import { isObject } from './support/is_object';
import type { ReadOptions } from './data/read_options';
import type { CalibrationOptions } from './evaluation/metrics/calibration';
import type { BootstrapOptions, MetricInput } from './evaluation/metrics/types';
import type { EvaluateOptions } from './evaluation/evaluate';
import type { EndpointOptions } from './judging/http/options';
import type { CompletionOptions } from './judging/completer';
import type { JudgePredictorOptions } from './evaluation/predictors/judge';
import type { ScoringOptions } from './evaluation/predictors/predictor';
import type { ResultsMeta } from './evaluation/results';
import type { TableOptions } from './reporting/table';
import type { ModelFolderOptions } from './hub/fetch_model';
import { SPECIAL_TOKENS_IN_TEXT } from './options/special_tokens';
import type { TokenizeControl, TokenizeOptions } from './tokenization/tokenize_dataset';
import type { TrainControl } from './training/train';

/** Options that may be left out altogether. */
const given = <T>(known: ChecksOf<Required<T>>): Check => optional(options(known));
const positive =
  (name: string): Check =>
  (value, named) => {
    if (typeof value !== 'number' || !(value > 0)) refuse(named, name, value);
  };
const share: Check = (value, name) => {
  if (typeof value !== 'number' || !(value > 0 && value < 1)) refuse(name, 'a number above 0 and below 1', value);
};
const nonNegative: Check = (value, name) => {
  if (typeof value !== 'number' || !(value >= 0)) refuse(name, 'a number from 0', value);
};

export const paths = either('a path or a list of paths', path, list(path));
const conversation = list(shape({ role: text }, 'a message'), 'a list of messages');
const prompt = shape(
  {
    prompt: textOr('text or a list of messages', { list: conversation }),
    responses: list(shape({}, 'a response'), 'a list of responses'),
  },
  'a prompt with its responses, as readPreferenceDataset gives it',
);
const places = list((value, name) => {
  if (!Array.isArray(value) || value.length !== 2 || !value.every((place) => Number.isInteger(place)))
    refuse(name, 'two places in the list of responses', value);
}, 'a list of pairs');
export const dataset = shape(
  { prompts: list(prompt, 'a list of prompts') },
  'a data set, as readPreferenceDataset gives it',
);
export const prompts = list(prompt, 'a list of prompts');

const judgement = shape(
  { first: wholeNumber(0), second: wholeNumber(0), verdict: oneOf('A', 'B', 'tie', 'unparsable') },
  'a judgement',
);
export const comparison = shape(
  { chosen: wholeNumber(0), rejected: wholeNumber(0), judgements: list(judgement, 'a list of judgements') },
  'a comparison of two responses',
);
export const comparisons = list(comparison, 'a list of comparisons');

export const bootstrapOptions = options({
  resamples: wholeNumber(0, 1e7),
  seed: wholeNumber(0),
  level: share,
} satisfies ChecksOf<Required<BootstrapOptions>>);
const metricPrompt = shape(
  {
    rewards: numbers,
    ranks: optional(numbers),
    pairs: optional(places),
    category: optional(text),
    lengths: optional(numbers),
    replacedRewards: optional(numbers),
    comparisons: optional(comparisons),
  },
  'an object with "rewards"',
);
export const metricInput = options(
  {
    prompts: list(metricPrompt, 'a list of prompts with rewards'),
    categories: list(text),
    lengthUnit: oneOf('characters', 'tokens'),
    bootstrap: bootstrapOptions,
    missingPairs: oneOf('nan', 'error'),
  } satisfies ChecksOf<Required<MetricInput>>,
  ['prompts'],
);
const nullable =
  (inner: Check): Check =>
  (value, name) => {
    if (value !== null) optional(inner)(value, name);
  };
export const metricRows = shape(
  {
    rewards: numbers,
    inputIndices: numbers,
    outputIndices: numbers,
    ranks: nullable(numbers),
    pairs: nullable(shape({})),
    categories: nullable(numbers),
    categoryNames: nullable(list(text)),
  },
  'an object with rewards, inputIndices and outputIndices',
);
export const calibrationOptions = given<CalibrationOptions>({
  bins: wholeNumber(1, 1e6),
  maxDifference: positive('a number above 0'),
  countEveryPair: flag,
});
export const calibrationCurve = shape(
  { accuracies: numbers, differences: numbers, counts: numbers },
  'a curve, as calibrationCurve gives it',
);
const term = shape({ weight: number, numerators: numbers, denominators: numbers }, 'a term of the figure');
export const strata = list(list(term, 'a list of terms'), 'a list of strata');

/** Looks at the definition as `definePredictor` will, which has the sentences. */
export const definition: Check = (value) => void (value as { name?: unknown } | null | undefined)?.name;
export const predictor = made('a predictor, or what definePredictor takes', 'name');
export const evaluateOptions = options(
  {
    datasets: list(shape({ name: text, dataset }, 'an object with "name" and "dataset"'), 'a list of data sets'),
    predictor,
    benchmark: filledText,
    bootstrap: bootstrapOptions,
    comparePrecision: flag,
    signal: abortSignal,
    onProgress: callback,
  } satisfies ChecksOf<Required<EvaluateOptions>>,
  ['datasets', 'predictor'],
);
const EVALUATION = 'an evaluation, as evaluate gives it';
export const evaluation = shape(
  { files: list(shape({}), 'a list of files'), benchmark: text, predictor: shape({}), notes: list(text) },
  EVALUATION,
);
export const givesEvaluation = { gives: EVALUATION };
export const resultsMeta = given<ResultsMeta>({ options: shape({}), seed: number, signal: abortSignal });
export const tableOptions = given<TableOptions>({ width: positive('a number of columns'), lines: flag });
export const stream = optional(shape({}, 'a stream'));
const STORED = 'results of at least two models, as readResults gives them';
export const storedResults = list(shape({}, 'results, as readResults gives them'), 'a list of results');
export const givesStored = { gives: STORED };
const COMPARED = 'a comparison, as compareResults gives it';
export const compared = shape({ models: list(shape({})), metrics: list(shape({})), notes: list(text) }, COMPARED);
export const givesCompared = { gives: COMPARED };

export const benchmark = shape({ name: filledText, overall: callback }, 'a benchmark');
export const scoredFile = shape(
  { report: shape({ basis: text, cheems: shape({}) }, 'a metric report') },
  'a file of an evaluation',
);
export const givesScoredFile = { gives: 'a file of an evaluation' };
export const givesStrata = { gives: 'strata of terms with as many numerators as denominators' };
export const givesDataset = { gives: 'what readPreferenceDataset gives' };
export const givesReport = { gives: 'a report, as reading a data set gives it' };
export const scoringOptions = given<ScoringOptions>({ signal: abortSignal, onProgress: callback });
export const reader = optional(shape({ signal: optional(abortSignal) }, 'an object of options'));
export const scorer = made('a reward model, as RewardModel.load gives it', 'scoreAll', 'tokenize');

export const endpointOptions = options(
  {
    endpoint: filledText,
    model: filledText,
    keyVariable: filledText,
    concurrency: wholeNumber(1),
    retries: wholeNumber(0),
    timeoutMs: positive('milliseconds above 0'),
    backoffMs: shape({ from: nonNegative, to: nonNegative }),
    longestPauseMs: nonNegative,
    extra: shape({}),
    cacheFile: path,
    prices: shape({}),
    headers: shape({}),
  } satisfies ChecksOf<Required<EndpointOptions>>,
  ['endpoint', 'model'],
);
export const localJudgeOptions = optional(options({ name: filledText, cacheFile: path }));
export const languageModel = made('a language model, as LanguageModel.load gives it', 'answerAll', 'generate');
const completer = shape({ name: text, complete: callback }, 'a completer, as openEndpoint or openLocalJudge gives it');
const template = shape({ name: filledText, user: text, parser: shape({ name: filledText }) }, 'a judge template');
export const judgeTemplate = template;
const completion = options({
  temperature: nonNegative,
  topP: number,
  topK: wholeNumber(0),
  maxTokens: wholeNumber(1),
  maxNewTokens: wholeNumber(1),
  seed: number,
  stop: list(text),
  firstTokens: wholeNumber(1),
} satisfies ChecksOf<Required<CompletionOptions> & { maxNewTokens: number }>);
export const judgePredictorOptions = options(
  {
    completer,
    templates: shape(
      { templates: list(template), templateFor: callback },
      'templates, as findJudgeTemplate gives them',
    ),
    mode: oneOf('text', 'logits'),
    orders: shape({ name: text }, 'bothOrders or singleOrder()'),
    completion,
  } satisfies ChecksOf<Required<JudgePredictorOptions>>,
  ['completer', 'templates'],
);
export const verdictParser = shape({ name: filledText, parse: callback }, 'a parser with "name" and "parse"');
export const tokenProbabilities = list(shape({ token: text, logprob: number }, 'a token with its logprob'));
export const letters = shape({ a: text, b: text }, 'an object with the letters "a" and "b"');
export const label = oneOf('A>B', 'B>A');
export const verdict = oneOf('A>B', 'B>A', 'A=B', null);

export const readOptions = given<ReadOptions>({
  compat: oneOf('cheems'),
  signal: abortSignal,
  onProgress: callback,
  rowsOf: callback,
});
export const rows: Check = (value, name) => {
  const iterable = typeof value === 'object' && value !== null && Symbol.iterator in value;
  if (!iterable) refuse(name, 'rows: a list of objects', value);
};
export const report = shape(
  { entries: made('a Map of entries', 'entries', 'get') },
  'a report, as reading a data set gives it',
);
const length: Check = (value, name) => {
  if (value !== null) wholeNumber(1)(value, name);
};
export const tokenizeOptions = options({
  doStrip: oneOf(true, false, 'newlines'),
  maxLength: length,
  truncation: flag,
  addGenerationPrompt: flag,
  doubledBos: oneOf('keep', 'drop'),
  rewardToken: wholeNumber(0),
  specialTokensInText: oneOf(...SPECIAL_TOKENS_IN_TEXT),
  tokenizer: shape({ folder: path }),
  vocabularySize: wholeNumber(1),
  dropUnpaired: flag,
  workers: wholeNumber(1, 1024),
  cacheFolder: path,
} satisfies ChecksOf<Required<TokenizeOptions>>);
export const tokenizeControl = given<TokenizeControl>({ signal: abortSignal, onProgress: callback });

export const modelFolderOptions = given<ModelFolderOptions>({
  signal: abortSignal,
  onProgress: callback,
  onNote: callback,
  environment: shape({ endpoint: text, cache: text }),
  pauseMs: nonNegative,
  attempts: wholeNumber(1),
});
export const variables = optional(shape({}, 'an object of environment variables'));
export const object: Check = (value, name) => {
  if (!isObject(value)) refuse(name, 'an object of options', value);
};
export const trainControl = given<TrainControl>({
  signal: abortSignal,
  stop: abortSignal,
  onLog: callback,
  onProgress: callback,
  onStart: callback,
  onStep: callback,
  onEvaluate: callback,
  onSave: callback,
  onMemoryPlan: callback,
});
export const maybe = optional;
