// Models of the hub, fetched from a local server that answers as the hub does.

import test from 'ava';
import { fork, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileServer, serveBytes, type Request } from '../testing/file_server';
import { COMMIT, type StandInModel, startHub } from '../testing/stand_in_hub';
import { sha256 } from '../support/sha256';
import { hubEnvironment } from './environment';
import { hubReference } from './reference';
import { localModelFolder } from './fetch_model';

const NAME = 'owner/small-model';
const weights = randomBytes(400_000);
const FILES = {
  'config.json': Buffer.from('{"model_type":"qwen2"}'),
  'tokenizer.json': Buffer.from('{"version":"1.0"}'),
  'README.md': Buffer.from('# a model'),
  'pytorch_model.bin': randomBytes(100),
  'model.safetensors': weights,
  'model.gguf': randomBytes(100),
};
const quick = { attempts: 6, pauseMs: 5 };

async function hub(model: Partial<StandInModel> = {}) {
  const server = await startHub({ name: NAME, files: FILES, ...model });
  const environment = {
    endpoint: server.url,
    token: undefined as string | undefined,
    cache: mkdtempSync(join(tmpdir(), 'hub-')),
    offline: false,
  };
  const contents = (file: string) =>
    server.requests.filter(({ url, headers }: Request) => url.endsWith(`/${file}`) && headers.range !== 'bytes=0-0');
  const storage = join(environment.cache, 'models--owner--small-model');
  return { server, environment, contents, storage, blob: join(storage, 'blobs', sha256(weights)) };
}

test('what is needed comes into the usual cache, checked, and only once', async (t) => {
  const { server, environment, contents, storage, blob } = await hub();
  const progress: number[] = [];
  const folder = await localModelFolder(NAME, {
    environment,
    onProgress: ({ done, total }) => progress.push(done / total),
  });
  t.is(folder, join(storage, 'snapshots', COMMIT));
  t.deepEqual(
    readdirSync(folder).sort(),
    ['config.json', 'model.safetensors', 'tokenizer.json'],
    'no .bin, no .gguf, no README',
  );
  t.deepEqual(readFileSync(join(folder, 'model.safetensors')), weights);
  t.true(lstatSync(join(folder, 'config.json')).isSymbolicLink());
  t.is(readlinkSync(join(folder, 'model.safetensors')), join('..', '..', 'blobs', sha256(weights)));
  t.is(readFileSync(join(storage, 'refs', 'main'), 'utf8'), COMMIT);
  t.deepEqual(
    readdirSync(join(storage, 'blobs')).filter((name) => /lock|incomplete/.test(name)),
    [],
  );
  t.is(progress.at(-1), 1);
  t.true(existsSync(blob));
  t.is(await localModelFolder(`${NAME}@${COMMIT}`, { environment }), folder);
  t.is(contents('model.safetensors').length, 1);
  await server.stop();
});

test('weights in several files come by their index', async (t) => {
  const shards = {
    'model-00001-of-00002.safetensors': randomBytes(1000),
    'model-00002-of-00002.safetensors': randomBytes(2000),
  };
  const index = {
    weight_map: {
      a: 'model-00001-of-00002.safetensors',
      b: 'model-00002-of-00002.safetensors',
      c: 'model-00002-of-00002.safetensors',
    },
  };
  const files = {
    'config.json': FILES['config.json'],
    ...shards,
    'consolidated.safetensors': randomBytes(10),
    'model.safetensors.index.json': Buffer.from(JSON.stringify(index)),
    'value_head.safetensors': randomBytes(20),
  };
  const { server, environment } = await hub({ files });
  const folder = await localModelFolder(NAME, { environment });
  t.deepEqual(readdirSync(folder).sort(), [
    'config.json',
    ...Object.keys(shards),
    'model.safetensors.index.json',
    'value_head.safetensors',
  ]);
  await server.stop();
  const incomplete = await hub({
    files: {
      'config.json': files['config.json'],
      'model.safetensors.index.json': files['model.safetensors.index.json'],
    },
  });
  await t.throwsAsync(localModelFolder(NAME, { environment: incomplete.environment }), {
    message: /names model-00001-of-00002\.safetensors, which the repository does not have/,
  });
  await incomplete.server.stop();
});

