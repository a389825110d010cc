// The original's judge evaluation: its order of responses, counting and figures.

import test from 'ava';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { evaluate } from '../evaluate';
import { judgePredictor } from './judge';
import { readCheemsJudgeData } from '../../judging/cheems_data';
import type { Completer } from '../../judging/completer';
import { singleOrder } from '../../judging/pair_orders';
import { PythonRandom } from '../../judging/python_random';
import { findJudgeTemplate } from '../../judging/templates/registry';

const ROOT = join(__dirname, '../../../fixtures/reference');
type Metrics = Record<string, Record<string, number>>;
interface Golden {
  random_seed_0: number[];
  missing_fields: Record<string, { error?: { message: string }; metrics?: Metrics }>;
  sets: {
    files: string[];
    sequence: [question: string, first: string, second: string, right: 'A' | 'B', category: string, file: string][];
    judges: Record<string, { metrics: Metrics; overall: number }>;
  }[];
}
const golden = JSON.parse(readFileSync(join(ROOT, 'evaluation/generative_judges.json'), 'utf8')) as Golden;
const dataFile = (name: string) => join(ROOT, 'cheems/generative', basename(name));

const TEMPLATE = '{prompt}\u0000{response_a}\u0000{response_b}';

/** Judges with a verdict by number and remembers what it was shown. */
function scripted(verdict: (number: number) => string): { completer: Completer; shown: string[][] } {
  const shown: string[][] = [];
  return {
    shown,
    completer: {
      name: 'scripted',
      complete: async (conversations) =>
        Array.from(conversations, (messages) => {
          shown.push(messages.at(-1)!.content!.split('\u0000'));
          return { text: verdict(shown.length - 1), finish: 'stop' as const };
        }),
    },
  };
}

async function judge(files: readonly string[], completer: Completer) {
  const folder = mkdtempSync(join(tmpdir(), 'judge-'));
  const file = join(folder, 'bare.json');
  writeFileSync(file, JSON.stringify({ user: TEMPLATE, parser: 'letter' }));
  const predictor = judgePredictor({
    completer,
    templates: await findJudgeTemplate(file),
    orders: singleOrder(0, 'cheems'),
  });
  const datasets = await Promise.all(
    files.map(async (name) => ({ name, dataset: await readCheemsJudgeData(dataFile(name)) })),
  );
  return evaluate({ datasets, predictor, bootstrap: { resamples: 20 } });
}

test("Python's random numbers", (t) => {
  const random = new PythonRandom(0);
  t.deepEqual(
    golden.random_seed_0.map(() => random.next()),
    golden.random_seed_0,
  );
});

test('the file holds what these tests are about', (t) => {
  t.deepEqual(
    golden.sets.map(({ files, sequence, judges }) => [files.length, sequence.length, Object.keys(judges).length]),
    [
      [1, 23, 3],
      [2, 50, 3],
    ],
  );
});

for (const { files, sequence, judges } of golden.sets) {
  const answers: Record<string, (n: number) => string> = {
    'always-A': () => 'A',
    'always-right': (n) => sequence[n]![3],
    'every-third-error': (n) => (n % 3 === 2 ? 'error' : sequence[n]![3]),
  };
  for (const [name, expected] of Object.entries(judges)) {
    test(`${files.map((file) => basename(file)).join(' + ')}: ${name}`, async (t) => {
      const { completer, shown } = scripted(answers[name]!);
      const result = await judge(files, completer);
      t.deepEqual(
        shown,
        sequence.map(([question, first, second]) => [question, first, second]),
        "every pair in the original's order",
      );
      for (const file of files) {
        const actual = result.files.find((one) => one.name === file)!.report.cheems;
        t.deepEqual(Object.keys(actual).sort(), Object.keys(expected.metrics[file]!).sort());
        for (const [metric, value] of Object.entries(expected.metrics[file]!))
          t.true(Math.abs(actual[metric]! - value) < 1e-12, `${file} ${metric}: ${actual[metric]} instead of ${value}`);
      }
      t.true(Math.abs(result.overall - expected.overall) < 1e-12, `${result.overall} instead of ${expected.overall}`);
      const judgements = result.files.reduce((sum, { report }) => sum + report.judge!.judgements, 0);
      t.is(judgements, sequence.length);
      if (name === 'every-third-error')
        t.is(
          result.files.reduce((sum, { report }) => sum + report.judge!.unparsable, 0),
          Math.floor(sequence.length / 3),
        );
    });
  }
}

test('files that lack something: as the original, which takes ranks that are numbers here', async (t) => {
  const cases = Object.entries(golden.missing_fields);
  t.is(cases.length, 3);
  for (const [name, { error, metrics }] of cases) {
    const { completer, shown } = scripted((n) => (shown[n]![1] === 'x' ? 'A' : 'B'));
    const outcome = judge([`${name}.jsonl`], completer);
    if (error) {
      await t.throwsAsync(outcome, {
        name: 'DataError',
        message: name === 'no-rank' ? /ranked data only, but "rank" is missing/ : /with a category only/,
      });
    } else {
      t.deepEqual((await outcome).files[0]!.report.cheems, Object.values(metrics!)[0]!, 'judged right');
    }
  }
});

test('keys that are numbers keep their order, and rows with one question count as one', async (t) => {
  const row = (text: string, rank: string) =>
    `{"input": ${JSON.stringify(text)}, "responses": [{"id": "10", "content": "ten \\"rank\\": {\\"2\\": ` +
    `\\"1\\"}"}, {"id": "2", "content": "two"}], "rank": ${rank}, "category": ["c"]}`;
  const folder = mkdtempSync(join(tmpdir(), 'rows-'));
  const file = join(folder, 'data.jsonl');
  writeFileSync(
    file,
    [row('q', '{"10": "2", "2": "1"}'), row('q', '{"2": "1", "10": "2"}'), row('other', '{"2": 1, "10": 2}')].join(
      '\n',
    ),
  );
  const { prompts } = await readCheemsJudgeData(file);
  t.deepEqual(
    prompts.map(({ responses, ranks }) => [responses.map(({ id }) => id), ranks]),
    [
      [
        ['10', '2'],
        [2, 1],
      ],
      [
        ['2', '10'],
        [1, 2],
      ],
      [
        ['2', '10'],
        [1, 2],
      ],
    ],
  );
  const { completer, shown } = scripted((n) => ((shown[n]![1] === 'two') === (n !== 1) ? 'A' : 'B'));
  const templates = await findJudgeTemplate(writeTemplate(folder));
  const {
    files: [result],
  } = await evaluate({
    datasets: [{ name: 'rows', dataset: { prompts } }],
    predictor: judgePredictor({ completer, templates, orders: singleOrder(0, 'cheems') }),
    bootstrap: { resamples: 0 },
  });
  t.is(result!.report.cheems['accuracy-rank'], 2 / 3);
  t.is(result!.report.cheems['exact_match-rank'], 1 / 2, 'the question asked twice is wrong once');
  t.is(result!.report.counts.prompts, 2);
});

function writeTemplate(folder: string): string {
  const file = join(folder, 'bare.json');
  writeFileSync(file, JSON.stringify({ user: TEMPLATE, parser: 'letter' }));
  return file;
}
