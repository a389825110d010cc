import test, { type ExecutionContext } from 'ava';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Message } from '../../data/types';
import { startJudgeServer, type Fault, type JudgeServer, type JudgeServerOptions } from '../../testing/judge_server';
import type { CompletionOptions } from '../completer';
import { type HttpCompleter, openEndpoint } from './http_completer';
import { completionsUrl, type EndpointOptions } from './options';
import { retryAfterOf } from './retry_after';

const GREEDY: CompletionOptions = { temperature: 0, maxTokens: 16 };
const FAST = { from: 1, to: 4 };
const talk = (text: string): Message[] => [{ role: 'user', content: text }];
const folder = () => mkdtempSync(join(tmpdir(), 'endpoint-'));
const echo: JudgeServerOptions = { answer: ({ messages }) => `re: ${messages[0]!.content}` };

async function withServer(
  t: ExecutionContext,
  server: JudgeServerOptions,
  options: Partial<EndpointOptions>,
  work: (completer: HttpCompleter, server: JudgeServer) => Promise<void>,
): Promise<void> {
  const running = await startJudgeServer(server);
  const completer = await openEndpoint({
    endpoint: running.url,
    model: 'judge',
    backoffMs: FAST,
    keyVariable: 'CHEEMS_TEST_NO_KEY',
    ...options,
  });
  try {
    await work(completer, running);
  } finally {
    await completer.dispose();
    await running.close();
  }
  t.pass();
}

test.serial('answers come in the order of the questions, a few at a time, each as it is there', (t) =>
  withServer(t, { ...echo, delay: 200 }, { concurrency: 3 }, async (completer, server) => {
    const seen: number[] = [];
    const taken: number[] = [];
    function* conversations() {
      for (let i = 0; i < 10; i++) {
        taken.push(seen.length);
        yield talk(`q${i}`);
      }
    }
    const completions = await completer.complete(conversations(), GREEDY, {
      onCompletion: (index) => seen.push(index),
    });
    t.deepEqual(
      completions.map(({ text }) => text),
      Array.from({ length: 10 }, (_, i) => `re: q${i}`),
    );
    t.deepEqual(
      [...seen].sort((a, b) => a - b),
      Array.from({ length: 10 }, (_, i) => i),
    );
    t.is(server.mostAtOnce, 3);
    t.true(taken.at(-1)! >= 6, 'conversations are made as there is room');
    t.deepEqual(completions[0]!.usage, { promptTokens: 10, completionTokens: 2 });
  }),
);

test.serial('what is asked: address, model, messages, sampling, further fields, the key', async (t) => {
  process.env['CHEEMS_TEST_KEY'] = 'sk-test-0123456789';
  const extra = { max_tokens: null, max_completion_tokens: 7, chat_template_kwargs: { enable_thinking: false } };
  const logprobs = { content: [{ top_logprobs: [{ token: 'A', logprob: -0.1 }] }] };
  await withServer(
    t,
    { answer: () => ({ message: { content: 'A' }, logprobs }) },
    { keyVariable: 'CHEEMS_TEST_KEY', extra },
    async (completer, server) => {
      await completer.complete([talk('q')], {
        temperature: 0.5,
        topP: 0.9,
        maxTokens: 16,
        seed: 3,
        stop: ['x'],
        firstTokens: 5,
      });
      const [{ request, url, authorization }] = server.log as [JudgeServer['log'][number]];
      t.is(url, '/v1/chat/completions');
      t.is(authorization, 'Bearer sk-test-0123456789');
      t.deepEqual(request, {
        model: 'judge',
        messages: talk('q'),
        temperature: 0.5,
        top_p: 0.9,
        seed: 3,
        stop: ['x'],
        logprobs: true,
        top_logprobs: 5,
        max_completion_tokens: 7,
        chat_template_kwargs: { enable_thinking: false },
      } as unknown as typeof request);
    },
  );
  await withServer(t, echo, {}, async (completer, server) => {
    await completer.complete([talk('q')], GREEDY);
    t.is(server.log[0]!.authorization, undefined);
  });
});

