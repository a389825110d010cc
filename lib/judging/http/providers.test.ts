// What providers send instead of an answer, and answers in their own formats: how each is handled.

import test from 'ava';
import type { Completion } from '../completer';
import { against, answered, OK, said, type Reply } from '../../testing/endpoint_run';

const NO_REFUSAL: [what: string, Reply, RegExp][] = [
  [
    'a parameter',
    { status: 400, body: said("Invalid value for 'top_p'", 'invalid_request_error') },
    /refuses the request \(400\)/,
  ],
  [
    'a name',
    { status: 400, body: said('Model names are case sensitive: no such content here') },
    /refuses the request \(400\)/,
  ],
  ['in Chinese', { status: 400, body: said('模型名称大小写敏感，请检查') }, /refuses the request \(400\)/],
  [
    'the account, Zhipu',
    { status: 429, body: { error: { code: '1113', message: '您的账户已欠费，请充值后重试。' } } },
    /quota at .* is used up \(429\)/,
  ],
  [
    'the account, DashScope',
    {
      status: 400,
      body: {
        error: { code: 'Arrearage', message: 'Access denied, please make sure your account is in good standing.' },
      },
    },
    /quota at .* is used up \(400\)/,
  ],
  [
    'the account, Moonshot',
    {
      status: 429,
      body: said('Your account is suspended due to insufficient balance', null, 'exceeded_current_quota_error'),
    },
    /quota at .* is used up \(429\)/,
  ],
  [
    'the account, MiniMax',
    { status: 200, body: { base_resp: { status_code: 1008, status_msg: 'insufficient balance' } } },
    /asks for payment \(402\)/,
  ],
  [
    'the account, SiliconFlow',
    { status: 403, body: { code: 30001, message: 'Sorry, your account balance is insufficient', data: null } },
    /quota at .* is used up \(403\)/,
  ],
  [
    'the key, MiniMax',
    { status: 200, body: { base_resp: { status_code: 1004, status_msg: 'login fail' } } },
    /asks for a key \(401\)/,
  ],
  [
    'the key, in a good status',
    { status: 200, body: said('Incorrect API key provided', 'invalid_api_key') },
    /asks for a key \(401\)/,
  ],
  [
    'logprobs',
    {
      status: 403,
      body: said('You are not allowed to request logprobs from this model', null, 'invalid_request_error'),
    },
    /asks for a key \(403\).*"You are not allowed/,
  ],
];
for (const [what, reply, message] of NO_REFUSAL) {
  test(`no refusal of a conversation: ${what}`, (t) =>
    against(
      t,
      () => reply,
      async ({ ask, server, kept }) => {
        await t.throwsAsync(ask(['q']), { name: 'EndpointError', message });
        t.is(server.log.length, 1, 'nothing that a pause mends');
        t.is(kept(), '');
      },
    ));
}

