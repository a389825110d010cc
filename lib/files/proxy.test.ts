import test from 'ava';
import { createServer } from 'node:http';
import { createServer as createTcpServer, connect, type AddressInfo, type Socket } from 'node:net';
import { fetchThroughProxy, openCarrier } from './http';
import { causesOf, certificateTrouble } from './network_errors';
import { proxyFor } from './proxy';

const at = (url: string, env: Record<string, string>) => proxyFor(new URL(url), env);
const PLAIN = 'http://h.example:8000/v1';
const TLS = 'https://h.example/v1';

test('which variable counts: lower case before upper case, each scheme its own, all_proxy, http for https', (t) => {
  const cases: [string, Record<string, string>, string | undefined][] = [
    [PLAIN, {}, undefined],
    [PLAIN, { http_proxy: 'http://a:1' }, 'http://a:1'],
    [PLAIN, { HTTP_PROXY: 'http://a:1' }, 'http://a:1'],
    [PLAIN, { http_proxy: 'http://a:1', HTTP_PROXY: 'http://b:1' }, 'http://a:1'],
    [PLAIN, { http_proxy: '', HTTP_PROXY: 'http://b:1' }, undefined],
    [PLAIN, { https_proxy: 'http://a:1' }, undefined],
    [TLS, { HTTPS_PROXY: 'http://a:1', http_proxy: 'http://b:1' }, 'http://a:1'],
    [TLS, { http_proxy: 'http://b:1' }, 'http://b:1'],
    [TLS, { ALL_PROXY: 'http://c:1', http_proxy: 'http://b:1' }, 'http://c:1'],
    [PLAIN, { all_proxy: 'http://c:1' }, 'http://c:1'],
    [PLAIN, { http_proxy: '127.0.0.1:7890' }, 'http://127.0.0.1:7890'],
    [PLAIN, { http_proxy: 'localhost:7890' }, 'http://localhost:7890'],
    [PLAIN, { http_proxy: ' proxy.corp ' }, 'http://proxy.corp'],
    [PLAIN, { http_proxy: 'https://proxy.corp:443/' }, 'https://proxy.corp'],
    [PLAIN, { http_proxy: 'HTTP://proxy.corp:80' }, 'http://proxy.corp'],
    [PLAIN, { http_proxy: '[::1]:3128' }, 'http://[::1]:3128'],
    // A usual export: the SOCKS port is there for programs that know nothing else.
    [TLS, { https_proxy: 'http://127.0.0.1:7890', all_proxy: 'socks5://127.0.0.1:7891' }, 'http://127.0.0.1:7890'],
  ];
  for (const [url, env, expected] of cases) t.is(at(url, env)?.href, expected, JSON.stringify([url, env]));
});

test('credentials go into the header and into nothing else', (t) => {
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  const cases: [string, string | undefined][] = [
    ['http://me:secret@p:1', basic('me:secret')],
    ['me:secret@p:1', basic('me:secret')],
    ['http://me:p%40ss%2Fword@p:1', basic('me:p@ss/word')],
    ['http://me:100%@p:1', basic('me:100%')],
    ['http://me@p:1', basic('me:')],
    ['http://p:1', undefined],
  ];
  for (const [value, expected] of cases) {
    const proxy = at(PLAIN, { HTTP_PROXY: value })!;
    t.is(proxy.authorization, expected, value);
    t.is(proxy.href, 'http://p:1');
    t.is(proxy.name, 'p:1 (environment variable HTTP_PROXY)');
  }
});