const FAULTS: Fault[] = [
  '429',
  '429 wait',
  '500',
  'silence',
  'cut JSON',
  'reset',
  'reset in body',
  'no choices',
  'no JSON',
];
for (const fault of FAULTS) {
  test.serial(`tried again after: ${fault}`, (t) =>
    withServer(
      t,
      { ...echo, fault: (_, attempt) => (attempt < 2 ? fault : undefined) },
      { timeoutMs: fault === 'silence' ? 1000 : 30_000, cacheFile: join(folder(), 'cache.jsonl') },
      async (completer, server) => {
        const completions = await completer.complete([talk('a'), talk('b'), talk('a')], GREEDY);
        t.deepEqual(
          completions.map(({ text }) => text),
          ['re: a', 're: b', 're: a'],
        );
        t.deepEqual(
          [...server.counts.values()],
          [
            { came: 3, answered: 1 },
            { came: 3, answered: 1 },
          ],
        );
        const { requests } = completer.describe() as {
          requests: { failed_attempts: Record<string, number>; answered: number; from_cache: number };
        };
        t.is(
          Object.values(requests.failed_attempts).reduce((a, b) => a + b, 0),
          4,
        );
        t.like(requests, { answered: 2, from_cache: 1 });
      },
    ),
  );
}

test.serial(
  'equal requests are asked once, at the same time and later, with a cache on disk and without',
  async (t) => {
    for (const cacheFile of [undefined, join(folder(), 'cache.jsonl')]) {
      await withServer(t, { ...echo, delay: 30 }, { concurrency: 8, cacheFile }, async (completer, server) => {
        const completions = await completer.complete(
          Array.from({ length: 8 }, () => talk('same')),
          GREEDY,
        );
        await completer.complete([talk('same'), talk('other')], GREEDY);
        t.deepEqual(
          [...server.counts.values()],
          [
            { came: 1, answered: 1 },
            { came: 1, answered: 1 },
          ],
        );
        t.is(completions.filter(({ cached }) => cached).length, 7);
        await completer.complete([talk('same')], { ...GREEDY, temperature: 1 });
        await completer.complete([talk('same')], { ...GREEDY, seed: 1 });
        t.is(server.counts.size, 4, 'another request is another answer');
      });
    }
  },
);

test.serial('a later run asks nothing that is on disk; tokens and cost are told apart', async (t) => {
  const cacheFile = join(folder(), 'new', 'cache.jsonl');
  const server = await startJudgeServer(echo);
  for (const [run, expected] of [
    [0, { prompt: 20, completion: 4, prompt_from_cache: 0, completion_from_cache: 0 }],
    [1, { prompt: 10, completion: 2, prompt_from_cache: 20, completion_from_cache: 4 }],
  ] as const) {
    const completer = await openEndpoint({
      endpoint: `${server.url}/`,
      model: 'judge',
      cacheFile,
      prices: { input: 1e5, output: 1e6 },
      keyVariable: 'CHEEMS_TEST_NO_KEY',
    });
    await completer.complete(['a', 'b', ...(run === 1 ? ['c'] : [])].map(talk), GREEDY);
    const { tokens, cost, endpoint } = completer.describe() as {
      tokens: object;
      endpoint: string;
      cost: { this_run: number; with_cached_answers: number };
    };
    t.deepEqual(tokens, expected);
    t.is(endpoint, `${server.url}/chat/completions`);
    t.deepEqual(
      [cost.this_run, cost.with_cached_answers].map((value) => Math.round(value * 10) / 10),
      run === 0 ? [6, 6] : [3, 9],
    );
    await completer.dispose();
  }
  t.is(server.answered(), 3);
  await server.close();
});

test.serial('Retry-After stops all requests for so long', async (t) => {
  const reply = (wait: Record<string, string>): JudgeServerOptions => {
    let first = true;
    return { ...echo, reply: () => (first ? ((first = false), { status: 429, body: {}, headers: wait }) : undefined) };
  };
  await withServer(t, reply({ 'retry-after': '1' }), { concurrency: 1 }, async (completer, server) => {
    await completer.complete([talk('a'), talk('b')], GREEDY);
    const [first, second] = server.log;
    t.true(second!.at - first!.at >= 990, `${second!.at - first!.at} ms`);
  });
  await withServer(t, reply({ 'retry-after': '7200' }), {}, async (completer) => {
    await t.throwsAsync(completer.complete([talk('a')], GREEDY), {
      message: /too many requests \(429\)\..* It asks to wait 120 min\./,
    });
  });
});

