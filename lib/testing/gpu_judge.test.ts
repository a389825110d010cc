// bench/gpu_judge.py on invented measurements: what held, what did not, and what was not measured.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { packageFolder } from '../support/package_folder';

interface Verdict {
  id: string;
  verdict: 'held' | 'refuted' | 'not measured';
  value: number | null;
  reason?: string;
}
interface Report {
  machine: Record<string, unknown>;
  counts: Record<string, number>;
  predictions: Verdict[];
}

const judge = join(packageFolder(), 'bench', 'gpu_judge.py');
const hasPython = spawnSync('python3', ['--version']).status === 0;
const judged = hasPython ? test : test.skip;

const H100 = { gpu: 'NVIDIA H100 80GB HBM3', emulated: false, commit: 'abc' };
const flat = (model: string, more: object) => ({ model, row: 'flat', micro_batch_tokens: 20480, ...more });

/** The report on a folder with these parts; a string is the reason why there is none, or text that is no JSON. */
function reportOf(
  t: ExecutionContext,
  parts: Record<string, object | string>,
): Record<string, Verdict> & { all: Report } {
  const folder = mkdtempSync(join(tmpdir(), 'cheems-judge-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  for (const [name, part] of Object.entries(parts)) {
    writeFileSync(join(folder, name), typeof part === 'string' ? part : JSON.stringify(part));
  }
  const output = join(folder, 'report.json');
  execFileSync('python3', [judge, folder, output], { stdio: 'pipe' });
  const all = JSON.parse(readFileSync(output, 'utf8')) as Report;
  return Object.assign(Object.fromEntries(all.predictions.map((each) => [each.id, each])), { all });
}

judged(
  'a figure within its bounds held, at the bounds too; one outside of them is refuted, on the card that it is for',
  (t) => {
    const steps = (tokens: number[]) => ({
      device_facts: [['cuBLAS', '13.1.1']],
      steps: [
        flat('0.5B', { tokens_per_second: tokens[0], fall_backs: 0, shares: { attention: 0.19, products: 0.5 } }),
        flat('1.5B', { tokens_per_second: tokens[1] }),
        flat('7B', { tokens_per_second: tokens[2], micro_batch_tokens: 5120 }),
      ],
    });
    const found = reportOf(t, { 'machine.json': H100, 'steps.json': steps([155_000, 63_001, 14_000]) });
    t.is(found['tokens_0.5B']!.verdict, 'held');
    t.is(found['tokens_1.5B']!.verdict, 'refuted');
    t.is(found['tokens_1.5B']!.value, 63_001);
    t.is(found['tokens_7B']!.verdict, 'held');
    t.is(found['fall_backs_0.5B']!.verdict, 'held');
    t.is(found['attention_share_0.5B']!.verdict, 'held');
    t.is(found['products_share_0.5B']!.verdict, 'refuted');
    t.regex(found['tokens_0.5B_H200']!.reason!, /for H200, and this is NVIDIA H100/);
    t.deepEqual(found.all.machine['device'], { cuBLAS: '13.1.1' });
    const counted = Object.values(found.all.counts).reduce((sum, count) => sum + count);
    t.is(counted, found.all.predictions.length);
    const onH200 = reportOf(t, {
      'machine.json': { ...H100, gpu: 'NVIDIA H200' },
      'steps.json': steps([181_000, 60_000, 9_000]),
    });
    t.is(onH200['tokens_0.5B']!.verdict, 'not measured');
    t.is(onH200['tokens_0.5B_H200']!.verdict, 'held');
    t.is(onH200['tokens_7B_H200']!.verdict, 'refuted');
  },
);

judged('what was not measured has its reason, and no value that is none is judged', (t) => {
  const found = reportOf(t, {
    'machine.json': H100,
    'steps.json': `{"steps": [{"model": "0.5B", "row": "flat", "micro_batch_tokens": 20480, "tokens_per_second": NaN, "fall_backs": null},
      {"model": "1.5B", "row": "flat", "micro_batch_tokens": 10240, "tokens_per_second": 60000},
      {"model": "7B", "row": "flat", "error": "Out of GPU memory: 14 GiB"}]}`,
    'tests.reason': 'no time was left (--minutes)\n',
    'resume.json': '{"failed": 0',
    'memcheck.json': { failed: 1 },
    'repeat.json': { repeat: { runs: 3, different: 2 } },
  });
  const reasons: Record<string, RegExp> = {
    'tokens_0.5B': /not a finite number/,
    'fall_backs_0.5B': /fall_backs was not measured/,
    'tokens_1.5B': /micro-batches of 10240/,
    tokens_7B: /Out of GPU memory/,
    tests: /no time was left/,
    resumed: /resume\.json cannot be read/,
    racecheck: /part racecheck was not run/,
    forward_shape_128: /part kernels was not run/,
  };
  for (const [id, reason] of Object.entries(reasons)) {
    t.is(found[id]!.verdict, 'not measured', id);
    t.regex(found[id]!.reason!, reason);
  }
  t.is(found['memcheck']!.verdict, 'refuted');
  t.is(found['repeatable']!.verdict, 'refuted');
});

judged('two measurements are compared by their ratio', (t) => {
  const row = (operation: string, ms: number) => ({ model: '7B', operation, shape: 'T = 1024, 28/4 heads of 128', ms });
  const ratio = (built: number, other: number) =>
    reportOf(t, {
      'machine.json': H100,
      'kernels.json': { kernels: [row('attention_forward', built), row('attention_forward, 4 x 32', other)] },
    })['forward_shape_128']!;
  t.like(ratio(0.3, 0.2), { verdict: 'held' });
  t.true(Math.abs(ratio(0.3, 0.2).value! - 1.5) < 1e-12);
  t.like(ratio(0.2, 0.3), { verdict: 'refuted' });
  t.like(ratio(0.2, 0), { verdict: 'not measured' });
});

judged('the emulation judges what does not hang on a card alone', (t) => {
  const found = reportOf(t, {
    'machine.json': { gpu: 'emulated', emulated: true },
    'steps.json': { steps: [{ model: 'tiny', row: 'flat', tokens_per_second: 160_000, fall_backs: 3 }] },
    'tests.json': { failed: 0 },
    'repeat.json': { repeat: { different: 1 } },
    'plugin.json': { present: 1 },
  });
  t.is(found['fall_backs_0.5B']!.verdict, 'refuted');
  t.is(found['tests']!.verdict, 'held');
  t.is(found['repeatable']!.verdict, 'held');
  for (const id of ['tokens_0.5B', 'plugin', 'memcheck', 'forward_shape_128']) {
    t.is(found[id]!.verdict, 'not measured');
    t.regex(found[id]!.reason!, /^emulated/);
  }
});

judged('with nothing measured the report is whole all the same', (t) => {
  const found = reportOf(t, {});
  t.true(found.all.predictions.every(({ verdict, reason }) => verdict === 'not measured' && reason !== undefined));
  t.is(new Set(found.all.predictions.map(({ id }) => id)).size, found.all.predictions.length);
});
