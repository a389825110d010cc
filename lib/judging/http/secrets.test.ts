// An endpoint that repeats what it was sent: no key, header or proxy password appears in any output.

import { readFileSync } from 'node:fs';
import test from 'ava';
import { against, answered, OK, said, type Reply } from '../../testing/endpoint_run';
import { parseHeaders } from './headers';
import { openEndpoint } from './http_completer';
import { completionsUrl, shownUrl } from './options';
import { Secrets } from './secrets';

const KEY = 'zk.DEF-very"secret';
const HEADER = 'azure 0123456789';
const TENANT = 'tenant-value-77';
const ALL = [
  KEY,
  HEADER,
  TENANT,
  encodeURIComponent(KEY),
  Buffer.from(KEY).toString('base64'),
  JSON.stringify(KEY).slice(1, -1),
  '0123456789',
];
const everything = ALL.join(' | ');
const events = (...list: unknown[]) => list.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');

const ECHOES: [where: string, Reply][] = [
  ['the answer', { status: 200, body: answered(`[[A]] ${everything}`) }],
  ['the thoughts', { status: 200, body: answered('[[A]]', 'stop', { reasoning_content: everything }) }],
  ['a refusal', { status: 200, body: answered(null, 'stop', { refusal: everything }) }],
  ['a filter', { status: 400, body: said(`sensitive content ${everything}`) }],
  ['a length', { status: 413, body: everything }],
  ['an error', { status: 401, body: said(everything) }],
  ['an error of the server', { status: 500, body: everything }],
  ['a code', { status: 400, body: said('', everything) }],
  [
    'a stream, in pieces',
    {
      status: 200,
      body: events(...[...everything].map((content) => ({ choices: [{ delta: { content } }] })), {
        choices: [{ delta: {}, finish_reason: 'stop' }],
      }),
      headers: { 'content-type': 'text/event-stream' },
    },
  ],
  ['a page', { status: 200, body: `<html><title>${everything}</title></html>` }],
  ['a finish reason', { status: 200, body: answered('', everything) }],
];
for (const [where, reply] of ECHOES) {
  test.serial(`no secret gets out of ${where}`, async (t) => {
    process.env['CHEEMS_TEST_ECHOED'] = KEY;
    await against(
      t,
      () => reply,
      async ({ ask, completer, kept, server }) => {
        const outcome = await ask(['q']).catch((error: Error) => [
          error.message,
          error.stack,
          String((error.cause as Error).stack),
        ]);
        t.is(server.log[0]!.authorization, `Bearer ${KEY}`);
        const written = [
          JSON.stringify(outcome),
          kept(),
          JSON.stringify(completer.describe()),
          JSON.stringify(completer, (_, value: unknown) => (value instanceof Map ? [...value] : value)),
        ];
        for (const text of written) for (const secret of ALL) t.false(text.includes(secret), `${secret} in ${text}`);
      },
      { keyVariable: 'CHEEMS_TEST_ECHOED', headers: { 'api-key': HEADER, 'X-Tenant': TENANT }, retries: 1 },
    );
  });
}

test('headers are sent, and are no part of the cache', async (t) => {
  const seen: unknown[] = [];
  await against(
    t,
    () => OK,
    async ({ ask, server, kept, completer }) => {
      await ask(['q']);
      seen.push(server.log[0]!.headers);
      const lines = kept();
      t.like(server.log[0]!.headers, {
        'api-key': HEADER,
        authorization: undefined,
        'content-type': 'application/json',
      });
      t.deepEqual((completer.describe() as { headers: string[] }).headers, ['api-key']);
      const file = (completer.describe() as { cache: string }).cache;
      await completer.dispose();
      const other = await openEndpoint({
        endpoint: server.url,
        model: 'judge',
        keyVariable: 'CHEEMS_TEST_NO_KEY',
        cacheFile: file,
        headers: { 'api-key': 'another-one' },
      });
      await other.complete([[{ role: 'user', content: 'q' }]], { temperature: 0, maxTokens: 4096 });
      await other.dispose();
      t.is(server.log.length, 1, 'the answer of the other header is there');
      t.is(readFileSync(file, 'utf8'), lines);
    },
    { headers: { 'API-Key': HEADER } },
  );
});

