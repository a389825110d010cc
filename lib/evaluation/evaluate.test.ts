import test from 'ava';
import { mkdtempSync, readdirSync, readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { datasetFromRows } from '../data/dataset';
import { writeFileAtomically } from '../files/atomic_file';
import { evaluate, type EvaluationDataset } from './evaluate';
import { writeResults } from './results';
import { formatEvaluation, tableFor } from '../reporting/table';
import type { PromptScores } from './predictors/predictor';

const CATEGORIES = ['写作', '代码', '开放问答'];

/** Ranked prompts whose better response is the longer one in two cases of three. */
function ranked(name: string, count = 30): EvaluationDataset {
  const rows = Array.from({ length: count }, (_, i) => ({
    id: `p${i}`,
    input: `${name}问题${i}`,
    responses: [0, 1, 2].map((r) => ({
      id: `r${r}`,
      content: '字'.repeat(5 + (((i + r * (i % 3 === 0 ? -1 : 1)) % 7) + 7) * (1 + r)),
    })),
    rank: { r0: '3', r1: '2', r2: '1' },
    category: [CATEGORIES[i % 3]!],
  }));
  return { name, dataset: datasetFromRows(rows, name) };
}

/** Right about the ranks, but for every fourth prompt. */
const mostlyRight = {
  name: 'mostly-right',
  scorePrompts: async (prompts: readonly { responses: readonly unknown[] }[]): Promise<PromptScores[]> =>
    prompts.map(({ responses }, p) => ({
      rewards: responses.map((_, r) => (p % 4 === 0 ? -r : r) / 2),
      tokens: responses.map(() => 9),
      truncated: responses.map((_, r) => p === 1 && r === 0),
    })),
  describe: () => ({ folder: 'models/last' }),
};

test('scores, measures, counts what was cut, and reports progress over all data sets', async (t) => {
  const progress: [string, number, number][] = [];
  const result = await evaluate({
    datasets: [ranked('a'), ranked('b', 10)],
    predictor: mostlyRight,
    onProgress: ({ name, done, total }) => progress.push([name, done, total]),
  });
  t.deepEqual(
    progress.map(([name]) => name),
    ['a', 'b'],
  );
  t.deepEqual(progress[1], ['b', 90, 120]);
  const { report, truncatedResponses } = result.files[0]!;
  t.true(Math.abs(report.extras['accuracy_micro-rank']! - 22 / 30) < 1e-12);
  t.is(truncatedResponses, 1);
  t.regex(report.notes.join(), /scored with their beginning cut off: 1\./);
  t.is(result.predictor.name, 'mostly-right');
});

test('unscored responses are left out with what hangs on them, and counted', async (t) => {
  const predictor = {
    name: 'some',
    scorePrompts: async (prompts: readonly { responses: readonly unknown[] }[]) =>
      prompts.map(({ responses }, p) => ({
        rewards: responses.map((_, r) => (p === 0 ? (r === 0 ? 1 : null) : p === 1 && r === 1 ? null : r)),
      })),
  };
  const { files } = await evaluate({ datasets: [ranked('a', 3)], predictor, bootstrap: { resamples: 0 } });
  const { report, unscoredResponses } = files[0]!;
  t.is(unscoredResponses, 3);
  t.is(report.counts.prompts, 2);
  t.is(report.counts.rankPairs, 4, 'one pair of the second prompt, three of the third');
  t.regex(
    report.notes.join(),
    /not scored and count in no metric: 3; .*fewer than two of their responses were scored: 1\./,
  );
});

test('an abort, no data, an empty set and one name twice are refused', async (t) => {
  const predictor = mostlyRight;
  await t.throwsAsync(
    evaluate({ datasets: [ranked('a')], predictor, signal: AbortSignal.abort(new Error('enough')) }),
    { message: 'enough' },
  );
  await t.throwsAsync(evaluate({ datasets: [], predictor }), { message: /no data set was given/ });
  await t.throwsAsync(evaluate({ datasets: [{ name: 'empty', dataset: { prompts: [] } }], predictor }), {
    message: /"empty" holds no prompt/,
  });
  await t.throwsAsync(evaluate({ datasets: [ranked('a'), ranked('a')], predictor }), {
    message: /Two data sets are named "a"/,
  });
});

test('results.json and scores.jsonl hold the figures, their origin and every response', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'results-'));
  const data = join(folder, 'data.jsonl');
  writeFileSync(data, 'abc');
  const result = await evaluate({
    datasets: [{ ...ranked('data.jsonl', 6), files: [data] }],
    predictor: mostlyRight,
    bootstrap: { resamples: 100, seed: 7 },
  });
  const written = await writeResults(join(folder, 'out'), result, { seed: 3, options: { data_path: [data] } });
  const results = JSON.parse(readFileSync(written.results, 'utf8'));
  const file = results.files['data.jsonl'];
  t.deepEqual(Object.keys(file).slice(0, 6), [
    'reward_mean',
    'reward_std',
    'reward_mean-写作',
    'reward_std-写作',
    'exact_match-rank-写作',
    'accuracy-rank-写作',
  ]);
  t.is(file['accuracy-rank'], result.files[0]!.report.cheems['accuracy-rank']);
  t.is(file.length.bins[0].from, null);
  t.deepEqual(results.meta.data, [
    { file: data, bytes: 3, sha256: 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad' },
  ]);
  t.deepEqual(results.meta.model, { folder: 'models/last' });
  t.deepEqual(results.meta.intervals, { resamples: 100, seed: 7, level: 0.95 });
  t.is(results.meta.seed, 3);
  const rows = readFileSync(written.scores, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  t.is(rows.length, 18);
  t.deepEqual(rows[3], {
    file: 'data.jsonl',
    prompt_id: 'p1',
    response_id: 'r0',
    reward: 0,
    tokens: 9,
    truncated: true,
  });
  t.deepEqual(readdirSync(join(folder, 'out')).sort(), ['results.json', 'scores.jsonl'], 'no temporary file stays');
});

