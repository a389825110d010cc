// Refusals of a request's form: the adaptation to them, and what is reported.

import test from 'ava';
import type { ChatRequest } from '../../testing/judge_server';
import { against, answered, OK, said, type EndpointRun, type Reply } from '../../testing/endpoint_run';
import { roomIn } from './room';

const notes = ({ completer }: Pick<EndpointRun, 'completer'>) =>
  (completer.describe() as { notes: string[] }).notes.join('\n');
const refuse = (message: string, more: object = {}): Reply => ({
  status: 400,
  body: { error: { message, type: 'BadRequestError', ...more } },
});
const asked = ({ max_tokens: one, max_completion_tokens: other }: ChatRequest) => (one ?? other) as number | undefined;

/** Refusals of servers whose context is 4096 tokens, where the conversation has 104. */
const CONTEXT: [server: string, (tokens: number) => unknown, status?: number][] = [
  [
    'OpenAI, vLLM before 0.8',
    (n) =>
      said(
        `This model's maximum context length is 4096 tokens. However, you requested ${n + 104} tokens (104 in ` +
          `the messages, ${n} in the completion). Please reduce the length of the messages or completion.`,
        'context_length_exceeded',
      ),
  ],
  [
    'vLLM',
    (n) =>
      said(
        `'max_tokens' or 'max_completion_tokens' is too large: ${n}. This model's maximum context length is ` +
          `4096 tokens and your request has 104 input tokens (${n} > 4096 - 104). (parameter=max_tokens, ` +
          `value=${n})`,
        400,
      ),
  ],
  [
    'vLLM since 0.15',
    (n) =>
      said(
        `This model's maximum context length is 4096 tokens. However, your request has 104 input tokens plus ` +
          `${n} 'max_tokens'. Please reduce one or the other.`,
        400,
      ),
  ],
  [
    'vLLM, other words',
    (n) =>
      said(
        `This model's maximum context length is 4096 tokens. However, you requested ${n} output tokens and your ` +
          `prompt contains 104 input tokens, for a total of ${n + 104} tokens.`,
        400,
      ),
  ],
  [
    'SGLang',
    (n) => ({
      object: 'error',
      message:
        `Requested token count exceeds the model's maximum context length of 4096 tokens. You requested a total ` +
        `of ${n + 104} tokens: 104 tokens from the input messages and ${n} tokens for the completion. Please ` +
        'reduce the number of tokens in the input messages or the completion to fit within the limit.',
      type: 'BadRequest',
      code: 400,
    }),
  ],
  [
    'TGI',
    (n) => ({
      error:
        `Input validation error: \`inputs\` tokens + \`max_new_tokens\` must be <= 4096. Given: 104 \`inputs\` ` +
        `tokens and ${n} \`max_new_tokens\``,
      error_type: 'validation',
    }),
    422,
  ],
  [
    'with separators',
    (n) =>
      said(
        `This model's maximum context length is 4,096 tokens. However, you requested ${n + 104} tokens (104 in ` +
          `the messages, ${n} in the completion).`,
      ),
  ],
];
for (const [server, body, status = 400] of CONTEXT) {
  test(`room for the answer is fitted to the context: ${server}`, (t) =>
    against(
      t,
      (request) => ((asked(request) ?? 0) + 104 > 4096 ? { status, body: body(asked(request)!) } : OK),
      async (run) => {
        t.like((await run.ask(['q']))[0], { text: '[[A]]', finish: 'stop' });
        t.deepEqual(
          run.server.log.map(({ request }) => asked(request)),
          [4096, 3992],
        );
        t.regex(notes(run), /less room than `judgeMaxTokens`.*: 1\./);
        await run.ask(['q']);
        t.is(run.server.log.length, 2, 'kept under the request that was meant');
      },
    ));
}