test('a value of an unknown parameter of the address is a secret; the version of an interface is none', (t) =>
  against(
    t,
    () => ({ status: 200, body: answered('[[A]] since 2024-10-21 by value-of-k') }),
    async ({ server }) => {
      const endpoint = `${server.url}?api-version=2024-10-21&k=value-of-k`;
      const completer = await openEndpoint({ endpoint, model: 'm', keyVariable: 'CHEEMS_TEST_NO_KEY' });
      const [completion] = await completer.complete([[{ role: 'user', content: 'q' }]], {
        temperature: 0,
        maxTokens: 99,
      });
      t.is(completion!.text, '[[A]] since 2024-10-21 by [key]');
      t.is(server.log[0]!.url, '/v1/chat/completions?api-version=2024-10-21&k=value-of-k');
      await completer.dispose();
    },
  ));

test('an authorization of the user wins over the key', (t) =>
  against(
    t,
    () => OK,
    async ({ ask, server }) => {
      await ask(['q']);
      t.is(server.log[0]!.authorization, 'Token abcdef-123');
    },
    { headers: { Authorization: 'Token abcdef-123' } },
  ));

test('a refused key names the headers that were sent', (t) =>
  against(
    t,
    () => ({ status: 401, body: {} }),
    async ({ ask }) => {
      await t.throwsAsync(ask(['q']), {
        message:
          /refuses the request \(401\) with the headers of `judgeHeader` \(api-key\), and the environment variable CHEEMS_TEST_NO_KEY is not set/,
      });
    },
    { headers: { 'api-key': HEADER } },
  ));

test('headers as the command line gives them', (t) => {
  t.deepEqual(parseHeaders(['api-key: 1234', 'X-Tenant:a:b ']), { 'api-key': '1234', 'x-tenant': 'a:b' });
  for (const [line, message] of [
    ['api-key', /number 1 is no header; give it as 'NAME: VALUE'/],
    [': hunter2', /number 1 is no header/],
    ['api key: hunter2', /number 1 is no header/],
    ['api-key: ', /api-key has no value; is the variable that it comes from set\?/],
    ['api-key: hunter2密', /api-key holds a character that no header can hold/],
    ['api-key: hunter2\nX: y', /api-key holds a character/],
    ['Content-Type: hunter2', /cannot set content-type/],
    ['host: hunter2', /cannot set host/],
  ] as const) {
    const error = t.throws(() => parseHeaders([line]), { name: 'JudgeError', message });
    t.false(error.message.includes('hunter2'));
  }
  t.throws(() => parseHeaders(['a: 1', 'A: 2']), { message: /gives a twice/ });
});

test('a key that no header can hold is told before anything is sent', async (t) => {
  process.env['CHEEMS_TEST_PASTED'] = 'sk-密钥123456';
  const error = await t.throwsAsync(
    openEndpoint({ endpoint: 'http://h/v1', model: 'm', keyVariable: 'CHEEMS_TEST_PASTED' }),
    { name: 'JudgeError', message: /variable CHEEMS_TEST_PASTED holds a character/ },
  );
  t.false(error.message.includes('密钥'));
});

test('stand-ins for keys are no secrets: answers stay as they are', (t) => {
  t.is(new Secrets(['EMPTY', 'A', '']).hide('[[A]] EMPTY'), '[[A]] EMPTY');
  t.is(new Secrets(['abcdef', 'abcdef-longer']).hide('abcdef-longer abcdef'), '[key] [key]');
});

test('addresses: Azure, and what of an address is shown', (t) => {
  const azure = 'https://x.openai.azure.com/openai/deployments/gpt-4o';
  t.is(completionsUrl(`${azure}?api-version=2024-10-21`), `${azure}/chat/completions?api-version=2024-10-21`);
  t.is(
    completionsUrl(`${azure}/chat/completions?api-version=2024-10-21`),
    `${azure}/chat/completions?api-version=2024-10-21`,
  );
  t.is(
    completionsUrl('https://x.openai.azure.com/openai/v1/'),
    'https://x.openai.azure.com/openai/v1/chat/completions',
  );
  t.throws(() => completionsUrl(azure), {
    name: 'JudgeError',
    message: /Azure deployment .* without its version; .*\?api-version=/,
  });
  t.is(
    shownUrl('https://h/v1/chat/completions?api-version=1&team=hidden-value#x'),
    'https://h/v1/chat/completions?api-version=1',
  );
  for (const name of [
    'subscription-key',
    'api_key',
    'access_token',
    'X-Api-Key',
    'code',
    'auth',
    'password',
    'client_secret',
    'sig',
  ]) {
    const error = t.throws(() => completionsUrl(`https://h/v1?${name}=hunter2`), { message: /holds a secret/ }, name);
    t.false(error.message.includes('hunter2'));
  }
  const broken = t.throws(() => completionsUrl('h/v1?key=hunter2'), { message: /is no address/ });
  t.false(broken.message.includes('hunter2'));
});
