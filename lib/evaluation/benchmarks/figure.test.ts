// The bootstrap intervals of headline figures, against a bootstrap that recomputes the whole score from the drawn rows.

import test from 'ava';
import { basename, join } from 'node:path';
import type { PreferencePrompt } from '../../data/types';
import { describeResults } from '../results';
import { evaluate, type Evaluation } from '../evaluate';
import { findBenchmark } from './registry';
import { formatEvaluation } from '../../reporting/table';
import { readBenchmarkFile } from './read';
import { quantile, randomSource } from '../metrics/bootstrap';
import { describeReport } from '../../reporting/report';
import { figureInterval, figureOf } from './figure';
import type { ScoredFile } from './benchmark';
import type { RewardBench2Prompt } from './rewardbench2';

const FOLDER = join(__dirname, '../../../fixtures/reference/evaluation/benchmarks');
/** The fixtures write a response's reward at its end. */
const written = {
  name: 'written',
  score: (samples: { response: string }[]) =>
    samples.map(({ response }) => Number(response.slice(response.lastIndexOf('#') + 1))),
};

interface Drawing {
  files: string[];
  /** Prompts are drawn within each of these. */
  stratum: (prompt: PreferencePrompt) => string;
  order?: string[];
  /** What is drawn; by default all rows of one prompt. */
  unit?: (prompt: PreferencePrompt) => string;
}

const tieOf = (prompt: PreferencePrompt) => (prompt as RewardBench2Prompt).tie;
const DRAWINGS: Record<string, Drawing> = {
  rewardbench: { files: ['rewardbench.jsonl'], stratum: ({ category }) => category! },
  rewardbench2: {
    files: ['rewardbench2.jsonl'],
    stratum: ({ category }) => category!,
    order: ['Factuality', 'Precise IF', 'Math', 'Safety', 'Focus', 'Ties'],
    unit: (prompt) => tieOf(prompt)?.number ?? JSON.stringify(prompt.prompt),
  },
  'rm-bench': {
    files: ['rm_bench.json'],
    stratum: ({ category }) => category!,
    order: ['chat', 'code', 'math', 'safety'],
  },
  judgebench: { files: ['judgebench.jsonl'], stratum: () => 'all' },
  'm-rewardbench': {
    files: ['m_rewardbench_zho_Hans.jsonl', 'm_rewardbench_zho_Hant.jsonl'],
    stratum: ({ category }) => category!,
    unit: ({ id }) => id.slice(id.indexOf(':') + 1),
  },
  pairs: { files: ['pairs.jsonl'], stratum: () => 'all' },
  'best-of-n': { files: ['best_of_n.jsonl'], stratum: () => 'all' },
};

async function evaluated(benchmark: string, resamples: number, seed = 3): Promise<Evaluation> {
  const datasets = await Promise.all(
    DRAWINGS[benchmark]!.files.map(async (name) => ({
      name: basename(name),
      files: [join(FOLDER, name)],
      dataset: await readBenchmarkFile(findBenchmark(benchmark), join(FOLDER, name)),
    })),
  );
  return evaluate({ datasets, predictor: written, benchmark, bootstrap: { resamples, seed } });
}

/** In the order of first appearance. */
function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

type Scored = { prompt: PreferencePrompt; scores: ScoredFile['scores'][number] };

/** A `tied` row's number is what pairs it with its `ref`, so every copy that is drawn gets a number of its own. */
function copyOf({ prompt, scores }: Scored, copy: number): Scored {
  const tie = tieOf(prompt);
  return { prompt: tie ? ({ ...prompt, tie: { ...tie, number: String(copy) } } as PreferencePrompt) : prompt, scores };
}

/** Ties: numbers in the order of the tied rows, then of the refs without one. */
const tiedFirst = (rows: readonly Scored[]) =>
  [...rows].sort((a, b) => Number(tieOf(b.prompt)?.kind === 'tied') - Number(tieOf(a.prompt)?.kind === 'tied'));

