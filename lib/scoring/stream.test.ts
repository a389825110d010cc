import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import test from 'ava';
import fc from 'fast-check';
import { OutputError } from '../continuing/output_error';
import { FileOutput, linesTo, type RowOutput } from '../continuing/row_output';
import { recordFileOf } from '../continuing/run_record';
import { rowsOfStream } from '../data/rows';
import type { TokenizedSample } from '../data/types';
import type { SampleBatch } from '../engine/types.generated';
import { parseScoreRow, type ScoreRow } from './rows';
import { packSamples } from './sample_batch';
import { scoreStream, type RowScorer, type ScoreStreamProgress } from './stream';

/**
 * Ids are the characters' codes; a reward is a sum that tells order and content, rounded to float32 as the engine's is.
 */
class FakeScorer implements RowScorer {
  readonly batches: SampleBatch[] = [];

  tokenize(row: ScoreRow) {
    return row.responses.map((response, responseIndex) => ({
      inputIds:
        response.inputIds ??
        Int32Array.from([...`${String(row.prompt)}>${response.content}`].map((c) => c.codePointAt(0)!)),
      truncated: false,
      responseIndex,
    }));
  }

  async score(groups: TokenizedSample[][]): Promise<Float32Array> {
    const batch = packSamples(groups);
    this.batches.push(batch);
    return Float32Array.from(
      Array.from(batch.offsets.slice(1), (end, i) => rewardOf(batch.tokens.subarray(batch.offsets[i], end))),
    );
  }
}

function rewardOf(ids: Int32Array): number {
  return Math.fround(ids.reduce((sum, id, i) => sum + id * Math.sin(i + 1), 0));
}

interface Run {
  out: string;
  progress: ScoreStreamProgress | undefined;
  error: Error | undefined;
  scorer: FakeScorer;
}

async function run(lines: string[], options: { batchTokens?: number; output?: RowOutput } = {}): Promise<Run> {
  const scorer = new FakeScorer();
  const result: Run = { out: '', progress: undefined, error: undefined, scorer };
  try {
    result.progress = await scoreStream({
      rows: rowsOfStream(Readable.from(Buffer.from(lines.map((line) => `${line}\n`).join(''))), 'in.jsonl'),
      name: 'in.jsonl',
      scorer,
      output: options.output ?? linesTo(async (text) => void (result.out += text)),
      batchTokens: options.batchTokens ?? 1000,
    });
  } catch (error) {
    result.error = error as Error;
  }
  return result;
}

const parsed = (out: string): Record<string, unknown>[] =>
  out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);

test('one reward per response, a list for a list, in order, with tokens and truncation', async (t) => {
  const { out, progress } = await run([
    JSON.stringify({ id: 'a', prompt: '问', response: '答' }),
    JSON.stringify({ id: 7, input_ids: [5, 6, 7] }),
    JSON.stringify({ id: 'c', prompt: '问', responses: ['一', '二二'] }),
  ]);
  const rows = parsed(out);
  t.deepEqual(
    rows.map((row) => row['id']),
    ['a', 7, 'c'],
  );
  t.is(Math.fround(rows[1]!['reward'] as number), rewardOf(Int32Array.from([5, 6, 7])));
  t.is(rows[1]!['tokens'], 3);
  t.is(rows[1]!['truncated'], false);
  t.deepEqual(
    (rows[2]!['rewards'] as number[]).map(Math.fround),
    ['问>一', '问>二二'].map((text) => rewardOf(Int32Array.from([...text].map((c) => c.codePointAt(0)!)))),
  );
  t.deepEqual(rows[2]!['tokens'], [3, 4]);
  t.is(progress?.rows, 3);
  t.is(progress?.samples, 4);
});

test('rewards are written so that their float32 comes back bit for bit', (t) => {
  fc.assert(
    fc.property(
      fc.float({ noNaN: true, noDefaultInfinity: true }),
      (x) => Math.fround(Number(JSON.stringify(Number(x.toPrecision(9))))) === x || x === 0,
    ),
  );
  t.pass();
});

test('the batch budget changes neither rows nor order, and bounds what is collected', async (t) => {
  const lines = Array.from({ length: 50 }, (_, i) =>
    JSON.stringify({ id: i, input_ids: Array.from({ length: 1 + (i % 9) }, (_, k) => i + k) }),
  );
  const whole = await run(lines, { batchTokens: 1e6 });
  const cut = await run(lines, { batchTokens: 20 });
  t.is(whole.out, cut.out);
  t.is(whole.scorer.batches.length, 1);
  t.true(cut.scorer.batches.length > 8);
  t.true(cut.scorer.batches.every((batch) => batch.tokens.length < 20 + 9));
});

