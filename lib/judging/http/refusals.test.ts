// What providers send if they refuse one conversation; each body is exactly as its provider sends it.

import test from 'ava';
import { against, answered, OK, said, type Reply } from '../../testing/endpoint_run';

const SPARK = { code: 10013, message: 'input content audit failed', sid: 'x' };
const REFUSED: [provider: string, Reply][] = [
  [
    'Zhipu',
    {
      status: 400,
      body: {
        contentFilter: [{ level: 1, role: 'user' }],
        error: {
          code: '1301',
          message:
            '系统检测到输入或生成内容可能包含不安全或敏感内容，请您避免输入易产生敏感内容的提示语，感谢您的配合。',
        },
      },
    },
  ],
  [
    'Zhipu, another interface',
    { status: 400, body: { error: { code: 1301, message: 'unsafe or sensitive content detected' } } },
  ],
  ['DeepSeek', { status: 400, body: said('Content Exists Risk', 'invalid_request_error', 'invalid_request_error') }],
  ['DeepSeek, earlier', { status: 400, body: { detail: 'Content Exists Risk' } }],
  [
    'new-api',
    {
      status: 400,
      body: said(
        'input contains sensitive words: [test] (request id: 2024)',
        'sensitive_words_detected',
        'new_api_error',
      ),
    },
  ],
  [
    'new-api, as an error of the server',
    {
      status: 500,
      body: said('sensitive words detected (request id: 2024)', 'sensitive_words_detected', 'new_api_error'),
    },
  ],
  ['new-api, blocked', { status: 400, body: said('the prompt was blocked', 'prompt_blocked', 'new_api_error') }],
  [
    'one-api over DashScope',
    {
      status: 400,
      body: said(
        'Input data may contain inappropriate content. (request id: 1)',
        'data_inspection_failed',
        'data_inspection_failed',
      ),
    },
  ],
  [
    'DashScope, native',
    {
      status: 400,
      body: {
        code: 'DataInspectionFailed',
        message: 'Output data may contain inappropriate content.',
        request_id: 'x',
      },
    },
  ],
  [
    'DashScope',
    {
      status: 400,
      body: {
        error: {
          code: 'data_inspection_failed',
          param: null,
          message: 'Input text data may contain inappropriate content.',
          type: 'data_inspection_failed',
        },
        request_id: 'x',
      },
    },
  ],
  ['Hunyuan', { status: 400, body: said('Response Error', '400008') }],
  [
    'Moonshot',
    {
      status: 400,
      body: {
        error: { message: 'The request was rejected because it was considered high risk', type: 'content_filter' },
      },
    },
  ],
  [
    'MiniMax, in a good status',
    { status: 200, body: { choices: null, base_resp: { status_code: 1026, status_msg: 'input new_sensitive' } } },
  ],
  [
    'MiniMax, of the answer',
    { status: 200, body: { choices: [], base_resp: { status_code: 1027, status_msg: 'output new_sensitive' } } },
  ],
  [
    'MiniMax, flagged',
    { status: 200, body: { ...answered(''), input_sensitive: true, base_resp: { status_code: 0, status_msg: '' } } },
  ],
  [
    'MiniMax, as an error',
    {
      status: 422,
      body: {
        type: 'error',
        error: { type: 'invalid_request_error', message: 'input new_sensitive (1026)', http_code: '422' },
      },
    },
  ],
  [
    'MiniMax, as an error of the server',
    {
      status: 500,
      body: {
        type: 'error',
        error: {
          type: 'api_error',
          message: "input new_sensitive, messages[1]'s content is sensitive, please check your input (1026)",
        },
      },
    },
  ],
  [
    'Baidu',
    {
      status: 400,
      body: {
        error: { code: 'content_filter', message: 'the content is not safe', type: 'invalid_request_error' },
        id: 'as-1',
      },
    },
  ],
  [
    'Baidu, earlier',
    { status: 200, body: { error_code: 336104, error_msg: '输入内容存在敏感信息，审核不通过', id: 'as-1' } },
  ],
  [
    'Volcano Ark',
    {
      status: 400,
      body: {
        error: {
          code: 'InputTextSensitiveContentDetected',
          message: 'The request failed because the input text may contain sensitive information. Request id: 1',
          param: '',
          type: 'BadRequest',
        },
      },
    },
  ],
  [
    'Volcano Ark, another service',
    { status: 400, body: said('The request could not be processed', 'OutputTextRiskDetection', 'BadRequest') },
  ],
  [
    'StepFun',
    {
      status: 451,
      body: said(
        'The content you provided or machine outputted is blocked.',
        'censorship_blocked',
        'censorship_blocked',
      ),
    },
  ],
  ['Spark', { status: 200, body: SPARK }],
  ['Spark, as OpenAI', { status: 400, body: said('内容审核不通过', '10014', 'api_error') }],
  ['ModelVerse', { status: 400, body: said('Sensitive chat messages', 'invalid_messages', 'invalid_request_error') }],
  [
    'Azure',
    {
      status: 400,
      body: {
        error: {
          message: "The response was filtered due to the prompt triggering Azure OpenAI's content management policy.",
          type: null,
          param: 'prompt',
          code: 'content_filter',
          status: 400,
          innererror: { code: 'ResponsibleAIPolicyViolation' },
        },
      },
    },
  ],
  [
    'OpenAI, biology',
    {
      status: 400,
      body: said(
        "Invalid prompt: we've limited access to this content for safety reasons.",
        'invalid_prompt',
        'invalid_request_error',
      ),
    },
  ],
  [
    'OpenAI, reasoning models',
    {
      status: 400,
      body: said(
        'Invalid prompt: your prompt was flagged as potentially violating our usage policy.',
        'invalid_prompt',
        'invalid_request_error',
      ),
    },
  ],
  [
    'OpenAI, safety system',
    { status: 400, body: said('Your request was rejected by the safety system.', 'moderation_blocked', 'image_error') },
  ],
  [
    'xAI',
    {
      status: 403,
      body: {
        code: 'The caller does not have permission to execute the specified operation',
        error: 'Content violates usage guidelines. Team: x, Model: grok-4, Failed check: SAFETY_CHECK_TYPE_BIO',
      },
    },
  ],
  [
    'OpenRouter',
    {
      status: 403,
      body: {
        error: {
          code: 403,
          message:
            'google/x requires moderation on Foo. Your input was flagged for "violence". No credits were charged.',
          metadata: { reasons: ['violence'], flagged_input: 'q' },
        },
      },
    },
  ],
  [
    'OpenRouter, words of its provider',
    {
      status: 200,
      body: {
        error: {
          code: 400,
          message: 'Provider returned error',
          metadata: { raw: '{"error":{"message":"Content Exists Risk"}}', provider_name: 'DeepSeek' },
        },
      },
    },
  ],
  [
    'LiteLLM',
    {
      status: 400,
      body: said('litellm.ContentPolicyViolationError: The response was filtered', '400', 'invalid_request_error'),
    },
  ],
  ['Bedrock', { status: 400, body: said('Blocked by guardrail', 'guardrail_intervened') }],
  [
    'Cloudflare',
    {
      status: 424,
      body: { success: false, errors: [{ code: 2016, message: 'Prompt blocked due to security configurations' }] },
    },
  ],
  [
    'Anthropic',
    {
      status: 400,
      body: {
        type: 'error',
        error: { type: 'invalid_request_error', message: 'Output blocked by content filtering policy' },
      },
    },
  ],
  ['Tencent', { status: 400, body: said('request failed', 'FailedOperation.ContentSecurity') }],
  ['ERNIE', { status: 400, body: said('the content of messages field is invalid', 'user_unsafe') }],
  [
    'SenseNova',
    { status: 400, body: { error: { code: 17, message: 'the prompt contains sensitive information', details: [] } } },
  ],
  ['in other Chinese words', { status: 400, body: { code: 400, msg: '您的提问涉及违法信息，无法回答' } }],
  [
    'as an event',
    {
      status: 400,
      body: 'data: {"code":"DataInspectionFailed","message":"Input data may contain inappropriate content."}\n\n',
      headers: { 'content-type': 'text/event-stream' },
    },
  ],
  ['a status for it', { status: 451, body: 'Unavailable For Legal Reasons' }],
  ['GLM, finish reason', { status: 200, body: answered('', 'sensitive') }],
  ['Hunyuan, finish reason', { status: 200, body: answered('好的，', 'sensitive') }],
  ['OpenAI, finish reason', { status: 200, body: answered(null, 'content_filter') }],
  ['Gemini, finish reason', { status: 200, body: answered(null, 'content_filter: PROHIBITED_CONTENT') }],
  ['Vertex, finish reason', { status: 200, body: answered(null, 'SAFETY') }],
  ['OpenAI, refusal', { status: 200, body: answered(null, 'stop', { refusal: "I'm sorry, I can't help with that." }) }],
];

