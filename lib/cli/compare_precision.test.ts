// `eval --compare_precision` on the command line.

import test from 'ava';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { engine } from '../engine/engine';

const root = join(__dirname, '..', '..');
const model = join('fixtures', 'reference', 'models', 'cheems-vhead');
const work = mkdtempSync(join(tmpdir(), 'cheems-precision-'));
const data = join(work, 'pairs.jsonl');
const ids = (seed: number) => Array.from({ length: 12 }, (_, i) => (i * 7 + seed * 13) % 100);
const rows = Array.from({ length: 6 }, (_, i) => ({ chosen_ids: ids(2 * i), rejected_ids: ids(2 * i + 1) }));
writeFileSync(data, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));

function cli(command: string, args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const all = [join(__dirname, 'main.js'), ...command.split(' '), '--compare_precision', '--data_path', data, ...args];
  const child = spawn(process.execPath, all, { cwd: root });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

const onCpu = ['--model_path', model, '--device', 'cpu', '--bootstrap', '0'];
const hasBfloat16 = engine.info().cpuFeatures.includes('avx512bf16');

test('both passes, one after the other, and what lies between them', async (t) => {
  const { code, out, err } = await cli('eval', [...onCpu, '--precision', 'bfloat16', '--output_dir', work]);
  if (!hasBfloat16) {
    t.is(code, 1);
    t.regex(err, /--compare_precision compares with float32, and .* computes in float32 here;/);
    return;
  }
  t.is(code, 0, err);
  t.regex(err, /eval 12\/12 responses.*\neval in float32 12\/12 responses/);
  t.regex(out, /\nbfloat16 +0\.\d{3} +0\.\d{3}\nfloat32 +0\.\d{3} +0\.\d{3}\n\d of 6 pairs are flipped\.\n/);
  t.regex(out, /\noverall in float32 = 0\.\d{3}\n/);
  const { precision_comparison, meta } = JSON.parse(readFileSync(join(work, 'results.json'), 'utf8'));
  t.is(meta.model.precision, 'bfloat16');
  t.true(precision_comparison.files[data].largest_difference > 0);
  t.true(precision_comparison.files[data].rms_difference < 0.1 * precision_comparison.files[data].standard_deviation);
});

test('what there is nothing to compare for is refused in a sentence', async (t) => {
  for (const [args, message] of [
    [['--predictor', 'length'], /--model_path twice, but --predictor length scores here: leave it out\./],
    [['--judge_model', 'j'], /--model_path twice, but --predictor judge scores here: leave it out\./],
    [[...onCpu, '--precision', 'float32'], /--precision float32 leaves nothing to compare: choose another --precision/],
    [onCpu, /computes in float32 here; choose --precision bfloat16 \(on a GPU, or a CPU that has AVX512_BF16\)/],
  ] as [string[], RegExp][]) {
    const { code, out, err } = await cli('eval', args);
    t.true(code === 1 || code === 2, err);
    t.is(out, '');
    t.regex(err, message);
  }
});

test('plan eval shows the memory of both', async (t) => {
  const { code, out, err } = await cli('plan eval', [...onCpu, '--precision', 'bfloat16']);
  t.is(code, 0, err);
  t.is(out.match(/in all/g)?.length, 2, out);
});