test('a value that is no address of an HTTP proxy is told with its variable, and without its password', (t) => {
  const cases: [Record<string, string>, RegExp][] = [
    [
      { all_proxy: 'socks5://127.0.0.1:7891' },
      /environment variable all_proxy names a SOCKS proxy \(socks5:\/\/…\), which is not supported/,
    ],
    [{ HTTP_PROXY: 'socks5h://me:secret@h:1' }, /variable HTTP_PROXY names a SOCKS proxy \(socks5h/],
    [
      { http_proxy: 'http://' },
      /variable http_proxy \("http:\/\/"\) does not hold the address of a proxy\. Give one such as/,
    ],
    [{ http_proxy: 'ftp://h:1' }, /variable http_proxy \("ftp:\/\/h:1"\) does not hold the address/],
    [{ http_proxy: 'h:port' }, /variable http_proxy \("h:port"\) does not hold the address/],
    [{ http_proxy: 'http://me:secret@h:99999999' }, /variable http_proxy does not hold the address/],
  ];
  for (const [env, message] of cases) {
    const error = t.throws(() => at(PLAIN, env), { name: 'ConnectionError', message });
    t.false(error.message.includes('secret'));
  }
});

test('NO_PROXY: names, subdomains, ports, addresses, blocks, patterns', (t) => {
  const cases: [string, string, boolean][] = [
    ['h.example', 'http://h.example/', true],
    ['H.Example.', 'http://h.example/', true],
    ['example', 'http://h.example/', true],
    ['.example', 'http://h.example/', true],
    ['*.example', 'http://h.example/', true],
    ['xample', 'http://h.example/', false],
    ['.h.example', 'http://h.example/', true],
    ['h.example:8000', 'http://h.example:8000/', true],
    ['h.example:8000', 'http://h.example/', false],
    ['h.example:443', 'https://h.example/', true],
    ['.example:80', 'http://h.example/', true],
    ['*', 'http://h.example/', true],
    ['a.b, *', 'http://h.example/', true],
    ['a.b  h.example', 'http://h.example/', true],
    ['a.b,,h.example,', 'http://h.example/', true],
    ['http://h.example', 'http://h.example/', true],
    ['127.0.0.0/8', 'http://127.0.0.1:8000/', true],
    ['127.0.0.0/8', 'http://128.0.0.1/', false],
    ['10.0.0.0/8,192.168.0.0/16', 'http://192.168.3.4/', true],
    ['10.0.0.0/33', 'http://10.0.0.1/', false],
    ['10.1.2.3/8', 'http://10.9.9.9/', true],
    ['127.0.0.1', 'http://127.0.0.1:9/', true],
    ['127.0.0.1:9', 'http://127.0.0.1:9/', true],
    ['127.0.0.1:8', 'http://127.0.0.1:9/', false],
    ['192.168.*', 'http://192.168.3.4/', true],
    ['192.168.*', 'http://192.16.3.4/', false],
    ['::1', 'http://[::1]:8000/', true],
    ['[::1]', 'http://[::1]:8000/', true],
    ['[::1]:8000', 'http://[::1]:8000/', true],
    ['[::1]:8001', 'http://[::1]:8000/', false],
    ['fd00::/8', 'http://[fd12::1]/', true],
    ['0:0:0:0:0:0:0:1', 'http://[::1]/', true],
    ['127.0.0.0/8', 'http://localhost/', false],
    ['例子.example', 'http://例子.example/', true],
    ['', 'http://h.example/', false],
  ];
  for (const [list, url, exempt] of cases) {
    t.is(at(url, { http_proxy: 'http://p:1', NO_PROXY: list }) === undefined, exempt, `${list} for ${url}`);
  }
  t.truthy(at(PLAIN, { http_proxy: 'http://p:1', no_proxy: '', NO_PROXY: '*' }), 'lower case wins');
});

/** A proxy for tests: it notes what it is asked for, and answers as told. */
async function startProxy(status: number) {
  const asked: { target: string; authorization: string | undefined }[] = [];
  const server = createServer();
  server.on('connect', (request, client: Socket, head) => {
    asked.push({ target: request.url!, authorization: request.headers['proxy-authorization'] });
    client.on('error', () => {});
    if (status !== 200) return void client.end(`HTTP/1.1 ${status} No\r\ncontent-length: 0\r\n\r\n`);
    const [host, port] = request.url!.split(':') as [string, string];
    const target = connect(Number(port), host.endsWith('.invalid') ? '127.0.0.1' : host, () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      target.write(head);
      target.pipe(client).pipe(target);
    });
    target.on('error', () => client.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return { asked, port: (server.address() as AddressInfo).port, close: () => server.close() };
}

async function withEnvironment<T>(env: Record<string, string>, work: () => Promise<T>): Promise<T> {
  const names = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()]);
  const before = names.map((name) => [name, process.env[name]] as const);
  for (const name of names) delete process.env[name];
  Object.assign(process.env, env);
  try {
    return await work();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

test.serial('a request goes through the proxy with its credentials, and past it where NO_PROXY says so', async (t) => {
  const target = createServer((_, response) => response.end('here'));
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve));
  const { port } = target.address() as AddressInfo;
  const proxy = await startProxy(200);
  const value = `me:p%40ss@127.0.0.1:${proxy.port}`;
  await withEnvironment({ http_proxy: value, no_proxy: '127.0.0.0/8' }, async () => {
    const carrier = await openCarrier();
    const text = async (host: string) =>
      (await carrier.fetch(`http://${host}:${port}/`, { dispatcher: carrier.dispatcher })).text();
    t.is(await text('there.invalid'), 'here');
    t.is(await text('127.0.0.1'), 'here');
    const authorization = `Basic ${Buffer.from('me:p@ss').toString('base64')}`;
    t.deepEqual(proxy.asked, [{ target: `there.invalid:${port}`, authorization }]);
    await carrier.dispatcher.close();
  });
  proxy.close();
  target.close();
});

test.serial('a proxy that does not do its work is blamed, and not the other side', async (t) => {
  const cases: [number, string, RegExp, boolean][] = [
    [
      407,
      '',
      /^The proxy 127\.0\.0\.1:\d+ \(environment variable http_proxy\) asks for a name and password \(407\); .*NO_PROXY/,
      false,
    ],
    [407, 'me:wrong-one@', /http_proxy\) refuses its name or password \(407\)/, false],
    [403, '', /could not reach h2\.invalid:81 \(it answered 403\)/, false],
    [502, '', /could not reach h3\.invalid:81 \(it answered 502\)/, true],
    [
      0,
      '',
      /^The proxy 127\.0\.0\.1:\d+ \(environment variable http_proxy\) refuses connections; .*name h4\.invalid in NO_PROXY/,
      true,
    ],
  ];
  // Each a host of its own: the connections of a process are kept.
  for (const [i, [status, login, message, retryable]] of cases.entries()) {
    const proxy = await startProxy(status);
    if (status === 0) proxy.close();
    await withEnvironment({ http_proxy: `http://${login}127.0.0.1:${proxy.port}` }, async () => {
      const error = await t.throwsAsync(fetchThroughProxy(`http://h${i}.invalid:81/`), {
        name: 'ConnectionError',
        message,
      });
      t.is((error as unknown as { retryable: boolean }).retryable, retryable);
      t.false(error.message.includes('wrong-one'));
    });
    proxy.close();
  }
  await withEnvironment({ http_proxy: 'http://no-such-proxy.invalid:1' }, async () => {
    await t.throwsAsync(fetchThroughProxy('http://h8.invalid:81/'), {
      message: /^The proxy no-such-proxy\.invalid:1 .* (?:is not known|cannot be looked up) by name/,
    });
  });
  await withEnvironment({ ALL_PROXY: 'socks5://127.0.0.1:1' }, async () => {
    await t.throwsAsync(fetchThroughProxy('http://h9.invalid:81/'), {
      message: /^The environment variable ALL_PROXY names a SOCKS proxy/,
    });
  });
});

