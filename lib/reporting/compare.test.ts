import test from 'ava';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { datasetFromRows } from '../data/dataset';
import { evaluate } from '../evaluation/evaluate';
import { writeReport } from './report';
import { writeResults } from '../evaluation/results';
import { randomSource } from '../evaluation/metrics/bootstrap';
import { compareResults } from './compare';
import { formatComparison, writeComparison } from './comparison_report';
import type { PromptRow } from './prompts';
import { readResults, type StoredResults } from './stored_results';

/** Counts drawn at random, so that no category and no two models are alike. */
function stored(
  name: string,
  seed: number,
  { count = 40, categories = ['甲', '乙', '丙'] as (string | null)[], sha256 = 'abc', benchmark = 'cheems-bench' } = {},
): StoredResults {
  const random = randomSource(seed);
  const prompts = Array.from({ length: count }, (_, i): PromptRow => {
    const pairs = 1 + (i % 4);
    const right = random(pairs + 1);
    return {
      file: 'human.jsonl',
      prompt_id: `p${i}`,
      line: i + 1,
      category: categories[i % categories.length]!,
      pairs,
      right,
      asked: 1,
      exact: right === pairs ? 1 : 0,
    };
  });
  return {
    path: `${name}/results.json`,
    overall: 0.5,
    formula: 'the formula',
    benchmark,
    predictor: name,
    date: '',
    data: [{ file: 'human.jsonl', sha256 }],
    prompts,
  };
}

/** The same by definition: draws kept, every resample written out as a list of rows, every figure from the list. */
function bruteForce(
  a: StoredResults,
  b: StoredResults,
  categories: (string | null)[],
  resamples: number,
  seed: number,
) {
  const random = randomSource(seed);
  const accuracy = (rows: PromptRow[]) => {
    const means = categories.map((category) => {
      const own = rows.filter((row) => row.category === category);
      const flat = own.flatMap(
        ({ pairs, right }) => [...Array(right).fill(1), ...Array(pairs - right).fill(0)] as number[],
      );
      return flat.reduce((sum, value) => sum + value, 0) / flat.length;
    });
    return means.reduce((sum, value) => sum + value, 0) / means.length;
  };
  const differences: number[] = [];
  for (let r = 0; r < resamples; r++) {
    const places = categories.flatMap((category) => {
      const own = a.prompts.flatMap((row, i) => (row.category === category ? [i] : []));
      return own.map(() => own[random(own.length)]!);
    });
    differences.push(accuracy(places.map((i) => a.prompts[i]!)) - accuracy(places.map((i) => b.prompts[i]!)));
  }
  const sorted = [...differences].sort((x, y) => x - y);
  const quantile = (q: number) => {
    const place = q * (sorted.length - 1);
    return sorted[Math.floor(place)]! * (1 - (place % 1)) + sorted[Math.ceil(place)]! * (place % 1);
  };
  const ahead = differences.filter((value) => value > 0).length + differences.filter((value) => value === 0).length / 2;
  return {
    difference: accuracy(a.prompts) - accuracy(b.prompts),
    low: quantile(0.025),
    high: quantile(0.975),
    better: ahead / resamples,
  };
}

for (const categories of [['甲', '乙', '丙'], [null]]) {
  test(`the paired bootstrap equals a brute-force computation, ${categories.length} strata`, (t) => {
    const [a, b] = [stored('a', 1, { categories }), stored('b', 2, { categories })];
    const { metrics } = compareResults([a, b], { resamples: 301, seed: 9 });
    t.deepEqual(
      metrics.map(({ name }) => name),
      ['accuracy', 'exact match', 'overall'],
    );
    const { difference, interval, probabilityFirstIsBetter } = metrics[0]!.differences[0]!;
    const expected = bruteForce(a, b, categories, 301, 9);
    const close = (one: number, other: number) => t.true(Math.abs(one - other) < 1e-12, `${one} ${other}`);
    close(difference, expected.difference);
    close(interval!.low, expected.low);
    close(interval!.high, expected.high);
    close(probabilityFirstIsBetter!, expected.better);
  });
}

test('the same results differ by nothing; every two of several models are compared; the seed alone decides', (t) => {
  const [a, b, c] = [stored('a', 1), stored('b', 2), stored('c', 3)];
  const self = compareResults([a, a]).metrics[0]!.differences[0]!;
  t.is(self.difference, 0);
  t.like(self.interval, { low: 0, high: 0 });
  t.is(self.probabilityFirstIsBetter, 0.5);
  const all = compareResults([a, b, c]);
  t.deepEqual(
    all.metrics[0]!.differences.map(({ first, second }) => [first, second]),
    [
      [0, 1],
      [0, 2],
      [1, 2],
    ],
  );
  t.deepEqual(compareResults([a, b, c]), all);
  t.notDeepEqual(compareResults([a, b, c], { seed: 1 }).metrics, all.metrics);
  t.is(compareResults([a, b], { resamples: 0 }).metrics[0]!.differences[0]!.interval, undefined);
});

