// Every benchmark on a small file in its published form, against scores computed in plain Python
// (fixtures/reference/evaluation/benchmarks/make_fixtures.py).

import test, { type ExecutionContext } from 'ava';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { PreferencePrompt } from '../../data/types';
import type { PromptScores } from '../predictors/predictor';
import { describeResults } from '../results';
import { evaluate, type Evaluation } from '../evaluate';
import { findBenchmark } from './registry';
import { formatEvaluation } from '../../reporting/table';
import { isRightInBothOrders, type JudgeBenchLabel, type Verdict } from './judgebench';
import { readBenchmarkFile } from './read';

const FOLDER = join(__dirname, '../../../fixtures/reference/evaluation/benchmarks');
const expected = JSON.parse(readFileSync(join(FOLDER, 'expected.json'), 'utf8'));

/** The fixtures write a response's reward at its end. */
const written = {
  name: 'written',
  score: (samples: { response: string }[]) =>
    samples.map(({ response }) => Number(response.slice(response.lastIndexOf('#') + 1))),
};

const FILES: Record<string, string[]> = {
  rewardbench: ['rewardbench.jsonl'],
  rewardbench2: ['rewardbench2.jsonl'],
  'rm-bench': ['rm_bench.json'],
  judgebench: ['judgebench.jsonl'],
  'm-rewardbench': ['m_rewardbench_zho_Hans.jsonl', 'm_rewardbench_zho_Hant.jsonl'],
  pairs: ['pairs.jsonl'],
  'best-of-n': ['best_of_n.jsonl'],
};

async function scored(
  benchmark: string,
  files = FILES[benchmark]!.map((file) => join(FOLDER, file)),
  predictor: Parameters<typeof evaluate>[0]['predictor'] = written,
): Promise<Evaluation> {
  const datasets = await Promise.all(
    files.map(async (file) => ({
      name: basename(file),
      files: [file],
      dataset: await readBenchmarkFile(findBenchmark(benchmark), file),
    })),
  );
  return evaluate({ datasets, predictor, benchmark, bootstrap: { resamples: 0 } });
}

/** The table's figures by row and column name. */
function cellsOf({ tables }: Evaluation, title: string): Record<string, Record<string, number>> {
  const { columns, rows } = tables!.find((table) => table.title.startsWith(title))!;
  return Object.fromEntries(
    rows.map(({ name, values }) => [name, Object.fromEntries(columns.map((column, i) => [column.name, values[i]!]))]),
  );
}

function near(t: ExecutionContext, actual: number | undefined, wanted: number, what: string): void {
  t.true(actual !== undefined && Math.abs(actual - wanted) < 1e-12, `${what}: ${actual} instead of ${wanted}`);
}

for (const benchmark of Object.keys(FILES)) {
  test(`${benchmark}: the score that plain Python computes, its formula in words, and figures in results.json`, async (t) => {
    const result = await scored(benchmark);
    near(t, result.overall, expected[benchmark].overall, 'overall');
    t.deepEqual(result.notes, []);
    t.regex(
      formatEvaluation(result),
      new RegExp(`overall = ${expected[benchmark].overall.toFixed(3)}   \\(.*(equal|highest) reward`),
    );
    const { overall, groups, meta } = (await describeResults(result)) as {
      overall: number;
      groups: object;
      meta: { benchmark: string };
    };
    t.is(overall, result.overall);
    t.is(meta.benchmark, benchmark);
    t.deepEqual(
      Object.keys(groups),
      result.tables!.map(({ title }) => title),
    );
  });
}

test('RewardBench: sections and subsets; equal prompts stay rows of their own', async (t) => {
  const result = await scored('rewardbench');
  const sections = cellsOf(result, 'Sections');
  for (const [name, value] of Object.entries<number>(expected.rewardbench.sections))
    near(t, sections[name]!['score'], value, name);
  const subsets = cellsOf(result, 'Subsets');
  for (const [name, value] of Object.entries<number>(expected.rewardbench.subsets))
    near(t, subsets[name]!['accuracy'], value, name);
  t.is(subsets['math-prm']!['weight'], 984);
  t.is(result.files[0]!.prompts.length, 69);
});

