// The options of `eval --predictor judge`.

import { choice, number, optionalJson, optionalNumber, text, textList, textWithDefault } from './kinds';
import { MODEL_FORMS } from './model';

const JUDGE = 'Judge (with --judge_model, which alone means --predictor judge)';
const REQUESTS = 'Requests to a judge at an endpoint (never change a verdict)';

/** @param templates the names of the prompts that there are. */
export const judgeOptionTable = (templates: readonly string[]) => ({
  judge_endpoint: text({
    group: JUDGE,
    describe:
      "base address of a service with OpenAI's chat completions, such as http://localhost:8000/v1; without one the judge runs here",
  }),
  judge_model: text({
    group: JUDGE,
    describe: `the judge's name at the endpoint, or the model to run here: ${MODEL_FORMS} (required)`,
  }),
  judge_template: text({
    group: JUDGE,
    describe:
      `the prompt: ${templates.join(', ')} (the names without a language take Chinese or English, as each prompt is), ` +
      'or a YAML or JSON file with system, user and parser [default: verdict; letter with --judge_mode logits]',
  }),
  judge_mode: choice(['text', 'logits'], 'text', {
    group: JUDGE,
    describe: 'read the verdict from the answer, or from the probabilities of its first token (no parsing, one token)',
  }),
  judge_order: choice(['both', 'single'], 'both', {
    group: JUDGE,
    describe:
      'show each pair in both orders, or once in an order drawn at random; --compat cheems draws as the original does and counts by its rules',
  }),
  judge_temperature: number(0, { from: 0 }, { group: JUDGE, describe: 'of sampling; 0: greedy' }),
  judge_top_p: optionalNumber(
    { above: 0, to: 1 },
    { group: JUDGE, describe: "of sampling [default: the endpoint's; here 1]" },
  ),
  judge_top_k: optionalNumber(
    { from: 0, integer: true },
    { group: JUDGE, describe: 'of sampling, for a judge that runs here; 0: off [default: 0]' },
  ),
  judge_max_tokens: number(
    4096,
    { from: 1, integer: true },
    {
      group: JUDGE,
      otherName: 'judge_max_new_tokens',
      describe:
        'tokens of an answer, thoughts included; of a judge that runs here at first no more than half of its positions',
    },
  ),
  judge_seed: optionalNumber(
    { integer: true },
    { group: JUDGE, describe: 'of sampling, where the endpoint heeds it [default: none; here 0]' },
  ),
  judge_stop: textList({ group: JUDGE, describe: 'texts that end an answer, which is cut before them' }),
  judge_template_options: optionalJson({
    group: JUDGE,
    describe:
      'variables of the chat template of a judge that runs here, as a JSON object: \'{"enable_thinking": false}\'',
  }),
  judge_extra: optionalJson({
    group: JUDGE,
    describe:
      'further fields of the request as a JSON object; null takes one out: \'{"max_tokens": null, "max_completion_tokens": 2000}\'',
  }),
  judge_header: textList({
    group: REQUESTS,
    describe:
      "further headers of the requests, such as 'api-key: …' for Azure; their values are never written or shown",
  }),
  judge_key_env: textWithDefault('OPENAI_API_KEY', {
    group: REQUESTS,
    describe: 'environment variable that holds the key; where it is not set, none is sent',
  }),
  judge_concurrency: number(8, { from: 1, integer: true }, { group: REQUESTS, describe: 'requests under way at once' }),
  judge_retries: number(
    8,
    { from: 0, integer: true },
    {
      group: REQUESTS,
      describe:
        'further attempts after too many requests, errors of the server, time-outs and broken answers, with growing pauses',
    },
  ),
  judge_timeout: number(300, { above: 0 }, { group: REQUESTS, describe: 'seconds that one attempt may take' }),
  judge_cache: text({
    group: JUDGE,
    describe:
      'file that keeps every answer, so that none is asked for twice [default: judge_cache.jsonl in --output_dir; without that, none]',
  }),
  judge_price_input: optionalNumber(
    { from: 0 },
    { group: REQUESTS, describe: 'price of a million tokens of the prompts, to count the cost' },
  ),
  judge_price_output: optionalNumber(
    { from: 0 },
    { group: REQUESTS, describe: 'price of a million tokens of the answers' },
  ),
});
