// Git LFS against a local server that speaks the batch API.

import test from 'ava';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FileServer, serveBytes, type Request, type ServeOptions } from '../testing/file_server';
import { CHEEMS_FILES } from './cheems_data';
import { fetchLfsFiles, type LfsFile } from './lfs';
import { sha256 } from '../support/sha256';

const content = randomBytes(300_000);
const file: LfsFile = { path: 'bench/human.jsonl', bytes: content.length, sha256: sha256(content) };
const folder = () => mkdtempSync(join(tmpdir(), 'lfs-'));
const quick = { attempts: 6, pauseMs: 5, stallMs: 10_000 };

/** A repository with one object; `fault` may change what the storage serves the n-th time. */
async function repository(fault: (time: number) => ServeOptions & { content?: Buffer; status?: number } = () => ({})) {
  let time = 0;
  const server: FileServer = await FileServer.start((request, response) => {
    if (request.url === '/CheemsRM.git/info/lfs/objects/batch') {
      const [object] = (JSON.parse(request.body) as { objects: { oid: string; size: number }[] }).objects;
      const known = object!.oid === file.sha256 && object!.size === file.bytes;
      response.setHeader('Content-Type', 'application/vnd.git-lfs+json');
      return void response.end(
        JSON.stringify({
          transfer: 'basic',
          objects: [
            known
              ? {
                  ...object,
                  actions: {
                    download: { href: `${server.url}/storage/${object!.oid}`, header: { 'X-Key': 'signed' } },
                  },
                }
              : { ...object, error: { code: 404, message: 'Object does not exist' } },
          ],
        }),
      );
    }
    if (request.url !== `/storage/${file.sha256}` || request.headers['x-key'] !== 'signed')
      return void response.writeHead(404).end();
    const { status, content: other, ...options } = fault((time += 1));
    if (status !== undefined) return void response.writeHead(status).end();
    return serveBytes(request, response, other ?? content, options);
  });
  return {
    server,
    repository: `${server.url}/CheemsRM.git`,
    storageRequests: () => server.requests.filter(({ url }: Request) => url.startsWith('/storage')),
  };
}

test('a file comes through the batch API, and is not fetched again', async (t) => {
  const { server, repository: url, storageRequests } = await repository();
  const place = folder();
  await fetchLfsFiles([file], { repository: url, folder: place });
  t.deepEqual(readFileSync(join(place, file.path)), content);
  t.deepEqual(readdirSync(dirname(join(place, file.path))), ['human.jsonl'], 'nothing else stays');
  const [batch] = server.requests;
  t.is(batch!.headers['accept'], 'application/vnd.git-lfs+json');
  t.deepEqual(JSON.parse(batch!.body), {
    operation: 'download',
    transfers: ['basic'],
    objects: [{ oid: file.sha256, size: file.bytes }],
  });
  await fetchLfsFiles([file], { repository: url, folder: place });
  t.is(storageRequests().length, 1);
  await server.stop();
});

test('a cut connection and a busy storage are gone over, from the byte that was reached', async (t) => {
  const {
    server,
    repository: url,
    storageRequests,
  } = await repository((time) => (time === 1 ? { cutAfter: 100_000 } : time === 2 ? { status: 503 } : {}));
  const place = folder();
  const progress: number[] = [];
  await fetchLfsFiles([file], {
    repository: url,
    folder: place,
    ...quick,
    onProgress: (_, bytes) => progress.push(bytes),
  });
  t.deepEqual(readFileSync(join(place, file.path)), content);
  const ranges = storageRequests().map(({ headers }) => headers['range']);
  t.is(ranges[0], undefined);
  t.is(ranges[1], ranges[2]);
  t.regex(ranges[1]!, /^bytes=[1-9]\d*-$/);
  t.is(progress.at(-1), content.length);
  t.true(progress.every((bytes, i) => i === 0 || bytes >= progress[i - 1]!));
  await server.stop();
});

test('a stopped run keeps its bytes, and the next one goes on', async (t) => {
  const { server, repository: url, storageRequests } = await repository();
  const place = folder();
  const controller = new AbortController();
  const stopped = fetchLfsFiles([file], {
    repository: url,
    folder: place,
    signal: controller.signal,
    onProgress: (_, bytes) => bytes > 0 && controller.abort(new Error('enough')),
  });
  await t.throwsAsync(stopped, { message: 'enough' });
  t.false(existsSync(join(place, file.path)));
  const kept = readFileSync(`${join(place, file.path)}.incomplete`).length;
  t.true(kept > 0);
  t.false(existsSync(`${join(place, file.path)}.lock`));
  await fetchLfsFiles([file], { repository: url, folder: place });
  t.is(storageRequests().at(-1)!.headers['range'], kept === content.length ? undefined : `bytes=${kept}-`);
  t.deepEqual(readFileSync(join(place, file.path)), content);
  await server.stop();
});

test('wrong bytes of an earlier attempt are thrown away, wrong bytes of the server are refused', async (t) => {
  const right = await repository();
  const place = folder();
  mkdirSync(dirname(join(place, file.path)), { recursive: true });
  writeFileSync(`${join(place, file.path)}.incomplete`, Buffer.alloc(50_000, 1));
  await fetchLfsFiles([file], { repository: right.repository, folder: place, ...quick });
  t.deepEqual(readFileSync(join(place, file.path)), content);
  await right.server.stop();

  const wrong = await repository(() => ({ content: Buffer.concat([content.subarray(1), Buffer.from('x')]) }));
  const other = folder();
  await t.throwsAsync(fetchLfsFiles([file], { repository: wrong.repository, folder: other, ...quick }), {
    name: 'DownloadError',
    message: /bench\/human\.jsonl has the right size but the wrong content: its digest is not [0-9a-f]{64}/,
  });
  t.deepEqual(readdirSync(dirname(join(other, file.path))), []);
  await wrong.server.stop();
});