test('where there are no safetensors, PyTorch files are fetched, and the heads beside them', async (t) => {
  const config = FILES['config.json'];
  const single = {
    'config.json': config,
    'pytorch_model.bin': randomBytes(500),
    'value_head.bin': randomBytes(20),
    'training_args.bin': randomBytes(20),
    'optimizer.pt': randomBytes(20),
  };
  const one = await hub({ files: single });
  const folder = await localModelFolder(NAME, { environment: one.environment });
  t.deepEqual(
    readdirSync(folder).sort(),
    ['config.json', 'pytorch_model.bin', 'value_head.bin'],
    'training_args.bin and optimizer.pt are not for scoring',
  );
  t.deepEqual(readFileSync(join(folder, 'pytorch_model.bin')), single['pytorch_model.bin']);
  t.is(await localModelFolder(NAME, { environment: { ...one.environment, offline: true } }), folder);
  await one.server.stop();

  const index = { weight_map: { a: 'pytorch_model-00001-of-00002.bin', b: 'pytorch_model-00002-of-00002.bin' } };
  const shards = {
    'pytorch_model-00001-of-00002.bin': randomBytes(1000),
    'pytorch_model-00002-of-00002.bin': randomBytes(2000),
  };
  const several = await hub({
    files: {
      'config.json': config,
      ...shards,
      'pytorch_model.bin.index.json': Buffer.from(JSON.stringify(index)),
      'regression_layer.pt': randomBytes(10),
      'gating_layer.pt': randomBytes(10),
      'value_head.bin': randomBytes(10),
      'value_head.safetensors': randomBytes(10),
    },
  });
  const copy = await localModelFolder(NAME, { environment: several.environment });
  const expected = [
    'config.json',
    'gating_layer.pt',
    ...Object.keys(shards),
    'pytorch_model.bin.index.json',
    'regression_layer.pt',
    'value_head.safetensors',
  ];
  t.deepEqual(readdirSync(copy).sort(), expected.sort());
  const offline = { ...several.environment, offline: true };
  t.is(await localModelFolder(NAME, { environment: offline }), copy);
  rmSync(join(copy, 'pytorch_model-00002-of-00002.bin'));
  await t.throwsAsync(localModelFolder(NAME, { environment: offline }), { message: /no complete copy/ });
  await several.server.stop();
});

test('a cut connection and a failing server are gone over from the byte that was reached', async (t) => {
  const { server, environment, contents } = await hub({
    fault: (file, time) =>
      file !== 'model.safetensors' ? {} : time === 1 ? { cutAfter: 150_000 } : time === 2 ? { status: 503 } : {},
  });
  const folder = await localModelFolder(NAME, { environment, ...quick });
  t.deepEqual(readFileSync(join(folder, 'model.safetensors')), weights);
  const ranges = contents('model.safetensors').map(({ headers }) => headers.range);
  t.is(ranges[0], undefined);
  t.regex(ranges.at(-1) ?? '', /^bytes=[1-9]\d*-399999$/);
  await server.stop();
});

test('an aborted call keeps its bytes, and the next one goes on; so after a kill, lock or no lock', async (t) => {
  const { server, environment, contents, blob } = await hub();
  const controller = new AbortController();
  const stopped = localModelFolder(NAME, {
    environment,
    signal: controller.signal,
    onProgress: ({ file, done }) =>
      file === 'model.safetensors' && done > 1000 && controller.abort(new Error('enough')),
  });
  await t.throwsAsync(stopped, { message: 'enough' });
  t.false(existsSync(blob));
  const kept = readFileSync(`${blob}.incomplete`).length;
  t.true(kept > 0);
  writeFileSync(
    `${blob}.lock`,
    JSON.stringify({ pid: 1, host: (await import('node:os')).hostname(), started: 'in another life' }),
  );
  const folder = await localModelFolder(NAME, { environment });
  t.deepEqual(readFileSync(join(folder, 'model.safetensors')), weights);
  if (kept < weights.length) t.is(contents('model.safetensors').at(-1)!.headers.range, `bytes=${kept}-399999`);
  await server.stop();
});

