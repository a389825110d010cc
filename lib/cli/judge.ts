// The options of `eval --predictor judge`, and the judge that they describe: behind an endpoint, or on this machine.

import { join } from 'node:path';
import { counted } from '../text/counted';
import type { Predictor } from '../evaluation/predictors/predictor';
import { bothOrders, type PairOrders, singleOrder } from '../judging/pair_orders';
import { findJudgeTemplate, registeredJudgeTemplates } from '../judging/templates/registry';
import { JudgeError } from '../judging/errors';
import { openEndpoint } from '../judging/http/http_completer';
import { openLocalJudge } from '../judging/local/local_completer';
import { parseHeaders } from '../judging/http/headers';
import type { Completer } from '../judging/completer';
import { judgePredictor } from '../evaluation/predictors/judge';
import { judgeOptionTable } from '../options/judging';
import { UsageError } from './failure';
import type { generationResources } from '../options/generation';
import { languageModelOptions, loadLanguageModel } from './language_model';
import type { OptionValues } from './options';
import { type scoringResources, scoringSamples } from '../options/scoring';
import { withFlags } from './flags';
import { say } from './terminal';

export const judgeOptions = judgeOptionTable(registeredJudgeTemplates());

type JudgeValues = OptionValues<
  typeof judgeOptions &
    typeof scoringResources &
    typeof generationResources &
    Pick<typeof scoringSamples, 'compat' | 'chat_template'>
> &
  Partial<OptionValues<Omit<typeof scoringSamples, 'compat' | 'chat_template'>>> & {
    predictor?: string | undefined;
    output_dir?: string | undefined;
    seed: number;
  };

export const isJudge = ({ predictor }: { predictor?: string | undefined }) => predictor === 'judge';

const OF_ENDPOINTS = [
  'judge_extra',
  'judge_header',
  'judge_key_env',
  'judge_concurrency',
  'judge_retries',
  'judge_timeout',
  'judge_price_input',
  'judge_price_output',
] as const;
const OF_MODELS_HERE = ['judge_top_k', 'judge_template_options'] as const;
const OF_THE_ENGINE = {
  device: 'auto',
  precision: undefined,
  num_threads: 0,
  micro_batch_tokens: 'auto',
  device_memory_reserve: undefined,
  kv_cache_tokens: undefined,
  chat_template: undefined,
} as const;

const OF_REWARD_MODELS = (Object.keys(scoringSamples) as (keyof typeof scoringSamples)[]).filter(
  (name) => name !== 'compat' && name !== 'chat_template',
);

/** @throws UsageError for options that do not go together. */
export function checkJudgeOptions(values: JudgeValues): void {
  const isGiven = (name: keyof typeof judgeOptions) => {
    const value = values[name];
    const { default: usual } = judgeOptions[name].description as { default?: unknown };
    return value !== undefined && value !== usual && !(Array.isArray(value) && value.length === 0);
  };
  if (!isJudge(values)) {
    const stray = (Object.keys(judgeOptions) as (keyof typeof judgeOptions)[]).find(isGiven);
    if (stray !== undefined)
      throw new UsageError(`--${stray} needs --predictor judge, which --judge_model alone implies.`);
    return;
  }
  const sample = OF_REWARD_MODELS.find((name) => values[name] !== undefined && values[name] !== false);
  if (sample !== undefined)
    throw new UsageError(
      `--${sample} is for reward models; a judge reads whole texts and reports which were too long for it.`,
    );
  if (values.judge_model === undefined) {
    throw new UsageError(
      '--predictor judge needs --judge_model: ' +
        `${judgeOptions.judge_model.description.describe.replace(' (required)', '')}.`,
    );
  }
  if (values.judge_endpoint === undefined) {
    const stray = OF_ENDPOINTS.find(isGiven);
    if (stray !== undefined)
      throw new UsageError(`--${stray} needs --judge_endpoint; without it the judge runs on this machine.`);
    return;
  }
  const stray =
    OF_MODELS_HERE.find(isGiven) ??
    (Object.keys(OF_THE_ENGINE) as (keyof typeof OF_THE_ENGINE)[]).find((name) => values[name] !== OF_THE_ENGINE[name]);
  if (stray !== undefined) {
    const instead = stray === 'judge_top_k' ? ' Endpoints that support it accept --judge_extra \'{"top_k": …}\'.' : '';
    throw new UsageError(`--${stray} is for a judge on this machine, not for --judge_endpoint.${instead}`);
  }
  const keyIsNamed = values.judge_key_env !== judgeOptions.judge_key_env.description.default;
  if (keyIsNamed && !process.env[values.judge_key_env])
    throw new UsageError(`The environment variable ${values.judge_key_env} (--judge_key_env) is not set.`);
}

/**
 * @throws UsageError for an unsuitable template or address, or a cache that is in use; otherwise what loading a model
 * throws.
 */