test('neighbors of one prompt are one group, others are not', async (t) => {
  const { scorer } = await run([
    JSON.stringify({ id: 1, prompt: '甲', response: 'x' }),
    JSON.stringify({ id: 2, prompt: '甲', response: 'y' }),
    JSON.stringify({ id: 3, prompt: '乙', response: 'y' }),
    JSON.stringify({ id: 4, input_ids: [1, 2, 3, 4] }),
    JSON.stringify({ id: 5, input_ids: [1, 2, 9, 9] }),
    JSON.stringify({ id: 6, input_ids: [8, 2, 9, 9] }),
  ]);
  t.deepEqual([...scorer.batches[0]!.groups], [0, 0, 1, 2, 2, 3]);
});

test('a bad row stops the work with its line, after the rows before it were written', async (t) => {
  for (const [bad, message] of [
    ['{"id": "b"', /in\.jsonl:3: /],
    [
      '{"id": "b", "prompt": "p"}',
      /in\.jsonl:3: .*exactly one of "response", "responses" and "input_ids" .*has none of them/,
    ],
    ['{"id": "b", "response": "p"}', /in\.jsonl:3: .*neither "prompt" nor "messages"/],
    [
      '{"id": "b", "input_ids": [1, 2.5]}',
      /in\.jsonl:3: input_ids\[1\] must be an integer from 0 to 2147483647, but is 2\.5/,
    ],
    ['{"id": "b", "input_ids": []}', /input_ids is empty/],
    ['{"input_ids": [1]}', /in\.jsonl:3: this row has no "id", but the first row has one/],
    ['{"id": ["x"], "input_ids": [1]}', /"id" must be text or a number/],
    ['[1]', /must be a JSON object/],
  ] as const) {
    const { out, error } = await run([
      '{"id": "a", "input_ids": [1]}',
      '{"id": "a2", "input_ids": [1]}',
      bad,
      '{"id": "c", "input_ids": [2]}',
    ]);
    t.regex(error?.message ?? '', message);
    t.deepEqual(
      parsed(out).map((row) => row['id']),
      ['a', 'a2'],
    );
  }
});

test('rows without any id are named by their line', async (t) => {
  const { out, error } = await run(['{"input_ids": [1]}', '', '{"input_ids": [2]}']);
  t.is(error, undefined);
  t.deepEqual(
    parsed(out).map((row) => row['id']),
    [1, 3],
  );
  t.regex(
    (await run(['{"input_ids": [1]}', '{"id": 4, "input_ids": [2]}'])).error!.message,
    /in\.jsonl:2: this row has an "id"/,
  );
});

/** A run into a file, as the command makes one. */
async function runInto(file: string, lines: string[]): Promise<Run> {
  const output = await FileOutput.open(file, { name: 'scores', fields: ['reward', 'rewards'] });
  try {
    await output.begin({ model: 'm' }, false);
    const result = await run(lines, { output });
    if (result.error) throw result.error;
    await output.finish();
    return result;
  } finally {
    await output.close();
  }
}

/** An output and its record, as a run left them. */
function copyOf(file: string, content: Uint8Array | string): string {
  const copy = join(mkdtempSync(join(tmpdir(), 'cheems-score-')), 'out.jsonl');
  writeFileSync(copy, content);
  copyFileSync(recordFileOf(file), recordFileOf(copy));
  return copy;
}

const newFile = (): string => join(mkdtempSync(join(tmpdir(), 'cheems-score-')), 'out.jsonl');
const texts = (...list: string[]): string[] => list.map((text) => JSON.stringify({ prompt: '问', response: text }));
const named = (...ids: (string | number)[]): string[] =>
  ids.map((id) => JSON.stringify({ id, prompt: '问', response: '答' }));

test('cut anywhere, a second run completes the output to the same bytes', async (t) => {
  const lines = Array.from({ length: 3 }, (_, i) => JSON.stringify({ id: `行${i}`, input_ids: [i, i + 1] }));
  const file = newFile();
  await runInto(file, lines);
  const whole = readFileSync(file);
  t.is(whole.toString(), (await run(lines)).out);
  for (let end = 0; end <= whole.length; end += 1) {
    const copy = copyOf(file, whole.subarray(0, end));
    await runInto(copy, lines);
    t.deepEqual(readFileSync(copy), whole, `cut at byte ${end}`);
    t.deepEqual(readFileSync(recordFileOf(copy)), readFileSync(recordFileOf(file)));
  }
});