test('M-RewardBench: one row per language, the files pooled', async (t) => {
  const languages = cellsOf(await scored('m-rewardbench'), 'Languages');
  for (const [language, sections] of Object.entries<Record<string, number>>(expected['m-rewardbench'].languages)) {
    for (const [name, value] of Object.entries(sections))
      near(t, languages[language]![name], value, `${language} ${name}`);
  }
});

test('RewardBench 2: best of four and every term of Ties', async (t) => {
  const result = await scored('rewardbench2');
  const domains = cellsOf(result, 'Domains');
  for (const [name, value] of Object.entries<number>(expected.rewardbench2.domains))
    near(t, domains[name]!['score'], value, name);
  const ties = cellsOf(result, 'Ties');
  for (const [name, value] of Object.entries<number>(expected.rewardbench2.ties))
    near(t, ties[name]!['value'], value, name);
});

test('RewardBench 2 as parquet, as pyarrow writes it (lists, zstd): the same score', async (t) => {
  near(
    t,
    (await scored('rewardbench2', [join(FOLDER, 'rewardbench2.parquet')])).overall,
    expected.rewardbench2.overall,
    'overall',
  );
});

test('RM-Bench: hard, normal and easy by domain; safety pooled', async (t) => {
  const domains = cellsOf(await scored('rm-bench'), 'Domains');
  for (const [domain, scores] of Object.entries<Record<string, number>>(expected['rm-bench'].domains)) {
    for (const [name, value] of Object.entries(scores)) near(t, domains[domain]![name], value, `${domain} ${name}`);
  }
});

test('JudgeBench: groups of sources', async (t) => {
  const groups = cellsOf(await scored('judgebench'), 'Groups');
  for (const [name, value] of Object.entries<number>(expected.judgebench.groups))
    near(t, groups[name]!['accuracy'], value, name);
});

test('pairs: ties are counted, wrong in the headline and one half beside it', async (t) => {
  const { all } = cellsOf(await scored('pairs'), 'Pairs');
  t.is(all!['ties'], expected.pairs.ties);
  t.true(expected.pairs.ties > 0);
  near(t, all!['ties as half'], expected.pairs['ties as half'], 'ties as half');
});

test('best-of-N: exact over all subsets of every size, with ties of rewards', async (t) => {
  const result = await scored('best-of-n');
  const table = cellsOf(result, 'Gold score');
  for (const [row, values] of Object.entries<Record<string, number>>(expected['best-of-n']['by N'])) {
    for (const [name, value] of Object.entries(values)) near(t, table[row]![name], value, `${row} ${name}`);
  }
  near(t, cellsOf(result, 'Correlation')['Spearman']!['mean'], expected['best-of-n'].spearman, 'Spearman');
  const categories = cellsOf(result, 'Gold best picked');
  for (const [name, value] of Object.entries<number>(expected['best-of-n'].categories))
    near(t, categories[name]!['agreement'], value, name);
});

const temporary = (name: string, rows: unknown[]) => {
  const file = join(mkdtempSync(join(tmpdir(), 'benchmark-')), name);
  writeFileSync(
    file,
    name.endsWith('.json') ? JSON.stringify(rows, null, 1) : rows.map((row) => `${JSON.stringify(row)}\n`).join(''),
  );
  return file;
};