export async function openJudge(values: JudgeValues, signal?: AbortSignal): Promise<Predictor> {
  try {
    const templates = await findJudgeTemplate(
      values.judge_template ?? (values.judge_mode === 'logits' ? 'letter' : 'verdict'),
    );
    const { completer, maxTokens } =
      values.judge_endpoint === undefined
        ? await openHere(values, signal)
        : { completer: await openThere(values), maxTokens: values.judge_max_tokens };
    return judgePredictor({
      completer,
      templates,
      mode: values.judge_mode,
      orders: ordersOf(values),
      completion: {
        temperature: values.judge_temperature,
        maxTokens,
        ...(values.judge_top_p === undefined ? {} : { topP: values.judge_top_p }),
        ...(values.judge_top_k === undefined ? {} : { topK: values.judge_top_k }),
        ...(values.judge_seed === undefined ? {} : { seed: values.judge_seed }),
        ...(values.judge_stop.length === 0 ? {} : { stop: values.judge_stop }),
      },
    });
  } catch (error) {
    throw error instanceof JudgeError ? new UsageError(withFlags(error.message)) : error;
  }
}

function cacheFileOf({ judge_cache: file, output_dir: folder }: JudgeValues): string | undefined {
  return file ?? (folder === undefined ? undefined : join(folder, 'judge_cache.jsonl'));
}

function openThere(values: JudgeValues): Promise<Completer> {
  return openEndpoint({
    endpoint: values.judge_endpoint!,
    model: values.judge_model!,
    keyVariable: values.judge_key_env,
    concurrency: values.judge_concurrency,
    retries: values.judge_retries,
    timeoutMs: values.judge_timeout * 1000,
    cacheFile: cacheFileOf(values),
    prices: { input: values.judge_price_input, output: values.judge_price_output },
    headers: parseHeaders(values.judge_header),
    ...(values.judge_extra ? { extra: values.judge_extra } : {}),
  });
}

/** The options as results may store them: of headers only the names. */
export function withoutSecrets<T extends { judge_header: string[] }>(values: T): T {
  return { ...values, judge_header: Object.keys(parseHeaders(values.judge_header)) };
}

/**
 * A judge on this machine, and how long its answers may be: the default leaves half of a short model's positions to
 * the conversation.
 */
async function openHere(
  values: JudgeValues,
  signal?: AbortSignal,
): Promise<{ completer: Completer; maxTokens: number }> {
  const model = await loadLanguageModel(
    values.judge_model!,
    { ...languageModelOptions(values), templateOptions: values.judge_template_options },
    signal,
  );
  try {
    const { judge_max_tokens: given } = values;
    const isUsual = given === judgeOptions.judge_max_tokens.description.default;
    const maxTokens = isUsual ? Math.min(given, Math.max(1, model.positions >> 1)) : given;
    if (values.judge_mode === 'text' && maxTokens < given) {
      say(
        `Answers have at most ${maxTokens} tokens, half of the ${model.positions} that ${values.judge_model} is ` +
          'made for; ' +
          'set another number with --judge_max_tokens.',
      );
    }
    if (values.judge_mode === 'text' && maxTokens >= model.positions) {
      throw new JudgeError(
        `--judge_max_tokens ${given} leaves no room for a conversation: ${values.judge_model} is made for ` +
          `${model.positions} tokens ` +
          '(max_position_embeddings in its config.json). Give fewer.',
      );
    }
    const completer = await openLocalJudge(model, { name: values.judge_model!, cacheFile: cacheFileOf(values) });
    return { completer, maxTokens };
  } catch (error) {
    await model.dispose();
    throw error;
  }
}

function ordersOf({ compat, judge_order: order, seed }: JudgeValues): PairOrders {
  if (compat === 'cheems') return singleOrder(0, 'cheems');
  return order === 'both' ? bothOrders : singleOrder(seed);
}

/**
 * What was requested from a judge and what it cost, from the predictor's description: one line, and anything unusual.
 */
export function describeSpending(description: Record<string, unknown>): string {
  const {
    requests,
    answers,
    notes = [],
    tokens,
    cost,
  } = description as {
    requests?: {
      answered: number;
      from_cache: number;
      failed_attempts: Record<string, number>;
      answers_without_token_counts: number;
    };
    answers?: { computed: number; from_cache: number; too_long: number };
    notes?: string[];
    tokens: { prompt: number; completion: number };
    cost?: { this_run: number; with_cached_answers: number };
  };
  const amount = tokens && `${tokens.prompt} + ${tokens.completion} tokens`;
  const said = notes.map((note) => `         ${note}\n`).join('');
  if (answers) {
    return (
      `judge:   ${counted(answers.computed, 'answer')} computed, ${answers.from_cache} from the cache; ` +
      `${amount}\n${said}`
    );
  }
  if (!requests) return '';
  const failures = Object.entries(requests.failed_attempts).map(([kind, count]) => `${kind}: ${count}`);
  const money = (value: number) => String(Number(value.toPrecision(4)));
  const uncounted = requests.answers_without_token_counts;
  const missing =
    uncounted > 0 ? `, without ${counted(uncounted, 'answer')} whose tokens the endpoint did not count` : '';
  const line = [
    `asked:   ${counted(requests.answered, 'request')} answered, ${requests.from_cache} from the ` +
      `cache${failures.length > 0 ? `, failed attempts ${failures.join(', ')}` : ''}`,
    `${amount}${missing}`,
    ...(cost ? [`cost ${money(cost.this_run)} (${money(cost.with_cached_answers)} with the cached answers)`] : []),
  ].join('; ');
  return `${line}\n${said}`;
}
