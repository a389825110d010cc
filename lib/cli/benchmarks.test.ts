// `eval --benchmark` on the command line.

import test from 'ava';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');
const data = join('fixtures', 'reference', 'evaluation', 'benchmarks');
const work = mkdtempSync(join(tmpdir(), 'cheems-benchmark-'));

function cli(args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [join(__dirname, 'main.js'), 'eval', '--bootstrap', '0', ...args], {
    cwd: root,
  });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => (out += chunk));
  child.stderr.on('data', (chunk) => (err += chunk));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, out, err })));
}

test('a benchmark prints its groups and its formula, and stores them', async (t) => {
  const predictor = join(work, 'written.js');
  writeFileSync(
    predictor,
    "module.exports.default = { name: 'written', score: (samples) => samples.map(({ response }) => " +
      "Number(response.slice(response.lastIndexOf('#') + 1))) };\nmodule.exports.__esModule = true;\n",
  );
  const { code, out, err } = await cli([
    '--benchmark',
    'rewardbench2',
    '--predictor',
    predictor,
    '--data_path',
    join(data, 'rewardbench2.parquet'),
    '--output_dir',
    work,
  ]);
  t.is(code, 0, err);
  t.regex(
    out,
    /54 prompts[^]*\nDomains\n[^]*Precise IF +6 +\d\.\d{3}\n[^]*Ties\n[^]*overall = \d\.\d{3} {3}\(mean of the six domains/,
  );
  const results = JSON.parse(readFileSync(join(work, 'results.json'), 'utf8'));
  const expected = JSON.parse(readFileSync(join(root, data, 'expected.json'), 'utf8'));
  t.true(Math.abs(results.overall - expected.rewardbench2.overall) < 1e-12);
  t.is(results.groups.Domains.Math.rows, 6);
  t.is(results.meta.benchmark, 'rewardbench2');
});

test("another benchmark's file is refused with file and line", async (t) => {
  const { code, out, err } = await cli([
    '--benchmark',
    'judgebench',
    '--predictor',
    'length',
    '--data_path',
    join(data, 'pairs.jsonl'),
  ]);
  t.is(code, 1);
  t.is(out, '');
  t.regex(err, /error: \S+pairs\.jsonl:1: question is missing; a JudgeBench row is \{pair_id/);
});