test('best-of-N reads RMB, UltraFeedback and ranked preference data', async (t) => {
  const rmb = temporary('rmb.json', [
    {
      bon_uid: 'u',
      conversation_input: [{ role: 'user', content: 'q', language: 'English' }],
      bon_best: { llm_name: 'a', answer: 'x #2' },
      loser_list: [{ answer: 'y #3' }, { answer: 'z #1' }],
      category_path: 'A/B',
    },
  ]);
  t.is((await scored('best-of-n', [rmb])).overall, 0);
  const ultra = temporary('ultra.jsonl', [
    {
      instruction: 'q',
      completions: [
        { response: 'a #1', overall_score: 3 },
        { response: 'b ' + '#2', overall_score: 7.5 },
      ],
    },
  ]);
  t.is((await scored('best-of-n', [ultra])).overall, 1);
  const ranked = temporary('ranked.jsonl', [
    {
      input: 'q',
      responses: [
        { id: 'a', content: 'a #1' },
        { id: 'b', content: 'b ' + '#1' },
        { id: 'c', content: 'c #0' },
      ],
      rank: { a: '1', b: '2', c: '3' },
    },
  ]);
  t.is((await scored('best-of-n', [ranked])).overall, 0.5, 'two rewards tie; one of them is gold best');
});

test('RM-Bench takes the domain from the name of a published part', async (t) => {
  const row = { id: 1, prompt: 'q', chosen: ['a #1', 'b #2', 'c #3'], rejected: ['d #0', 'e #2', 'f #4'] };
  const result = await scored('rm-bench', [temporary('safety-refuse_filtered.json', [row])]);
  const { hard, normal, easy } = cellsOf(result, 'Domains')['safety']!;
  // a > d; b > d, ties e; c > d, e; nothing > f.
  t.deepEqual([hard, normal, easy], [0, 1 / 3, 1]);
  t.true(Number.isNaN(result.overall));
  t.regex(result.notes.join(), /no row of chat, code, math/);
});

