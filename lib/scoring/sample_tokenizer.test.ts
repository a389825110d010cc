// Samples for scoring, made on threads: the builder's, whatever goes together; and errors that name their own row.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import test from 'ava';
import { DataError } from '../data/errors';
import { rowsOfStream } from '../data/rows';
import { holdFiles } from '../tokenization/folder_files';
import { SampleBuilder } from '../tokenization/sample_builder';
import { linesTo } from '../continuing/row_output';
import { SampleTokenizer } from './sample_tokenizer';
import { scoreStream } from './stream';

const OWN = join(__dirname, '../../data/tokenizer');
/** Its template refuses a prompt that says so. */
const folder = mkdtempSync(join(tmpdir(), 'cheems-samples-'));
writeFileSync(join(folder, 'tokenizer.json'), readFileSync(join(OWN, 'tokenizer.json')));
const config = JSON.parse(readFileSync(join(OWN, 'tokenizer_config.json'), 'utf8')) as { chat_template: string };
writeFileSync(
  join(folder, 'tokenizer_config.json'),
  JSON.stringify({
    ...config,
    chat_template:
      `{% if messages[0].content == 'refuse' %}{{ raise_exception('not this') }}{% endif ` +
      `%}${config.chat_template}`,
  }),
);

const limits = { folder, vocabularySize: 8192, maxPositions: 300, readouts: undefined };
const make = (options = {}) => new SampleTokenizer(limits, { tokenizer: { folder }, ...options });
const entry = (prompt: string, ...contents: string[]) => ({
  prompt,
  responses: contents.map((content, i) => ({ id: String(i), content })),
  source: { file: 'in', line: 7 },
});

test("the builder's samples, for many at once and for token ids", async (t) => {
  const tokenizer = make();
  const builder = new SampleBuilder({ folder });
  const entries = Array.from({ length: 70 }, (_, i) => entry(`问${i}`, '答'.repeat(i + 1), '另'));
  const samples = await Promise.all(entries.map((one) => tokenizer.tokenize(one)));
  for (const [i, { prompt, responses }] of entries.entries()) {
    t.deepEqual(
      samples[i],
      responses.map(({ content }, responseIndex) => ({
        inputIds: builder.buildSample(prompt, undefined, content).inputIds,
        truncated: false,
        responseIndex,
      })),
    );
  }
  const ids = await tokenizer.tokenize({
    prompt: [],
    responses: [{ id: '0', inputIds: Int32Array.of(1, 2) }],
    source: { file: 'in', line: 1 },
  });
  t.deepEqual([...ids[0]!.inputIds], [1, 2]);
  await tokenizer.close();
});

test('what cannot be scored is refused by name; its neighbors have their samples', async (t) => {
  const tokenizer = make();
  const outcomes = await Promise.allSettled(
    [entry('a', 'b'), entry('refuse', 'b'), entry('长', '哈'.repeat(900)), entry('c', 'd')].map((one) =>
      tokenizer.tokenize(one),
    ),
  );
  t.deepEqual(
    outcomes.map(({ status }) => status),
    ['fulfilled', 'rejected', 'rejected', 'fulfilled'],
  );
  const [, refused, long] = outcomes as PromiseRejectedResult[];
  t.true(refused!.reason instanceof DataError);
  t.regex(String(refused!.reason), /in:7: .*refuses the conversation: not this/);
  t.regex(String(long!.reason), /in:7: the sample has \d+ tokens, but the model in .* supports 300/);
  const foreign = {
    prompt: [],
    responses: [{ id: '0', inputIds: Int32Array.of(1, 8192) }],
    source: { file: 'in', line: 2 },
  };
  await t.throwsAsync(tokenizer.tokenize(foreign), {
    instanceOf: DataError,
    message: /in:2: token 1 of the sample is 8192, but the model .* has the ids 0 to 8191/,
  });
  await tokenizer.close();
});

