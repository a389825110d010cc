import test from 'ava';
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { datasetFromRows } from '../data/dataset';
import { CHEEMS_FILES } from '../hub/cheems_data';
import { evaluate, type Evaluation } from '../evaluation/evaluate';
import { describeReport, writeReport } from './report';
import { writeResults } from '../evaluation/results';
import type { PromptScores } from '../evaluation/predictors/predictor';
import { escapeHtml, html, Markup } from './html';
import { scoredPairs, worstPairs } from './pairs';
import type { PromptRow } from './prompts';
import { PUBLISHED_ROWS } from './published';
import { histogram } from './sections';

const HOSTILE = `</title></style><script>alert("x")</script><img src=x onerror='alert(1)'>&amp; "双引号" 中文`;

/** Ranked prompts, the longest response best; texts and categories as an attacker would have them. */
function hostile(count = 24) {
  return datasetFromRows(
    Array.from({ length: count }, (_, i) => ({
      id: `p${i}`,
      input: `${HOSTILE} 问题${i}`,
      responses: [0, 1, 2].map((r) => ({ id: `r${r}`, content: `${HOSTILE}${'长'.repeat(1 + 300 * r + i)}` })),
      rank: { r0: '3', r1: '2', r2: '1' },
      category: [i % 2 === 0 ? '写作<script>"x"</script>' : '=代码|'],
    })),
    HOSTILE,
  );
}

const mostlyRight = {
  name: `model ${HOSTILE}`,
  scorePrompts: async (prompts: readonly { responses: readonly unknown[] }[]): Promise<PromptScores[]> =>
    prompts.map(({ responses }, p) => ({ rewards: responses.map((_, r) => (p % 4 === 0 ? -r * (p + 1) : r) / 2) })),
};

async function written(evaluation: Evaluation) {
  const folder = mkdtempSync(join(tmpdir(), 'report-'));
  const results = await writeResults(folder, evaluation, {});
  const report = await writeReport(folder, evaluation);
  return {
    folder,
    results: JSON.parse(readFileSync(results.results, 'utf8')),
    page: readFileSync(report.html, 'utf8'),
    markdown: readFileSync(report.markdown, 'utf8'),
    csv: readFileSync(report.csv, 'utf8'),
    prompts: readFileSync(report.prompts, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as PromptRow),
  };
}

const evaluated = () =>
  evaluate({
    datasets: [{ name: 'human.jsonl', dataset: hostile() }],
    predictor: mostlyRight,
    bootstrap: { resamples: 200 },
  });

test('escaping: markup of the data stays text, in elements and in attributes', (t) => {
  t.is(escapeHtml(`<a b="c" d='e'>&`), '&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;');
  t.is(escapeHtml('a\u0000b\ud800c\r\nd'), 'a\ufffdb\ufffdc\nd');
  t.is(escapeHtml('𠮷'), '𠮷', 'whole surrogate pairs stay');
  t.is(
    html`<p title="${'"><script>'}">${['<', new Markup('<br>'), 1, undefined]}</p>`.text,
    '<p title="&quot;&gt;&lt;script&gt;">&lt;<br>1</p>',
  );
});