const UNCOUNTED = [
  "max_tokens too large: 4096. This model's maximum context length is 2048",
  'the request exceeds the available context size. try increasing the context size',
  "This model's maximum context length is 4096 tokens. However, you requested 4096 output tokens and your " +
    'prompt contains at least 1 input tokens, for a total of at least 4097 tokens.',
];
for (const [i, message] of UNCOUNTED.entries()) {
  test(`where the conversation's tokens are not told, the endpoint is left to know its room: ${i + 1}`, (t) =>
    against(
      t,
      (request) => (asked(request) === undefined ? OK : refuse(message)),
      async (run) => {
        t.like((await run.ask(['q']))[0], { text: '[[A]]' });
        t.deepEqual(
          run.server.log.map(({ request }) => asked(request)),
          [4096, undefined],
        );
      },
    ));
  test(`and when that does not help, the conversation is too long: ${i + 1}`, (t) =>
    against(
      t,
      () => refuse(message),
      async (run) => {
        t.like((await run.ask(['q']))[0], { text: '', finish: 'too_long', said: message });
        t.is(run.server.log.length, 2);
        t.is(notes(run), '');
      },
    ));
}

test('a conversation that leaves no room is too long, and asked once', (t) =>
  against(
    t,
    () =>
      refuse(
        "This model's maximum context length is 4096 tokens. However, you requested 9096 tokens (5000 in the " +
          'messages, 4096 in the completion).',
      ),
    async ({ ask, server }) => {
      t.is((await ask(['q']))[0]!.finish, 'too_long');
      t.is(server.log.length, 1);
    },
  ));

const LIMITS: [provider: string, string][] = [
  ['DeepSeek', 'Invalid max_tokens value, the valid range of max_tokens is [1, 2048]'],
  ['DashScope', '<400> InternalError.Algo.InvalidParameter: Range of max_tokens should be [1, 2048]'],
  [
    'OpenAI',
    'max_tokens is too large: 4096. This model supports at most 2048 completion tokens, whereas you provided 4096.',
  ],
  [
    'Groq',
    '`max_tokens` must be less than or equal to `2048`, the maximum value for `max_tokens` is less than the ' +
      '`context_window` for this model',
  ],
  ['Anthropic', 'max_tokens: 4096 > 2048, which is the maximum allowed number of output tokens for claude'],
  [
    'Volcano Ark',
    'The parameter `max_tokens` specified in the request is not valid: integer above maximum value, expected a ' +
      'value <= 2048, but got 4096 instead.',
  ],
  [
    'FastAPI',
    '[{"loc":["body","max_tokens"],"msg":"ensure this value is less than or equal to 2048","type":"value_error"}]',
  ],
  ['in Chinese', 'max_tokens 不能超过 2048'],
];
for (const [provider, message] of LIMITS) {
  test(`the most tokens that an answer may ask for are learned once: ${provider}`, (t) =>
    against(
      t,
      (request) => (asked(request)! > 2048 ? refuse(message, { code: 'invalid_parameter_error' }) : OK),
      async (run) => {
        await run.ask(['a', 'b', 'c']);
        t.deepEqual(
          run.server.log.map(({ request }) => asked(request)),
          [4096, 2048, 2048, 2048],
        );
        t.regex(notes(run), /at most 2048 tokens; that many were asked for, not 4096/);
      },
      { concurrency: 1 },
    ));
}

test('max_completion_tokens in place of max_tokens, learned once', (t) =>
  against(
    t,
    (request) =>
      request['max_tokens'] === undefined
        ? OK
        : refuse(
            "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' " +
              'instead.',
            { param: 'max_tokens', code: 'unsupported_parameter' },
          ),
    async (run) => {
      await run.ask(['a', 'b']);
      t.deepEqual(
        run.server.log.map(({ request }) => [request['max_tokens'], request['max_completion_tokens']]),
        [
          [4096, undefined],
          [undefined, 4096],
          [undefined, 4096],
        ],
      );
      t.regex(notes(run), /takes max_completion_tokens/);
    },
    { concurrency: 1 },
  ));