test('wrong bytes are refused and removed; a blob of another size is fetched anew', async (t) => {
  const wrong = await hub({
    fault: (file) => (file === 'model.safetensors' ? { content: randomBytes(weights.length) } : {}),
  });
  await t.throwsAsync(localModelFolder(NAME, { environment: wrong.environment, ...quick }), {
    name: 'DownloadError',
    message: /model\.safetensors of owner\/small-model has the right size but the wrong content/,
  });
  t.deepEqual(
    readdirSync(join(wrong.storage, 'blobs')).filter((name) => name.startsWith(sha256(weights))),
    [],
  );
  await wrong.server.stop();
  const { server, environment, storage, blob } = await hub();
  mkdirSync(join(storage, 'blobs'), { recursive: true });
  writeFileSync(blob, 'cut by another tool');
  const folder = await localModelFolder(NAME, { environment });
  t.deepEqual(readFileSync(join(folder, 'model.safetensors')), weights);
  await server.stop();
});

test('without the right to read: what to do is said', async (t) => {
  const closed = await hub({ token: 'secret' });
  await t.throwsAsync(localModelFolder(NAME, { environment: closed.environment }), {
    name: 'HubError',
    message:
      /no folder owner\/small-model here, and .* no model of that name that may be read without a token\. If it is private, set HF_TOKEN/,
  });
  await t.throwsAsync(localModelFolder('owner/other', { environment: { ...closed.environment, token: 'hf_wrong' } }), {
    message: /does not let your token .* the token may be wrong or expired, or the model private or not there/,
  });
  await t.throwsAsync(localModelFolder(NAME, { environment: { ...closed.environment, token: 'hf_wrong' } }), {
    message: /account of your token may not read owner\/small-model/,
  });
  t.truthy(await localModelFolder(NAME, { environment: { ...closed.environment, token: 'secret' } }));
  await closed.server.stop();
  const gated = await hub({ token: 'hf_right', gated: true });
  await t.throwsAsync(localModelFolder(NAME, { environment: gated.environment }), {
    name: 'HubError',
    message: /is gated: accept its conditions at http:.*\/owner\/small-model, then set HF_TOKEN/,
  });
  await t.throwsAsync(localModelFolder(`${NAME}@v9`, { environment: gated.environment }), {
    message: /owner\/small-model has no revision "v9"/,
  });
  await gated.server.stop();
});

test('the token goes to the hub alone, not to where it redirects', async (t) => {
  const storage = await FileServer.start((request, response) => serveBytes(request, response, weights), '127.0.0.2');
  const { server, environment, contents } = await hub({ token: 'hf_mine', storage: () => storage.url });
  await localModelFolder(NAME, { environment: { ...environment, token: 'hf_mine' } });
  t.is(contents('model.safetensors')[0]!.headers.authorization, 'Bearer hf_mine');
  t.is(storage.requests.length, 1);
  t.is(storage.requests[0]!.headers.authorization, undefined);
  await server.stop();
  await storage.stop();
});