test('ids 1 and "1" are two, repeated ids each count, and rows may be added at the end', async (t) => {
  const lines = ['{"id": 1, "input_ids": [1]}', '{"id": "1", "input_ids": [2]}', '{"id": "1", "input_ids": [3]}'];
  for (let first = 0; first <= lines.length; first += 1) {
    const file = newFile();
    await runInto(file, lines.slice(0, first));
    t.like((await runInto(file, lines)).progress, { skippedRows: first, rows: lines.length - first });
    t.is(readFileSync(file, 'utf8'), (await run(lines)).out);
  }
});

test('what an input was is proved row by row: another is refused, and the output stays', async (t) => {
  const cases: [then: string[], now: string[], message: RegExp][] = [
    [texts('甲', '乙'), texts('丙', '乙'), /^in\.jsonl:1: row 1 of .* was made from a different row/], // no ids
    [texts('甲', '乙'), texts('甲', '丙'), /^in\.jsonl:2: row 2 of /],
    [
      named('a', 'b'),
      [named('a')[0]!, JSON.stringify({ id: 'b', prompt: '问', response: '别' })],
      /^in\.jsonl:2: row 2 of /,
    ],
    [
      named('a', 'b'),
      [named('a')[0]!, JSON.stringify({ id: 'b', prompt: '问', response: '答', sys_prompt: '系统' })],
      /row 2 of /,
    ],
    [named('a', 'b'), [named('a')[0]!, JSON.stringify({ id: 'b', prompt: '问', responses: ['答'] })], /row 2 of /],
    [named('a', 'b'), named('new', 'a', 'b'), /^in\.jsonl:1: row 1 of /], // inserted
    [named('a', 'b', 'c'), named('a', 'c'), /^in\.jsonl:2: row 2 of /], // removed
    [named('a', 'b', 'c'), named('a', 'b'), /holds 3 rows of an earlier run, but the input has only 2/],
    [named('a', 'b'), named('b', 'a'), /^in\.jsonl:1: row 1 of /], // reordered
    [named(1), named('1'), /row 1 of /],
    [['{"id": 1, "input_ids": [1, 2]}'], ['{"id": 1, "input_ids": [1, 3]}'], /row 1 of /],
    [texts('甲', '乙'), ['', ...texts('甲', '乙')], /^in\.jsonl:2: row 1 of /], // the line is the id
  ];
  for (const [then, now, message] of cases) {
    const file = newFile();
    await runInto(file, then);
    const before = readFileSync(file, 'utf8');
    await t.throwsAsync(runInto(file, now), { instanceOf: OutputError, message });
    t.is(readFileSync(file, 'utf8'), before);
    await runInto(file, then); // and can still be gone on with
  }
});

test('spaces, the order of keys and keys that nobody reads make no other row', async (t) => {
  const file = newFile();
  await runInto(file, ['{"id": 1, "prompt": "问", "response": "答"}']);
  t.is((await runInto(file, ['{ "response":"答", "note": 3, "prompt":"\\u95ee", "id":1 }'])).progress?.skippedRows, 1);
});

test('a row that takes long to tokenize, and a very long one, keep their places', async (t) => {
  const fake = new FakeScorer();
  const slow: RowScorer = {
    tokenize: async (row) => {
      if (row.id === 7) await new Promise((resolve) => setTimeout(resolve, 60));
      return fake.tokenize(row);
    },
    score: (groups) => fake.score(groups),
  };
  const ids = Array.from({ length: 40 }, (_, i) => i);
  const lines = ids.map((id) => `${JSON.stringify({ id, input_ids: Array(id === 20 ? 5000 : 3).fill(id) })}\n`);
  let out = '';
  await scoreStream({
    rows: rowsOfStream(Readable.from(Buffer.from(lines.join(''))), 'in.jsonl'),
    name: 'in.jsonl',
    scorer: slow,
    output: linesTo(async (text) => void (out += text)),
    batchTokens: 10,
  });
  t.deepEqual(
    parsed(out).map(({ id }) => id),
    ids,
  );
});