test.serial('how long to wait: seconds, a date, milliseconds, nonsense', (t) => {
  const of = (headers: Record<string, string>) =>
    retryAfterOf({ get: (name) => headers[name] ?? null }, Date.parse('2026-01-01T00:00:00Z'));
  t.is(of({ 'retry-after': '2' }), 2000);
  t.is(of({ 'retry-after': ' 0.5 ' }), 500);
  t.is(of({ 'retry-after': 'Thu, 01 Jan 2026 00:00:09 GMT' }), 9000);
  t.is(of({ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }), 0);
  t.is(of({ 'retry-after': '9', 'retry-after-ms': '20' }), 20);
  t.is(of({ 'retry-after': 'soon' }), undefined);
  t.is(of({ 'retry-after': '1s' }), 1000);
  t.is(of({ 'retry-after': '1m30s' }), 90_000);
  t.is(of({ 'retry-after': '250ms' }), 250);
  t.is(of({}), undefined);
  const said = (sentence: string, headers: Record<string, string> = {}) =>
    retryAfterOf({ get: (name) => headers[name] ?? null }, 0, sentence);
  t.is(said('Rate limit reached for gpt-4o on tokens per min. Please try again in 1.2s. Visit the page.'), 1200);
  t.is(said('Please retry after 6 seconds.'), 6000);
  t.is(said('Please try again in 6m0s.'), 360_000);
  t.is(said('You exceeded your current quota. Retry in 34s.'), 34_000);
  t.is(said('Please try again in 20ms.'), 20);
  t.is(said('Please try again in 20 s', { 'retry-after': '3' }), 3000);
  t.is(said('Please try again later.'), undefined);
  t.is(said('try again in 5 mice'), undefined);
});

