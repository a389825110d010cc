// The options of `eval --predictor judge`.

import { choice, number, optionalJson, optionalNumber, text, textList, textWithDefault } from './kinds';
import { MODEL_FORMS } from './model';

const JUDGE = 'Judge (--judge_model alone implies --predictor judge)';
const REQUESTS = 'Requests to a judge at an endpoint (never change a verdict)';

/** @param templates the names of the built-in prompts. */
export const judgeOptionTable = (templates: readonly string[]) => ({
  judge_endpoint: text({
    group: JUDGE,
    describe:
      "base URL of a service with OpenAI's chat completions API, such as http://localhost:8000/v1; without it " +
      'the judge runs on this machine',
  }),
  judge_model: text({
    group: JUDGE,
    describe: `the judge's name at the endpoint, or the model to run on this machine: ${MODEL_FORMS} (required)`,
  }),
  judge_template: text({
    group: JUDGE,
    describe:
      `the prompt: ${templates.join(', ')} (names without a language choose Chinese or English by each prompt's ` +
      'language), ' +
      'or a YAML or JSON file with system, user and parser [default: verdict; letter with --judge_mode logits]',
  }),
  judge_mode: choice(['text', 'logits'], 'text', {
    group: JUDGE,
    describe:
      'read the verdict from the text of the answer, or from the probabilities of its first token (one token, ' +
      'nothing to parse)',
  }),
  judge_order: choice(['both', 'single'], 'both', {
    group: JUDGE,
    describe:
      'show each pair in both orders, or once in a random order; --compat cheems draws the order and counts as ' +
      'the original does',
  }),
  judge_temperature: number(0, { from: 0 }, { group: JUDGE, describe: 'sampling temperature; 0: greedy' }),
  judge_top_p: optionalNumber(
    { above: 0, to: 1 },
    { group: JUDGE, describe: "top_p of sampling [default: the endpoint's; on this machine 1]" },
  ),
  judge_top_k: optionalNumber(
    { from: 0, integer: true },
    { group: JUDGE, describe: 'top_k of sampling, for a judge on this machine; 0: off [default: 0]' },
  ),
  judge_max_tokens: number(
    4096,
    { from: 1, integer: true },
    {
      group: JUDGE,
      otherName: 'judge_max_new_tokens',
      describe:
        'maximum number of tokens of an answer, reasoning included; for a judge on this machine the default is ' +
        'at most half of its positions',
    },
  ),
  judge_seed: optionalNumber(
    { integer: true },
    { group: JUDGE, describe: 'seed of the sampling, if the endpoint uses it [default: none; on this machine 0]' },
  ),
  judge_stop: textList({ group: JUDGE, describe: 'stop strings: an answer ends before the first of them' }),
  judge_template_options: optionalJson({
    group: JUDGE,
    describe:
      'variables of the chat template of a judge on this machine, as a JSON object: \'{"enable_thinking": false}\'',
  }),
  judge_extra: optionalJson({
    group: JUDGE,
    describe:
      'additional fields of the request as a JSON object; null removes a field: \'{"max_tokens": null, ' +
      '"max_completion_tokens": 2000}\'',
  }),
  judge_header: textList({
    group: REQUESTS,
    describe: "additional request headers, such as 'api-key: …' for Azure; their values are never written or shown",
  }),
  judge_key_env: textWithDefault('OPENAI_API_KEY', {
    group: REQUESTS,
    describe: 'environment variable with the API key; if it is not set, no key is sent',
  }),
  judge_concurrency: number(8, { from: 1, integer: true }, { group: REQUESTS, describe: 'requests in flight at once' }),
  judge_retries: number(
    8,
    { from: 0, integer: true },
    {
      group: REQUESTS,
      describe: 'retries after rate limits, server errors, timeouts and broken answers, with exponential backoff',
    },
  ),
  judge_timeout: number(300, { above: 0 }, { group: REQUESTS, describe: 'timeout of one attempt in seconds' }),
  judge_cache: text({
    group: JUDGE,
    describe:
      'file that caches every answer, so that nothing is requested twice [default: judge_cache.jsonl in ' +
      '--output_dir; without that, none]',
  }),
  judge_price_input: optionalNumber(
    { from: 0 },
    { group: REQUESTS, describe: 'price per million prompt tokens, to report the cost' },
  ),
  judge_price_output: optionalNumber({ from: 0 }, { group: REQUESTS, describe: 'price per million answer tokens' }),
});