test('rows of another form are refused with file, line and the form that is wanted', async (t) => {
  const refused: [string, unknown, RegExp][] = [
    [
      'rewardbench',
      { prompt: 'q', chosen: 'a', subset: 'hep-go' },
      /:1: rejected is missing; a RewardBench row is \{prompt, chosen/,
    ],
    [
      'rewardbench',
      { prompt: 'q', chosen: 'a', rejected: 'b', subset: 'hep-perl' },
      /subset is "hep-perl"; known are alpacaeval-easy/,
    ],
    [
      'rewardbench2',
      { id: '1', prompt: 'q', chosen: ['a', 'b'], rejected: ['c'], subset: 'Math' },
      /chosen must list one text outside Ties/,
    ],
    [
      'rewardbench2',
      { id: '1', prompt: 'q', chosen: ['a'], rejected: ['c'], subset: 'Ties' },
      /must be "ref:N" or "tied:N", but is "1"/,
    ],
    [
      'rewardbench2',
      { id: '1', prompt: 'q', chosen: ['a'], rejected: ['c'], num_correct: 2, subset: 'Math' },
      /num_correct is 2, but chosen lists 1/,
    ],
    [
      'rm-bench',
      { prompt: 'q', chosen: ['a', 'b'], rejected: ['a', 'b', 'c'], domain: 'chat' },
      /chosen must list 3 texts, but lists 2/,
    ],
    [
      'judgebench',
      { question: 'q', response_A: 'a', response_B: 'b', source: 'livecodebench', label: 'A' },
      /label is "A"; known are A>B, B>A/,
    ],
    ['m-rewardbench', { prompt: 'q', chosen: 'a', rejected: 'b', subset: 'hep-go' }, /language is missing/],
    ['best-of-n', { prompt: 'q', responses: ['a', 'b'], scores: [1] }, /scores lists 1 numbers, but responses lists 2/],
    ['best-of-n', { prompt: 'q', chosen: 'a', rejected: 'b' }, /neither gold scores nor a rank for every response/],
  ];
  for (const [benchmark, row, message] of refused) {
    const file = temporary('rows.jsonl', [row]);
    await t.throwsAsync(readBenchmarkFile(findBenchmark(benchmark), file), { name: 'DataError', message }, benchmark);
  }
});

test('a part of RewardBench has no score but its sections, and unscored rows are left out and counted', async (t) => {
  const rows = [
    { prompt: 'q', chosen: 'a #1', rejected: 'b #0', subset: 'hep-go' },
    { prompt: 'r', chosen: 'a #1', rejected: 'b #2', subset: 'hep-go' },
  ];
  const file = temporary('part.jsonl', rows);
  const predictor = {
    name: 'half',
    scorePrompts: async (): Promise<PromptScores[]> => [{ rewards: [1, 0] }, { rewards: [null, 2] }],
  };
  const result = await scored('rewardbench', [file], predictor);
  t.true(Number.isNaN(result.overall));
  t.is(cellsOf(result, 'Sections')['Reasoning']!['score'], 1);
  t.regex(
    result.notes.join('\n'),
    /not scored: 1\.[^]*no row of Chat, Chat Hard, Safety[^]*rests on part of its subsets; the data hold no row of math-prm/,
  );
  t.regex(formatEvaluation(result), /overall = n\/a/);
});

test('tables stay within a narrow terminal', async (t) => {
  for (const benchmark of Object.keys(FILES)) {
    const text = formatEvaluation(await scored(benchmark), { lines: true, width: 40 });
    for (const line of text.split('\n')) t.true([...line].length <= 40, line);
  }
});

test("a judge's verdicts in both orders count as JudgeBench publishes it, and pair by pair in RM-Bench's matrix", async (t) => {
  const verdicts: Verdict[] = ['A>B', 'B>A', 'A=B', null];
  const cases = (['A>B', 'B>A'] as JudgeBenchLabel[]).flatMap((label) =>
    verdicts.flatMap((first) => verdicts.map((second) => ({ label, first, second }))),
  );
  // Right once and undecided once passes, in either order; the published counter, by hand.
  t.is(cases.filter(({ label, first, second }) => isRightInBothOrders(label, first, second)).length, 2 * 5);
  const file = temporary(
    'judged.jsonl',
    cases.map(({ label }, i) => ({
      pair_id: i,
      source: 'livecodebench',
      question: `q${i}`,
      response_A: 'a',
      response_B: 'b',
      label,
    })),
  );
  const shown = (verdict: Verdict) =>
    verdict === 'A>B' ? 'A' : verdict === 'B>A' ? 'B' : verdict === null ? 'unparsable' : 'tie';
  const judge = {
    name: 'judge',
    scorePrompts: async (prompts: readonly PreferencePrompt[]): Promise<PromptScores[]> =>
      prompts.map(({ pairs: [[chosen, rejected] = [0, 1]] }, i) => ({
        rewards: [0.5, 0.5],
        comparisons: [
          {
            chosen,
            rejected,
            judgements: [
              { first: 0, second: 1, verdict: shown(cases[i]!.first) },
              { first: 1, second: 0, verdict: shown(cases[i]!.second) },
            ],
          },
        ],
      })),
  };
  const { overall } = await scored('judgebench', [file], judge);
  t.is(overall, 10 / 32);

  const row = { id: 1, prompt: 'q', chosen: ['a', 'b', 'c'], rejected: ['d', 'e', 'f'], domain: 'chat' };
  const hardOnly = {
    name: 'judge',
    scorePrompts: async (): Promise<PromptScores[]> => [
      {
        rewards: [0, 0, 0, 0, 0, 0],
        comparisons: [0, 1, 2].flatMap((chosen) =>
          [0, 1, 2].map((style) => ({
            chosen,
            rejected: 3 + style,
            judgements: [{ first: chosen, second: 3 + style, verdict: chosen < style ? 'A' : 'B', answer: '' }],
          })),
        ),
      },
    ],
  };
  const { hard, normal, easy } = cellsOf(
    await scored('rm-bench', [temporary('rows.json', [row])], hardOnly),
    'Domains',
  )['chat']!;
  t.deepEqual([hard, normal, easy], [1, 0, 0]);
});