test.serial('trouble that stays is one sentence that says what to do, and the key is in none', async (t) => {
  const key = 'abc.DEF-verysecret';
  process.env['CHEEMS_TEST_SECRET'] = key;
  const status = (code: number, body: unknown = {}): JudgeServerOptions => ({
    ...echo,
    reply: () => ({ status: code, body }),
  });
  const always = (fault: Fault): JudgeServerOptions => ({ ...echo, fault: () => fault });
  const cases: [JudgeServerOptions, RegExp, number][] = [
    [
      status(401, { error: { message: `Incorrect API key provided: ${key} or sk-abc***xyz` } }),
      /refuses the key \(401\) from the environment variable CHEEMS_TEST_SECRET.*It says: "Incorrect API key provided: \[key\] or \[key\]"\.$/,
      1,
    ],
    [
      status(404, { error: { message: 'The model `judge` does not exist' } }),
      /does not know the model "judge" \(404\)\. Check `judgeEndpoint`.*It says: "The model/,
      1,
    ],
    [status(402), /asks for payment/, 1],
    [status(307), /sends elsewhere \(307\)/, 1],
    [
      {
        ...echo,
        reply: () => ({
          status: 308,
          body: '',
          headers: { location: 'https://elsewhere.example/v2/chat/completions?token=hidden' },
        }),
      },
      /sends elsewhere \(308\); give .* endpoint\. It leads to https:\/\/elsewhere\.example\/v2\.$/,
      1,
    ],
    [
      status(400, { error: { message: 'temperature must be 1' } }),
      /refuses the request \(400\)\. It says: "temperature must be 1"\. Give `judgeTemperature: 1`, or `judgeExtra: \{"temperature":null\}` leaves it out; the judge then samples\.$/,
      1,
    ],
    [status(422, { detail: 'no such field' }), /refuses the request \(422\)\. It says: "no such field"\.$/, 1],
    [
      status(429, { error: { code: 'insufficient_quota', message: 'You exceeded your quota' } }),
      /quota .* used up \(429\)\. It says: "You exceeded/,
      1,
    ],
    [
      always('429'),
      /too many requests \(429\)\. It says: "slow down"\. It was tried 3 times \(`judgeRetries`\)\. Fewer requests at once may pass: `judgeConcurrency`, now 8\./,
      3,
    ],
    [always('500'), /answers with status 500\. It was tried 3 times/, 3],
    [always('silence'), /gave no answer within 0\.1 s; `judgeTimeout` gives it longer\. It was tried 3 times/, 3],
    [always('cut JSON'), /is no JSON, or is cut off after \d+ characters\. It was tried 3 times/, 3],
    [always('no choices'), /without choices\. It was tried 3 times/, 3],
    [always('reset'), /connection to .* broke \(.*\)\. It was tried 3 times/, 3],
    [
      status(200, { error: { message: 'upstream busy', code: 503 } }),
      /answers with status 503\. It says: "upstream busy"\. It was tried 3 times/,
      3,
    ],
    [status(200, { choices: [{ text: 'old' }] }), /is no chat completion \(choices\.0\.message/, 3],
  ];
  for (const [server, message, attempts] of cases) {
    const running = await startJudgeServer(server);
    const completer = await openEndpoint({
      endpoint: running.url,
      model: 'judge',
      backoffMs: FAST,
      retries: 2,
      timeoutMs: message.source.includes('no answer within') ? 100 : 30_000,
      keyVariable: 'CHEEMS_TEST_SECRET',
    });
    const error = await t.throwsAsync(completer.complete([talk('q')], GREEDY), { name: 'EndpointError', message });
    t.is(running.log.length, attempts, String(message));
    const everything = JSON.stringify([error, error.stack, completer.describe(), completer], (_, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value instanceof Map ? [...value] : value,
    );
    t.false(everything.includes(key), everything);
    await completer.dispose();
    await running.close();
  }
});

test.serial('no key where one is needed; nobody there; an unknown host', async (t) => {
  await withServer(t, { ...echo, reply: () => ({ status: 401, body: {} }) }, {}, async (completer) => {
    await t.throwsAsync(completer.complete([talk('q')], GREEDY), {
      message: /asks for a key \(401\), but the environment variable CHEEMS_TEST_NO_KEY is not set/,
    });
  });
  const gone = await startJudgeServer(echo);
  await gone.close();
  const completer = await openEndpoint({ endpoint: gone.url, model: 'judge' });
  const began = performance.now();
  await t.throwsAsync(completer.complete([talk('q')], GREEDY), {
    message: /^Nothing listens at .*check `judgeEndpoint`, and that the server runs\.$/,
  });
  t.true(performance.now() - began < 3000, 'told at once, because nothing has answered yet');
  await completer.dispose();
});

test.serial('a server that goes away after it has answered is waited for', async (t) => {
  const first = await startJudgeServer(echo);
  const completer = await openEndpoint({
    endpoint: first.url,
    model: 'judge',
    backoffMs: { from: 100, to: 400 },
    keyVariable: 'CHEEMS_TEST_NO_KEY',
  });
  await completer.complete([talk('a')], GREEDY);
  await first.close();
  const asked = completer.complete([talk('b')], GREEDY);
  await new Promise((resolve) => setTimeout(resolve, 150));
  const second = await startJudgeServer({ ...echo, port: first.port });
  t.is((await asked)[0]!.text, 're: b');
  await completer.dispose();
  await second.close();
});

test.serial('refusals of one conversation are answers without text, kept like others', async (t) => {
  const reply: JudgeServerOptions['reply'] = ({ messages }) => {
    const about = messages[0]!.content;
    if (about === 'bad') return { status: 400, body: { error: { message: 'filtered', code: 'content_filter' } } };
    if (about === 'long')
      return {
        status: 400,
        body: {
          error: { message: "This model's maximum context length is 10 tokens", code: 'context_length_exceeded' },
        },
      };
    return undefined;
  };
  const answer = ({ messages }: { messages: { content: string }[] }) =>
    messages[0]!.content === 'cut'
      ? { message: { content: 'so' }, finish_reason: 'length' }
      : messages[0]!.content === 'censored'
        ? { message: { content: null }, finish_reason: 'content_filter' }
        : {
            message: {
              content: [
                { type: 'text', text: 'o' },
                { type: 'text', text: 'k' },
              ],
              reasoning_content: 'hm',
            },
            finish_reason: 'stop',
          };
  await withServer(t, { answer, reply }, { cacheFile: join(folder(), 'c.jsonl') }, async (completer, server) => {
    const texts = ['bad', 'long', 'cut', 'censored', 'fine'];
    const completions = await completer.complete(texts.map(talk), GREEDY);
    t.deepEqual(
      completions.map(({ finish }) => finish),
      ['filtered', 'too_long', 'length', 'filtered', 'stop'],
    );
    t.like(completions[4], { text: 'ok', reasoning: 'hm' });
    const again = await completer.complete(texts.map(talk), GREEDY);
    t.deepEqual(
      again.map(({ cached: _, ...rest }) => rest),
      completions,
    );
    t.is(server.log.length, 5);
  });
});

test.serial('when one request fails for good, what is under way is waited for and kept', async (t) => {
  const cacheFile = join(folder(), 'cache.jsonl');
  const server: JudgeServerOptions = {
    ...echo,
    delay: 150,
    reply: ({ messages }) => (messages[0]!.content === 'q3' ? { status: 400, body: {} } : undefined),
  };
  await withServer(t, server, { concurrency: 4, cacheFile }, async (completer, running) => {
    const questions = Array.from({ length: 20 }, (_, i) => talk(`q${i}`));
    await t.throwsAsync(completer.complete(questions, GREEDY), {
      message:
        /refuses the request \(400\)\. The 3 answers so far are in .*cache\.jsonl; the same command continues from there\./,
    });
    t.is(running.log.length, 4, 'nothing was sent after the failure');
    t.is(readFileSync(cacheFile, 'utf8').trimEnd().split('\n').length, 3);
  });
});

test.serial('a conversation that cannot be made ends the run like a failure', async (t) => {
  await withServer(t, { ...echo, delay: 50 }, { concurrency: 4 }, async (completer, server) => {
    function* broken() {
      yield talk('a');
      yield talk('b');
      throw new Error('no such template');
    }
    await t.throwsAsync(completer.complete(broken(), GREEDY), { message: 'no such template' });
    t.is(server.answered(), server.log.length, 'those under way were waited for');
  });
});

test.serial('an abort sends nothing more, keeps what is under way, and rejects with the reason', async (t) => {
  const cacheFile = join(folder(), 'cache.jsonl');
  await withServer(t, { ...echo, delay: 100 }, { concurrency: 2, cacheFile }, async (completer, server) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 50);
    await t.throwsAsync(
      completer.complete(
        Array.from({ length: 20 }, (_, i) => talk(`q${i}`)),
        GREEDY,
        { signal: controller.signal },
      ),
      { message: 'enough' },
    );
    t.is(server.log.length, 2);
    t.is(readFileSync(cacheFile, 'utf8').trimEnd().split('\n').length, 2);
  });
  await withServer(
    t,
    { ...echo, fault: () => '500' },
    { backoffMs: { from: 60_000, to: 60_000 } },
    async (completer) => {
      const began = performance.now();
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error('enough')), 100);
      await t.throwsAsync(completer.complete([talk('q')], GREEDY, { signal: controller.signal }), {
        message: 'enough',
      });
      t.true(performance.now() - began < 5000, 'a pause between attempts is not waited for');
    },
  );
});

