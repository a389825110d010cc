// The options of `eval --predictor judge`, and the judge that they ask for.

import { join } from 'node:path';
import { z } from 'zod';
import type { Predictor } from '../evaluation';
import { bothOrders, findJudgeTemplate, JudgeError, openEndpoint, registeredJudgeTemplates, singleOrder, type PairOrders } from '../evaluation/judges';
import { judgePredictor } from '../evaluation/predictors/judge';
import { choice, number, optionalNumber, text, textWithDefault } from '../training/option_kinds';
import { UsageError } from './failure';
import type { OptionValues } from './options';

const JUDGE = 'Judge (with --predictor judge)';
const REQUESTS = 'Requests to the judge (never change a verdict)';

/** A JSON object, as text or, in a configuration file, as it is. */
function optionalJson(facts: { group: string; describe: string }) {
  const fromText = (value: unknown): unknown => {
    if (typeof value !== 'string') return value;
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  };
  return { description: { ...facts, type: 'string' as const }, schema: z.preprocess(fromText, z.record(z.string(), z.unknown(), 'expected a JSON object').optional()) };
}

export const judgeOptions = {
  judge_endpoint: text({ group: JUDGE, describe: 'base address of a service with OpenAI\'s chat completions, such as http://localhost:8000/v1 (required)' }),
  judge_model: text({ group: JUDGE, describe: "the judge's name at the endpoint (required)" }),
  judge_template: text({
    group: JUDGE,
    describe:
      `the prompt: ${registeredJudgeTemplates().join(', ')} (the names without a language take Chinese or English, as each prompt is), ` +
      'or a YAML or JSON file with system, user and parser [default: verdict; letter with --judge_mode logits]',
  }),
  judge_mode: choice(['text', 'logits'], 'text', { group: JUDGE, describe: 'read the verdict from the answer, or from the probabilities of its first token (no parsing, one token)' }),
  judge_order: choice(['both', 'single'], 'both', {
    group: JUDGE,
    describe: 'show each pair in both orders, or once in an order drawn at random; --compat cheems draws as the original does and counts by its rules',
  }),
  judge_temperature: number(0, { from: 0 }, { group: JUDGE, describe: 'of sampling; 0: greedy' }),
  judge_top_p: optionalNumber({ above: 0, to: 1 }, { group: JUDGE, describe: 'of sampling [default: the endpoint\'s]' }),
  judge_max_tokens: number(4096, { from: 1, integer: true }, { group: JUDGE, describe: 'tokens of an answer, thoughts included' }),
  judge_seed: optionalNumber({ integer: true }, { group: JUDGE, describe: 'of sampling, where the endpoint heeds it' }),
  judge_extra: optionalJson({ group: JUDGE, describe: 'further fields of the request as a JSON object; null takes one out: \'{"max_tokens": null, "max_completion_tokens": 2000}\'' }),
  judge_key_env: textWithDefault('OPENAI_API_KEY', { group: REQUESTS, describe: 'environment variable that holds the key; where it is not set, none is sent' }),
  judge_concurrency: number(8, { from: 1, integer: true }, { group: REQUESTS, describe: 'requests under way at once' }),
  judge_retries: number(8, { from: 0, integer: true }, { group: REQUESTS, describe: 'further attempts after too many requests, errors of the server, time-outs and broken answers, with growing pauses' }),
  judge_timeout: number(300, { above: 0 }, { group: REQUESTS, describe: 'seconds that one attempt may take' }),
  judge_cache: text({ group: REQUESTS, describe: 'file that keeps every answer, so that none is asked for twice [default: judge_cache.jsonl in --output_dir; without that, none]' }),
  judge_price_input: optionalNumber({ from: 0 }, { group: REQUESTS, describe: 'price of a million tokens of the prompts, to count the cost' }),
  judge_price_output: optionalNumber({ from: 0 }, { group: REQUESTS, describe: 'price of a million tokens of the answers' }),
};