test('other data, another benchmark, one evaluation alone and no common prompt are refused with a sentence', (t) => {
  const a = stored('a', 1);
  t.throws(() => compareResults([a]), { message: /needs two or more/ });
  t.throws(() => compareResults([a, stored('b', 2, { sha256: 'other' })]), {
    message:
      /^a\/results\.json was measured on human\.jsonl \(SHA-256 abc….*different data, so the results cannot be compared\..*\.$/,
  });
  t.throws(() => compareResults([a, stored('b', 2, { benchmark: 'judgebench' })]), {
    message: /cheems-bench, b\/results\.json on judgebench/,
  });
  const strangers = stored('b', 2);
  strangers.prompts = strangers.prompts.map((row) => ({ ...row, line: 1000 }));
  t.throws(() => compareResults([a, strangers]), {
    message: /No prompt stands in all of a\/results\.json, b\/results\.json/,
  });
});

test('prompts that one evaluation lacks are left out of both, with a note; names of files may differ', (t) => {
  const [a, b] = [stored('a', 1), stored('b', 2)];
  b.prompts = b.prompts.slice(1).map((row) => ({ ...row, file: 'moved/human.jsonl' }));
  b.data = [{ file: 'moved/human.jsonl', sha256: 'abc' }];
  const comparison = compareResults([a, b]);
  t.is(comparison.prompts, 39);
  t.regex(comparison.notes.join(), /left out: 1\./);
});

test('from evaluations on disk to a page: the values are those of results.json', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'compare-'));
  const rows = Array.from({ length: 20 }, (_, i) => ({
    input: `问${i}`,
    responses: [
      { id: 'a', content: '短' },
      { id: 'b', content: '长一点' },
    ],
    rank: { a: i % 3 === 0 ? 1 : 2, b: i % 3 === 0 ? 2 : 1 },
  }));
  const data = join(folder, 'data.jsonl');
  writeFileSync(data, rows.map((row) => JSON.stringify(row)).join('\n'));
  const paths: string[] = [];
  for (const [name, sign] of [
    ['longer', 1],
    ['<b>shorter', -1],
  ] as const) {
    const evaluation = await evaluate({
      datasets: [{ name: data, files: [data], dataset: datasetFromRows(rows, data) }],
      predictor: { name, score: (samples) => samples.map(({ response }) => sign * response.length) },
      bootstrap: { resamples: 10 },
    });
    paths.push((await writeResults(join(folder, String(sign)), evaluation)).results);
    await writeReport(join(folder, String(sign)), evaluation);
  }
  const comparison = compareResults(await Promise.all(paths.map(readResults)));
  const overall = comparison.metrics.find(({ name }) => name === 'overall')!;
  for (const [i, path] of paths.entries())
    t.true(Math.abs(overall.values[i]! - JSON.parse(readFileSync(path, 'utf8')).overall) < 1e-6);
  t.regex(formatComparison(comparison), /overall: A - B +0\.\d{3} \(/);
  const written = await writeComparison(join(folder, 'out'), comparison);
  const page = readFileSync(written.html, 'utf8');
  t.true(page.includes(`<data value="${overall.differences[0]!.difference}">`));
  t.notRegex(page, /<script|<b>|src=/);
  t.true(
    readFileSync(written.csv, 'utf8').includes(
      `Comparison,Differences,overall: A - B,difference,${overall.differences[0]!.difference},`,
    ),
  );
  t.regex(readFileSync(written.markdown, 'utf8'), /probability that the first is better/);
});

test('a missing or torn file is told with its place and a remedy', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'compare-'));
  await t.throwsAsync(readResults(join(folder, 'results.json')), {
    message: /results\.json cannot be read: it does not exist\. Give the results\.json/,
  });
  writeFileSync(join(folder, 'results.json'), '{"a": 1}');
  await t.throwsAsync(readResults(join(folder, 'results.json')), {
    message: /it is not the results\.json of an evaluation \(overall: /,
  });
  writeFileSync(
    join(folder, 'results.json'),
    JSON.stringify({
      overall: null,
      formula: '',
      files: {},
      meta: { benchmark: 'b', predictor: 'p', data: [], date: '' },
    }),
  );
  await t.throwsAsync(readResults(join(folder, 'results.json')), {
    message: /prompts\.jsonl cannot be read: it does not exist\. A comparison needs it/,
  });
  writeFileSync(join(folder, 'prompts.jsonl'), '{"file": "x"\n');
  await t.throwsAsync(readResults(join(folder, 'results.json')), { message: /prompts\.jsonl:1 is not valid JSON/ });
});
