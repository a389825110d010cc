// Nothing is computed that cannot be saved: outputs are checked before the work, and errors at the end say what is lost
// or kept.

import { spawn } from 'node:child_process';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { openOutput, type CommandOutput } from './output';

const folder = mkdtempSync(join(tmpdir(), 'cheems-lost-'));
const at = (...names: string[]) => join(folder, ...names);
const ASKED = at('asked');
writeFileSync(at('file'), '');
writeFileSync(
  at('predictor.cjs'),
  `const { rmSync, writeFileSync } = require('node:fs');
module.exports = { name: 'lengths', async score(samples) {
  writeFileSync(process.env.ASKED, '');
  if (process.env.BREAK) {
    rmSync(process.env.BREAK, { recursive: true, force: true });
    writeFileSync(process.env.BREAK, '');
  }
  return samples.map(({ response }) => response.length);
} };`,
);
const rows = Array.from({ length: 40 }, (_, i) =>
  JSON.stringify({
    input: `p${i}`,
    responses: [
      { id: 'a', content: 'long one' },
      { id: 'b', content: 'x' },
    ],
    rank: { a: 1, b: 2 },
    category: [`c${i}`],
  }),
);
writeFileSync(at('data.jsonl'), `${rows.join('\n')}\n`);

/** A shell line with $CLI for the command. */
function shell(
  line: string,
  env: Record<string, string> = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn('bash', ['-c', line], {
    cwd: folder,
    env: { ...process.env, CLI: `${process.execPath} ${join(__dirname, 'main.js')}`, ASKED, ...env },
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

const EVAL = 'eval --predictor ./predictor.cjs --data_path data.jsonl --bootstrap 10';

test.serial('eval, compare and init: an output folder under a file is told before anything is computed', async (t) => {
  for (const [line, sentence] of [
    [
      `$CLI ${EVAL} --output_dir file/results`,
      /--output_dir: the folder file\/results cannot be written: a part of its path is a file/,
    ],
    [
      '$CLI compare a/results.json b/results.json --output_dir file/compared',
      /--output_dir: the folder file\/compared cannot be written/,
    ],
    ['$CLI init --vocab_size 10 --output_dir file/model', /--output_dir: the folder .*file cannot be written/],
  ] as const) {
    const { code, err } = await shell(line);
    t.is(code, 1, line);
    t.regex(err, sentence);
  }
  t.false(existsSync(ASKED), 'nothing was scored');
});

test.serial(
  'score and generate: an output that cannot be written is told before the model is looked for',
  async (t) => {
    writeFileSync(at('in.jsonl'), '{"id":1,"prompt":"a","response":"b"}\n');
    for (const command of ['score', 'generate']) {
      const { code, err } = await shell(
        `$CLI ${command} --model_path no-such-model --input in.jsonl --output none/out.jsonl`,
      );
      t.is(code, 1);
      t.is(err, 'cheems-native: error: --output: none/out.jsonl cannot be written: its folder does not exist.\n');
    }
  },
);

test.serial('rows for a closed standard output are refused; a null device that was asked for is not', async (t) => {
  const line = '$CLI score --model_path no-such-model --input in.jsonl --output -';
  const closed = await shell(`${line} >&-`);
  t.is(closed.code, 1);
  t.is(
    closed.err,
    'cheems-native: error: --output -: standard output is closed, so every row would be lost. Redirect it to a ' +
      'file or a pipe, or give a file name.\n',
  );
  for (const open of ['> /dev/null', '| cat', '> rows.out'])
    t.regex((await shell(`set -o pipefail; ${line} ${open}`)).err, /no-such-model/, open);
});

test.serial('eval refuses to replace the data that it reads', async (t) => {
  mkdirSync(at('held'));
  writeFileSync(at('held', 'scores.jsonl'), `${rows[0]!}\n`);
  const { code, err } = await shell('$CLI eval --predictor length --data_path held/scores.jsonl --output_dir ./held');
  t.is(code, 2);
  t.regex(err, /--output_dir \.\/held would replace held\/scores\.jsonl, which this evaluation reads/);
});

test.serial('init refuses to replace the folder of the tokenizer that it copies', async (t) => {
  mkdirSync(at('tokenizer'));
  writeFileSync(at('tokenizer', 'mine'), 'kept');
  symlinkSync(at('tokenizer'), at('linked'));
  for (const output of ['tokenizer', 'linked', '.']) {
    const { code, err } = await shell(`$CLI init --tokenizer tokenizer --overwrite --output_dir ${output}`);
    t.is(code, 2);
    t.regex(err, /would replace the folder of --tokenizer tokenizer/);
  }
  t.is(readFileSync(at('tokenizer', 'mine'), 'utf8'), 'kept');
});

test.serial(
  'where the results cannot be written at the end, the figures stand and the sentence says what is kept',
  async (t) => {
    const { code, out, err } = await shell(`$CLI ${EVAL} --output_dir broken/results`, { BREAK: 'broken' });
    t.is(code, 1, err);
    t.regex(out, /overall = 1\.000/);
    t.regex(err, /The figures above are complete, but results\.json was not written/);
  },
);

test.serial('a reader that has enough: no word, and the exit code of SIGPIPE', async (t) => {
  const { out, err } = await shell(`$CLI ${EVAL} | head -1; echo code \${PIPESTATUS[0]}`);
  t.regex(out, /^data\.jsonl\ncode 0\n$/);
  t.notRegex(err, /error|EPIPE/);
});

const rowOf = (id: number) => ({ read: String(id).repeat(32), line: `{"id":${id}}` });

test('a named pipe is opened once for all rows, and a full device is told as such', async (t) => {
  const reader = shell('mkfifo rows; cat rows');
  while (!existsSync(at('rows'))) await new Promise((resolve) => setTimeout(resolve, 10));
  const piped = await fresh(at('rows'));
  await piped.write([rowOf(1)]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await piped.write([rowOf(2)]);
  await piped.close();
  t.is((await reader).out, '{"id":1}\n{"id":2}\n');
  const full = await fresh('/dev/full');
  await t.throwsAsync(async () => full.write([rowOf(1)]), {
    message: '--output: /dev/full cannot be written: the disk is full.',
  });
  await full.close();
});

test('a named pipe is not touched before the work', async (t) => {
  const { out } = await shell(
    'mkfifo pipe; cat pipe & $CLI score --model_path no-such-model --input in.jsonl --output pipe; kill $!; ' +
      'echo done; wait',
  );
  t.is(out, 'done\n', 'the reader had to be stopped: nobody had opened and closed the pipe');
});

async function fresh(path: string): Promise<CommandOutput> {
  const output = await openOutput(path, { name: 'scores', fields: ['reward'] });
  await output.begin(async () => ({}), true);
  return output;
}

test('rows that go to a file which was removed meanwhile are not said to be kept', async (t) => {
  const path = at('removed.jsonl');
  for (const remove of [() => rmSync(path), () => (writeFileSync(at('other'), ''), renameSync(at('other'), path))]) {
    const output = await fresh(path);
    await output.write([rowOf(1)]);
    remove();
    await t.throwsAsync(async () => output.write([rowOf(2)]), {
      message: /removed\.jsonl was removed or replaced while it was written, so its rows are lost/,
    });
    await output.close();
  }
  const linked = await fresh(path);
  linkSync(path, at('second name'));
  await linked.write([rowOf(1)]);
  await linked.close();
  t.is(readFileSync(at('second name'), 'utf8'), '{"id":1}\n');
});