test('the page has no script, no handler and no address outside, whatever the data hold', async (t) => {
  const { page, folder } = await written(await evaluated());
  t.notRegex(page, /<script|<img|<iframe|<link|<object|<embed/i);
  const tags = page.match(/<[a-z][^>]*>/gi)!;
  t.deepEqual(
    tags.filter((tag) => / on\w+=/i.test(tag.replace(/"[^"]*"/g, '""'))),
    [],
  );
  t.deepEqual(
    tags.filter((tag) => / (src|href|action|data|poster|srcset|xlink:href)="(?!#)/i.test(tag)),
    [],
    'only links within the page',
  );
  t.notRegex(page.match(/<style>[\s\S]*?<\/style>/)![0], /url\(|@import/);
  t.regex(page, /Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/);
  t.is(page.match(/<title>model &lt;\/title&gt;/g)?.length, 1);
  t.deepEqual(readdirSync(folder).sort(), [
    'prompts.jsonl',
    'report.csv',
    'report.html',
    'report.md',
    'results.json',
    'scores.jsonl',
  ]);
});

test('the figures on the page, in CSV and Markdown are those of results.json', async (t) => {
  const { page, csv, markdown, results } = await written(await evaluated());
  const file = results.files['human.jsonl'];
  const values = new Set([...page.matchAll(/<data value="([^"]*)"/g)].map((match) => Number(match[1])));
  const categories = ['写作<script>"x"</script>', '=代码|'];
  const names = ['', ...categories.map((name) => `-${name}`)].flatMap((suffix) => [
    `accuracy-rank${suffix}`,
    `exact_match-rank${suffix}`,
  ]);
  for (const name of [...names, 'accuracy_micro-rank', 'reward_mean', 'reward_std', 'exact_match_strict-rank'])
    t.true(values.has(file[name]), name);
  t.true(values.has(results.overall));
  t.true(
    page.includes(
      `<data value="${file['accuracy-rank']}">${file['accuracy-rank'].toFixed(3)}</data> <span ` +
        `class="interval">${file.intervals['accuracy-rank'].low.toFixed(3)}–`,
    ),
  );
  for (const bin of file.length.bins.filter(({ pairs }: { pairs: number }) => pairs > 0))
    t.true(values.has(bin.accuracy));
  t.true(
    csv.includes(
      'Results on human.jsonl,All ' +
        `figures,accuracy-rank,value,${file['accuracy-rank']},${file.intervals['accuracy-rank'].low},${file.intervals['accuracy-rank'].high}\r\n`,
    ),
  );
  t.true(
    csv.includes("Results on human.jsonl,Accuracy and exact match,'=代码|,accuracy,"),
    'no formula for a spreadsheet',
  );
  t.true(
    markdown.includes(`| =代码\\| | 12 | 36 | ${file['accuracy-rank-=代码|'].toFixed(3)} (`),
    'a bar in a name is no column',
  );
  t.notRegex(markdown, /(?<!\\)[<&]/);
});

test('pictures: one of each kind, named in words, with their figures as a table', async (t) => {
  const { page } = await written(await evaluated());
  t.is(page.match(/<figure>/g)?.length, 4);
  t.is(page.match(/<svg role="img"/g)?.length, 4);
  t.is(page.match(/<svg role="img" aria-label="[^"]+"[^>]*><title>[^<]+<\/title>/g)?.length, 4);
  t.is(page.match(/<summary>The figures as a table<\/summary>/g)?.length, 4);
});

test('Chinese text is whole, marked as Chinese, and folded where it is long', async (t) => {
  const { page } = await written(await evaluated());
  t.regex(page, /<div class="text" dir="auto" lang="zh-Hans">&lt;\/title&gt;[^<]*中文 问题\d+<\/div>/);
  t.regex(page, /<details class="text" lang="zh-Hans"><summary/);
  t.true(page.includes('长'.repeat(601)), 'unfolded, the text is whole');
});

test('the pairs are those that were measured; the worst lead, one per prompt', async (t) => {
  const {
    files: [file],
  } = await evaluated();
  const pairs = scoredPairs(file!);
  t.is(pairs.length, file!.report.counts.rankPairs);
  t.is(
    pairs.filter(({ difference }) => difference > 0).length / pairs.length,
    file!.report.extras['accuracy_micro-rank']!,
  );
  const worst = worstPairs(pairs, 4);
  t.deepEqual(
    worst.map(({ prompt }) => prompt.id),
    ['p20', 'p16', 'p12', 'p8'],
  );
  t.deepEqual(worst[0]!.rewards, { chosen: -21, rejected: -0 });
  const bins = histogram(pairs);
  t.is(
    bins.reduce((sum, { chosen }) => sum + chosen, 0),
    pairs.length,
  );
  t.is(
    bins.reduce((sum, { rejected }) => sum + rejected, 0),
    pairs.length,
  );
});

test('prompts.jsonl gives the figures back', async (t) => {
  const { prompts, results } = await written(await evaluated());
  t.is(prompts.length, 24);
  t.deepEqual(
    { ...prompts[0], line: typeof prompts[0]!.line },
    {
      file: 'human.jsonl',
      prompt_id: 'p0',
      line: 'number',
      category: '写作<script>"x"</script>',
      pairs: 3,
      right: 0,
      asked: 1,
      exact: 0,
    },
  );
  const macro = ['写作<script>"x"</script>', '=代码|'].map((name) => {
    const own = prompts.filter(({ category }) => category === name);
    return own.reduce((sum, { right }) => sum + right, 0) / own.reduce((sum, { pairs }) => sum + pairs, 0);
  });
  t.true(Math.abs((macro[0]! + macro[1]!) / 2 - results.files['human.jsonl']['accuracy-rank']) < 1e-6);
});

test('published rows stand beside CheemsBench only, marked, with a caution on other data', async (t) => {
  const { page } = await written(await evaluated());
  t.is(page.match(/<td class="text">published (reward model|judge)<\/td>/g)?.length, PUBLISHED_ROWS.length);
  t.regex(page, /arXiv 2502\.17173/);
  t.regex(page, /not comparable/);
  const other = await written(
    await evaluate({
      datasets: [{ name: 'human.jsonl', dataset: hostile() }],
      predictor: mostlyRight,
      benchmark: 'pairs',
      bootstrap: { resamples: 0 },
    }),
  );
  t.notRegex(other.page, /published/);
  t.regex(other.page, /<caption>Pairs<\/caption>/);
});

test('of the published files, known by their digests, the published rows come first', async (t) => {
  const datasets = ['open', 'human'].map((half) => ({
    name: `${half}.jsonl`,
    files: [`${half}.jsonl`],
    dataset: hostile(),
  }));
  const evaluation = await evaluate({ datasets, predictor: mostlyRight, bootstrap: { resamples: 20 } });
  const data = ['open', 'human'].map((half) => ({
    file: `${half}.jsonl`,
    sha256: CHEEMS_FILES.find(({ path }) => path === `cheems_bench/${half}.jsonl`)!.sha256,
  }));
  const { sections } = await describeReport(evaluation, {
    date: '2026-01-01T00:00:00Z',
    data,
    package: { name: 'x', version: '1' },
    model: {},
  });
  t.is(sections[0]!.title, 'Beside the published results');
  t.regex(sections[0]!.paragraphs[0]!, /are the published CheemsBench files/);
  const own = sections[0]!.tables[0]!.rows[0]!.cells.slice(2).map((cell) =>
    typeof cell === 'object' ? cell.value : cell,
  );
  t.deepEqual(own, [0.75, 0.75, 0.75, 0.75, 0.75]);
});

test('published figures are consistent: overall is the mean of the four', (t) => {
  for (const { name, overall, openAccuracy, openExactMatch, humanAccuracy, humanExactMatch } of PUBLISHED_ROWS) {
    t.true(Math.abs((openAccuracy + openExactMatch + humanAccuracy + humanExactMatch) / 4 - overall) < 0.00111, name);
  }
});

test('a judge: its figures and answers, no calibration and no rewards', async (t) => {
  const judge = {
    name: 'judge',
    scorePrompts: async (prompts: readonly unknown[]): Promise<PromptScores[]> =>
      prompts.map((_, p) => ({
        rewards: [0, 0.5, 1],
        comparisons: [
          {
            chosen: 2,
            rejected: 0,
            judgements: [
              {
                first: 2,
                second: 0,
                verdict: p % 3 === 0 ? ('B' as const) : ('A' as const),
                answer: '<script>判决</script>',
              },
              { first: 0, second: 2, verdict: p % 2 === 0 ? ('A' as const) : ('unparsable' as const) },
            ],
          },
        ],
      })),
  };
  const evaluation = await evaluate({
    datasets: [{ name: 'a', dataset: hostile() }],
    predictor: judge,
    bootstrap: { resamples: 50 },
  });
  const { page, results } = await written(evaluation);
  t.regex(page, /<caption>The judge<\/caption>/);
  t.true(page.includes(`<data value="${results.files.a.judge.position_bias}">`));
  t.is(page.match(/<figure>/g)?.length, 2, 'accuracy by category and by length');
  t.true(page.includes('&lt;script&gt;判决&lt;/script&gt;'));
});

test('token ids, ties of all rewards and data without any order make a report too', async (t) => {
  const rows = [
    {
      input: '',
      responses: [
        { id: 'a', content: '甲' },
        { id: 'b', content: '乙' },
      ],
    },
  ];
  const evaluation = await evaluate({
    datasets: [{ name: 'x', dataset: datasetFromRows(rows, 'x') }],
    predictor: { name: 'same', score: (samples) => samples.map(() => 1) },
  });
  const { page, results } = await written(evaluation);
  t.is(results.overall, null);
  t.regex(page, /n\/a/);
  t.regex(page, /No pair is the wrong way round/);
});
