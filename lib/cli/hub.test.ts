// Models of the hub on the command line, against a local server that answers as the hub does.

import test from 'ava';
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { COMMIT, startHub } from '../testing/stand_in_hub';
import { sha256 } from '../support/sha256';

const root = join(__dirname, '..', '..');
const work = mkdtempSync(join(tmpdir(), 'cheems-hub-'));

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function start(
  args: string[],
  environment: Record<string, string> = {},
  stdin = '',
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, [join(__dirname, 'main.js'), ...args], {
    cwd: root,
    env: { ...process.env, HF_TOKEN: '', HF_HUB_OFFLINE: '', ...environment },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  child.stdin.end(stdin);
  return { child, ended: new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err }))) };
}

const cli = (args: string[], environment?: Record<string, string>, stdin?: string): Promise<Ended> =>
  start(args, environment, stdin).ended;
const filesOf = (folder: string) =>
  Object.fromEntries(
    readdirSync(folder)
      .filter((name) => statSync(join(folder, name)).isFile())
      .map((name) => [name, readFileSync(join(folder, name))]),
  );
const row = '{"id": "a", "prompt": "你好", "response": "好"}\n';

test.serial(
  'train from an id, then score with an id; offline from the cache; the same reward as from the folder',
  async (t) => {
    const base = join(work, 'base');
    const made = await cli([
      'init',
      '--hidden_size',
      '16',
      '--num_attention_heads',
      '2',
      '--num_key_value_heads',
      '1',
      '--num_hidden_layers',
      '1',
      '--tokenizer',
      'data/tokenizer',
      '--output_dir',
      base,
    ]);
    t.is(made.code, 0, made.err);
    const baseHub = await startHub({ name: 'owner/base', files: filesOf(base) });
    const trained = await cli(
      [
        'train',
        '--model_path',
        'owner/base',
        '--train_data_path',
        'data/dpo-zh/train.jsonl',
        '--output_dir',
        join(work, 'rm'),
        '--max_steps',
        '1',
        '--global_batch_size',
        '4',
        '--max_length',
        '256',
      ],
      { HF_ENDPOINT: baseHub.url, HF_HOME: join(work, 'home') },
    );
    t.is(trained.code, 0, trained.err);
    t.regex(trained.err, /owner\/base \d+\/\d+ MB/, 'progress on stderr');
    await baseHub.stop();

    const hub = await startHub({ name: 'owner/rm', files: filesOf(join(work, 'rm')) });
    const environment = { HF_ENDPOINT: hub.url, HF_HOME: join(work, 'home') };
    const score = (model: string, more: Record<string, string> = {}) =>
      cli(['score', '--model_path', model, '--input', '-', '--output', '-'], { ...environment, ...more }, row);
    const fromHub = await score('owner/rm');
    t.is(fromHub.code, 0, fromHub.err);
    t.is(fromHub.out, (await score(join(work, 'rm'))).out);
    await hub.stop();
    const offline = await score(`owner/rm@${COMMIT}`, { HF_HUB_OFFLINE: '1' });
    t.is(offline.out, fromHub.out, offline.err);
    const unknown = await score('owner/unknown', { HF_HUB_OFFLINE: '1' });
    t.is(unknown.code, 1);
    t.regex(unknown.err, /error: HF_HUB_OFFLINE is set, and there is no complete copy of owner\/unknown/);
  },
);

test.serial(
  'Ctrl-C while a model is fetched: 130, and the next run goes on from the bytes that had come',
  async (t) => {
    const weights = Buffer.alloc(3_000_000, 7);
    let stall = true;
    const hub = await startHub({
      name: 'owner/large',
      files: { 'config.json': Buffer.from('{}'), 'model.safetensors': weights },
      fault: (file) => (file === 'model.safetensors' && stall ? { stallAfter: 1_000_000 } : {}),
    });
    const home = join(work, 'other-home');
    const environment = { HF_ENDPOINT: hub.url, HF_HOME: home };
    const args = ['score', '--model_path', 'owner/large', '--input', '-', '--output', '-'];
    const blob = join(home, 'hub/models--owner--large/blobs', sha256(weights));
    const { child, ended } = start(args, environment, row);
    while (!existsSync(`${blob}.incomplete`) || statSync(`${blob}.incomplete`).size < 1_000_000)
      await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGINT');
    const { code, err } = await ended;
    t.is(code, 130, err);
    t.false(existsSync(`${blob}.lock`));
    stall = false;
    const again = await cli(args, environment, row);
    t.is(again.code, 1, 'the bytes are no weights');
    t.true(existsSync(blob), again.err);
    t.is(hub.requests.at(-1)!.headers.range, 'bytes=1000000-2999999');
    await hub.stop();
  },
);

test.serial('a name that is neither a folder nor a model of the hub', async (t) => {
  const hub = await startHub({ name: 'owner/base', files: {} });
  writeFileSync(join(work, 'rows.jsonl'), '{"prompt": "q", "chosen": "a", "rejected": "b"}\n');
  const { code, err } = await cli(
    ['eval', '--model_name', 'runs/no-such-model', '--data_path', join(work, 'rows.jsonl')],
    {
      HF_ENDPOINT: hub.url,
      HF_HOME: join(work, 'home'),
    },
  );
  t.is(code, 1);
  t.regex(err, /error: There is no folder runs\/no-such-model here, and http:\S+ has no model of that name/);
  await hub.stop();
});