test('a file is replaced whole or not at all', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'atomic-'));
  const file = join(folder, 'scores.jsonl');
  await writeFileAtomically(file, ['old\n']);
  function* failing() {
    yield 'new\n';
    t.is(readFileSync(file, 'utf8'), 'old\n', 'not touched while the new one is written');
    throw new Error('disk full');
  }
  await t.throwsAsync(writeFileAtomically(file, failing()), {
    message: /scores\.jsonl could not be written: disk full/,
  });
  t.is(readFileSync(file, 'utf8'), 'old\n');
  t.deepEqual(readdirSync(folder), ['scores.jsonl']);
  mkdirSync(join(folder, 'taken'));
  await t.throwsAsync(writeFileAtomically(join(folder, 'taken'), ['x']), { message: /taken could not be written/ });
});

/** Compares with the stored text; UPDATE_EXPECTED=1 stores anew what is then to be read through. */
function expectText(t: import('ava').ExecutionContext, name: string, text: string): void {
  const file = join(__dirname, '../../fixtures/reference/evaluation', name);
  if (process.env['UPDATE_EXPECTED']) writeFileSync(file, text);
  t.is(text, readFileSync(file, 'utf8'));
}

/** Columns as a terminal shows them: East Asian characters take two. */
const columns = (line: string) =>
  [...line].reduce(
    (sum, c) => sum + (/[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]/.test(c) ? 2 : 1),
    0,
  );

for (const width of [40, 80, 120]) {
  test(`the table at ${width} columns`, async (t) => {
    const result = await evaluate({
      datasets: [ranked('data/cheems_bench/human.jsonl'), ranked('data/cheems_bench/open.jsonl', 10)],
      predictor: mostlyRight,
    });
    const text = formatEvaluation(result, { lines: true, width });
    for (const line of text.split('\n')) t.true(columns(line) <= width, `${columns(line)}: ${line}`);
    expectText(t, `table_${width}.txt`, text);
  });
}

test('plain text where there is no terminal', async (t) => {
  const result = await evaluate({ datasets: [ranked('human.jsonl')], predictor: mostlyRight });
  const text = tableFor(result, {});
  t.notRegex(text, /[│─┌\u001b]/);
  expectText(t, 'table_plain.txt', text);
  t.is(tableFor(result, { isTTY: true, columns: 40 }), formatEvaluation(result, { lines: true, width: 40 }));
});

test('data without ranks and a long name on a narrow terminal', async (t) => {
  const dataset = datasetFromRows([{ input: '问', answer1: '好', answer2: '很不好', preference: 1 }], 'pairs');
  const result = await evaluate({
    datasets: [{ name: `${'很长的路径/'.repeat(8)}pairs.jsonl`, dataset }],
    predictor: { name: 'length', score: (samples) => samples.map((s) => s.response.length) },
  });
  const text = formatEvaluation(result, { lines: true, width: 40 });
  t.regex(text, /…[^\n]*pairs\.jsonl\n/);
  t.regex(text.replaceAll(/\s+/g, ' '), /no ranks: accuracy and exact match rest on the annotated pairs/);
  t.regex(text, /accuracy-labels/);
  for (const line of text.split('\n')) t.true(columns(line) <= 40, line);
});
