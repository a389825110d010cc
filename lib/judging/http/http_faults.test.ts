// Failures of an endpoint: what is retried, what ends the run, and what is kept.
import test from 'ava';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { startJudgeServer, type Fault, type JudgeServerOptions } from '../../testing/judge_server';
import { openEndpoint } from './http_completer';
import { GREEDY, FAST, talk, folder, echo, withServer } from '../../testing/endpoint_setting';

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
