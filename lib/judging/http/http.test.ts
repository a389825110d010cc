import test from 'ava';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startJudgeServer, type JudgeServer, type JudgeServerOptions } from '../../testing/judge_server';
import { openEndpoint } from './http_completer';
import { completionsUrl } from './options';
import { retryAfterOf } from './retry_after';
import { GREEDY, talk, folder, echo, withServer } from '../../testing/endpoint_setting';

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
    message: /cache\.jsonl:2: this is not a stored answer/,
  });
  writeFileSync(cacheFile, 'dear diary');
  await t.throwsAsync(openEndpoint(options), { message: /is not a cache of answers/ });
  t.is(readFileSync(cacheFile, 'utf8'), 'dear diary', 'another file is left as it is');
});