const REMEDIES: [what: string, Reply, RegExp, Record<string, unknown>?][] = [
  [
    'temperature',
    refuse(
      "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported.",
      { param: 'temperature', code: 'unsupported_value' },
    ),
    /Give `judgeTemperature: 1`, or `judgeExtra: \{"temperature":null\}` leaves it out/,
  ],
  ['temperature above 0', refuse('temperature must be strictly positive'), /Give another `judgeTemperature`, or/],
  [
    'response_format of the user',
    refuse("'response_format' of type 'json_schema' is not supported", { param: 'response_format' }),
    /"response_format" comes from `judgeExtra`; change it there or take it out/,
    { response_format: { type: 'json_object' } },
  ],
  [
    'an unknown field',
    refuse('Extra inputs are not permitted: enable_thinking'),
    /"enable_thinking" comes from `judgeExtra`/,
    { enable_thinking: false },
  ],
  [
    'a system turn',
    refuse('System role not supported'),
    /This model takes no system turn; give a `judgeTemplate` without one/,
  ],
  ['nothing that is known', refuse('Something else'), /It says: "Something else"\. The 0 answers/],
];
for (const [what, reply, message, extra] of REMEDIES) {
  test(`what cannot be changed without changing verdicts is told with its remedy: ${what}`, (t) =>
    against(
      t,
      () => reply,
      async ({ ask, server }) => {
        await t.throwsAsync(ask(['q']), { message });
        t.is(server.log.length, 1);
      },
      extra ? { extra } : {},
    ));
}

const tokens = (list: unknown) => ({
  status: 200,
  body: { choices: [{ message: { content: 'A' }, finish_reason: 'length', logprobs: list }] },
});
const PROBABILITIES = {
  content: [
    {
      top_logprobs: [
        { token: 'A', logprob: -0.1 },
        { token: 'B', logprob: -9999 },
      ],
    },
  ],
};
const WITHOUT: [what: string, Reply, RegExp][] = [
  ['null', tokens(null), /gives no probabilities of tokens \("logprobs"\).*use `judgeMode: text`/],
  ['none', { status: 200, body: answered('A') }, /gives no probabilities of tokens/],
  ['an empty list', tokens({ content: [] }), /gives no probabilities of tokens/],
  [
    'no likeliest ones',
    tokens({ content: [{ token: 'A', logprob: 0, top_logprobs: [] }] }),
    /gives no probabilities of tokens/,
  ],
  [
    'refused',
    refuse('logprobs is not supported for this model'),
    /gives no probabilities of tokens.*use `judgeMode: text`/,
  ],
  [
    'not allowed',
    { status: 403, body: said('You are not allowed to request logprobs from this model') },
    /use `judgeMode: text`/,
  ],
  [
    'too many',
    refuse('top_logprobs must be less than or equal to 5', { param: 'top_logprobs' }),
    /Give `judgeExtra: \{"top_logprobs": 5\}`/,
  ],
  [
    'too many, as a range',
    refuse('Range of top_logprobs should be [0, 5]'),
    /Give `judgeExtra: \{"top_logprobs": 5\}`/,
  ],
];
for (const [what, reply, message] of WITHOUT) {
  test(`a judge without probabilities is noticed at its first answer, which is not kept: ${what}`, (t) =>
    against(
      t,
      () => reply,
      async ({ completer, server, kept }) => {
        const questions = Array.from({ length: 20 }, (_, i) => [{ role: 'user' as const, content: `q${i}` }]);
        await t.throwsAsync(completer.complete(questions, { temperature: 0, maxTokens: 1, firstTokens: 20 }), {
          message,
        });
        t.is(server.log.length, 1);
        t.is(kept(), '');
      },
    ));
}

test('a single answer without probabilities is one without a verdict', (t) =>
  against(
    t,
    ({ messages }) => tokens(messages[0]!.content === 'b' ? { content: [] } : PROBABILITIES),
    async ({ completer }) => {
      const questions = ['a', 'b', 'c'].map((content) => [{ role: 'user' as const, content }]);
      const completions = await completer.complete(questions, { temperature: 0, maxTokens: 1, firstTokens: 20 });
      t.deepEqual(
        completions.map(({ firstTokens }) => firstTokens?.length),
        [2, 0, 2],
      );
    },
  ));

test('what a refusal says of room', (t) => {
  t.deepEqual(
    roomIn('maximum context length is 4096 tokens, 5000 in the completion', 1),
    undefined,
    'one token always has room, or none has',
  );
  t.deepEqual(
    roomIn("This model's maximum context length is 120 tokens (110 in the messages, 64 in the completion)", 64),
    undefined,
    'too little for an answer',
  );
  t.deepEqual(roomIn('the valid range of max_tokens is [1,8192]', 10_000), { limit: 8192 });
  t.deepEqual(roomIn('the valid range of max_tokens is [1, 8192]', 8192), undefined, 'nothing new');
});