test('a storage that ignores the range is taken from the beginning', async (t) => {
  const { server, repository: url } = await repository((time) =>
    time === 1 ? { cutAfter: 1000 } : { ignoreRange: true },
  );
  const place = folder();
  await fetchLfsFiles([file], { repository: url, folder: place, ...quick });
  t.deepEqual(readFileSync(join(place, file.path)), content);
  await server.stop();
});

test('what is not there, and what keeps failing, is told in a sentence', async (t) => {
  const { server, repository: url } = await repository((time) => (time === 1 ? { cutAfter: 1000 } : { status: 500 }));
  await t.throwsAsync(fetchLfsFiles([{ ...file, sha256: 'f'.repeat(64) }], { repository: url, folder: folder() }), {
    message: /does not have bench\/human\.jsonl .*Object does not exist \(404\)/,
  });
  await t.throwsAsync(fetchLfsFiles([file], { repository: `${server.url}/gone.git`, folder: folder() }), {
    message: /answered 404 when asked for bench\/human\.jsonl: the repository is gone, private/,
  });
  await t.throwsAsync(fetchLfsFiles([file], { repository: url, folder: folder(), ...quick }), {
    message:
      /could not be fetched: the storage of .* answered 500.* (1000|0) of 300000 bytes are kept; the same command/,
  });
  await server.stop();
  await t.throwsAsync(fetchLfsFiles([file], { repository: url, folder: folder(), ...quick, attempts: 2 }), {
    message: /could not be fetched: fetch failed \(.*ECONNREFUSED/,
  });
});

test('a full disk is told as such', async (t) => {
  const { server, repository: url } = await repository();
  const place = folder();
  mkdirSync(dirname(join(place, file.path)), { recursive: true });
  symlinkSync('/dev/full', `${join(place, file.path)}.incomplete`);
  await t.throwsAsync(fetchLfsFiles([file], { repository: url, folder: place, ...quick }), {
    name: 'DownloadError',
    message: /There is no space left for bench\/human\.jsonl on the disk of/,
  });
  await server.stop();
});

test('two processes that want one file do not disturb each other', async (t) => {
  const { server, repository: url, storageRequests } = await repository();
  const place = folder();
  const waits: number[] = [];
  const both = [1, 2].map(() =>
    fetchLfsFiles([file], { repository: url, folder: place, onWait: (_, pid) => waits.push(pid) }),
  );
  await Promise.all(both);
  t.deepEqual(readFileSync(join(place, file.path)), content);
  t.is(storageRequests().length, 1);
  await server.stop();
});

test('through the proxy of the environment', async (t) => {
  const { server, repository: url } = await repository();
  const tunnels: string[] = [];
  const proxy = createServer();
  proxy.on('connect', (request, client: Socket, head) => {
    tunnels.push(request.url ?? '');
    const [host, port] = (request.url ?? '').split(':');
    const target = connect(Number(port), host === 'hub.invalid' ? '127.0.0.1' : host, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.write(head);
      target.pipe(client).pipe(target);
    });
    target.on('error', () => client.destroy());
    client.on('error', () => target.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const place = folder();
  const port = (proxy.address() as AddressInfo).port;
  const child = spawn(
    'bash',
    ['scripts/fetch_data.sh', '--repository', url.replace('127.0.0.1', 'hub.invalid'), '--folder', place],
    {
      cwd: join(__dirname, '../..'),
      env: {
        ...process.env,
        http_proxy: `http://127.0.0.1:${port}`,
        HTTP_PROXY: '',
        https_proxy: '',
        HTTPS_PROXY: '',
        no_proxy: '',
        NO_PROXY: '',
      },
    },
  );
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  t.regex(errors, /hub\.invalid.* does not have cheems_bench\/human\.jsonl/, 'the answer came');
  t.regex(tunnels[0] ?? '', /^hub\.invalid:/);
  t.is(server.requests.length, 1);
  await server.stop();
  proxy.close();
});

test('a proxy that cannot be used is named with its variable, and not tried again', async (t) => {
  const cases = [
    [
      'socks5://me:secret-word@127.0.0.1:1',
      /could not be fetched: The environment variable http_proxy names a SOCKS proxy/,
    ],
    [
      'ftp://h',
      /could not be fetched: The environment variable http_proxy \("ftp:\/\/h"\) does not hold the address of a proxy/,
    ],
  ] as const;
  for (const [value, message] of cases) {
    const child = spawn(
      'bash',
      ['scripts/fetch_data.sh', '--repository', 'http://hub.invalid/x.git', '--folder', folder()],
      {
        cwd: join(__dirname, '../..'),
        env: { ...process.env, http_proxy: value, no_proxy: '' },
      },
    );
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    t.is(await new Promise((resolve) => child.once('close', resolve)), 1);
    t.regex(errors, message);
    t.false(errors.includes('secret-word'));
  }
});

test('scripts/fetch_data.sh asks for the three files by their published digests', async (t) => {
  const { server, repository: url } = await repository();
  const place = folder();
  const child = spawn('bash', ['scripts/fetch_data.sh', '--repository', url, '--folder', place], {
    cwd: join(__dirname, '../..'),
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const code = await new Promise((resolve) => child.once('close', resolve));
  t.is(code, 1);
  t.regex(errors, /does not have cheems_bench\/human\.jsonl \(SHA-256 d37eb490/);
  t.deepEqual(JSON.parse(server.requests[0]!.body).objects, [{ oid: CHEEMS_FILES[0]!.sha256, size: 11474262 }]);
  await server.stop();
});
