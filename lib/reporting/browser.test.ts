// The report in a real browser, where one is installed (apt-get install chromium); else the test is skipped and says
// so.

import test from 'ava';
import { execFile, execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { datasetFromRows } from '../data/dataset';
import { evaluate } from '../evaluation/evaluate';
import { writeReport } from './report';
import { writeResults } from '../evaluation/results';

const browser = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore', timeout: 60_000 });
    return true;
  } catch {
    return false;
  }
});
const inBrowser = browser === undefined ? test.skip : test.serial;
if (browser === undefined)
  test('no chromium was found: the report is not tried in a browser (apt-get install chromium)', (t) => t.pass());

async function run(page: string, extra: readonly string[]): Promise<{ stdout: string; stderr: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'browser-'));
  const flags = [
    '--headless=new',
    '--no-sandbox',
    '--disable-gpu',
    '--disable-background-networking',
    '--no-first-run',
    `--user-data-dir=${folder}`,
  ];
  return promisify(execFile)(browser!, [...flags, '--enable-logging=stderr', '--v=0', ...extra, page], {
    timeout: 240_000,
    maxBuffer: 1 << 26,
  });
}

const consoleLines = (stderr: string) => stderr.split('\n').filter((line) => line.includes(':CONSOLE'));

async function hostileReport(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'report-'));
  const hostile =
    '</div></summary></svg><script>document.title = "ran"; console.error("ran")</script><img src="HOST/pixel.png" ' +
    'onerror="console.error(1)"><style>@import "HOST/style.css";</style>';
  const rows = Array.from({ length: 12 }, (_, i) => ({
    input: `问题${i}${hostile}`,
    responses: [
      { id: 'a', content: `${hostile}好` },
      { id: 'b', content: `${'长'.repeat(900)}${hostile}` },
    ],
    rank: { a: 1, b: 2 },
    category: [`类别${i % 3}${hostile}`],
  }));
  const evaluation = await evaluate({
    datasets: [{ name: 'human.jsonl', dataset: datasetFromRows(rows, 'x') }],
    predictor: { name: hostile, score: (samples) => samples.map(({ response }) => response.length) },
  });
  await writeResults(folder, evaluation);
  return (await writeReport(folder, evaluation)).html;
}

inBrowser('the page draws, logs nothing and asks for nothing, from a file and from a server', async (t) => {
  t.timeout(600_000);
  const requests: string[] = [];
  let page = '';
  const server = createServer((request, response) => {
    requests.push(request.url!);
    response.setHeader('content-type', 'text/html');
    response.end(request.url === '/report.html' ? page : '');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const file = await hostileReport();
  page = readFileSync(file, 'utf8').replaceAll('HOST', host);

  const { stdout, stderr } = await run(`${host}/report.html`, ['--dump-dom']);
  t.deepEqual(consoleLines(stderr), []);
  t.deepEqual(
    requests.filter((path) => path !== '/report.html' && path !== '/favicon.ico'),
    [],
    'nothing but the page (the browser itself asks for an icon)',
  );
  t.notRegex(stdout, /<title>ran<\/title>|<script|<img/);
  t.is(stdout.match(/<figure>/g)?.length, 4);
  t.is(stdout.match(/<\/svg>/g)?.length, 4, 'no text of the data ended a picture');

  const picture = join(mkdtempSync(join(tmpdir(), 'picture-')), 'page.png');
  const shot = await run(`file://${file}`, [`--screenshot=${picture}`, '--window-size=1000,1400']);
  t.deepEqual(consoleLines(shot.stderr), []);
  t.true(readFileSync(picture).length > 30_000, 'the picture is not blank');
});

inBrowser('the console is heard: a page that logs an error is noticed', async (t) => {
  t.timeout(300_000);
  const file = join(mkdtempSync(join(tmpdir(), 'page-')), 'page.html');
  writeFileSync(file, '<script>console.error("heard")</script>');
  t.regex(consoleLines((await run(`file://${file}`, ['--dump-dom'])).stderr).join(), /heard/);
});