test('two calls are with the engine at once; where one fails, the rows before it are written, and none behind it', async (t) => {
  const fake = new FakeScorer();
  let [underWay, most] = [0, 0];
  const failing: RowScorer = {
    tokenize: (row) => fake.tokenize(row),
    score: async (groups) => {
      most = Math.max(most, (underWay += 1));
      await new Promise(setImmediate);
      underWay -= 1;
      if (groups.flat().some(({ inputIds }) => inputIds[0] === 5)) throw new Error('the engine failed');
      return fake.score(groups);
    },
  };
  let out = '';
  const lines = Array.from({ length: 9 }, (_, i) => `{"id": ${i}, "input_ids": [${i}, 1]}\n`);
  const work = scoreStream({
    rows: rowsOfStream(Readable.from(Buffer.from(lines.join(''))), 'in.jsonl'),
    name: 'in.jsonl',
    scorer: failing,
    output: linesTo(async (text) => void (out += text)),
    batchTokens: 2,
  });
  await t.throwsAsync(work, { message: 'the engine failed' });
  t.deepEqual(
    parsed(out).map(({ id }) => id),
    [0, 1, 2, 3, 4],
  );
  t.is(most, 2);
});

test('a slow pipe gets its rewards without waiting for a full batch', async (t) => {
  const input = new PassThrough();
  let out = '';
  const work = scoreStream({
    rows: rowsOfStream(input, 'stdin'),
    name: 'stdin',
    scorer: new FakeScorer(),
    output: linesTo(async (text) => void (out += text)),
    batchTokens: 1e6,
  });
  input.write('{"id": 1, "input_ids": [1]}\n');
  const begin = performance.now();
  while (out === '' && performance.now() - begin < 5000) await new Promise((resolve) => setTimeout(resolve, 20));
  t.is(parsed(out)[0]?.['id'], 1);
  input.end('{"id": 2, "input_ids": [1]}\n');
  t.is((await work).rows, 2);
});

test('canceling ends a wait for input, with the reason', async (t) => {
  const input = new PassThrough();
  const controller = new AbortController();
  const work = scoreStream({
    rows: rowsOfStream(input, 'stdin'),
    name: 'stdin',
    scorer: new FakeScorer(),
    output: linesTo(async () => {}),
    batchTokens: 10,
    signal: controller.signal,
  });
  setTimeout(() => controller.abort(new Error('enough')), 50);
  await t.throwsAsync(work, { message: 'enough' });
  input.destroy();
});

test("messages that end with the assistant's are scored as they stand; others need a response", (t) => {
  const [user, assistant] = [
    { role: 'user', content: '问' },
    { role: 'assistant', content: '答' },
  ];
  const parse = (row: object) => parseScoreRow({ id: 'x', ...row }, { file: 'f', line: 3 });
  for (const row of [{ messages: [user, assistant] }, { messages: [user, assistant], response: null, prompt: null }]) {
    t.like(parse(row), {
      prompt: [user],
      responses: [{ id: '0', content: '答', messages: [assistant] }],
      isList: false,
    });
  }
  t.like(parse({ messages: [user, assistant, user], response: '答' }), {
    prompt: [user, assistant, user],
    responses: [{ content: '答' }],
  });
  t.like(parse({ messages: [user, assistant], responses: ['再答'] }), { prompt: [user, assistant], isList: true });
  t.throws(() => parse({ messages: [assistant, user] }), {
    message:
      /^f:3: there is no "response".*"messages" end with a message of role "user": .* only if its last message is the assistant's/,
  });
  t.throws(() => parse({ prompt: [user, assistant] }), { message: /exactly one of .*has none of them/ });
});

test('a row takes messages, sys_prompt and responses of every form', (t) => {
  const row = parseScoreRow(
    {
      id: 'x',
      messages: [{ role: 'user', content: '问' }],
      sys_prompt: '系统',
      responses: ['a', { content: 'b' }, { input_ids: [3] }, [{ role: 'assistant', content: 'c' }]],
    },
    { file: 'f', line: 1 },
  );
  t.is(row.systemPrompt, '系统');
  t.deepEqual(
    row.responses.map(({ content, inputIds }) => content ?? [...inputIds!]),
    ['a', 'b', [3], 'c'],
  );
  t.throws(() => parseScoreRow({ prompt: 'p', messages: [], response: 'r' }, { file: 'f', line: 1 }), {
    message: /either "prompt" or "messages"/,
  });
});
