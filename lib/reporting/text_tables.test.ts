import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readBenchmarkFile } from '../evaluation/benchmarks/read';
import { findBenchmark } from '../evaluation/benchmarks/registry';
import { evaluate } from '../evaluation/evaluate';
import { formatEvaluation } from './table';
import { writeReport } from './report';
import { writeResults } from '../evaluation/results';
import { compareResults } from './compare';
import { formatComparison, writeComparison } from './comparison_report';
import { readResults } from './stored_results';
import { csvField, escapeMarkdown } from './text_tables';

test('what a spreadsheet would run as a formula gets an apostrophe', (t) => {
  const formulas = [
    "-2+3+cmd|' /C calc'!A0",
    '+1+HYPERLINK("http://x","y")',
    '=1+1',
    '@SUM(1)',
    '\r=2+2',
    '\n=2+2',
    '\t=1',
    '\tx',
    ' =3+3',
    '\u00a0=1',
    '\u3000=1',
    '\ufeff=1',
    '\u200b=1',
    '＝1+1',
    '＋1',
    '－1+1',
    '＠x',
    '-A1',
    '+A1',
    '--1',
    '-(1)',
    '-1+A1',
    '-1*2',
    '-1%',
    '-1e3+A1',
    '-',
    '+',
    '=',
    '-=1',
    '- 1 + A1',
  ];
  for (const text of formulas) t.regex(csvField(text), /^"?'/, JSON.stringify(text));
});

test('plain numbers and text are left as they are', (t) => {
  for (const text of [
    '-2',
    '+3',
    '-0.5',
    '-.5',
    '1e-7',
    '-1.5e+10',
    '0',
    '-200 to -51',
    '-200 and less',
    '+1 to +50',
    '',
    'writing',
    'a=b',
    'x-1',
    '中文',
    'a+b',
  ]) {
    t.is(csvField(text), text);
  }
  t.is(csvField('a,b"c'), '"a,b""c"');
  t.is(csvField('a\nb\x1b'), 'a\\nb\\x1b');
});

test('Markdown of the data is text', (t) => {
  t.is(
    escapeMarkdown('a | b `c` <img src=x> [l](u) *b* _i_ ~s~ &amp; $x$ # \\'),
    'a \\| b \\`c\\` \\<img src=x\\> \\[l\\](u) \\*b\\* \\_i\\_ \\~s\\~ \\&amp; \\$x\\$ \\# \\\\',
  );
  t.is(escapeMarkdown('\n| x | y |\n# head'), '\\| x \\| y \\| \\# head');
  t.deepEqual(['- x', '+ x', '1. x', '---', '==='].map(escapeMarkdown), ['\\- x', '\\+ x', '1\\. x', '\\---', '\\===']);
  t.deepEqual(['-0.5', '0.123', '+1 to +50', '1.5x'].map(escapeMarkdown), ['-0.5', '0.123', '+1 to +50', '1.5x']);
  t.is(escapeMarkdown('\x1b[2J \u202e'), '\\\\x1b\\[2J \\\\u202e');
});

const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

test('no control character of the data reaches the terminal, the page, Markdown or CSV; JSON has them as they are', async (t) => {
  const file = join(__dirname, '..', '..', 'fixtures', 'cases', 'terminal-escapes', 'ev.jsonl');
  const folder = mkdtempSync(join(tmpdir(), 'escapes-'));
  const dataset = await readBenchmarkFile(findBenchmark('cheems-bench'), file, {});
  const predictor = {
    name: 'length\x1b[31m\u202e',
    scorePrompts: async (prompts: readonly { responses: readonly unknown[] }[]) =>
      prompts.map(({ responses }) => ({ rewards: responses.map((_, i) => i) })),
  };
  const paths: string[] = [];
  for (const name of ['a', 'b']) {
    const evaluation = await evaluate({
      datasets: [{ name: `${file}\x1b]0;x\x07`, files: [file], dataset }],
      predictor,
      bootstrap: { resamples: 10 },
    });
    for (const options of [{}, { lines: true, width: 40 }, { lines: true, width: 120 }])
      t.notRegex(formatEvaluation(evaluation, options), CONTROL);
    const written = await writeResults(join(folder, name), evaluation);
    const report = await writeReport(join(folder, name), evaluation, written.meta);
    for (const path of [report.html, report.markdown]) t.notRegex(readFileSync(path, 'utf8'), CONTROL);
    t.notRegex(readFileSync(report.csv, 'utf8').replaceAll('\r\n', '\n'), CONTROL);
    t.regex(JSON.stringify(JSON.parse(readFileSync(written.results, 'utf8'))), /\\u001b\[2J/);
    paths.push(written.results);
  }
  const comparison = compareResults(await Promise.all(paths.map(readResults)), { resamples: 10 });
  t.notRegex(formatComparison(comparison), CONTROL);
  const compared = await writeComparison(folder, comparison);
  for (const path of [compared.html, compared.markdown]) t.notRegex(readFileSync(path, 'utf8'), CONTROL);
  t.notRegex(readFileSync(compared.csv, 'utf8').replaceAll('\r\n', '\n'), CONTROL);
});
