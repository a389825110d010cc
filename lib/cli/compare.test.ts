import test from 'ava';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MAIN = join(__dirname, 'main.js');

const cli = (...argv: string[]) =>
  new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    execFile(process.execPath, [MAIN, ...argv], (error, stdout, stderr) =>
      resolve({ code: error ? Number(error.code) : 0, stdout, stderr }),
    );
  });

function dataFile(folder: string, name: string, count: number): string {
  const rows = Array.from({ length: count }, (_, i) => ({
    input: `问${i}`,
    responses: [
      { id: 'a', content: '短' },
      { id: 'b', content: '长一点' },
    ],
    rank: { a: 1 + (i % 2), b: 2 - (i % 2) },
  }));
  writeFileSync(join(folder, name), rows.map((row) => JSON.stringify(row)).join('\n'));
  return join(folder, name);
}

test('eval writes a report, compare sets two beside each other, and other data are refused', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'compare-cli-'));
  const [one, other] = [dataFile(folder, 'one.jsonl', 6), dataFile(folder, 'other.jsonl', 5)];
  const evaluated = async (data: string, name: string) => {
    const { code, stdout, stderr } = await cli(
      'eval',
      '--predictor',
      'length',
      '--data_path',
      data,
      '--output_dir',
      join(folder, name),
    );
    t.is(code, 0, stderr);
    t.regex(stdout, /report: +\S+report\.html\n$/);
    for (const file of ['report.html', 'report.md', 'report.csv', 'prompts.jsonl'])
      t.true(existsSync(join(folder, name, file)), file);
    return join(folder, name, 'results.json');
  };
  const [a, b, c] = [await evaluated(one, 'a'), await evaluated(one, 'b'), await evaluated(other, 'c')];
  const compared = await cli('compare', a, b, '--output-dir', join(folder, 'out'));
  t.is(compared.code, 0, compared.stderr);
  t.regex(compared.stdout, /overall: A - B +0\.000 \(0\.000–0\.000\) +0\.500\n/);
  for (const file of ['compare.html', 'compare.md', 'compare.csv']) t.true(existsSync(join(folder, 'out', file)), file);
  const refused = await cli('compare', '--results', a, c);
  t.not(refused.code, 0);
  t.regex(refused.stderr, /different data, so the results cannot be compared/);
  t.regex((await cli('compare', a)).stderr, /needs two or more results\.json, but one was given/);
  t.regex((await cli('compare')).stderr, /--results is missing/);
});