test('a maximum length: refused, or cut with truncation', async (t) => {
  const [refusing, cutting] = [make({ maxLength: 20 }), make({ maxLength: 20, truncation: true })];
  await t.throwsAsync(refusing.tokenize(entry('a', '哈'.repeat(90))), {
    message: /the sample has \d+ tokens, and max_length is 20; give `truncation`/,
  });
  const [cut] = await cutting.tokenize(entry('a', '哈'.repeat(90)));
  t.is(cut!.inputIds.length, 20);
  t.true(cut!.truncated);
  const [cutIds] = await cutting.tokenize({
    prompt: [],
    responses: [{ id: '0', inputIds: Int32Array.from({ length: 30 }, (_, i) => i) }],
    source: { file: 'in', line: 1 },
  });
  t.deepEqual(
    [...cutIds!.inputIds],
    Array.from({ length: 20 }, (_, i) => 10 + i),
  );
  await Promise.all([refusing.close(), cutting.close()]);
});

test('a folder without a tokenizer: told at the row, and only where there is text', async (t) => {
  const tokenizer = new SampleTokenizer(limits, { tokenizer: { folder: tmpdir() } });
  await t.throwsAsync(tokenizer.tokenize(entry('a', 'b')), {
    instanceOf: DataError,
    message: /in:7: .*has no tokenizer\.json/,
  });
  t.is(
    (
      await tokenizer.tokenize({
        prompt: [],
        responses: [{ id: '0', inputIds: Int32Array.of(5) }],
        source: { file: 'in', line: 1 },
      })
    ).length,
    1,
  );
  await tokenizer.close();
});

test(
  'streamed: rows are tokenized together and ahead of the engine, in order, no further than the bound; the first ' +
    'bad row ends it',
  async (t) => {
    const tokenizer = make();
    const lines = Array.from({ length: 900 }, (_, i) =>
      JSON.stringify({ id: i, prompt: i === 700 ? 'refuse' : `问题${i % 50}`, response: '答'.repeat(1 + (i % 40)) }),
    );
    let [begun, scored, furthest] = [0, 0, 0];
    let out = '';
    const work = scoreStream({
      rows: rowsOfStream(Readable.from(Buffer.from(`${lines.join('\n')}\n`)), 'in.jsonl'),
      name: 'in.jsonl',
      scorer: {
        tokenize: (row) => {
          begun += 1;
          furthest = Math.max(furthest, begun - scored);
          return tokenizer.tokenize(row);
        },
        score: async (groups) => {
          await new Promise((resolve) => setTimeout(resolve, 20));
          const samples = groups.flat();
          scored += samples.length;
          return Float32Array.from(samples, ({ inputIds }) => inputIds.length);
        },
      },
      output: linesTo(async (text) => void (out += text)),
      batchTokens: 500,
    });
    await t.throwsAsync(work, { instanceOf: DataError, message: /in\.jsonl:701: .*not this/ });
    const rows = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { id: number; reward: number; tokens: number });
    t.deepEqual(
      rows.map(({ id }) => id),
      Array.from({ length: 700 }, (_, i) => i),
    );
    t.true(rows.every(({ reward, tokens }) => reward === tokens));
    t.true(furthest > 60 && furthest < 256 + 2 * 50, `${furthest} rows under way`);
    await tokenizer.close();
  },
);

test('a folder that is removed ends no run: its tokenizer is held, threads that start later have it too', async (t) => {
  const moved = join(mkdtempSync(join(tmpdir(), 'cheems-samples-')), 'model');
  cpSync(folder, moved, { recursive: true });
  const template = join(mkdtempSync(join(tmpdir(), 'cheems-samples-')), 'given.jinja');
  writeFileSync(template, '{% for m in messages %}[{{ m.content }}]{% endfor %}');
  const expected = new SampleBuilder({ folder: moved, chatTemplateFile: template }).buildSample(
    '问',
    undefined,
    '答',
  ).inputIds;
  const source = { folder: moved, chatTemplateFile: template, held: holdFiles(moved, template) };
  const tokenizer = new SampleTokenizer({ ...limits, folder: moved }, { tokenizer: source });
  rmSync(moved, { recursive: true });
  rmSync(template);
  const [sample] = await tokenizer.tokenize(entry('问', '答'));
  t.deepEqual(sample!.inputIds, expected);
  await tokenizer.close();
});