function plainBootstrap(
  benchmark: string,
  { files }: Evaluation,
  resamples: number,
  seed: number,
): { low: number; high: number; resamples: number } {
  const {
    stratum,
    order,
    unit = ({ prompt, systemPrompt }) => JSON.stringify([prompt, systemPrompt]),
  } = DRAWINGS[benchmark]!;
  const rows = files.flatMap(({ prompts, scores }) =>
    prompts.map((prompt, i): Scored => ({ prompt, scores: scores[i]! })),
  );
  const strata = grouped(rows, ({ prompt }) => stratum(prompt));
  const units = (order ?? [...strata.keys()]).map((name) => [
    ...grouped(tiedFirst(strata.get(name)!), ({ prompt }) => unit(prompt)).values(),
  ]);
  const random = randomSource(seed);
  const values = Array.from({ length: resamples }, () => {
    const drawn = units.flatMap((all) =>
      all.map(() => random(all.length)).flatMap((which, copy) => all[which]!.map((row) => copyOf(row, copy))),
    );
    return findBenchmark(benchmark).overall([
      {
        name: 'drawn',
        report: files[0]!.report,
        prompts: drawn.map(({ prompt }) => prompt),
        scores: drawn.map(({ scores }) => scores),
      },
    ]).overall;
  });
  const sorted = Float64Array.from(values.filter((value) => !Number.isNaN(value))).sort();
  return { low: quantile(sorted, 0.025), high: quantile(sorted, 0.975), resamples: sorted.length };
}

for (const benchmark of Object.keys(DRAWINGS)) {
  test(`${benchmark}: the interval is that of a plain bootstrap over its prompts, in table, results and report`, async (t) => {
    const result = await evaluated(benchmark, 120);
    const strata = findBenchmark(benchmark).overall(result.files).strata!;
    t.true(Math.abs(figureOf(strata) - result.overall) < 1e-12, `${figureOf(strata)} instead of ${result.overall}`);
    const interval = result.overallInterval!;
    const plain = plainBootstrap(benchmark, result, 120, 3);
    t.is(interval.resamples, plain.resamples);
    for (const side of ['low', 'high'] as const)
      t.true(Math.abs(interval[side] - plain[side]) < 1e-9, `${side}: ${interval[side]} instead of ${plain[side]}`);
    t.true(interval.low < interval.high && interval.low <= result.overall && result.overall <= interval.high);
    t.deepEqual((await evaluated(benchmark, 120)).overallInterval, interval, 'the same for the same seed');
    const shown = `${interval.low.toFixed(3)}–${interval.high.toFixed(3)}`;
    t.true(formatEvaluation(result).includes(`overall = ${result.overall.toFixed(3)} (95 %: ${shown})   (`));
    t.true(formatEvaluation(result).includes('95 %: bootstrap interval over prompts (120 resamples, seed 3).'));
    const results = await describeResults(result);
    t.deepEqual(results['overall_interval'], interval);
    const report = await describeReport(result, results['meta'] as Parameters<typeof describeReport>[1]);
    t.deepEqual(report.headline[0]!.interval, interval);
  });
}

test('no resamples, no interval; nor where the score is not defined', async (t) => {
  const result = await evaluated('rewardbench', 0);
  t.is(result.overallInterval, undefined);
  t.false(formatEvaluation(result).includes('bootstrap'));
  t.false('overall_interval' in (await describeResults(result)));
  const none = { weight: 1, numerators: new Float64Array(0), denominators: new Float64Array(0) };
  t.is(figureInterval([[none]]), undefined);
});

test('twice as many prompts of the same kind: an interval narrower by about the root of two', (t) => {
  const width = (units: number) => {
    const term = {
      weight: 1,
      numerators: Float64Array.from({ length: units }, (_, i) => i % 2),
      denominators: new Float64Array(units).fill(1),
    };
    const { low, high } = figureInterval([[term]], { resamples: 4000 })!;
    return high - low;
  };
  const ratio = width(200) / width(400);
  t.true(Math.abs(ratio - Math.SQRT2) < 0.15, String(ratio));
});