type JudgeValues = OptionValues<typeof judgeOptions> & { predictor?: string | undefined; output_dir?: string | undefined; compat?: 'cheems' | undefined; seed: number };

export const isJudge = ({ predictor }: { predictor?: string | undefined }) => predictor === 'judge';

/** @throws UsageError for options that do not go together. */
export function checkJudgeOptions(values: JudgeValues): void {
  if (!isJudge(values)) {
    const stray = (['judge_endpoint', 'judge_model', 'judge_template', 'judge_cache'] as const).find((name) => values[name] !== undefined);
    if (stray !== undefined) throw new UsageError(`--${stray} goes with --predictor judge.`);
    return;
  }
  for (const name of ['judge_endpoint', 'judge_model'] as const) {
    if (values[name] === undefined) throw new UsageError(`--predictor judge needs --${name}: ${judgeOptions[name].description.describe.replace(' (required)', '')}.`);
  }
  const keyIsNamed = values.judge_key_env !== judgeOptions.judge_key_env.description.default;
  if (keyIsNamed && !process.env[values.judge_key_env]) throw new UsageError(`The environment variable ${values.judge_key_env} (--judge_key_env) is not set.`);
}

/** @throws UsageError for an unfit template or address, or a cache that is in use. */
export async function openJudge(values: JudgeValues): Promise<Predictor> {
  try {
    const templates = await findJudgeTemplate(values.judge_template ?? (values.judge_mode === 'logits' ? 'letter' : 'verdict'));
    const completer = await openEndpoint({
      endpoint: values.judge_endpoint!,
      model: values.judge_model!,
      keyVariable: values.judge_key_env,
      concurrency: values.judge_concurrency,
      retries: values.judge_retries,
      timeoutMs: values.judge_timeout * 1000,
      cacheFile: values.judge_cache ?? (values.output_dir === undefined ? undefined : join(values.output_dir, 'judge_cache.jsonl')),
      prices: { input: values.judge_price_input, output: values.judge_price_output },
      ...(values.judge_extra ? { extra: values.judge_extra } : {}),
    });
    return judgePredictor({
      completer,
      templates,
      mode: values.judge_mode,
      orders: ordersOf(values),
      completion: {
        temperature: values.judge_temperature,
        maxTokens: values.judge_max_tokens,
        ...(values.judge_top_p === undefined ? {} : { topP: values.judge_top_p }),
        ...(values.judge_seed === undefined ? {} : { seed: values.judge_seed }),
      },
    });
  } catch (error) {
    throw error instanceof JudgeError ? new UsageError(error.message) : error;
  }
}

function ordersOf({ compat, judge_order: order, seed }: JudgeValues): PairOrders {
  if (compat === 'cheems') return singleOrder(0, 'cheems');
  return order === 'both' ? bothOrders : singleOrder(seed);
}

/** What was asked of an endpoint and what it cost, from the predictor's description: one line, or nothing where nothing was asked of one. */
export function describeSpending(description: Record<string, unknown>): string {
  const { requests, tokens, cost } = description as {
    requests?: { answered: number; from_cache: number; failed_attempts: Record<string, number> };
    tokens: { prompt: number; completion: number };
    cost?: { this_run: number; with_cached_answers: number };
  };
  if (!requests) return '';
  const failures = Object.entries(requests.failed_attempts).map(([kind, count]) => `${kind}: ${count}`);
  const money = (amount: number) => String(Number(amount.toPrecision(4)));
  return [
    `asked:   ${requests.answered} requests answered, ${requests.from_cache} from the cache${failures.length > 0 ? `, failed attempts ${failures.join(', ')}` : ''}`,
    `${tokens.prompt} + ${tokens.completion} tokens`,
    ...(cost ? [`cost ${money(cost.this_run)} (${money(cost.with_cached_answers)} with the cached answers)`] : []),
  ].join('; ') + '\n';
}
