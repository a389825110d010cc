// `score` into the file of an earlier run, as a process: continued if everything is the same, else refused with the
// differences.

import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';

const MODELS = join(process.cwd(), 'fixtures', 'reference', 'models');
const work = mkdtempSync(join(tmpdir(), 'cheems-continuing-'));
const inWork = (name: string): string => join(work, name);

function score(args: string[]): Promise<{ code: number | null; err: string }> {
  const child = spawn(process.execPath, [join(__dirname, 'main.js'), 'score', '--num_threads', '1', ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let err = '';
  child.stderr.on('data', (chunk) => (err += chunk));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, err })));
}

const row = (id: string, ids: number[]): string => `${JSON.stringify({ id, input_ids: ids })}\n`;

test.before(() => {
  cpSync(join(MODELS, 'openrlhf-score'), inWork('a'), { recursive: true });
  cpSync(inWork('a'), inWork('b'), { recursive: true });
  const weights = readFileSync(join(inWork('b'), 'model.safetensors'));
  weights[weights.length - 5]! ^= 1;
  writeFileSync(join(inWork('b'), 'model.safetensors'), weights);
  writeFileSync(inWork('rows.jsonl'), row('r1', [5, 6, 7]) + row('r2', [6, 7, 8, 9]));
  writeFileSync(inWork('template.jinja'), 'x');
});

test.after.always(() => rmSync(work, { recursive: true, force: true }));

test('another model, option, template or row is refused, and the rewards stay', async (t) => {
  const output = inWork('out.jsonl');
  const command = (model: string, input = 'rows.jsonl', ...more: string[]) =>
    score(['--model_path', inWork(model), '--input', inWork(input), '--output', output, ...more]);
  const first = await command('a');
  t.is(first.code, 0, first.err);
  const written = readFileSync(output, 'utf8');
  writeFileSync(inWork('other.jsonl'), row('r1', [5, 6, 8]) + row('r2', [6, 7, 8, 9]));
  writeFileSync(inWork('top.jsonl'), row('r0', [5]) + readFileSync(inWork('rows.jsonl'), 'utf8'));
  const others: [Parameters<typeof command>, RegExp][] = [
    [['b'], /out\.jsonl holds 2 rows .* cannot be continued, because these differ from it: the model \(weights/],
    [
      ['a', 'rows.jsonl', '--max_length', '3', '--truncation'],
      /differ from it: max_length \(none then, 3 now\); truncation \(false then, true now\)/,
    ],
    [['a', 'rows.jsonl', '--dtype', 'bfloat16'], /differ from it: dtype \(none then, "bfloat16" now\)/],
    [['a', 'rows.jsonl', '--chat_template', inWork('template.jinja')], /differ from it: the chat template/],
  ];
  for (const [given, message] of others) {
    const { code, err } = await command(...given);
    t.is(code, 1);
    t.regex(err, message);
  }
  t.regex(
    (await command('a', 'other.jsonl')).err,
    /other\.jsonl:1: row 1 of .*out\.jsonl was made from a different row/,
  );
  t.regex((await command('a', 'top.jsonl')).err, /top\.jsonl:1: row 1 of .*out\.jsonl was made from a different row/);
  t.is(readFileSync(output, 'utf8'), written);
  const again = await command('a', 'rows.jsonl', '--micro_batch_tokens', '100');
  t.is(again.code, 0, again.err);
  t.regex(again.err, /0 rows scored .*; 2 rows already there/);
  const over = await command('b', 'rows.jsonl', '--overwrite');
  t.is(over.code, 0, over.err);
  t.not(readFileSync(output, 'utf8'), written);
});

test('an output that is a device is written to, one named .gz is refused', async (t) => {
  const device = await score(['--model_path', inWork('a'), '--input', inWork('rows.jsonl'), '--output', '/dev/null']);
  t.is(device.code, 0, device.err);
  const packed = await score([
    '--model_path',
    inWork('a'),
    '--input',
    inWork('rows.jsonl'),
    '--output',
    inWork('out.jsonl.gz'),
  ]);
  t.is(packed.code, 1);
  t.regex(packed.err, /uncompressed, so .*out\.jsonl\.gz would not be a gzip file/);
});
