// Judges whose verdicts plain Python can play too: the same verdicts in, the same figures out
// (fixtures/reference/evaluation/judges/make_judges.py, which first checks itself against the original's own output).

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { findBenchmark } from '../benchmarks/registry';
import { readBenchmarkFile } from '../benchmarks/read';
import { evaluate } from '../evaluate';
import { judgePredictor } from './judge';
import { readCheemsJudgeData } from '../../judging/cheems_data';
import type { Completer } from '../../judging/completer';
import { bothOrders, singleOrder } from '../../judging/pair_orders';
import { findJudgeTemplate } from '../../judging/templates/registry';

const FOLDER = join(__dirname, '../../../fixtures/reference/evaluation/judges');
const DATA = join(FOLDER, 'data.jsonl');
type Figures = Record<string, number>;
const expected = JSON.parse(readFileSync(join(FOLDER, 'expected.json'), 'utf8')) as {
  judges: Record<string, [a: number, b: number, tie: number]>;
  cheems: Record<string, Figures>;
  both: Record<string, { metrics: Figures; judge: Figures }>;
};
const ANSWERS = {
  a: 'Both are good.\n[[A]]',
  b: '[[A]] at first sight, but [[B]]',
  tie: '[[C]]',
  none: 'I cannot say.',
};

/**
 * The text that it is given is the prompt, the response shown first and the one shown second, a null character between
 * them.
 */
function playing(name: string): Completer {
  const [a, b, tie] = expected.judges[name]!;
  return {
    name,
    complete: async (conversations) =>
      Array.from(conversations, (messages) => {
        const [, first, second] = messages.at(-1)!.content!.split('\0');
        const digest = createHash('sha256').update(`${name}\0${first}\0${second}`).digest();
        const n = digest.readUInt16BE();
        return {
          text: n < a ? ANSWERS.a : n < b ? ANSWERS.b : n < tie ? ANSWERS.tie : ANSWERS.none,
          finish: 'stop' as const,
        };
      }),
  };
}

async function templates() {
  const file = join(mkdtempSync(join(tmpdir(), 'judge-')), 'bare.json');
  writeFileSync(file, JSON.stringify({ user: '{prompt}\u0000{response_a}\u0000{response_b}', parser: 'brackets' }));
  return findJudgeTemplate(file);
}

function near(t: ExecutionContext, actual: Record<string, unknown>, wanted: Figures): void {
  for (const [name, value] of Object.entries(wanted))
    t.true(Math.abs((actual[name] as number) - value) < 1e-12, `${name}: ${String(actual[name])} instead of ${value}`);
}

for (const name of Object.keys(expected.judges)) {
  test(`${name}: the original's single random order`, async (t) => {
    const predictor = judgePredictor({
      completer: playing(name),
      templates: await templates(),
      orders: singleOrder(0, 'cheems'),
    });
    const { files, overall } = await evaluate({
      datasets: [{ name: 'data', dataset: await readCheemsJudgeData(DATA) }],
      predictor,
      bootstrap: { resamples: 0 },
    });
    const wanted = expected.cheems[name]!;
    t.deepEqual(Object.keys(files[0]!.report.cheems).sort(), Object.keys(wanted).sort());
    near(t, files[0]!.report.cheems, wanted);
    t.true(Math.abs(overall - (wanted['accuracy-rank']! + wanted['exact_match-rank']!) / 2) < 1e-12);
  });

  test(`${name}: both orders, and how the judge behaves`, async (t) => {
    const predictor = judgePredictor({ completer: playing(name), templates: await templates(), orders: bothOrders });
    const dataset = await readBenchmarkFile(findBenchmark('cheems-bench'), DATA);
    const { files } = await evaluate({ datasets: [{ name: 'data', dataset }], predictor, bootstrap: { resamples: 0 } });
    const { metrics, judge } = expected.both[name]!;
    t.deepEqual(Object.keys(files[0]!.report.cheems).sort(), Object.keys(metrics).sort());
    near(t, files[0]!.report.cheems, metrics);
    near(t, files[0]!.report.judge as unknown as Record<string, unknown>, judge);
    const { unparsable_because: _, ...figures } = files[0]!.report.judge!;
    t.deepEqual(Object.keys(figures).sort(), Object.keys(judge).sort(), 'no figure is left out');
  });
}

test('the judges differ as they are meant to', (t) => {
  t.is(Object.keys(expected.judges).length, 3);
  t.true(expected.both['first']!.judge['position_bias']! > 0.5);
  t.true(expected.both['silent']!.judge['unparsable_share']! > 0.6);
  t.true(Math.abs(expected.both['coin']!.judge['position_bias']!) < 0.2);
});
