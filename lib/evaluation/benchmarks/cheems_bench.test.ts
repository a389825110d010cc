import test from 'ava';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readPreferenceDataset } from '../../data/dataset';
import { evaluate } from '../evaluate';
import { computeMetrics } from '../metrics/compute';
import { cheemsBench } from './cheems_bench';
import { findBenchmark, registerBenchmark } from './registry';

const REFERENCE = join(__dirname, '../../../fixtures/reference/cheems');
interface GoldenSet {
  files: string[];
  rm_evaluate: {
    rewards: [string, string, string, number][];
    metrics: Record<string, Record<string, number | null>>;
    overall: number | null;
  };
}
const golden: { sets: GoldenSet[] } = JSON.parse(readFileSync(join(REFERENCE, 'rm_evaluate.json'), 'utf8'));

const datasetOf = async (file: string, compat?: 'cheems') => ({
  name: `generative/${file}`,
  dataset: await readPreferenceDataset(join(REFERENCE, 'generative', file), compat ? { compat } : {}),
});

for (const compat of [undefined, 'cheems'] as const) {
  for (const set of golden.sets) {
    test(`whole files as the original evaluates them: ${set.files.join(' + ')}, ${compat ?? 'default'} reading`, async (t) => {
      const { rewards, metrics, overall } = set.rm_evaluate;
      // By prompt and text, which no two files of a set share.
      const known = new Map(rewards.map(([, input, response, reward]) => [`${input}\n${response}`, reward]));
      const result = await evaluate({
        datasets: await Promise.all(set.files.map((file) => datasetOf(file, compat))),
        predictor: {
          name: 'known',
          score: (samples) => samples.map(({ prompt, response }) => known.get(`${prompt as string}\n${response}`)!),
        },
        bootstrap: { resamples: 50 },
      });
      for (const file of result.files) {
        const expected = metrics[file.name]!;
        const actual = file.report.cheems;
        const shared = Object.keys(actual).filter((name) => name in expected);
        t.deepEqual(shared, Object.keys(expected), 'every name of the original, in its order');
        t.true(
          Object.keys(actual).every((name) => name in expected || name.includes('-labels')),
          'the original is not given the labels here',
        );
        for (const [name, value] of Object.entries(expected)) {
          if (value === null) t.true(Number.isNaN(actual[name]), name);
          else t.true(Math.abs(actual[name]! - value) <= 1e-5 * 8, `${name}: ${actual[name]} instead of ${value}`);
        }
      }
      if (overall === null) t.true(Number.isNaN(result.overall));
      else t.true(Math.abs(result.overall - overall) <= 1e-6, `${result.overall} instead of ${overall}`);
    });
  }
}

test('a set whose overall is a number is among the goldens', (t) => {
  t.true(golden.sets.some((set) => set.rm_evaluate.overall !== null));
});

test('a file without ranks counts with its annotated pairs, and the formula says so', async (t) => {
  const datasets = [await datasetOf('human2.jsonl'), await datasetOf('no-rank.jsonl')];
  const result = await evaluate({
    datasets,
    predictor: {
      name: 'length',
      score: (samples) => samples.map((s) => (s.response === 'x' ? 1 : s.response.length / 10)),
    },
    bootstrap: { resamples: 0 },
  });
  const [ranked, labeled] = result.files.map((file) => file.report);
  t.is(labeled!.basis, 'labels');
  t.is(labeled!.cheems['accuracy-labels'], 1);
  const expected = ((ranked!.cheems['accuracy-rank']! + ranked!.cheems['exact_match-rank']!) / 2 + 1) / 2;
  t.true(Math.abs(result.overall - expected) < 1e-12);
  t.regex(result.formula, /accuracy-rank.*files without ranks.*accuracy-labels/);
});

test('a file with nothing to compare makes the overall undefined and is named', (t) => {
  const report = computeMetrics({ prompts: [{ rewards: [1, 2] }], bootstrap: { resamples: 0 } });
  const { overall, notes } = cheemsBench.overall([{ name: 'bare.jsonl', report }]);
  t.true(Number.isNaN(overall));
  t.regex(notes.join(), /bare\.jsonl has neither ranks nor annotated pairs/);
});

test('benchmarks are found by name, and a name is taken once', (t) => {
  t.is(findBenchmark('cheems-bench'), cheemsBench);
  t.throws(() => findBenchmark('rewardbench3'), {
    message: /no benchmark "rewardbench3"; known are: cheems-bench, rewardbench, /,
  });
  t.throws(() => registerBenchmark(cheemsBench), { message: /registered already/ });
});