test.serial('a server without TLS behind an https address is told as what it is', async (t) => {
  const server = createTcpServer((socket) => void socket.on('error', () => {}).end('HTTP/1.1 400 Bad Request\r\n\r\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await withEnvironment({}, async () => {
    const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    await t.throwsAsync(fetchThroughProxy(url), {
      message: /^127\.0\.0\.1:\d+ does not speak TLS there .* begins with http:\/\/\.$/,
    });
  });
  server.close();
});

test('certificates: each code of the TLS library has what helps', (t) => {
  const failed = (code: string) =>
    Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error('x'), { code }) });
  const remedies: [string[], RegExp][] = [
    [
      [
        'DEPTH_ZERO_SELF_SIGNED_CERT',
        'SELF_SIGNED_CERT_IN_CHAIN',
        'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
        'UNABLE_TO_GET_ISSUER_CERT',
        'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
      ],
      /^The certificate of h:443 is signed by nobody that is known here .*NODE_EXTRA_CA_CERTS/,
    ],
    [['ERR_TLS_CERT_ALTNAME_INVALID', 'HOSTNAME_MISMATCH'], /is for another host name/],
    [['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'], /is not valid today .*clock/],
    [['ERR_SSL_WRONG_VERSION_NUMBER', 'EPROTO'], /does not speak TLS/],
    [['CERT_REVOKED', 'CERT_SIGNATURE_FAILURE'], /certificate of h:443 is not accepted .*NODE_EXTRA_CA_CERTS/],
  ];
  for (const [codes, message] of remedies) {
    for (const code of codes) t.regex(certificateTrouble(failed(code), 'h:443')?.message ?? '', message, code);
  }
  t.is(certificateTrouble(failed('ECONNRESET'), 'h:443'), undefined);
  t.is(causesOf(failed('X')).at(-1)!.code, 'X');
});