const BROKEN: [what: string, Reply][] = [
  ['GLM network_error', { status: 200, body: answered('', 'network_error') }],
  ['GLM network_error with a text', { status: 200, body: answered('[[B]]', 'network_error') }],
  ['DeepSeek without resources', { status: 200, body: answered('[[B', 'insufficient_system_resource') }],
  ['SGLang abort', { status: 200, body: answered('', 'abort') }],
  [
    'OpenRouter error in the choice',
    {
      status: 200,
      body: {
        choices: [
          { error: { code: 502, message: 'Provider died' }, message: { content: '[[B]]' }, finish_reason: 'error' },
        ],
      },
    },
  ],
  ['an error in a good status', { status: 200, body: { error: { message: 'upstream busy' } } }],
  [
    'vLLM error object',
    { status: 200, body: { object: 'error', message: 'engine died', type: 'InternalServerError', code: 500 } },
  ],
  [
    'MiniMax, too many',
    { status: 200, body: { choices: [], base_resp: { status_code: 1002, status_msg: 'rate limit' } } },
  ],
  ['no content', { status: 204, body: '' }],
  ['an empty body', { status: 200, body: '' }],
  [
    'length without a token',
    { status: 200, body: answered('', 'length', {}, { prompt_tokens: 5, completion_tokens: 0 }) },
  ],
  ['length without a text', { status: 200, body: answered('', 'length') }],
  ['length without a text or count', { status: 200, body: answered(null, 'length', {}, null) }],
  ['stop without a token', { status: 200, body: answered('', 'stop', {}, { prompt_tokens: 5, completion_tokens: 0 }) }],
  ['nothing', { status: 200, body: answered(null, null) }],
  ['529', { status: 529, body: { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } } }],
  [
    'Gemini list',
    { status: 503, body: [{ error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } }] },
  ],
  [
    'a page',
    {
      status: 200,
      body: '<!DOCTYPE html><html><title>One moment</title></html>',
      headers: { 'content-type': 'text/html' },
    },
  ],
];
for (const [what, reply] of BROKEN) {
  test(`asked again, and never kept as an answer: ${what}`, (t) =>
    against(
      t,
      ({ messages }, attempt) => (messages[0]!.content === 'first' || attempt > 0 ? OK : reply),
      async ({ ask, server, kept }) => {
        const [, second] = await ask(['first', 'q']);
        t.like(second, { finish: 'stop', text: '[[A]]' });
        t.is(server.log.length, 3);
        t.is(kept().trimEnd().split('\n').length, 2);
        t.false(/network_error|\[\[B/.test(kept()));
      },
      { concurrency: 1 },
    ));
}

test('an answer that stays empty counts as one without a verdict and is not kept: a later run asks again', (t) =>
  against(
    t,
    () => ({ status: 200, body: answered('', 'length') }),
    async ({ ask, server, kept }) => {
      t.like((await ask(['q']))[0], { finish: 'length', text: '' });
      t.is(server.log.length, 3);
      t.is(kept(), '');
    },
  ));

test('thoughts that are not sent may use up all tokens: that is an answer, cut off', (t) =>
  against(
    t,
    () => ({ status: 200, body: answered('', 'length', {}, { prompt_tokens: 5, completion_tokens: 64 }) }),
    async ({ ask, server }) => {
      t.like((await ask(['q'], 64))[0], { finish: 'length', text: '' });
      t.is(server.log.length, 1);
    },
  ));

test('what stays broken ends the run with its reason', (t) =>
  against(
    t,
    () => ({ status: 200, body: answered('', 'network_error') }),
    async ({ ask, kept }) => {
      await t.throwsAsync(ask(['q']), {
        message: /broke its answer off \(finish reason "network_error"\)\. It was tried 3 times/,
      });
      t.is(kept(), '');
    },
    { retries: 2 },
  ));

const ODD: [what: string, Reply, Partial<Completion>][] = [
  ['201', { status: 201, body: answered('[[A]]') }, { usage: { promptTokens: 5, completionTokens: 3 } }],
  [
    'counts as text',
    { status: 200, body: answered('[[A]]', 'stop', {}, { prompt_tokens: '5', completion_tokens: '3' }) },
    { usage: { promptTokens: 5, completionTokens: 3 } },
  ],
  [
    'one count',
    { status: 200, body: answered('[[A]]', 'stop', {}, { prompt_tokens: 5, completion_tokens: null }) },
    { usage: { promptTokens: 5, completionTokens: 0 } },
  ],
  [
    'counts that are words',
    { status: 200, body: answered('[[A]]', 'stop', {}, { prompt_tokens: 'many', completion_tokens: {} }) },
    {},
  ],
  ['usage as text', { status: 200, body: answered('[[A]]', 'stop', {}, 'five') }, {}],
  ['no usage', { status: 200, body: { choices: [{ message: { content: '[[A]]' }, finish_reason: 'stop' }] } }, {}],
  ['finish reason of its own', { status: 200, body: answered('[[A]]', 7) }, { finish: 'other' }],
  ['a stop by another name', { status: 200, body: answered('[[A]]', 'eos') }, { finish: 'stop' }],
  [
    'reasoning that is an object',
    { status: 200, body: answered('[[A]]', 'stop', { reasoning: { steps: 1 } }) },
    { finish: 'stop' },
  ],
  [
    'content in parts, thoughts among them',
    {
      status: 200,
      body: answered([
        { type: 'thinking', thinking: [{ type: 'text', text: '[[B]]' }] },
        { type: 'text', text: '[[A]]' },
      ]),
    },
    {},
  ],
  ['a byte order mark', { status: 200, body: `\ufeff${JSON.stringify(answered('[[A]]'))}` }, {}],
  [
    'an error that is null',
    { status: 200, body: { ...answered('[[A]]'), error: null, base_resp: { status_code: 0, status_msg: '' } } },
    {},
  ],
];
for (const [what, reply, expected] of ODD) {
  test(`an answer all the same: ${what}`, (t) =>
    against(
      t,
      () => reply,
      async ({ ask, server }) => {
        const [completion] = await ask(['q']);
        t.like(completion, { text: '[[A]]', ...expected });
        if (!expected.usage && !expected.finish) t.is(completion!.finish, 'stop');
        t.is(server.log.length, 1);
      },
    ));
}

const SLOW: [provider: string, Reply][] = [
  [
    'OpenAI',
    {
      status: 429,
      body: said(
        'Rate limit reached for gpt-4o in organization x on requests per min (RPM): Limit 3. Please try again in 20ms.',
        'rate_limit_exceeded',
        'requests',
      ),
    },
  ],
  [
    'Azure',
    {
      status: 429,
      body: said(
        'Requests to the ChatCompletions_Create Operation have exceeded call rate limit. Please retry after ' +
          '0.02 seconds.',
        '429',
      ),
    },
  ],
  [
    'Gemini, which speaks of billing',
    {
      status: 429,
      body: [
        {
          error: {
            code: 429,
            message: 'You exceeded your current quota, please check your plan and billing details.',
            status: 'RESOURCE_EXHAUSTED',
            details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '0.02s' }],
          },
        },
      ],
    },
  ],
  ['Zhipu', { status: 429, body: said('您当前使用该API的并发数过高，请降低并发', '1302') }],
  [
    'Moonshot',
    {
      status: 429,
      body: said(
        'Your account reached max request, please try again after 0.02 seconds',
        null,
        'rate_limit_reached_error',
      ),
    },
  ],
  [
    'DashScope',
    {
      status: 429,
      body: said('Requests rate limit exceeded, please try again later.', 'limit_requests', 'limit_requests'),
    },
  ],
  [
    'DeepSeek',
    {
      status: 503,
      body: said(
        'Service is too busy. We advise users to temporarily switch to alternative LLM API service providers.',
        'service_unavailable_error',
      ),
    },
  ],
];
for (const [provider, reply] of SLOW) {
  test(`waited for: ${provider}`, (t) =>
    against(
      t,
      (_, attempt) => (attempt === 0 ? reply : OK),
      async ({ ask, server }) => {
        t.like((await ask(['q']))[0], { text: '[[A]]' });
        t.is(server.log.length, 2);
        const wait = server.log[1]!.at - server.log[0]!.at;
        if (/0\.02|20ms/.test(JSON.stringify(reply.body))) t.true(wait >= 18, `${wait} ms`);
      },
    ));
}

test('an endpoint that only sends nothing is told as that, soon', (t) =>
  against(
    t,
    () => ({ status: 204, body: '' }),
    async ({ ask, server }) => {
      await t.throwsAsync(ask(['q']), { message: /sent an empty answer \(status 204\)\. It was tried 3 times/ });
      t.is(server.log.length, 3);
    },
  ));