test('offline and unreachable: the copy in the cache serves, where it is complete', async (t) => {
  const { server, environment, storage } = await hub({ revisions: ['main', 'v2'] });
  const offline = { ...environment, offline: true };
  await t.throwsAsync(localModelFolder(NAME, { environment: offline }), {
    message: /HF_HUB_OFFLINE is set, and there is no complete copy of owner\/small-model in/,
  });
  const folder = await localModelFolder(NAME, { environment });
  const asked = server.requests.length;
  t.is(await localModelFolder(NAME, { environment: offline }), folder);
  t.is(server.requests.length, asked, 'nothing is asked');
  await t.throwsAsync(localModelFolder(`${NAME}@v2`, { environment: offline }), {
    message: /no complete copy of owner\/small-model@v2/,
  });
  await server.stop();
  const notes: string[] = [];
  t.is(await localModelFolder(NAME, { environment, pauseMs: 1, onNote: (note) => notes.push(note) }), folder);
  t.regex(notes.join(), /cannot be reached \(fetch failed.*: the copy of owner\/small-model in the cache is used/);
  rmSync(join(storage, 'snapshots', COMMIT, 'model.safetensors'));
  await t.throwsAsync(localModelFolder(NAME, { environment, pauseMs: 1 }), {
    message: /cannot be reached .* and there is no complete copy/,
  });
});

test('no room on the disk and no weights are told before the large files', async (t) => {
  const { server, environment, contents } = await hub({
    files: { 'config.json': FILES['config.json'], 'consolidated.00.pth': randomBytes(10) },
  });
  await t.throwsAsync(localModelFolder(NAME, { environment }), {
    message: /has no model\.safetensors .*\(only consolidated\.00\.pth\)\. .*save the model as safetensors first/,
  });
  t.is(contents('config.json').length, 0);
  await server.stop();
  const huge = await FileServer.start((request, response) => {
    response.setHeader('Content-Type', 'application/json');
    if (request.url.includes('/tree/'))
      return void response.end(
        JSON.stringify([
          { type: 'file', path: 'config.json', oid: 'e69de29bb2d1d6434b8b29ae775ad8c2e48c5391', size: 0 },
          {
            type: 'file',
            path: 'model.safetensors',
            size: 1e18,
            oid: '0'.repeat(40),
            lfs: { oid: '0'.repeat(64), size: 1e18 },
          },
        ]),
      );
    return void response.end(JSON.stringify({ id: NAME, sha: COMMIT, lastModified: '2024-01-01' }));
  });
  await t.throwsAsync(localModelFolder(NAME, { environment: { ...environment, endpoint: huge.url } }), {
    message: /takes 1000000000\.0 GB more on the disk of .*free\. Free some space, or set HF_HOME/,
  });
  await huge.stop();
});

const fetchInProcess = (environment: object): ChildProcess =>
  fork(join(__dirname, '../testing/fetch_model.js'), [NAME, JSON.stringify(environment)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });

test('processes that want one model at once fetch it once; one that is killed leaves it to the other', async (t) => {
  const { server, environment, contents, blob } = await hub({
    fault: (file, time) => (file === 'model.safetensors' && time === 1 ? { cutAfter: 200_000 } : {}),
  });
  const children = [1, 2, 3].map(() => fetchInProcess(environment));
  const ends = children.map(
    (child) =>
      new Promise<unknown>((resolve) => child.once('message', resolve).once('disconnect', () => resolve('killed'))),
  );
  const isNamed = (): boolean => existsSync(`${blob}.lock`) && readFileSync(`${blob}.lock`, 'utf8') !== '';
  while (!isNamed()) await new Promise((resolve) => setTimeout(resolve, 5));
  const holder = (JSON.parse(readFileSync(`${blob}.lock`, 'utf8')) as { pid: number }).pid;
  children.find(({ pid }) => pid === holder)?.kill('SIGKILL');
  const results = await Promise.all(ends);
  t.is(results.filter((result) => result === 'killed').length, 1);
  t.is(results.filter((result) => typeof result === 'string' && result.endsWith(COMMIT)).length, 2);
  t.deepEqual(readFileSync(blob), weights);
  t.true(contents('model.safetensors').length <= 3);
  await server.stop();
});

test('what is a folder, and what an id', (t) => {
  t.is(hubReference('.'), undefined);
  t.is(hubReference('./owner/name'), undefined);
  t.is(hubReference('/models/name'), undefined);
  t.is(hubReference('runs/rm/last'), undefined);
  t.is(hubReference('runs'), undefined);
  t.deepEqual(hubReference('Qwen/Qwen2.5-0.5B'), { name: 'Qwen/Qwen2.5-0.5B', revision: 'main' });
  t.deepEqual(hubReference('Qwen/Qwen2.5-0.5B@refs/pr/3'), { name: 'Qwen/Qwen2.5-0.5B', revision: 'refs/pr/3' });
  t.throws(() => hubReference('Qwen/Qwen2.5-0.5B@../../x'), { message: /cannot be a revision/ });
});

test('the environment variables of Hugging Face', (t) => {
  const home = mkdtempSync(join(tmpdir(), 'home-'));
  t.deepEqual(hubEnvironment({ HOME: home }), {
    endpoint: 'https://huggingface.co',
    token: undefined,
    cache: join(home, '.cache/huggingface/hub'),
    offline: false,
  });
  writeFileSync(join(home, 'token'), 'hf_stored\n');
  t.deepEqual(hubEnvironment({ HF_HOME: home, HF_ENDPOINT: 'https://mirror.example/', HF_HUB_OFFLINE: 'True' }), {
    endpoint: 'https://mirror.example',
    token: 'hf_stored',
    cache: join(home, 'hub'),
    offline: true,
  });
  t.is(hubEnvironment({ HF_HOME: home, HF_TOKEN: 'hf_given', HF_HUB_CACHE: '/big/disk' }).token, 'hf_given');
  t.is(hubEnvironment({ HF_HOME: home, HF_HUB_CACHE: '/big/disk', HF_HUB_OFFLINE: '0' }).cache, '/big/disk');
});