test.serial('addresses', (t) => {
  t.is(completionsUrl('http://h:1/v1'), 'http://h:1/v1/chat/completions');
  t.is(completionsUrl('https://h/v1//'), 'https://h/v1/chat/completions');
  t.is(completionsUrl('https://h/v1/chat/completions'), 'https://h/v1/chat/completions');
  t.is(completionsUrl('https://h/openai?api-version=1'), 'https://h/openai/chat/completions?api-version=1');
  t.throws(() => completionsUrl('h/v1'), { name: 'JudgeError', message: /is no address/ });
  t.throws(() => completionsUrl('ftp://h/v1'), { message: /must begin with http/ });
  for (const secret of ['http://me:hunter2@h/v1', 'http://h/v1?api_key=hunter2', 'http://h/v1?KEY=hunter2']) {
    const error = t.throws(() => completionsUrl(secret), { message: /holds a (name or password|secret)/ });
    t.false(error.message.includes('hunter2'));
  }
});

test.serial("one cache is one process's at a time", async (t) => {
  const cacheFile = join(folder(), 'cache.jsonl');
  const options = { endpoint: 'http://localhost:1/v1', model: 'm', cacheFile };
  const first = await openEndpoint(options);
  await t.throwsAsync(openEndpoint(options), {
    name: 'JudgeError',
    message:
      /cache\.jsonl is in use by another evaluation \(process \d+ on .*\)\. Wait for it, or give another `judgeCache`\./,
  });
  await first.dispose();
  await (await openEndpoint(options)).dispose();
  writeFileSync(cacheFile, '{"key":"x","text":"","finish":"stop"}\nnot mine\n');
  await t.throwsAsync(openEndpoint(options), {
    name: 'JudgeError',
    message: /cache\.jsonl:2: this is no stored answer/,
  });
  writeFileSync(cacheFile, 'dear diary');
  await t.throwsAsync(openEndpoint(options), { message: /is no cache of answers/ });
  t.is(readFileSync(cacheFile, 'utf8'), 'dear diary', 'another file is left as it is');
});