for (const [provider, reply] of REFUSED) {
  test(`counted as refused, and the run goes on: ${provider}`, (t) =>
    against(
      t,
      ({ messages }) => (messages[0]!.content === 'bad' ? reply : OK),
      async ({ ask, server, completer }) => {
        const [first, second] = await ask(['bad', 'fine']);
        t.is(first!.finish, 'filtered');
        t.regex(first!.said ?? '', /\S/, 'what was said is kept');
        t.like(second, { finish: 'stop', text: '[[A]]' });
        t.deepEqual(
          (await ask(['bad'])).map(({ finish, said: words }) => [finish, words]),
          [['filtered', first!.said]],
          'as it was',
        );
        t.is(server.log.length, 2);
        t.deepEqual((completer.describe() as { requests: { failed_attempts: object } }).requests.failed_attempts, {});
      },
      { concurrency: 1 },
    ));
}

const UNKNOWN = { status: 400, body: said('Computer says no') };
const texts = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => `q${from + i}`);

test('a refusal in unknown words counts for its conversation where others were answered, and is not kept', (t) =>
  against(
    t,
    ({ messages }) => (messages[0]!.content === 'q4' ? UNKNOWN : OK),
    async ({ ask, server, completer, kept }) => {
      const completions = await ask(texts(0, 8));
      t.deepEqual(
        completions.map(({ finish }) => finish),
        texts(0, 8).map((text) => (text === 'q4' ? 'filtered' : 'stop')),
      );
      t.is(completions[4]!.said, 'Computer says no');
      t.is(kept().trimEnd().split('\n').length, 7);
      const { notes, requests } = completer.describe() as { notes: string[]; requests: object };
      t.regex(notes.join(), /Refusals in words that name no filter.*: 1\./);
      t.like(requests, { failed_attempts: { 400: 1 } });
      await ask(['q4']);
      t.is(server.log.length, 9, 'asked again');
    },
    { concurrency: 1 },
  ));

test('many of them in a row are of something else and end the run, and so does the first before any answer', async (t) => {
  await against(
    t,
    ({ messages }) => (Number(messages[0]!.content.slice(1)) >= 4 ? UNKNOWN : OK),
    async ({ ask, server }) => {
      await t.throwsAsync(ask(texts(0, 40)), {
        message: /refuses the request \(400\)\. It says: "Computer says no"\./,
      });
      t.is(server.log.length, 4 + 6);
    },
    { concurrency: 1 },
  );
  await against(
    t,
    () => UNKNOWN,
    async ({ ask, server }) => {
      await t.throwsAsync(ask(['q']), { message: /refuses the request \(400\)/ });
      t.is(server.log.length, 1);
    },
  );
  const arrears = { status: 400, body: said('Access denied, your account is not in good standing', 'Arrearage') };
  await against(
    t,
    ({ messages }) => (messages[0]!.content === 'q5' ? arrears : OK),
    async ({ ask }) => {
      await t.throwsAsync(ask(texts(0, 8)), { message: /quota at .* is used up \(400\)/ });
    },
    { concurrency: 1 },
  );
});
